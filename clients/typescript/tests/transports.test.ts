// What is dialled, in which order, and what is remembered.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Hosts, WINNER_REMEMBERED_MS } from "../src/transports.js";

const URL = "wss://host.example:4433/trunkline";
const PLAIN = "ws://host.example:3000/trunkline";
const HASH = new Uint8Array(32).fill(7);

function both(): Hosts {
  return new Hosts(["websocket", "webtransport"]);
}

function order(hosts: Hosts, url: string, now = 0): string[] {
  return hosts.candidates(url, now).map(({ transport }) => transport);
}

test("WebTransport comes first, and the transport that connected last for ten minutes", () => {
  const hosts = both();
  assert.deepEqual(hosts.candidates(URL, 0).map(({ url }) => url), ["https://host.example:4433/trunkline", URL]);
  hosts.connected(URL, "websocket", null, 1_000);
  assert.deepEqual(order(hosts, URL, 1_000 + WINNER_REMEMBERED_MS - 1), ["websocket", "webtransport"]);
  assert.deepEqual(order(hosts, URL, 1_000 + WINNER_REMEMBERED_MS), ["webtransport", "websocket"]);
  for (const other of ["wss://other.example/", "wss://host.example/", "wss://host.example:4434/"]) {
    assert.deepEqual(order(hosts, other, 1_001), ["webtransport", "websocket"], other);
  }
});

test("WebTransport needs a secure URL, or a server that tells where it is", () => {
  const hosts = both();
  assert.deepEqual(order(hosts, PLAIN), ["websocket"]);
  hosts.told(PLAIN, "websocket", [{ transport: "webtransport", url: "https://host.example:3001/trunkline", hashes: [HASH] }]);
  assert.deepEqual(hosts.candidate(PLAIN, "webtransport"), { transport: "webtransport", url: "https://host.example:3001/trunkline", hashes: [HASH] });
  assert.deepEqual(order(new Hosts(["webtransport"]), PLAIN), ["webtransport"], "alone it is dialled all the same");
});

test("what leads elsewhere, or to less security, or has no hash of a certificate, is passed over", () => {
  for (const alternative of [
    { transport: "webtransport", url: "https://evil.example/trunkline", hashes: [] },
    { transport: "webtransport", url: "http://host.example/trunkline", hashes: [] },
    { transport: "webtransport", url: "https://host.example/trunkline", hashes: [HASH.slice(1)] },
    { transport: "carrier-pigeon", url: "https://host.example/trunkline", hashes: [] },
    { transport: "webtransport", url: "nonsense", hashes: [] },
  ]) {
    const hosts = both();
    hosts.told(PLAIN, "websocket", [alternative]);
    assert.deepEqual(order(hosts, PLAIN), ["websocket"], JSON.stringify(alternative));
  }
});

test("a server's word replaces its earlier one, and its silence over WebTransport says nothing", () => {
  const hosts = both();
  const told = [{ transport: "webtransport", url: "https://host.example:3001/trunkline", hashes: [HASH] }];
  hosts.told(PLAIN, "websocket", told);
  hosts.told(PLAIN, "webtransport", []);
  assert.deepEqual(order(hosts, PLAIN), ["webtransport", "websocket"]);
  hosts.told(PLAIN, "websocket", []);
  assert.deepEqual(order(hosts, PLAIN), ["websocket"]);
});

test("a WebTransport connection that died without a word puts WebSocket first, and is told until WebTransport connects", () => {
  const hosts = both();
  hosts.connected(URL, "webtransport", null, 0);
  hosts.died(URL, "ping-timeout", 10);
  assert.deepEqual(order(hosts, URL, 10), ["websocket", "webtransport"]);
  assert.equal(hosts.connected(URL, "websocket", null, 20), "webtransport: ping-timeout");
  assert.equal(hosts.connected(URL, "webtransport", null, 30), null);
});

test("no more than eight hosts are remembered", () => {
  const hosts = both();
  for (let at = 0; at < 9; at += 1) hosts.connected(`wss://h${at}.example/`, "websocket", null, 0);
  assert.deepEqual(order(hosts, "wss://h0.example/"), ["webtransport", "websocket"]);
  assert.deepEqual(order(hosts, "wss://h1.example/"), ["websocket", "webtransport"]);
});
