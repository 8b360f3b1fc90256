// The sending machine: numbering, replay log, window, queue (session.md, "Sender").

import { type Encoding, type Message, sizeOf } from "./encoding.js";
import type { Sequenced } from "./frame.js";
import { windowOf } from "./inbound.js";
import type { Limits } from "./limits.js";
import { PROTOCOL_ERROR, Violation } from "./violation.js";

/** A frame that has no number yet (SES-009). */
export type Unnumbered = Sequenced extends infer F ? (F extends Sequenced ? Omit<F, "seq"> : never) : never;

/** Too many bytes wait for the server: the frame was not taken, and nothing else happened. */
export class QueueFull extends Error {
  override readonly name = "QueueFull";

  constructor(readonly size: number, readonly queued: number, readonly limit: number) {
    super(`a frame of ${size} bytes, where ${queued} of ${limit} wait already`);
  }
}

/** Too many events wait for the server: this one was not taken. */
export class QueueLong extends Error {
  override readonly name = "QueueLong";

  constructor(readonly queued: number, readonly limit: number) {
    super(`${queued} events wait, as many as may`);
  }
}

/** The peer takes no frame as large as that: it was not taken (LIM-003). */
export class TooLarge extends Error {
  override readonly name = "TooLarge";

  constructor(readonly size: number, readonly limit: number) {
    super(`a frame of ${size} bytes, where the peer takes ${limit}`);
  }
}

/** What a session that ended leaves behind. */
export interface Lost {
  /** Numbered, and neither confirmed nor answered: whether they arrived is unknown. In order. */
  readonly unconfirmed: readonly Sequenced[];
  /** Never handed to a connection. In order. */
  readonly queued: readonly Unnumbered[];
}

interface Waiting {
  readonly frame: Unnumbered;
  readonly size: number;
  readonly isAhead: boolean;
}

interface Logged {
  readonly frame: Sequenced;
  readonly message: Message;
  readonly size: number;
  /** What became of it is known, or was told. */
  isKnown: boolean;
}

/**
 * The most that a number adds to a message that was measured with the number 1: MessagePack 8, JSON 15. A
 * frame that is this close below the peer's limit is refused, since its number is not known yet.
 */
const NUMBER_BYTES = 15;
/** How many events may wait for the server. */
export const QUEUE_EVENTS = 10_000;

/**
 * What leaves in a session. It outlives connections.
 *
 *   push ──> queue ──(window open)──> replay log ──(receipt)──> gone
 *            no number yet            numbered, kept until confirmed
 *
 * After every change, hand `transmit` to the connection.
 */
export class Outbound {
  readonly #encoding: Encoding;
  readonly #own: Limits;
  readonly #queueLimit: number;
  readonly #queueEvents: number;
  #window: number;
  #frameLimit: number;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  /** Namespaces whose events wait aside. */
  readonly #held = new Set<string>();
  #log: Logged[] = [];
  #logBytes = 0;
  #confirmed = 0;
  #numbered = 0;
  /** How many frames of the log have not been handed to the present connection. */
  #toReplay = 0;

  /** Told each frame as it gets its number, and the object that was pushed. */
  onNumbered: (frame: Sequenced, pushed: Unnumbered) => void = () => {};

  constructor(encoding: Encoding, own: Limits, peers: Limits, queueEvents = QUEUE_EVENTS) {
    this.#encoding = encoding;
    this.#own = own;
    this.#window = windowOf(own, peers);
    this.#frameLimit = peers.frame;
    this.#queueLimit = own.queue;
    this.#queueEvents = queueEvents;
  }

  /**
   * WELCOME told the peer's limits, which must not be below those that were assumed until then. Gives what was put
   * back, and turned out to be more than the peer takes.
   */
  begin(peers: Limits): Unnumbered[] {
    this.#window = windowOf(this.#own, peers);
    this.#frameLimit = peers.frame;
    return this.#withdraw(({ size }) => size > peers.frame);
  }

  /**
   * Takes a frame; `ahead` of the events of its namespace that wait aside, which then do not count. What is no event
   * may go up to twice the bound, and into an empty queue in any case, so that no event keeps an answer out. Throws
   * `TooLarge`, `QueueFull` and `QueueLong`, and then has not taken it.
   */
  push(frame: Unnumbered, ahead = false): void {
    const size = this.#sizeOf(frame);
    if (size > this.#frameLimit) throw new TooLarge(size, this.#frameLimit);
    const counted = ahead ? this.#queue.filter((waiting) => !this.#isAside(waiting)) : this.#queue;
    const bytes = ahead ? counted.reduce((sum, waiting) => sum + waiting.size, 0) : this.#queuedBytes;
    const limit = frame.kind === "EVENT" ? this.#queueLimit : 2 * this.#queueLimit;
    const isFull = bytes + size > limit && (frame.kind === "EVENT" || this.#queue.length > 0);
    if (isFull) throw new QueueFull(size, bytes, limit);
    if (frame.kind === "EVENT" && counted.length >= this.#queueEvents) throw new QueueLong(counted.length, this.#queueEvents);
    const first = ahead ? this.#queue.findIndex((waiting) => this.#isAside(waiting)) : -1;
    this.#queue.splice(first < 0 ? this.#queue.length : first, 0, { frame, size, isAhead: ahead });
    this.#queuedBytes += size;
  }

  /** SES-048: events that waited in an earlier session wait on, within bounds that they have passed already. */
  putBack(frames: readonly Unnumbered[]): void {
    for (const frame of frames) {
      const size = this.#sizeOf(frame);
      this.#queue.push({ frame, size, isAhead: false });
      this.#queuedBytes += size;
    }
  }

  /** The events of a namespace wait aside from now on, unless they are put ahead. Others pass them. */
  hold(ns: string): void {
    this.#held.add(ns);
  }

  isHeld(ns: string): boolean {
    return this.#held.has(ns);
  }

  /** They are in line again, in their order. */
  release(ns: string): void {
    this.#held.delete(ns);
  }

  /** Bytes that wait without a number, and how many frames they are. */
  get queued(): { readonly bytes: number; readonly frames: number } {
    return { bytes: this.#queuedBytes, frames: this.#queue.length };
  }

  /**
   * The next message for the connection: first what is replayed, then what the window allows. From GOAWAY on
   * (`leaving`) no EVENT and no CONNECT gets a number (SES-057).
   */
  transmit(leaving = false): Message | null {
    if (this.#toReplay > 0) {
      const replayed = this.#log[this.#log.length - this.#toReplay];
      this.#toReplay -= 1;
      return replayed?.message ?? null;
    }
    const at = this.#nextToNumber(leaving);
    const [waiting] = at < 0 ? [] : this.#queue.splice(at, 1);
    if (waiting === undefined) return null;
    this.#queuedBytes -= waiting.size;
    this.#numbered += 1;
    const frame = { ...waiting.frame, seq: this.#numbered } as Sequenced;
    const message = this.#encoding.encode(frame);
    const size = sizeOf(message);
    this.#log.push({ frame, message, size, isKnown: false });
    this.#logBytes += size;
    this.onNumbered(frame, waiting.frame);
    return message;
  }

  /** SES-018: a receipt trims the log. Throws `Violation` for a frame that was never sent. */
  receipt(received: number): void {
    if (received > this.#numbered) {
      throw new Violation(PROTOCOL_ERROR, `a receipt for ${received}, where ${this.#numbered} were sent`);
    }
    if (received <= this.#confirmed) return;
    const confirmed = this.#log.splice(0, received - this.#confirmed);
    this.#confirmed = received;
    for (const { size } of confirmed) this.#logBytes -= size;
    this.#toReplay = Math.min(this.#toReplay, this.#log.length);
  }

  /** A resume was accepted: all that the receipt of WELCOME does not cover goes again (SES-032). */
  resume(received: number): void {
    this.receipt(received);
    this.#toReplay = this.#log.length;
  }

  /** Whether nothing waits for its number, or for its receipt. */
  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.isConfirmed;
  }

  /** Whether every frame that has a number is confirmed. */
  get isConfirmed(): boolean {
    return this.#log.length === 0;
  }

  /** Whether an answer waits for its number. */
  get owesAnswer(): boolean {
    return this.#queue.some(({ frame }) => isAnswer(frame));
  }

  /** Takes the events of a namespace that wait without a number out of the queue (NSP-010, NSP-017). */
  withdrawEvents(ns: string): Unnumbered[] {
    return this.#withdraw(({ frame }) => frame.kind === "EVENT" && frame.ns === ns);
  }

  /** The events of a namespace that left and were not confirmed. They are unknown, and not given a second time. */
  takeUnknown(ns: string): Sequenced[] {
    const unknown = this.#log.filter(({ frame, isKnown }) => !isKnown && frame.kind === "EVENT" && frame.ns === ns);
    for (const logged of unknown) logged.isKnown = true;
    return unknown.map(({ frame }) => frame);
  }

  /** The answer to an event has come: whether the event arrived is known, with or without a receipt (SES-047). */
  answered(ackId: number): void {
    const logged = this.#log.find(({ frame }) => frame.kind === "EVENT" && frame.ack_id === ackId);
    if (logged !== undefined) logged.isKnown = true;
  }

  /** The session is over. */
  end(): Lost {
    const unconfirmed = this.#log.filter(({ isKnown }) => !isKnown).map(({ frame }) => frame);
    const lost = { unconfirmed, queued: this.#queue.map(({ frame }) => frame) };
    this.#log = [];
    this.#queue = [];
    this.#logBytes = this.#queuedBytes = this.#toReplay = 0;
    return lost;
  }

  /** SES-021 to SES-024: with the window closed answers alone go ahead, up to twice the window. */
  #nextToNumber(leaving: boolean): number {
    const isOpen = this.#log.length === 0 || this.#logBytes < this.#window;
    const first = this.#queue.findIndex((waiting) => !this.#isAside(waiting));
    const kind = this.#queue[first]?.frame.kind;
    const isHeldBack = leaving && (kind === "EVENT" || kind === "CONNECT");
    if (isOpen && !isHeldBack) return first;
    if (this.#log.length > 0 && this.#logBytes >= 2 * this.#window) return -1;
    return this.#queue.findIndex(({ frame }) => isAnswer(frame));
  }

  #isAside({ frame, isAhead }: Waiting): boolean {
    return frame.kind === "EVENT" && !isAhead && this.#held.has(frame.ns);
  }

  #withdraw(isTaken: (waiting: Waiting) => boolean): Unnumbered[] {
    const withdrawn = this.#queue.filter(isTaken);
    if (withdrawn.length > 0) this.#queue = this.#queue.filter((waiting) => !isTaken(waiting));
    for (const { size } of withdrawn) this.#queuedBytes -= size;
    return withdrawn.map(({ frame }) => frame);
  }

  #sizeOf(frame: Unnumbered): number {
    return sizeOf(this.#encoding.encode({ ...frame, seq: 1 } as Sequenced)) + NUMBER_BYTES;
  }
}

function isAnswer(frame: Unnumbered): boolean {
  return frame.kind === "ACK" || frame.kind === "FAILED";
}
