// Best-effort frames for a connection without datagrams (BEF-011).

import type { Datagram, Latest } from "./frame.js";

/** A bounded queue in front of the message channel: to be taken from only while the channel is nearly drained. */
export class Emulation {
  readonly #limit: number;
  // By (ns, event, key) for a LATEST, by a number of its own for a DATAGRAM; in the order they were put in.
  readonly #waiting = new Map<string | number, Datagram | Latest>();
  #count = 0;
  /** DATAGRAMs that a full queue dropped (`queue-full`). */
  queueFull = 0;
  /** LATESTs that a newer one replaced (`conflated`). */
  conflated = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A LATEST takes the place of the one that waits for its key; in a full queue the oldest DATAGRAM goes. */
  push(frame: Datagram | Latest): void {
    const key = frame.kind === "LATEST" ? JSON.stringify([frame.ns, frame.event, frame.key]) : (this.#count += 1);
    if (this.#waiting.has(key)) this.conflated += 1;
    else if (this.#waiting.size >= this.#limit) this.#dropOldest();
    this.#waiting.set(key, frame);
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** The next frame to hand over, in the order they were put in. */
  take(): Datagram | Latest | null {
    for (const [key, frame] of this.#waiting) {
      this.#waiting.delete(key);
      return frame;
    }
    return null;
  }

  /** BEF-004: nothing is kept across a change of connection. */
  clear(): void {
    this.#waiting.clear();
  }

  /** The oldest DATAGRAM, or the oldest frame where no DATAGRAM waits: the queue is bounded in any case. */
  #dropOldest(): void {
    const keys = [...this.#waiting.keys()];
    const oldest = keys.find((key) => typeof key === "number") ?? keys[0];
    if (oldest === undefined) return;
    this.#waiting.delete(oldest);
    this.queueFull += 1;
  }
}
