// What a server says of its transports to whoever has no session yet.

import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { fetchAlternatives } from "../src/alternatives.js";

/** Asks a server that answers so. */
async function asked(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await fetchAlternatives(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("the alternatives of a server are those of its document", async () => {
  const alternatives = await asked((request, response) => {
    assert.equal(request.url, "/trunkline");
    response.end('{"alternatives":[{"transport":"webtransport","url":"https://a.example","hashes":[{"$bin":"AAE"}]}]}');
  });
  assert.deepEqual(alternatives, [{ transport: "webtransport", url: "https://a.example", hashes: [Uint8Array.of(0, 1)] }]);
});

test("a redirect is not followed, and neither an error nor an answer without end is read", async () => {
  await assert.rejects(asked((_, response) => void response.writeHead(302, { location: "/other" }).end()));
  await assert.rejects(asked((_, response) => void response.writeHead(404).end()), /answered 404/);
  await assert.rejects(asked((_, response) => {
    const more = (): void => void response.write(" ".repeat(30_000), more);
    response.on("error", () => {});
    more();
  }), /more than 65536 bytes/);
});
