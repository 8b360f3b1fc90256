// What a client is let in with: `auth` of HELLO and AUTH (session.md, SES-006, SES-065).

import { LEAST } from "./limits.js";
import { copied, type Value } from "./value.js";

/** SES-003, SES-065: a longer HELLO or AUTH is refused. */
export const HELLO_BYTES = 8_192;

/** What gives the credentials of the moment. It throws while there are none. */
export type GiveCredentials = () => Value;

/** From what an application gives: a value, or a function that is asked each time. Throws `TypeError` and `RangeError` for what is no value. */
export function credentialsOf(auth: Value | (() => Value)): GiveCredentials {
  if (typeof auth === "function") return () => copied(auth(), LEAST.depth);
  const checked = copied(auth, LEAST.depth);
  return () => checked;
}

/** They, or why there are none; that is logged, since the application may never learn why it is not connected. */
export function ask(give: GiveCredentials): { readonly auth: Value } | { readonly problem: string } {
  try {
    return { auth: give() };
  } catch (error) {
    console.error("no credentials", error);
    return { problem: `no credentials: ${error instanceof Error ? error.message : String(error)}` };
  }
}
