// What the core of a client is made with.

import type { GiveCredentials } from "./credentials.js";
import type { Limits } from "./limits.js";
import type { Queueing } from "./session.js";

export interface Options extends Queueing {
  readonly url: string;
  readonly agent: string;
  /** The credentials of the moment, asked for at every HELLO and AUTH. */
  readonly auth: GiveCredentials;
  readonly limits: Limits;
  /** How often the server is asked to send a PING (HBT-003). */
  readonly pingIntervalMs?: number;
  /** From 0 to 1. */
  readonly random: () => number;
}
