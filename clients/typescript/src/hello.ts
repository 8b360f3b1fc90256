// The first frame of a connection (session.md, "Handshake").

import type { Frame } from "./frame.js";
import type { Link } from "./link.js";
import type { Options } from "./options.js";
import type { Session } from "./session.js";

/** The version of the protocol. */
export const VERSION = 1;
/** SES-008. */
export const WELCOME_TIMEOUT_MS = 20_000;

/** To begin a session, or to resume the one that there is. */
export function helloOf(link: Link, { begun, attach }: Session, { agent, limits, pingIntervalMs }: Options): Frame {
  const resume = begun && link.resumes
    ? { session: begun.id, secret: begun.secret, attach, received: begun.inbound.receipt, strict: link.strict }
    : null;
  return { kind: "HELLO", v: VERSION, agent, auth: link.auth, resume, features: [], limits, ping_interval: pingIntervalMs ?? null };
}
