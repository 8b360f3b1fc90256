// One connection, as the session on the client sees it (session.md, "A connection, on the client").

import type { GoAway, Welcome } from "./frame.js";
import type { Heartbeat } from "./heartbeat.js";
import { LatestVersions } from "./latest.js";
import type { Limits } from "./limits.js";
import type { TransportKind } from "./transport/transport.js";
import type { Value } from "./value.js";

export interface Link {
  readonly id: number;
  role: "dialling" | "greeting" | "current" | "old" | "closing";
  resumes: boolean;
  strict: boolean;
  /** What HELLO is said with. */
  auth: Value;
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
  /** From then on as soon as all is settled; never before, since slots spread the clients. */
  readonly slot: number;
  /** Then in any case. */
  readonly deadline: number;
  readonly url: string | null;
  /** When the first one of the connection came. */
  readonly since: number;
}

/** LIM-016: a later slot or deadline is taken for this, counted from the first GOAWAY of the connection. */
const GO_AWAY_MAX_MS = 3_600_000;

/** What a GOAWAY asks for, in place of the `former` one (SES-061). */
export function leavingOf({ slot, deadline, url }: GoAway, former: Leaving | null, now: number): Leaving {
  const since = former?.since ?? now;
  const latest = Math.min(now + deadline, since + GO_AWAY_MAX_MS);
  return { slot: Math.min(now + slot, latest), deadline: latest, url, since };
}

/** One that is to be dialled. */
export function newLink(id: number, over: TransportKind | null, limits: Limits): Link {
  const versions = new LatestVersions(limits.latest_keys);
  return { id, role: "dialling", auth: null, resumes: false, strict: false, over, since: 0, watchdog: null, pinged: null, versions, welcome: null };
}

/** SES-033. */
const REFUSALS: readonly string[] = ["unknown", "expired", "overflow", "encoding", "moved"];

/** Why a resume was refused; a word that is not known reads as `unknown`. */
export function refusalOf({ reason }: Welcome): string {
  return reason !== null && REFUSALS.includes(reason) ? reason : "unknown";
}
