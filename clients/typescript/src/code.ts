// What a code in CLOSE says of the session, and of what the client does next (codes.md).

export const NORMAL = 1000;
export const GOING_AWAY = 1001;
/** A connection that ended without a code. */
export const CUT = 1006;
export const OVERFLOW = 3201;
export const FRAME_TOO_LARGE = 3205;
export const SUPERSEDED = 3400;
export const STALE_ATTACH = 3401;
export const PING_TIMEOUT = 3402;

/** What becomes of the session, and when the client dials again by itself. */
export interface Disposition {
  readonly sessionKept: boolean;
  readonly retry: "never" | "at once" | "back-off";
}

const OVER: Disposition = { sessionKept: false, retry: "never" };
const FRESH: Disposition = { sessionKept: false, retry: "back-off" };
const RESUME_AT_ONCE: Disposition = { sessionKept: true, retry: "at once" };
const RESUME_LATER: Disposition = { sessionKept: true, retry: "back-off" };

/** Codes of WebSocket that RFC 6455 gives a meaning; any other one below 3000 is a fresh session. */
const OF_WEBSOCKET = new Map<number, Disposition>([
  [1000, OVER],
  [1008, OVER],
  [1010, OVER],
  [1001, RESUME_LATER],
  [1012, RESUME_LATER],
  [1013, RESUME_LATER],
  [1014, RESUME_LATER],
  [1005, RESUME_AT_ONCE],
  [1006, RESUME_AT_ONCE],
  [1015, RESUME_AT_ONCE],
]);

/** What a code of the server means to the client; one that is not known goes by its last three digits (COD-001). */
export function dispositionOf(code: number): Disposition {
  if (code < 3000 || code > 4999) return OF_WEBSOCKET.get(code) ?? FRESH;
  const lastDigits = code % 1000;
  if (lastDigits < 200) return OVER;
  if (lastDigits < 400 || lastDigits >= 800) return FRESH;
  return lastDigits < 600 ? RESUME_AT_ONCE : RESUME_LATER;
}

/** Whether WebSocket APIs report it for a connection that ended without one (TRN-017). */
export function isCut(code: number): boolean {
  return [1005, CUT, 1015].includes(code);
}
