// What a server says of its transports to whoever has no session yet (TRN-032).

import { webSocketUrl } from "./address.js";
import { DIAL_TIMEOUT_MS } from "./dial.js";
import type { Alternative } from "./frame.js";
import { readAlternatives } from "./map.js";

/** How long the answer may be, bytes. */
const ANSWER_BYTES = 65_536;

/**
 * Asks the server at `url` where its other transports are, and which certificates they show: for
 * `ClientOptions.alternatives`, so that the first race of a client knows it. Rejects where the server has no answer,
 * or none within 10 s and 65,536 bytes; a redirect is not followed (SEC-012).
 */
export async function fetchAlternatives(url: string): Promise<readonly Alternative[]> {
  const asked = webSocketUrl(url).replace(/^ws/, "http");
  const answer = await fetch(asked, { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return readAlternatives(await textOf(answer));
}

async function textOf({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    size += value.length;
    if (size > ANSWER_BYTES) {
      await reader.cancel();
      throw new Error(`the server's answer has more than ${ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}
