// The client of an application: a session with sockets, over whichever transport connects.

import { webSocketUrl } from "./address.js";
import { Answers } from "./answers.js";
import { checkEndurance, type Endurance } from "./attempts.js";
import { BestEffort, type Delivery, datagramBytes } from "./best_effort.js";
import { type AskCredentials, type Auth, CREDENTIALS_TIMEOUT_MS, credentialsOf } from "./credentials.js";
import { DIAL_TIMEOUT_MS } from "./dial.js";
import { type Encoding, MESSAGE_PACK, type Message } from "./encoding.js";
import { isName } from "./fields.js";
import type { Alternative, Datagram, Datagrams, Latest } from "./frame.js";
import { type Limits, ownLimits, within } from "./limits.js";
import type { Notice } from "./notices.js";
import { QUEUE_EVENTS } from "./outbound.js";
import { isPromised } from "./promised.js";
import { type DialOrder, Run, type RunNotice } from "./run.js";
import type { Queueing } from "./session.js";
import { Socket } from "./socket.js";
import { type Stats, statsOf } from "./stats.js";
import { SwitchError } from "./switch.js";
import { LONGEST_TIMER_MS } from "./timer.js";
import type { Dialers, Transport, TransportKind } from "./transport/transport.js";
import { openWebSocket } from "./transport/websocket.js";
import { openWebTransport } from "./transport/webtransport.js";
import type { Candidate, Transports } from "./transports.js";
import type { Value } from "./value.js";
import { pageWakes, type Wakes } from "./wake.js";
import { tell, Watched } from "./watched.js";

/** How long a connection that was closed may take to end (SES-051, TRN-024). */
const CLOSING_MS = 1_000;
/** How soon to look again whether a WebSocket has drained, which it does not tell. */
const DRAIN_POLL_MS = 10;

/**
 * Whether a connection carries the session. It is `idle` where the last socket has ended and the server needs no
 * connection of this client any more, until the next `socket`. `closed` lasts until `start`, and so does `gave up`: the
 * limit of attempts or of time was reached (`attemptsMax`, `giveUpAfterMs`), and the session is lost.
 */
export type State = "connecting" | "connected" | "reconnecting" | "idle" | "gave up" | "closed";

/** What a client is connected over. */
export interface CurrentTransport {
  readonly kind: TransportKind;
  /** How best-effort events travel on it: in datagrams, emulated, or not at all. */
  readonly datagrams: Datagrams;
  /** The largest frame of a datagram or latest value that it takes, bytes, as of the last PONG. */
  readonly datagramBytes: number;
  /** Why it is not another transport, which was dialled first or had gone dead, for people. */
  readonly passedOver: string | null;
}

/** Why a client is closed, or gave up. Text and data may be the server's: they are no markup (SEC-011). */
export interface Closed {
  /** 1000 if the application has closed it, 1001 if its page was left; 1006 if it gave up, or there will be no credentials. */
  readonly code: number;
  readonly reason: string;
  /** What the server's CLOSE brought along. */
  readonly data: Value;
}

/** An attempt to connect that comes after a while. */
export interface Attempt {
  /** Since a connection last stood, from 1. */
  readonly attempt: number;
  /** How long after it was told the attempt begins. */
  readonly delayMs: number;
  /** What ended the last attempt or connection, for people. */
  readonly cause: string;
}

/** A session was lost, with its events that may not have arrived. */
export type SessionLost = Extract<Notice, { kind: "lost" }>;

/** Events that were taken, and that their socket on the server may not have had. */
export type EventsDropped = Extract<Notice, { kind: "dropped" }>;

/** What `connect` may be told. */
export interface ClientOptions extends Queueing, Endurance {
  /** Which transports are dialled. Default: `auto`, all of them in a race. */
  readonly transports?: Transports;
  /**
   * Credentials, or what gives those of the moment, or a promise of them: it is asked ahead of every dial, and when the
   * server asks for fresh ones, at most once a second. What it throws or rejects with is logged, and the attempt has
   * failed: the next one comes after the back-off. `NoCredentials` ends the client instead. Default: null.
   */
  readonly auth?: Auth;
  /** How long `auth` may take, whole milliseconds from 1 on. Default: 10,000. */
  readonly credentialsTimeoutMs?: number;
  /** MessagePack by default. JSON is for WebSocket alone. */
  readonly encoding?: Encoding;
  /** What differs from the default limits: see protocol/limits.md for the least of each; `depth` is 1,000 at most. */
  readonly limits?: Partial<Limits>;
  /** How often the server is asked to send a PING, milliseconds; it keeps to its own bounds. Default: as the server likes. */
  readonly pingIntervalMs?: number;
  /** Tells the server what program this is. */
  readonly agent?: string;
  /** Where the server's other transports are, known before it tells: see `fetchAlternatives`. */
  readonly alternatives?: readonly Alternative[];
  /** How long one dial may take, whole milliseconds from 1 on. Default: 10,000. */
  readonly dialTimeoutMs?: number;
  /** What opens connections. Default: what the platform has. */
  readonly dialers?: Dialers;
  /** What tells of the page and the machine. Default: the page's own events. */
  readonly wakes?: Wakes;
}

/** Begins a session with the server at `url` (ws, wss, http or https). Throws `TypeError` for another URL, and for `auth` that is no value; `RangeError` for a setting out of its range. */
export function connect(url: string, options: ClientOptions = {}): Client {
  return new Client(url, options);
}

/** A session, whatever connections carry it, and its sockets. */
export class Client {
  readonly #run: Run;
  readonly #ask: AskCredentials;
  readonly #encoding: Encoding;
  readonly #limits: Limits;
  readonly #dialers: Dialers;
  readonly #wakes: Wakes;
  readonly #transports = new Map<number, Transport>();
  readonly #closing = new Map<number, ReturnType<typeof setTimeout>>();
  readonly #sockets = new Map<string, Socket>();
  readonly #answers = new Answers();
  readonly #state = new Watched<State>("connecting");
  readonly #transport = new Watched<CurrentTransport | null>(null);
  readonly #roundTrip = new Watched<number | null>(null);
  readonly #nextAttempt = new Watched<Attempt | null>(null);
  #closed: Closed | null = null;
  readonly #lostListeners = new Set<(lost: SessionLost) => unknown>();
  readonly #droppedListeners = new Set<(dropped: EventsDropped) => unknown>();
  /** What the listeners of lost sessions are still doing. */
  readonly #hooks = new Set<Promise<unknown>>();
  readonly #wishes = new Map<number, (error: SwitchError | null) => void>();
  readonly #bestEffort: BestEffort;
  #isActing = false;
  #tickTimer: ReturnType<typeof setTimeout> | undefined;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #endWakes: (() => void) | null = null;

  /** Use `connect`. */
  constructor(url: string, options: ClientOptions) {
    const { auth = null, agent = "trunkline-typescript", encoding = MESSAGE_PACK } = options;
    this.#encoding = encoding;
    this.#bestEffort = new BestEffort(encoding);
    this.#dialers = options.dialers ?? platformDialers();
    this.#wakes = options.wakes ?? pageWakes;
    this.#limits = ownLimits(options.limits);
    within("pingIntervalMs", options.pingIntervalMs ?? 1, 1, Number.MAX_SAFE_INTEGER);
    checkEndurance(options);
    this.#ask = credentialsOf(auth);
    this.#run = new Run(encoding, {
      ...options,
      credentialsTimeoutMs: within("credentialsTimeoutMs", options.credentialsTimeoutMs ?? CREDENTIALS_TIMEOUT_MS, 1, LONGEST_TIMER_MS),
      queueEvents: within("queueEvents", options.queueEvents ?? QUEUE_EVENTS, 0, Number.MAX_SAFE_INTEGER),
      dialTimeoutMs: within("dialTimeoutMs", options.dialTimeoutMs ?? DIAL_TIMEOUT_MS, 1, LONGEST_TIMER_MS),
      url: webSocketUrl(url),
      agent,
      limits: this.#limits,
      random: Math.random,
      dialers: Object.keys(this.#dialers) as TransportKind[],
    });
    this.start();
  }

  get state(): State {
    return this.#state.value;
  }

  /** Calls `watcher` at every change of the state; what is returned ends that. */
  watch(watcher: (state: State) => void): () => void {
    return this.#state.watch(watcher);
  }

  /** Why the client was closed, the last time it was; null before. */
  get closed(): Closed | null {
    return this.#closed;
  }

  /** The next attempt to connect, while the client waits for it; null while it does not. */
  get nextAttempt(): Attempt | null {
    return this.#nextAttempt.value;
  }

  /** As `watch`, for `nextAttempt`. */
  watchNextAttempt(watcher: (attempt: Attempt | null) => void): () => void {
    return this.#nextAttempt.watch(watcher);
  }

  /** What the client is connected over; null while it has no connection. */
  get transport(): CurrentTransport | null {
    return this.#transport.value;
  }

  /** As `watch`, for `transport`. */
  watchTransport(watcher: (transport: CurrentTransport | null) => void): () => void {
    return this.#transport.watch(watcher);
  }

  /** How long the server took to answer the last PING, milliseconds; null before. Each connection begins with one. */
  get roundTrip(): number | null {
    return this.#roundTrip.value;
  }

  /** As `watch`, for `roundTrip`. */
  watchRoundTrip(watcher: (milliseconds: number | null) => void): () => void {
    return this.#roundTrip.watch(watcher);
  }

  /** What was counted, and what waits. */
  stats(): Stats {
    return statsOf(this.#run, this.#bestEffort.queue.drops);
  }

  /**
   * Calls `listener` when a session is lost, with the events that may not have arrived (SES-047). What had not left
   * waits for the fresh session, and until the promise that a listener returned has ended. What is returned ends that.
   */
  onLost(listener: (lost: SessionLost) => unknown): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  /** Calls `listener` when the server did not let a socket in, or ended it, with the events that it may not have had. */
  onEventsDropped(listener: (dropped: EventsDropped) => unknown): () => void {
    this.#droppedListeners.add(listener);
    return () => this.#droppedListeners.delete(listener);
  }

  /** The socket of a namespace; it connects at the first call, and again after it ended. */
  socket(ns = "/", auth: Value = null): Socket {
    const known = this.#sockets.get(ns);
    if (known !== undefined) return known;
    const { session, bestEffort: { dropped } } = this.#run.core;
    session.connect(ns, auth);
    const socket = new Socket(ns, session, this.#answers, () => this.#act(), {
      send: (frame, delivery) => this.#sendBestEffort(frame, delivery),
      unhandled: (why) => void (dropped[why] += 1),
    });
    this.#sockets.set(ns, socket);
    if (this.state === "idle") this.#state.set("connecting");
    this.#run.core.wanted(performance.now());
    this.#act();
    return socket;
  }

  /**
   * Moves the session to another transport while it goes on: nothing is lost, repeated or reordered (SES-037). It
   * stays there until its connection ends; then the client dials by its settings again. A later call replaces one that
   * has not begun. Rejects with `SwitchError`; the session then goes on where it was.
   */
  switchTo(transport: TransportKind): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      const wish = this.#run.switchTo(transport, performance.now());
      this.#wishes.set(wish, (error) => (error === null ? resolve() : reject(error)));
    });
    this.#act();
    return ended;
  }

  /**
   * Asks the server for a sign of life (HBT-009), which also measures the round trip. While the client waits for its
   * next attempt, that begins at once instead, but no sooner than the server asked for.
   */
  probe(): void {
    this.#run.probe(performance.now());
    this.#act();
  }

  /** Begins again after the client was closed or gave up, with attempts and time counted from here; else nothing happens. */
  start(): void {
    this.#endWakes ??= this.#wakes((event) => {
      this.#run.wake(event, performance.now());
      this.#act();
    });
    if (this.#isOver) this.#state.set("connecting");
    this.#run.start(performance.now());
    this.#act();
  }

  /**
   * Closes: what waits for the server is sent, for 2 s at most, and then the session ends. Nothing is emitted or handled
   * from now on: events that wait for a handler are dropped, and a handler under way goes on. Without a connection
   * nothing more is sent. `onLost` has what was not sent or not confirmed, if anything, with code 1000; whoever waits for an
   * answer is told `disconnected`. Resolves when the client is closed; at once if it is.
   */
  close(): Promise<void> {
    const { core } = this.#run;
    if (!core.isStopped) for (const socket of this.#sockets.values()) socket.leave();
    this.#run.end(performance.now());
    this.#act();
    if (core.isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const end = this.#state.watch((state) => {
        if (state !== "closed") return;
        end();
        resolve();
      });
    });
  }

  get #isOver(): boolean {
    return this.state === "closed" || this.state === "gave up";
  }

  /** Does what the core asks for, until it asks for nothing more. What happens meanwhile joins. */
  #act(): void {
    if (this.#isActing) return;
    this.#isActing = true;
    try {
      const { outputs } = this.#run;
      this.#run.after(performance.now());
      while (outputs.length > 0) {
        for (let output = outputs.shift(); output !== undefined; output = outputs.shift()) this.#do(output);
        this.#run.after(performance.now());
      }
      this.#drain();
    } finally {
      this.#isActing = false;
    }
    clearTimeout(this.#tickTimer);
    const { deadline } = this.#run;
    if (deadline === null) return;
    this.#tickTimer = setTimeout(() => {
      this.#run.tick(performance.now());
      this.#act();
    }, Math.min(Math.max(0, deadline - performance.now()), LONGEST_TIMER_MS));
  }

  #do(output: DialOrder | RunNotice): void {
    switch (output.kind) {
      case "open":
        return this.#open(output.dial, output.candidate);
      case "send":
        return this.#send(output.dial, output.message);
      case "shut":
        if (!this.#transports.has(output.dial)) return;
        this.#transports.get(output.dial)?.close(output.code, output.reason);
        this.#closing.set(output.dial, setTimeout(() => this.#cut(output.dial, "it did not close in time"), CLOSING_MS));
        return;
      case "drop":
        this.#transports.get(output.dial)?.abort();
        return this.#forget(output.dial);
      case "ask":
        if (output.occasion.kind === "dial") this.#nextAttempt.set(null);
        return this.#ask(output.occasion, (credentials) => {
          this.#run.answered(output.question, credentials, performance.now());
          this.#act();
        });
      default:
        return this.#hear(output);
    }
  }

  #open(dial: number, { transport: kind, url, hashes }: Candidate): void {
    const ifKnown = (then: (now: number) => void) => () => {
      if (!this.#transports.has(dial)) return;
      then(performance.now());
      this.#act();
    };
    const closed = (code: number | null, reason: string) => ifKnown((now) => {
      this.#forget(dial);
      this.#run.closed(dial, code, reason, now);
    });
    const listener = {
      frameLimit: this.#limits.frame,
      onOpen: ifKnown((now) => this.#run.opened(dial, now)),
      onMessage: (message: Uint8Array | string) => ifKnown((now) => this.#run.received(dial, message, now))(),
      onDatagram: (message: Uint8Array | string) => ifKnown((now) => this.#run.datagram(dial, message, now))(),
      onTooLarge: ifKnown((now) => this.#run.tooLarge(dial, now)),
      onDrained: ifKnown(() => {}),
      onClosed: (code: number | null, reason: string) => closed(code, reason)(),
    };
    try {
      const open = this.#dialers[kind];
      if (open === undefined) throw new Error(`no dialer for ${kind}`);
      this.#transports.set(dial, open({ url, subprotocol: this.#encoding.subprotocol, hashes }, listener));
    } catch (error) {
      // Such as a WebSocket without TLS on a page with it: an attempt that failed, in its turn.
      this.#transports.set(dial, UNOPENED);
      queueMicrotask(closed(null, error instanceof Error ? error.message : String(error)));
    }
  }

  /** A connection that nobody reads must not keep what is answered to its PINGs, for one, without bound (LIM-006). */
  #send(dial: number, message: Message): void {
    const transport = this.#transports.get(dial);
    transport?.send(message);
    const { replay, frame } = this.#limits;
    // What is replayed at once, answers beyond the window, and as much again for what has no number.
    const most = 4 * replay + frame;
    if (transport !== undefined && transport.buffered > most) this.#cut(dial, `the server does not read: more than ${most} bytes wait for it`);
  }

  /** Given up, as if it had been cut. */
  #cut(dial: number, cause: string): void {
    this.#transports.get(dial)?.abort();
    this.#forget(dial);
    this.#run.closed(dial, null, cause, performance.now());
    this.#act();
  }

  /** Its timer goes with it, and nothing that it tells is heard. */
  #forget(dial: number): void {
    clearTimeout(this.#closing.get(dial));
    this.#closing.delete(dial);
    this.#transports.delete(dial);
  }

  #hear(notice: RunNotice): void {
    switch (notice.kind) {
      case "began":
      case "resumed":
        return this.#state.set("connected");
      case "detached":
        return this.#state.set("reconnecting");
      case "idle":
        this.#nextAttempt.set(null);
        return this.#state.set("idle");
      case "waiting":
        this.#nextAttempt.set({ attempt: notice.attempt, delayMs: notice.delayMs, cause: notice.cause });
        return this.#state.set(this.#run.core.counts.connections > 0 ? "reconnecting" : "connecting");
      case "stopped":
        return this.#stopped(notice);
      case "moved":
        this.#bestEffort.queue.clear();
        return this.#show();
      case "round trip":
        this.#roundTrip.set(notice.ms);
        return this.#show();
      case "switched":
        this.#wishes.get(notice.wish)?.(notice.error);
        this.#wishes.delete(notice.wish);
        return;
      case "switch failed":
        return;
      case "lost":
        return this.#lost(notice);
      case "dropped":
        return void tell(this.#droppedListeners, notice);
      default:
        return this.#hearSocket(notice);
    }
  }

  /** A handler may have begun anew what it has closed, before this is heard. */
  #stopped({ code, reason, data, hasGivenUp }: Extract<Notice, { kind: "stopped" }>): void {
    const { core } = this.#run;
    if (core.isStopped) {
      this.#endWakes?.();
      this.#endWakes = null;
    }
    this.#nextAttempt.set(null);
    this.#closed = { code, reason, data };
    this.#state.set(hasGivenUp ? "gave up" : "closed");
    if (!core.isStopped && this.#isOver) this.#state.set("connecting");
  }

  #hearSocket(notice: Exclude<Notice, { kind: "began" | "resumed" | "idle" | "detached" | "stopped" | "round trip" | "switch failed" | "lost" | "dropped" }>): void {
    switch (notice.kind) {
      case "settled":
        return this.#answers.settle(notice.ackId, notice.outcome);
      case "best effort":
        return this.#sockets.get(notice.frame.ns)?.takeBestEffort(notice.frame, notice.size);
      case "event":
        return this.#event(notice);
      case "connected": {
        const socket = this.#sockets.get(notice.ns);
        socket?.connected(notice.socketId);
        if (socket !== undefined) void this.#reattach(socket, notice);
        return;
      }
      case "refused":
      case "disconnected": {
        const socket = this.#sockets.get(notice.ns);
        this.#sockets.delete(notice.ns);
        return socket?.ended(notice.code, notice.kind === "refused" ? notice.message : notice.reason);
      }
    }
  }

  #event({ ns, event, args, due, bytes }: Extract<Notice, { kind: "event" }>): void {
    const done = () => {
      this.#run.core.session.handled(bytes);
      this.#act();
    };
    const socket = this.#sockets.get(ns);
    if (socket === undefined) done();
    else socket.take(event, args, due, done);
  }

  #lost(lost: SessionLost): void {
    for (const socket of this.#sockets.values()) socket.sessionLost();
    for (const ended of tell(this.#lostListeners, lost)) {
      if (!isPromised(ended)) continue;
      const hook: Promise<unknown> = Promise.resolve(ended).catch((error: unknown) => console.error("a listener failed", error)).finally(() => this.#hooks.delete(hook));
      this.#hooks.add(hook);
    }
    const { currentLink, isStopped } = this.#run.core;
    if (currentLink === null && !isStopped) this.#state.set("reconnecting");
  }

  /** SES-048: what waits leaves after the application had its chance to act. */
  async #reattach(socket: Socket, { session, isAgain }: Extract<Notice, { kind: "connected" }>): Promise<void> {
    if (this.#hooks.size > 0) await Promise.all(this.#hooks);
    if (isAgain) await socket.reattached(session);
    this.#run.core.session.release(socket.ns, session);
    this.#act();
  }

  /** Tells who watches what the client is connected over. */
  #show(): void {
    const { carrier, core: { welcome } } = this.#run;
    if (carrier === null || welcome === null) return this.#transport.set(null);
    const shown: CurrentTransport = {
      kind: carrier.transport,
      datagrams: welcome.datagrams,
      datagramBytes: datagramBytes(welcome, this.#transports.get(carrier.dial) ?? null),
      passedOver: carrier.passedOver,
    };
    const present = this.#transport.value;
    const isSame = present !== null && (Object.keys(shown) as (keyof CurrentTransport)[]).every((key) => shown[key] === present[key]);
    if (!isSame) this.#transport.set(shown);
  }

  /** Whether the frame was taken. */
  #sendBestEffort(frame: Datagram | Omit<Latest, "version">, delivery: Delivery): boolean {
    const { core: { session, welcome }, carrier } = this.#run;
    if (frame.kind === "LATEST" && !isName(frame.key)) throw new RangeError("a key has 1 to 255 bytes");
    const args = session.checked(frame.event, frame.args);
    const transport = carrier === null ? undefined : this.#transports.get(carrier.dial);
    if (welcome === null || transport === undefined || !session.isConnected(frame.ns)) {
      this.#bestEffort.queue.count("notConnected");
      return false;
    }
    const isTaken = this.#bestEffort.send({ ...frame, args }, delivery, welcome, transport, performance.now());
    this.#drain();
    return isTaken;
  }

  /** Hands best-effort frames over, and looks again while some wait. */
  #drain(): void {
    clearTimeout(this.#drainTimer);
    const { core: { welcome }, carrier } = this.#run;
    const transport = carrier === null ? undefined : this.#transports.get(carrier.dial);
    if (welcome === null || transport === undefined) return;
    if (this.#bestEffort.drain(welcome, transport, performance.now())) return;
    const isTold = welcome.datagrams === "native" && transport.datagrams !== null;
    if (!isTold) this.#drainTimer = setTimeout(() => this.#drain(), DRAIN_POLL_MS);
  }
}

/** In place of a transport that could not even be begun. */
const UNOPENED: Transport = { datagrams: null, buffered: 0, send() {}, close() {}, abort() {} };

/** What opens connections here. */
function platformDialers(): Dialers {
  const hasWebTransport = typeof WebTransport !== "undefined";
  return hasWebTransport ? { webtransport: openWebTransport, websocket: openWebSocket } : { websocket: openWebSocket };
}
