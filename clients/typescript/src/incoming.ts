// Best-effort frames that come in (best-effort.md, BEF-002, BEF-007).

import { type Encoding, type Message, sizeOf } from "./encoding.js";
import type { Datagram, Latest } from "./frame.js";
import { HeaderError } from "./header_error.js";
import type { Link } from "./link.js";
import type { Output } from "./notices.js";
import type { Session } from "./session.js";

/** Tells those that are for the session, and counts the others. */
export class IncomingBestEffort {
  readonly #encoding: Encoding;
  readonly #session: Session;
  readonly #outputs: Output[];
  /** What was dropped, by cause. */
  readonly dropped = { notConnected: 0, stale: 0, malformed: 0, busy: 0, conflated: 0 };

  constructor(encoding: Encoding, session: Session, outputs: Output[]) {
    this.#encoding = encoding;
    this.#session = session;
    this.#outputs = outputs;
  }

  /** `size` is that of its message. */
  take(link: Link, frame: Datagram | Latest, size: number): void {
    if (link.role !== "current") this.dropped.stale += 1;
    else if (!this.#session.isConnected(frame.ns)) this.dropped.notConnected += 1;
    else if (frame.badBody !== undefined) this.dropped.malformed += 1;
    else if (frame.kind === "LATEST" && !link.versions.take(frame)) this.dropped.stale += 1;
    else this.#outputs.push({ kind: "best effort", frame, size });
  }

  /** A datagram came. What is no best-effort frame, or comes on another connection, is dropped (ENC-011). */
  datagram(link: Link | undefined, message: Message): void {
    try {
      const frame = this.#encoding.decode(message, this.#session.limits.depth);
      if (link !== undefined && (frame.kind === "DATAGRAM" || frame.kind === "LATEST")) return this.take(link, frame, sizeOf(message));
    } catch (error) {
      if (!(error instanceof HeaderError)) throw error;
    }
    this.dropped.malformed += 1;
  }
}
