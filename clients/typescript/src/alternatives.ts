// What a server says of its transports to whoever has no session yet (TRN-032).

import { webSocketUrl } from "./address.js";
import type { Alternative } from "./frame.js";
import { readAlternatives } from "./map.js";

/**
 * Asks the server at `url` where its other transports are, and which certificates they show: for
 * `ClientOptions.alternatives`, so that the first race of a client knows it. Rejects where the server has no answer.
 */
export async function fetchAlternatives(url: string): Promise<readonly Alternative[]> {
  const answer = await fetch(webSocketUrl(url).replace(/^ws/, "http"), { cache: "no-store" });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return readAlternatives(await answer.text());
}
