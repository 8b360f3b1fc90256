// Best-effort frames that come in (best-effort.md, BEF-002, BEF-007).

import type { Datagram, Latest } from "./frame.js";
import type { Link } from "./link.js";

/** Takes those that are for the session, and counts the others. */
export class IncomingBestEffort {
  /** What was dropped, by cause. */
  readonly dropped = { notConnected: 0, stale: 0, malformed: 0 };

  /** Whether it is to be handled. */
  take(link: Link, frame: Datagram | Latest, isConnected: boolean): boolean {
    if (link.role !== "current" || !isConnected) this.dropped.notConnected += 1;
    else if (frame.badBody !== undefined) this.dropped.malformed += 1;
    else if (frame.kind === "LATEST" && !link.versions.take(frame)) this.dropped.stale += 1;
    else return true;
    return false;
  }
}
