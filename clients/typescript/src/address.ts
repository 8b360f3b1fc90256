// Where to dial (TRN-001, TRN-002, FRM-017, SES-059).

import type { TransportKind } from "./transport/transport.js";

const SCHEMES = new Map([["ws:", "ws:"], ["http:", "ws:"], ["wss:", "wss:"], ["https:", "wss:"]]);

/** The URL of a server, as WebSocket writes it. Throws `TypeError` for what is no URL of a server. */
export function webSocketUrl(url: string): string {
  const parsed = new URL(url);
  const scheme = SCHEMES.get(parsed.protocol);
  if (scheme === undefined) throw new TypeError("a URL begins with ws, wss, http or https");
  const path = parsed.pathname === "/" ? "/trunkline" : parsed.pathname;
  return `${scheme}//${parsed.host}${path}${parsed.search}`;
}

/** The same URL as a transport is dialled with: WebTransport has `https` alone. */
export function dialled(url: string, transport: TransportKind): string {
  return transport === "webtransport" ? url.replace(/^wss?:/, "https:") : url;
}

/** The host that a URL names, without its port. */
export function hostOf(url: string): string {
  return new URL(url).hostname;
}

/** The host and the port that a URL names: one server, behind rules of its own of a firewall. */
export function serverOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || protocol}`;
}

export function isSecure(url: string): boolean {
  return url.startsWith("wss:");
}

/** The URL that a server told, if it is of the same host and not less secure; else null (SES-059, SEC-012). */
export function movedTo(current: string, told: string): string | null {
  try {
    const target = webSocketUrl(told);
    const isSafe = isSecure(target) || !isSecure(current);
    return isSafe && hostOf(target) === hostOf(current) ? target : null;
  } catch {
    return null;
  }
}

/** As `movedTo`, and `current` where nothing was told that may be followed. */
export function followed(current: string, told: string | null): string {
  return (told === null ? null : movedTo(current, told)) ?? current;
}
