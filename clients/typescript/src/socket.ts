// One socket of the application.

import { type Answers, EventFailed } from "./answers.js";
import type { Delivery } from "./best_effort.js";
import type { Datagram, Latest } from "./frame.js";
import { Lane } from "./lane.js";
import { within } from "./limits.js";
import type { AnswerDue } from "./notices.js";
import { Newest, type Unhandled } from "./newest.js";
import { isPromised } from "./promised.js";
import type { Session } from "./session.js";
import type { Value } from "./value.js";

const UNKNOWN_EVENT = { code: 3009, message: "unknown-event", data: null };
const INTERNAL = { code: 3011, message: "internal", data: null };

/** A handler of events. What it returns, or resolves with, is the answer, if the server asked for one. */
export type Handler = (...args: Value[]) => Value | undefined | void | PromiseLike<Value | undefined | void>;

/** The socket was refused, or ended. */
export class SocketEnded extends Error {
  override readonly name = "SocketEnded";

  constructor(readonly code: number, reason: string) {
    super(reason === "" ? `the socket ended with code ${code}` : reason);
  }
}

/** How a handler runs. */
export interface HandlerOptions {
  /** How many of its events it handles at once, beside whatever else runs and in no order with that. Default: they wait for their turn. */
  readonly concurrent?: number;
}

/** How a handler was registered. */
interface Registered {
  /** It is for the next event alone. */
  readonly isOnce: boolean;
  /** Its own, if it is a concurrent one. */
  readonly lane: Lane<Incoming> | null;
}

/** An event that came. */
interface Incoming {
  readonly event: string;
  readonly args: readonly Value[];
  readonly due: AnswerDue | null;
  /** A concurrent handler has it. */
  readonly isTaken: boolean;
  /** One that has it has ended. */
  readonly end: () => void;
}

/** The client's part in best-effort events. */
interface BestEffortCalls {
  /** Sends one; whether it was taken. */
  send(frame: Datagram | Omit<Latest, "version">, delivery: Delivery): boolean;
  /** Counts one that came. */
  unhandled(why: Unhandled): void;
}

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
  readonly #bestEffort: BestEffortCalls;
  /** By event. */
  readonly #handlers = new Map<string, Map<Handler, Registered>>();
  /** One event after the other. */
  readonly #inbox = new Lane<Incoming>(1, (incoming) => this.#handle(incoming));
  /** Best-effort events. */
  readonly #newest: Newest;
  #isLeft = false;
  readonly #answers: Answers;
  #ready: { promise: Promise<string>; resolve: (id: string) => void; reject: (error: Error) => void };
  #onReattach: ReattachHook | null = null;
  /** The public id while the socket is connected; it changes with the session. */
  id: string | null = null;

  /** Use `Client.socket`. */
  constructor(readonly ns: string, session: Session, answers: Answers, act: () => void, bestEffort: BestEffortCalls) {
    this.#session = session;
    this.#answers = answers;
    this.#act = act;
    this.#bestEffort = bestEffort;
    this.#newest = new Newest(session.limits.latest_keys, (frame) => this.#handleBestEffort(frame), (why) => bestEffort.unhandled(why));
    this.#ready = deferred();
  }

  /** The id of the socket when it is connected, in the next session if its last one was lost. Rejects with `SocketEnded`. */
  get ready(): Promise<string> {
    return this.#ready.promise;
  }

  /**
   * Calls `handler` for every such event, the best-effort ones too. Events of a socket are handled in their order, one
   * at a time: a handler that returns a promise holds the next event up until that has ended, and past
   * `limits.inbound` (1 MiB) the server's events wait there (decision 49). So it must not wait for a later event of
   * its socket; what needs no order is `concurrent`, or begun without being returned. Best-effort
   * events pass. While one of their name is being handled, of each key of `latest` the newest value waits, up to
   * `limits.latest_keys` and 256 KiB a socket; others are dropped. Throws `RangeError` for `concurrent` below 1.
   */
  on(event: string, handler: Handler, { concurrent }: HandlerOptions = {}): this {
    const limit = concurrent === undefined ? null : within("concurrent", concurrent, 1, Number.MAX_SAFE_INTEGER);
    const lane = limit === null ? null : new Lane<Incoming>(limit, (incoming) => this.#handleBeside(handler, incoming));
    return this.#listen(event, handler, { isOnce: false, lane });
  }

  /** As `on`, for the next such event alone. */
  once(event: string, handler: Handler): this {
    return this.#listen(event, handler, { isOnce: true, lane: null });
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
    return this.#bestEffort.send({ kind: "DATAGRAM", ns: this.ns, event, args }, "volatile");
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
      datagram: (event, ...args) => this.#bestEffort.send({ kind: "DATAGRAM", ns, event, args }, { maxAgeMs }),
      latest: (key, event, ...args) => this.#bestEffort.send({ kind: "LATEST", ns, event, key, args }, { maxAgeMs }),
    };
  }

  /** Leaves the namespace; what was emitted before is sent. Events that wait for a handler are dropped; a handler under way goes on. */
  disconnect(): void {
    this.leave();
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
    this.#newest.clear();
    const lanes = [...this.#handlers.values()].flatMap((registered) => [...registered.values()].map(({ lane }) => lane));
    for (const lane of [this.#inbox, ...lanes]) for (const { end } of lane?.clear() ?? []) end();
  }

  /** For the client: an event has come. `done` is called when it waits no longer, whatever became of it. */
  take(event: string, args: readonly Value[], due: AnswerDue | null, done: () => void): void {
    if (this.#isLeft) return done();
    const registered = [...(this.#handlers.get(event)?.values() ?? [])];
    const lanes = registered.map(({ lane }) => lane).filter((lane) => lane !== null);
    const isTaken = lanes.length > 0;
    // Behind concurrent handlers alone nothing has to wait for its turn.
    const waits = isTaken && lanes.length === registered.length ? lanes : [...lanes, this.#inbox];
    let open = waits.length;
    const end = () => {
      open -= 1;
      if (open === 0) done();
    };
    for (const lane of waits) lane.push({ event, args, due, isTaken, end });
  }

  /** For the client: a best-effort event has come, in a message of `size` bytes. */
  takeBestEffort(frame: Datagram | Latest, size: number): void {
    if (this.#isLeft) this.#bestEffort.unhandled("notConnected");
    else this.#newest.take(frame, size);
  }

  #listen(event: string, handler: Handler, registered: Registered): this {
    const handlers = this.#handlers.get(event) ?? new Map<Handler, Registered>();
    this.#handlers.set(event, handlers.set(handler, registered));
    return this;
  }

  /** An event whose turn has come. Who handles it is seen now, so that `off` holds for events that waited too. */
  #handle({ event, args, due, isTaken, end }: Incoming): Promise<void> | null {
    const handlers = [...(this.#handlers.get(event) ?? [])].flatMap(([handler, { lane }]) => (lane === null ? [handler] : []));
    if (handlers.length === 0 && !isTaken && due !== null) this.#session.answer(due, UNKNOWN_EVENT);
    return ended(this.#callAll(event, handlers, args, due), end);
  }

  #handleBeside(handler: Handler, { event, args, due, end }: Incoming): Promise<void> | null {
    const isThere = this.#handlers.get(event)?.has(handler) === true;
    if (!isThere && due !== null) this.#session.answer(due, UNKNOWN_EVENT);
    return ended(isThere ? this.#call(handler, args, due) : null, end);
  }

  #handleBestEffort({ event, args }: Datagram | Latest): Promise<void> | null {
    return this.#callAll(event, [...(this.#handlers.get(event)?.keys() ?? [])], args, null);
  }

  /** Null if all have ended already. */
  #callAll(event: string, handlers: readonly Handler[], args: readonly Value[], due: AnswerDue | null): Promise<void> | null {
    const pending = handlers.map((handler) => {
      if (this.#handlers.get(event)?.get(handler)?.isOnce === true) this.off(event, handler);
      return this.#call(handler, args, due);
    });
    const open = pending.filter((each) => each !== null);
    return open.length === 0 ? null : Promise.all(open).then(() => {});
  }

  /** The first handler that ends gives the answer. An error that is not meant for the server stays here. Null if it has ended. */
  #call(handler: Handler, args: readonly Value[], due: AnswerDue | null): Promise<void> | null {
    const answer = (given: Value | undefined | void) => {
      if (due !== null) this.#session.answer(due, { args: given === undefined ? [] : [given] });
    };
    try {
      const given = handler(...args);
      if (isPromised(given)) return Promise.resolve(given).then(answer).catch((error: unknown) => this.#failed(error, due)).then(this.#act);
      answer(given);
    } catch (error) {
      this.#failed(error, due);
    }
    return null;
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

/** Calls `end` once a handler has ended. */
function ended(pending: Promise<void> | null, end: () => void): Promise<void> | null {
  if (pending !== null) return pending.then(end);
  end();
  return null;
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
