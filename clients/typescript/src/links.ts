// The connections of a client as numbers, and what is asked of them, in `outputs` and in order.

import { SUPERSEDED } from "./code.js";
import { type Encoding, sizeOf } from "./encoding.js";
import { closeOf, type Frame } from "./frame.js";
import { type Link, newLink } from "./link.js";
import type { Limits } from "./limits.js";
import type { Output } from "./notices.js";
import type { TransportKind } from "./transport/transport.js";

/** SES-051: how long an older connection is read at most. */
const CLOSING_MS = 1_000;

/** Bounded by what the session makes of them: at most one that is dialled, the current one, and those that are being left. */
export class Links {
  readonly #encoding: Encoding;
  readonly #limits: Limits;
  readonly #outputs: Output[];
  readonly #links = new Map<number, Link>();
  #last = 0;

  constructor(encoding: Encoding, limits: Limits, outputs: Output[]) {
    this.#encoding = encoding;
    this.#limits = limits;
    this.#outputs = outputs;
  }

  /** One that is to be dialled, over one transport alone if it is named. */
  add(over: TransportKind | null): Link {
    this.#last += 1;
    const link = newLink(this.#last, over, this.#limits);
    this.#links.set(link.id, link);
    return link;
  }

  get(id: number): Link | undefined {
    return this.#links.get(id);
  }

  /** Its transport has ended by itself. */
  ended(link: Link): void {
    this.#links.delete(link.id);
  }

  write(link: Link, frame: Frame): void {
    this.#outputs.push({ kind: "send", link: link.id, message: this.#encoding.encode(frame) });
  }

  /** The size of the frame, in place of sending it, if it has more bytes than `limit`. */
  writeWithin(link: Link, frame: Frame, limit: number): number | null {
    const message = this.#encoding.encode(frame);
    const size = sizeOf(message);
    if (size > limit) return size;
    this.#outputs.push({ kind: "send", link: link.id, message });
    return null;
  }

  /** Asks for a sign of life, which measures the round trip too. */
  ping(link: Link, received: number, now: number): void {
    link.pinged = { t: Math.floor(now), at: now };
    this.write(link, { kind: "PING", t: link.pinged.t, received });
  }

  /** HBT-010. */
  measure(link: Link, t: number, now: number): void {
    if (link.role !== "current" || link.pinged?.t !== t) return;
    this.#outputs.push({ kind: "round trip", ms: now - link.pinged.at });
    link.pinged = null;
  }

  /** Says CLOSE, and shuts it. */
  close(link: Link, code: number, reason: string): void {
    this.write(link, closeOf(code, reason));
    this.shut(link, code, reason);
  }

  shut(link: Link, code: number, reason: string): void {
    link.role = "closing";
    this.#outputs.push({ kind: "shut", link: link.id, code, reason });
  }

  /** Nothing that it brings is heard any more. */
  forget(link: Link): void {
    link.role = "closing";
    this.#links.delete(link.id);
    this.#outputs.push({ kind: "drop", link: link.id });
  }

  forgetAll(): void {
    for (const link of [...this.#links.values()]) this.forget(link);
  }

  /** CLOSE wherever HELLO was sent; other connections are shut, and dials given up. */
  closeAll(code: number, reason: string): void {
    for (const link of [...this.#links.values()]) {
      if (link.role === "current" || link.role === "greeting") this.close(link, code, reason);
      else if (link.role === "old") this.shut(link, SUPERSEDED, "");
      else if (link.role === "dialling") this.forget(link);
    }
  }

  /** Older connections are read for a while. */
  tick(now: number): void {
    for (const link of this.#old()) if (now >= link.since + CLOSING_MS) this.forget(link);
  }

  /** When `tick` is to be called next. */
  get deadline(): number | null {
    const times = this.#old().map(({ since }) => since + CLOSING_MS);
    return times.length === 0 ? null : Math.min(...times);
  }

  #old(): Link[] {
    return [...this.#links.values()].filter(({ role }) => role === "old");
  }
}
