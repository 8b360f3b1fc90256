// One socket of the application.

import { type Answers, EventFailed } from "./answers.js";
import type { Delivery } from "./best_effort.js";
import type { Datagram, Latest } from "./frame.js";
import type { AnswerDue } from "./notices.js";
import type { Session } from "./session.js";
import type { Value } from "./value.js";

const UNKNOWN_EVENT = { code: 3009, message: "unknown-event", data: null };
const INTERNAL = { code: 3011, message: "internal", data: null };

/** A handler of events. What it returns, or resolves with, is the answer, if the server asked for one. */
export type Handler = (...args: Value[]) => Value | undefined | void | Promise<Value | undefined | void>;

/** The socket was refused, or ended. */
export class SocketEnded extends Error {
  override readonly name = "SocketEnded";

  constructor(readonly code: number, reason: string) {
    super(reason === "" ? `the socket ended with code ${code}` : reason);
  }
}

type SendBestEffort = (frame: Datagram | Omit<Latest, "version">, delivery: Delivery) => boolean;

/** What a hook emits with: ahead of all that waited in the session before. */
export interface Emitter {
  /** As `Socket.emit`. */
  emit(event: string, ...args: Value[]): void;
  /** As `Socket.emitWithAck`. */
  emitWithAck(timeoutMs: number, event: string, ...args: Value[]): Promise<readonly Value[]>;
}

/** What emits events that may be lost. */
export interface BestEffortEmitter {
  /** Whether it was taken; throws `TooLarge` above what the connection takes in a datagram, and `NoDatagrams`. */
  datagram(event: string, ...args: Value[]): boolean;
  /** The newest value of `key`: a newer one replaces one that waits. As `datagram` otherwise. */
  latest(key: string, event: string, ...args: Value[]): boolean;
}

/** Runs when the socket is connected again in a fresh session; what waits leaves when it has ended. */
export type ReattachHook = (socket: Emitter) => unknown;

/** Attached to a namespace; it outlives connections, and sessions too. `Client.socket` gives it. */
export class Socket implements Emitter, BestEffortEmitter {
  readonly #session: Session;
  readonly #act: () => void;
  readonly #sendBestEffort: SendBestEffort;
  /** By event, with whether it is for the next one alone. */
  readonly #handlers = new Map<string, Map<Handler, boolean>>();
  readonly #answers: Answers;
  #ready: { promise: Promise<string>; resolve: (id: string) => void; reject: (error: Error) => void };
  #onReattach: ReattachHook | null = null;
  #isLeft = false;
  /** The public id while the socket is connected; it changes with the session. */
  id: string | null = null;

  /** Use `Client.socket`. */
  constructor(readonly ns: string, session: Session, answers: Answers, act: () => void, sendBestEffort: SendBestEffort) {
    this.#session = session;
    this.#answers = answers;
    this.#act = act;
    this.#sendBestEffort = sendBestEffort;
    this.#ready = deferred();
  }

  /** The id of the socket when it is connected, in the next session if its last one was lost. Rejects with `SocketEnded`. */
  get ready(): Promise<string> {
    return this.#ready.promise;
  }

  /**
   * Calls `handler` for every such event, the best-effort ones too. Handlers begin in the order in which events came,
   * and none waits for the one before it to end: what must wait, waits for itself. A handler counts once for an event.
   */
  on(event: string, handler: Handler): this {
    return this.#listen(event, handler, false);
  }

  /** As `on`, for the next such event alone. */
  once(event: string, handler: Handler): this {
    return this.#listen(event, handler, true);
  }

  /** Ends `on` and `once`. */
  off(event: string, handler: Handler): this {
    const handlers = this.#handlers.get(event);
    handlers?.delete(handler);
    if (handlers?.size === 0) this.#handlers.delete(event);
    return this;
  }

  /**
   * Sets what runs when the socket is connected again in a fresh session, instead of an earlier one: the place to
   * introduce oneself anew. What waited in the lost session leaves when it has ended, so it must end.
   */
  onReattach(hook: ReattachHook): this {
    this.#onReattach = hook;
    return this;
  }

  /** Exactly once and in order. Throws `QueueFull`, `QueueLong`, `Offline`, `TooLarge`, `NamespaceError`, `RangeError` or `TypeError`. */
  emit(event: string, ...args: Value[]): void {
    this.#emit(null, event, args);
  }

  /** The args of the answer, within a time; one of more than 24 days, such as `Infinity`, does not end. Rejects with `EventFailed`, `NoAnswer`, `TooManyAcks` and what `emit` throws. */
  emitWithAck(timeoutMs: number, event: string, ...args: Value[]): Promise<readonly Value[]> {
    return this.#ask(null, timeoutMs, event, args);
  }

  /** Sent only if nothing waits for the connection, and lost with it. Whether it was sent (BEF-012). */
  volatile(event: string, ...args: Value[]): boolean {
    return this.#sendBestEffort({ kind: "DATAGRAM", ns: this.ns, event, args }, "volatile");
  }

  datagram(event: string, ...args: Value[]): boolean {
    return this.maxAge(Infinity).datagram(event, ...args);
  }

  latest(key: string, event: string, ...args: Value[]): boolean {
    return this.maxAge(Infinity).latest(key, event, ...args);
  }

  /** Best-effort events that are dropped if they have waited for the connection for so long. */
  maxAge(maxAgeMs: number): BestEffortEmitter {
    const { ns } = this;
    return {
      datagram: (event, ...args) => this.#sendBestEffort({ kind: "DATAGRAM", ns, event, args }, { maxAgeMs }),
      latest: (key, event, ...args) => this.#sendBestEffort({ kind: "LATEST", ns, event, key, args }, { maxAgeMs }),
    };
  }

  /** Leaves the namespace; what was emitted before is sent. */
  disconnect(): void {
    this.#session.disconnect(this.ns);
    this.#act();
  }

  /** For the client: the socket is connected. */
  connected(id: string): void {
    this.id = id;
    this.#ready.resolve(id);
  }

  /** For the client: its session was lost. It is connected again in the next one, unless it is told that it has ended. */
  sessionLost(): void {
    if (this.id === null) return;
    this.id = null;
    this.#ready = deferred();
  }

  /** For the client: the socket is connected again, in this session. Ends when its hook has. */
  async reattached(session: string): Promise<void> {
    try {
      await this.#onReattach?.({
        emit: (event, ...args) => this.#emit(session, event, args),
        emitWithAck: (timeoutMs, event, ...args) => this.#ask(session, timeoutMs, event, args),
      });
    } catch (error) {
      console.error(`the hook of ${this.ns} failed`, error);
    }
  }

  /** For the client: the socket has ended. */
  ended(code: number, reason: string): void {
    const error = new SocketEnded(code, reason);
    this.id = null;
    // Whoever waits is told now; whoever asks later, by a promise of its own.
    this.#ready.reject(error);
    this.#ready = deferred();
    this.#ready.reject(error);
  }

  /** For the client: nothing is handled any more. */
  leave(): void {
    this.#isLeft = true;
  }

  /** For the client: an event has come. */
  take(event: string, args: readonly Value[], due: AnswerDue | null): void {
    if (this.#isLeft) return;
    const handlers = [...(this.#handlers.get(event) ?? [])];
    if (handlers.length === 0 && due !== null) this.#session.answer(due, UNKNOWN_EVENT);
    for (const [handler, isOnce] of handlers) {
      if (isOnce) this.off(event, handler);
      void this.#run(handler, args, due);
    }
  }

  #listen(event: string, handler: Handler, isOnce: boolean): this {
    const handlers = this.#handlers.get(event) ?? new Map<Handler, boolean>();
    this.#handlers.set(event, handlers.set(handler, isOnce));
    return this;
  }

  /** The first handler that ends gives the answer. An error that is not meant for the server stays here. */
  async #run(handler: Handler, args: readonly Value[], due: AnswerDue | null): Promise<void> {
    try {
      const answer = await handler(...args);
      if (due !== null) this.#session.answer(due, { args: answer === undefined ? [] : [answer] });
    } catch (error) {
      this.#failed(error, due);
    }
    this.#act();
  }

  #failed(error: unknown, due: AnswerDue | null): void {
    try {
      if (!(error instanceof EventFailed)) throw error;
      if (due !== null) this.#session.answer(due, error);
    } catch (problem) {
      // Its text is not the server's business (SEC-010); of an `EventFailed` it is that it cannot be sent.
      console.error(`a handler in ${this.ns} failed`, problem);
      if (due !== null) this.#session.answer(due, INTERNAL);
    }
  }

  #emit(ahead: string | null, event: string, args: readonly Value[]): void {
    this.#session.emit(this.ns, event, args, false, ahead);
    this.#act();
  }

  async #ask(ahead: string | null, timeoutMs: number, event: string, args: readonly Value[]): Promise<readonly Value[]> {
    const ackId = this.#session.emit(this.ns, event, args, true, ahead) ?? 0;
    const answer = this.#answers.wait(ackId, timeoutMs, () => this.#session.acks.giveUp(ackId));
    this.#act();
    return answer;
  }
}

function deferred() {
  let resolve: (id: string) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<string>((onId, onError) => {
    resolve = onId;
    reject = onError;
  });
  // Whoever does not ask for it is not to be troubled by it.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
