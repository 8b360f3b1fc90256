// The connection: a client of the server, through the relays where there are any.

import { connect, fetchAlternatives, openWebSocket, openWebTransport } from "/trunkline.js";

/** How long an answer may take: longer than a bad link does. */
export const ANSWER_MS = 15_000;

/**
 * A client whose connections go through the relays, by whatever transport connects first. The client finds the
 * server's WebTransport and the hash of its certificate by itself; only the ports are others.
 */
export async function dial() {
  const relays = await (await fetch("/relays", { cache: "no-store" })).json();
  // Known before the first race; where it is not told, the client learns it over WebSocket.
  const alternatives = await fetchAlternatives(location.origin).catch(() => []);
  const client = connect(location.origin, { agent: "arena-page", alternatives, dialers: relays ? through(relays) : undefined });
  return { client, hasRelays: relays !== null };
}

function through(relays) {
  const moved = (request, port) => {
    const url = new URL(request.url);
    url.host = `127.0.0.1:${port}`;
    return { ...request, url: url.href };
  };
  return {
    websocket: (request, listener) => openWebSocket(moved(request, relays.websocket), listener),
    webtransport: (request, listener) => openWebTransport(moved(request, relays.webtransport), listener),
  };
}
