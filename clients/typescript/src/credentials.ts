// What a client is let in with: `auth` of HELLO and AUTH, as an application gives it (session.md, SES-006, SES-065).

import { LEAST } from "./limits.js";
import { isPromised } from "./promised.js";
import { copied, type Value } from "./value.js";

/** SES-003, SES-065: a longer HELLO or AUTH is refused. */
export const HELLO_BYTES = 8_192;
/** How long an application may take to give its credentials. */
export const CREDENTIALS_TIMEOUT_MS = 10_000;

/** What credentials are asked for: a connection is to be dialled, or the server asks for fresh ones on the one that lives. */
export type Occasion =
  | { readonly kind: "dial" }
  /** `expiresMs`: how long those it has hold; null if the server does not say. */
  | { readonly kind: "refresh"; readonly expiresMs: number | null };

/** Credentials, or what gives those of the moment, or the promise of them. */
export type Auth = Value | ((occasion: Occasion) => Value | PromiseLike<Value>);

/** Thrown by what gives credentials: there will be none, such as since the user has logged out. The client ends. */
export class NoCredentials extends Error {
  override readonly name = "NoCredentials";
}

/** Why there are no credentials; `isFinal` if there will be none. */
export interface NoneGiven {
  readonly problem: string;
  readonly isFinal: boolean;
}

export type Credentials = { readonly auth: Value } | NoneGiven;

/** What `tell` is called with, once: at once, unless a promise is waited for. */
export type AskCredentials = (occasion: Occasion, tell: (credentials: Credentials) => void) => void;

/** From what an application gives. Throws `TypeError` and `RangeError` for what is no value. */
export function credentialsOf(auth: Auth): AskCredentials {
  if (typeof auth !== "function") {
    const checked = { auth: copied(auth, LEAST.depth) };
    return (_, tell) => tell(checked);
  }
  return (occasion, tell) => {
    const given = attempt(() => auth(occasion));
    if (!("auth" in given)) return tell(given);
    const checked = (value: Value) => attempt(() => copied(value, LEAST.depth));
    if (isPromised(given.auth)) Promise.resolve(given.auth).then(checked, failed).then(tell);
    else tell(checked(given.auth));
  };
}

/** HELLO or AUTH would be longer than a server reads. */
export function tooLong(bytes: number): NoneGiven {
  return { problem: `the credentials make a frame of ${bytes} bytes where ${HELLO_BYTES} may be`, isFinal: true };
}

function attempt<T>(give: () => T): { readonly auth: T } | NoneGiven {
  try {
    return { auth: give() };
  } catch (error) {
    return failed(error);
  }
}

/** The error is logged, since the application may never learn why it is not connected. */
function failed(error: unknown): NoneGiven {
  console.error("no credentials", error);
  return { problem: error instanceof Error ? error.message : String(error), isFinal: error instanceof NoCredentials };
}
