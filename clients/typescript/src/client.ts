// The client of an application: a session with sockets, over WebSocket or WebTransport.

import { webSocketUrl } from "./address.js";
import { Connections } from "./connections.js";
import { Emulation } from "./emulation.js";
import { type Encoding, MESSAGE_PACK, sizeOf } from "./encoding.js";
import type { Datagram, Latest } from "./frame.js";
import { DEFAULT_LIMITS, type Limits } from "./limits.js";
import type { Notice, Output } from "./notices.js";
import { TooLarge } from "./outbound.js";
import { NamespaceError } from "./session.js";
import { Socket } from "./socket.js";
import { openWebSocket } from "./transport/websocket.js";
import type { Open, Transport } from "./transport/transport.js";
import type { Value } from "./value.js";

/** How long a connection that was closed may take to end (SES-051). */
const CLOSING_MS = 1_000;
/** BEF-011: how many best-effort frames wait for the channel to drain. */
const EMULATED_QUEUE = 256;
/** How soon to look again whether the channel has drained, which WebSocket does not tell. */
const DRAIN_POLL_MS = 10;

/** Whether a connection carries the session; `stopped` lasts until `start`. */
export type State = "connecting" | "connected" | "stopped";

/** What `connect` may be told. */
export interface ClientOptions {
  /** Credentials, or what gives those of the moment: it is asked at every connection. Default: null. */
  readonly auth?: Value | (() => Value);
  /** MessagePack by default. */
  readonly encoding?: Encoding;
  /** What differs from the default limits. */
  readonly limits?: Partial<Limits>;
  /** Tells the server what program this is. */
  readonly agent?: string;
  /** How connections are opened; WebSocket by default. */
  readonly open?: Open;
}

/** Begins a session with the server at `url` (ws, wss, http or https). Throws `TypeError` for another URL. */
export function connect(url: string, options: ClientOptions = {}): Client {
  return new Client(url, options);
}

/** A session, whatever connections carry it, and its sockets. */
export class Client {
  readonly #core: Connections;
  #open: Open;
  readonly #encoding: Encoding;
  readonly #limits: Limits;
  readonly #transports = new Map<number, Transport>();
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
  readonly #sockets = new Map<string, Socket>();
  readonly #watchers = new Set<(state: State) => void>();
  readonly #lostListeners = new Set<(lost: Extract<Notice, { kind: "lost" }>) => void>();
  readonly #bestEffort = new Emulation(EMULATED_QUEUE);
  #isActing = false;
  #tickTimer: ReturnType<typeof setTimeout> | undefined;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #state: State = "connecting";
  #version = 0;

  /** Use `connect`. */
  constructor(url: string, options: ClientOptions) {
    const { auth = null, agent = "trunkline-typescript" } = options;
    this.#encoding = options.encoding ?? MESSAGE_PACK;
    this.#open = options.open ?? openWebSocket;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#core = new Connections(this.#encoding, {
      url: webSocketUrl(url),
      agent,
      auth: typeof auth === "function" ? auth : () => auth,
      limits: this.#limits,
      random: Math.random,
    });
    this.#core.start();
    this.#act();
  }

  get state(): State {
    return this.#state;
  }

  /** Calls `watcher` at every change of the state; what is returned ends that. */
  watch(watcher: (state: State) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Calls `listener` when a session is lost, with the events that may not have arrived (SES-047). */
  onLost(listener: (lost: Extract<Notice, { kind: "lost" }>) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  /** The socket of a namespace; it connects at the first call, and again after it ended. */
  socket(ns = "/", auth: Value = null): Socket {
    const known = this.#sockets.get(ns);
    if (known !== undefined) return known;
    this.#core.session.connect(ns, auth);
    const socket = new Socket(ns, this.#core.session, () => this.#act(), (frame, delivery) => this.#sendBestEffort(frame, delivery));
    this.#sockets.set(ns, socket);
    this.#act();
    return socket;
  }

  /**
   * Goes over to another connection of the same server, while the present one goes on (SES-037). With `open`,
   * that one and all that follow are opened by it.
   */
  switch(open: Open = this.#open): void {
    this.#open = open;
    this.#core.switch();
    this.#act();
  }

  /** To be called when the network came back or the page became visible: asks for a sign of life (HBT-009). */
  doubt(): void {
    this.#core.doubt(performance.now());
    this.#act();
  }

  /** Begins again after the client stopped; else nothing happens. */
  start(): void {
    this.#core.start();
    if (this.#state === "stopped") this.#become("connecting");
    this.#act();
  }

  /** Ends the session. */
  close(): void {
    this.#core.end();
    this.#act();
  }

  /** Does what the core asks for, until it asks for nothing more. What happens meanwhile joins. */
  #act(): void {
    if (this.#isActing) return;
    this.#isActing = true;
    try {
      const { outputs } = this.#core;
      do {
        for (let output = outputs.shift(); output !== undefined; output = outputs.shift()) this.#do(output);
        this.#core.pump(performance.now());
      } while (outputs.length > 0);
      this.#drain();
    } finally {
      this.#isActing = false;
    }
    clearTimeout(this.#tickTimer);
    const { deadline } = this.#core;
    if (deadline === null) return;
    this.#tickTimer = setTimeout(() => {
      this.#core.tick(performance.now());
      this.#act();
    }, Math.max(0, deadline - performance.now()));
  }

  #do(output: Output): void {
    switch (output.kind) {
      case "dial":
        this.#timers.set(output.link, setTimeout(() => this.#dial(output.link, output.url), output.delayMs));
        return;
      case "send":
        return this.#transports.get(output.link)?.send(output.message);
      case "shut":
        this.#transports.get(output.link)?.close(output.code, output.reason);
        this.#timers.set(output.link, setTimeout(() => this.#forget(output.link), CLOSING_MS));
        return;
      case "drop":
        this.#transports.get(output.link)?.close(1000, "");
        return this.#forget(output.link);
      default:
        return this.#tell(output);
    }
  }

  #dial(link: number, url: string): void {
    const ifKnown = (then: (now: number) => void) => () => {
      if (!this.#transports.has(link)) return;
      then(performance.now());
      this.#act();
    };
    const transport = this.#open(url, this.#encoding.subprotocol, {
      frameLimit: this.#limits.frame,
      onOpen: ifKnown((now) => this.#core.opened(link, now)),
      onMessage: (message) => ifKnown((now) => this.#core.received(link, message, now))(),
      onDatagram: (message) => ifKnown(() => this.#core.datagram(link, message))(),
      onTooLarge: ifKnown((now) => this.#core.tooLarge(link, now)),
      onClosed: (code, reason) => ifKnown((now) => {
        this.#core.closed(link, code, reason, now);
        this.#forget(link);
      })(),
    });
    this.#transports.set(link, transport);
  }

  /** Its timer goes with it, and nothing that it tells is heard. */
  #forget(link: number): void {
    clearTimeout(this.#timers.get(link));
    this.#timers.delete(link);
    this.#transports.delete(link);
    this.#core.closed(link, null, "", performance.now());
  }

  #tell(notice: Notice): void {
    switch (notice.kind) {
      case "began":
      case "resumed":
        this.#bestEffort.clear();
        return this.#become("connected");
      case "detached":
        return this.#become("connecting");
      case "stopped":
        return this.#become("stopped");
      case "lost":
        for (const listener of this.#lostListeners) listener(notice);
        return this.#core.currentLink === null ? this.#become("connecting") : undefined;
      case "switch failed":
        return;
      case "settled":
        for (const socket of this.#sockets.values()) socket.settle(notice.ackId, notice.outcome);
        return;
      case "best effort":
        return this.#sockets.get(notice.frame.ns)?.take(notice.frame.event, notice.frame.args, null);
      case "event":
        return this.#sockets.get(notice.ns)?.take(notice.event, notice.args, notice.due);
      case "connected":
        return this.#sockets.get(notice.ns)?.connected(notice.socketId);
      case "refused":
      case "disconnected": {
        const socket = this.#sockets.get(notice.ns);
        this.#sockets.delete(notice.ns);
        return socket?.ended(notice.code, notice.kind === "refused" ? notice.message : notice.reason);
      }
    }
  }

  #become(state: State): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const watcher of this.#watchers) watcher(state);
  }

  /** Whether the frame was taken. Throws `TooLarge` (BEF-005) and `NamespaceError`. */
  #sendBestEffort(frame: Datagram | Omit<Latest, "version">, delivery: "volatile" | "datagram"): boolean {
    const { welcome, session, currentLink } = this.#core;
    if (welcome === null || currentLink === null || !session.isConnected(frame.ns)) return false;
    if (welcome.datagrams === "none") throw new NamespaceError("the server takes no best-effort frames");
    session.check(frame.event, frame.args);
    this.#version += 1;
    const sent = frame.kind === "LATEST" ? { ...frame, version: this.#version } : frame;
    const message = this.#encoding.encode(sent);
    const limit = delivery === "volatile" ? welcome.limits.frame : welcome.limits.datagram;
    if (sizeOf(message) > limit) throw new TooLarge(sizeOf(message), limit);
    const transport = this.#transports.get(currentLink);
    if (delivery === "volatile") {
      if (transport === undefined || transport.buffered > 0) return false;
      transport.send(message);
    } else if (welcome.datagrams === "native" && transport?.sendDatagram !== undefined) {
      transport.sendDatagram(message);
    } else {
      this.#bestEffort.push(sent);
      this.#drain();
    }
    return true;
  }

  /** BEF-011: hands best-effort frames over while the channel is drained. */
  #drain(): void {
    clearTimeout(this.#drainTimer);
    const transport = this.#transports.get(this.#core.currentLink ?? 0);
    if (transport === undefined) return;
    while (transport.buffered === 0) {
      const frame = this.#bestEffort.take();
      if (frame === null) return;
      transport.send(this.#encoding.encode(frame));
    }
    if (this.#bestEffort.isEmpty) return;
    this.#drainTimer = setTimeout(() => this.#drain(), DRAIN_POLL_MS);
  }
}
