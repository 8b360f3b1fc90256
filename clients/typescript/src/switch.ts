// Moving a session that goes on to another transport: on demand, and in the background (SES-037).

import { BackOff } from "./back_off.js";
import type { TransportKind } from "./transport/transport.js";

/** The longest wait before WebTransport is first tried in the background; each try that fails doubles it. */
const UPGRADE_BASE_MS = 1_000;
/** The longest wait between two tries of WebTransport in the background. */
const UPGRADE_CAP_MS = 300_000;
/**
 * How long a connection over WebTransport must stand for the next try to come as soon as the first: a network that
 * lets it live for a minute only is not moved to again and again.
 */
const UPGRADE_STANDING_MS = 120_000;

/** Why a session did not move. It goes on where it was, unless it had no connection. */
export type SwitchFailure = "not connected" | "unavailable" | "replaced" | "failed";

/** The session did not move to another transport. */
export class SwitchError extends Error {
  override readonly name = "SwitchError";

  constructor(readonly transport: TransportKind, readonly why: SwitchFailure, cause: string) {
    super(cause === "" ? `no switch to ${transport}: ${why}` : `no switch to ${transport}: ${cause}`);
  }
}

/** When WebTransport is tried in the background. */
export class Upgrades {
  readonly #backOff = new BackOff(UPGRADE_BASE_MS, UPGRADE_CAP_MS);
  #isChosen = false;
  /** When to try, if at all. */
  due: number | null = null;

  /** After a connection was made, or a try has failed: `isWanted` if another is to follow. */
  plan(isWanted: boolean, random: number, now: number): void {
    this.due = isWanted && !this.#isChosen ? now + this.#backOff.next(false, null, random) : null;
  }

  /** The application chose the transport of the present connection: it is not left by itself. */
  chosen(): void {
    this.#isChosen = true;
    this.due = null;
  }

  /** The connection whose transport was chosen is over, or is to be. */
  forgetChoice(): void {
    this.#isChosen = false;
  }

  /** A connection over `transport` is over that stood for so long. */
  stood(transport: TransportKind, stoodMs: number): void {
    if (transport === "webtransport" && stoodMs >= UPGRADE_STANDING_MS) this.#backOff.reset();
  }
}
