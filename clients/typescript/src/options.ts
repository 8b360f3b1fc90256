// What the core of a client is made with.

import type { Endurance } from "./attempts.js";
import type { Limits } from "./limits.js";
import type { Queueing } from "./session.js";

export interface Options extends Queueing, Endurance {
  readonly url: string;
  readonly agent: string;
  /** How long the application may take to give its credentials. Default: 10 s. */
  readonly credentialsTimeoutMs?: number;
  readonly limits: Limits;
  /** How often the server is asked to send a PING (HBT-003). */
  readonly pingIntervalMs?: number;
  /** From 0 to 1. */
  readonly random: () => number;
}
