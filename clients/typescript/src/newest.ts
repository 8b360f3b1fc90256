// Best-effort events of one socket whose handlers take their time: of each key the newest value waits (decision 49).

import type { Datagram, Latest } from "./frame.js";

/** What the values may count, bytes, that wait for the handlers of one socket; further ones are dropped. */
export const WAITING_BYTES = 262_144;

/** Why one was not handled. */
export type Unhandled = "notConnected" | "busy" | "conflated";

interface Waiting {
  readonly frame: Latest;
  readonly size: number;
}

export class Newest {
  readonly #limit: number;
  readonly #handle: (frame: Datagram | Latest) => Promise<void> | null;
  readonly #drop: (why: Unhandled) => void;
  /** By event whose handlers are under way: what waits for them, by key. */
  readonly #busy = new Map<string, Map<string, Waiting>>();
  #keys = 0;
  #bytes = 0;

  /** Calls `handle` for each event, for one of a name at a time: it is done when its promise has ended, or at once without one. At most `limit` keys wait, of all events together. */
  constructor(limit: number, handle: (frame: Datagram | Latest) => Promise<void> | null, drop: (why: Unhandled) => void) {
    this.#limit = limit;
    this.#handle = handle;
    this.#drop = drop;
  }

  /** `size` is that of its message. */
  take(frame: Datagram | Latest, size: number): void {
    const waiting = this.#busy.get(frame.event);
    if (waiting === undefined) return this.#begin(frame);
    // Nothing says that a DATAGRAM is worth less than the next one, or worth anything later.
    if (frame.kind === "DATAGRAM") return this.#drop("busy");
    const older = waiting.get(frame.key);
    const keys = this.#keys + (older === undefined ? 1 : 0);
    const bytes = this.#bytes - (older?.size ?? 0) + size;
    if (keys > this.#limit || bytes > WAITING_BYTES) return this.#drop("busy");
    if (older !== undefined) this.#drop("conflated");
    waiting.set(frame.key, { frame, size });
    this.#keys = keys;
    this.#bytes = bytes;
  }

  /** What waits is not begun any more. */
  clear(): void {
    for (const waiting of this.#busy.values()) {
      for (let at = 0; at < waiting.size; at += 1) this.#drop("notConnected");
      waiting.clear();
    }
    this.#keys = this.#bytes = 0;
  }

  #begin(frame: Datagram | Latest): void {
    const pending = this.#handle(frame);
    if (pending === null) return;
    this.#busy.set(frame.event, new Map());
    void pending.then(() => this.#goOn(frame.event));
  }

  /** Those whose keys came first are handled first. */
  #goOn(event: string): void {
    const waiting = this.#busy.get(event) ?? new Map<string, Waiting>();
    for (const [key, { frame, size }] of waiting) {
      waiting.delete(key);
      this.#keys -= 1;
      this.#bytes -= size;
      const pending = this.#handle(frame);
      if (pending !== null) return void pending.then(() => this.#goOn(event));
    }
    this.#busy.delete(event);
  }
}
