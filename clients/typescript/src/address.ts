// Where to dial (TRN-001, TRN-002, FRM-017, SES-059).

const SCHEMES = new Map([["ws:", "ws:"], ["http:", "ws:"], ["wss:", "wss:"], ["https:", "wss:"]]);

/** The URL of a WebSocket. Throws `TypeError` for what is no URL of a server. */
export function webSocketUrl(url: string): string {
  const parsed = new URL(url);
  const scheme = SCHEMES.get(parsed.protocol);
  if (scheme === undefined) throw new TypeError("a URL begins with ws, wss, http or https");
  const path = parsed.pathname === "/" ? "/trunkline" : parsed.pathname;
  return `${scheme}//${parsed.host}${path}${parsed.search}`;
}

/** The URL that a server told, if it is of the same host and not less secure; else `current`. */
export function followed(current: string, told: string | null): string {
  if (told === null) return current;
  try {
    const target = webSocketUrl(told);
    const isSafe = target.startsWith("wss:") || current.startsWith("ws:");
    return isSafe && new URL(target).hostname === new URL(current).hostname ? target : current;
  } catch {
    return current;
  }
}
