// One connection, as the session on the client sees it (session.md, "A connection, on the client").

import type { Welcome } from "./frame.js";
import type { Heartbeat } from "./heartbeat.js";
import { LatestVersions } from "./latest.js";
import type { Limits } from "./limits.js";
import type { TransportKind } from "./transport/transport.js";

export interface Link {
  readonly id: number;
  role: "dialling" | "greeting" | "current" | "old" | "closing";
  resumes: boolean;
  strict: boolean;
  /** The transport of a switch; null for whichever connects. */
  readonly over: TransportKind | null;
  /** When WELCOME came, or HELLO was sent, or it became old: by the role. */
  since: number;
  watchdog: Heartbeat | null;
  /** The PING that measures the round trip, and when it was sent. */
  pinged: { readonly t: number; readonly at: number } | null;
  readonly versions: LatestVersions;
  welcome: Welcome | null;
}

/** A GOAWAY that was read, its times as moments of the clock. */
export interface Leaving {
  readonly slot: number;
  readonly deadline: number;
  readonly url: string | null;
}

/** One that is to be dialled. */
export function newLink(id: number, over: TransportKind | null, limits: Limits): Link {
  const versions = new LatestVersions(limits.latest_keys);
  return { id, role: "dialling", resumes: false, strict: false, over, since: 0, watchdog: null, pinged: null, versions, welcome: null };
}
