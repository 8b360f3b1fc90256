// Best-effort frames on their way out (best-effort.md): what waits for the transport, and what was dropped instead.

import { type Encoding, sizeOf } from "./encoding.js";
import type { Datagram, Latest, Welcome } from "./frame.js";
import { TooLarge } from "./outbound.js";
import type { Transport } from "./transport/transport.js";

/** BEF-011: how many frames wait for the transport. */
const QUEUE_FRAMES = 256;

/** How many best-effort frames were dropped by their sender, by cause (BEF-002). */
export interface Drops {
  /** There was no connection, or it ended before they were written. */
  readonly notConnected: number;
  /** Volatile ones, whose connection had something else to send. */
  readonly busy: number;
  /** The oldest in a full queue made way for a newer one. */
  readonly queueFull: number;
  /** A newer value of the same key took their place. */
  readonly conflated: number;
  /** They had waited for longer than their sender wished. */
  readonly expired: number;
  /** The connection takes no longer what it took when they began to wait. */
  readonly tooLarge: number;
}

/** How a frame is sent; `maxAgeMs`: how long it may wait for the transport. */
export type Delivery = "volatile" | { readonly maxAgeMs: number };

/** The server takes no best-effort events. */
export class NoDatagrams extends Error {
  override readonly name = "NoDatagrams";

  constructor() {
    super("the server takes no best-effort events");
  }
}

interface Waiting {
  readonly frame: Datagram | Latest;
  readonly until: number;
}

/** A bounded queue in front of the transport, with datagrams or without. `now` is any clock in milliseconds. */
export class BestEffortQueue {
  readonly #limit: number;
  // By (ns, event, key) for a LATEST, by a number of its own for a DATAGRAM; in the order they were put in.
  readonly #waiting = new Map<string | number, Waiting>();
  readonly #drops: { -readonly [cause in keyof Drops]: number } = { notConnected: 0, busy: 0, queueFull: 0, conflated: 0, expired: 0, tooLarge: 0 };
  #count = 0;

  constructor(limit = QUEUE_FRAMES) {
    this.#limit = limit;
  }

  get drops(): Drops {
    return { ...this.#drops };
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** One was not taken. */
  count(cause: "notConnected" | "busy" | "tooLarge"): void {
    this.#drops[cause] += 1;
  }

  /** A LATEST takes the place of the one that waits for its key; in a full queue the oldest DATAGRAM goes. */
  push(frame: Datagram | Latest, until = Infinity): void {
    const key = frame.kind === "LATEST" ? JSON.stringify([frame.ns, frame.event, frame.key]) : (this.#count += 1);
    if (this.#waiting.has(key)) this.#drops.conflated += 1;
    else if (this.#waiting.size >= this.#limit) this.#dropOldest();
    this.#waiting.set(key, { frame, until });
  }

  /** The next frame to hand over, in the order they were put in. */
  take(now: number): Datagram | Latest | null {
    for (const [key, { frame, until }] of this.#waiting) {
      this.#waiting.delete(key);
      if (now < until) return frame;
      this.#drops.expired += 1;
    }
    return null;
  }

  /** BEF-004: nothing is kept across a change of connection. */
  clear(): void {
    this.#drops.notConnected += this.#waiting.size;
    this.#waiting.clear();
  }

  /** The oldest DATAGRAM, or the oldest frame where no DATAGRAM waits: the queue is bounded in any case. */
  #dropOldest(): void {
    const keys = [...this.#waiting.keys()];
    const oldest = keys.find((key) => typeof key === "number") ?? keys[0];
    if (oldest === undefined) return;
    this.#waiting.delete(oldest);
    this.#drops.queueFull += 1;
  }
}

/** What sends best-effort frames on whatever connection there is. */
export class BestEffort {
  readonly #encoding: Encoding;
  readonly queue = new BestEffortQueue();
  /** BEF-008. */
  #version = 0;

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
  }

  /** Whether the frame was taken. Throws `TooLarge` (BEF-005) and `NoDatagrams`. */
  send(frame: Datagram | Omit<Latest, "version">, delivery: Delivery, welcome: Welcome, transport: Transport, now: number): boolean {
    if (welcome.datagrams === "none") throw new NoDatagrams();
    this.#version += 1;
    const sent = frame.kind === "LATEST" ? { ...frame, version: this.#version } : frame;
    const message = this.#encoding.encode(sent);
    const limit = delivery === "volatile" ? welcome.limits.frame : datagramBytes(welcome, transport);
    if (sizeOf(message) > limit) throw new TooLarge(sizeOf(message), limit);
    if (delivery !== "volatile") {
      this.queue.push(sent, now + delivery.maxAgeMs);
      this.drain(welcome, transport, now);
    } else if (transport.buffered > 0) {
      this.queue.count("busy");
      return false;
    } else transport.send(message);
    return true;
  }

  /** Hands over what the transport takes. Whether nothing waits any more. */
  drain(welcome: Welcome, transport: Transport, now: number): boolean {
    const datagrams = welcome.datagrams === "native" ? transport.datagrams : null;
    const isReady = () => datagrams?.isReady ?? transport.buffered === 0;
    while (!this.queue.isEmpty && isReady()) {
      const frame = this.queue.take(now);
      if (frame === null) break;
      const message = this.#encoding.encode(frame);
      if (datagrams !== null && sizeOf(message) > datagrams.maxBytes) this.queue.count("tooLarge");
      else (datagrams ?? transport).send(message);
    }
    return this.queue.isEmpty;
  }
}

/** The largest frame of a datagram or latest value that a connection takes now; zero where it takes none. */
export function datagramBytes(welcome: Welcome, transport: Transport | null): number {
  if (welcome.datagrams === "none") return 0;
  const native = welcome.datagrams === "native" ? transport?.datagrams?.maxBytes : undefined;
  return Math.min(native ?? Infinity, welcome.limits.datagram);
}
