// The race of dials.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DIAL_TIMEOUT_MS, HEAD_START_MS, Race } from "../src/dial.js";
import type { Candidate } from "../src/transports.js";

const QUIC: Candidate = { transport: "webtransport", url: "https://host/trunkline", hashes: [] };
const TCP: Candidate = { transport: "websocket", url: "wss://host/trunkline", hashes: [] };

/** What the race has asked for since it was asked last. */
function asked(race: Race): string[] {
  return race.orders.splice(0).map((order) => `${order.kind} ${order.runner}`);
}

test("the first transport is dialled alone for its head start", () => {
  const race = new Race([QUIC, TCP], DIAL_TIMEOUT_MS, 1_000);
  assert.deepEqual(asked(race), ["open 0"]);
  assert.equal(race.deadline, 1_000 + HEAD_START_MS);
  race.tick(1_000 + HEAD_START_MS - 1);
  assert.deepEqual(asked(race), []);
  race.tick(1_000 + HEAD_START_MS);
  assert.deepEqual(asked(race), ["open 1"]);
});

test("a transport that connects within its head start is used, and no other is dialled", () => {
  const race = new Race([QUIC, TCP], DIAL_TIMEOUT_MS, 0);
  asked(race);
  race.opened(0);
  assert.deepEqual(race.outcome, { kind: "won", runner: 0, candidate: QUIC, passedOver: null });
  race.tick(HEAD_START_MS);
  assert.deepEqual(asked(race), []);
  assert.equal(race.deadline, null);
});

test("when the first fails the second is dialled at once, and says why it is not the first", () => {
  const race = new Race([QUIC, TCP], DIAL_TIMEOUT_MS, 0);
  asked(race);
  race.failed(0, "no route", 5);
  assert.deepEqual(asked(race), ["open 1"]);
  race.opened(1);
  assert.deepEqual(race.outcome, { kind: "won", runner: 1, candidate: TCP, passedOver: "webtransport: no route" });
});

test("the one that connects later is given up without a word", () => {
  const race = new Race([QUIC, TCP], DIAL_TIMEOUT_MS, 0);
  race.tick(HEAD_START_MS);
  asked(race);
  race.opened(1);
  assert.deepEqual(asked(race), ["give up 0"]);
  assert.deepEqual(race.outcome, { kind: "won", runner: 1, candidate: TCP, passedOver: "webtransport: no connection within 300 ms" });
  race.opened(0);
  assert.equal(race.outcome?.kind === "won" && race.outcome.runner, 1);
});

test("the first may still win after its head start", () => {
  const race = new Race([QUIC, TCP], DIAL_TIMEOUT_MS, 0);
  race.tick(HEAD_START_MS);
  asked(race);
  race.failed(1, "refused", HEAD_START_MS);
  race.opened(0);
  assert.deepEqual(race.outcome, { kind: "won", runner: 0, candidate: QUIC, passedOver: null });
});

test("each dial has a time of its own, and a race that is lost tells what each came to", () => {
  const race = new Race([QUIC, TCP], DIAL_TIMEOUT_MS, 0);
  race.tick(HEAD_START_MS);
  asked(race);
  assert.equal(race.deadline, DIAL_TIMEOUT_MS);
  race.tick(DIAL_TIMEOUT_MS);
  assert.deepEqual(asked(race), ["give up 0"]);
  assert.equal(race.deadline, DIAL_TIMEOUT_MS + HEAD_START_MS);
  race.failed(1, "refused", DIAL_TIMEOUT_MS + 1);
  assert.deepEqual(race.outcome, { kind: "lost", cause: "webtransport: no connection within 10000 ms; websocket: refused" });
});

test("one transport is dialled by itself; without any the race is lost", () => {
  const race = new Race([TCP], DIAL_TIMEOUT_MS, 0);
  asked(race);
  assert.equal(race.deadline, DIAL_TIMEOUT_MS);
  race.tick(DIAL_TIMEOUT_MS);
  assert.equal(race.outcome?.kind, "lost");
  assert.deepEqual(new Race([], DIAL_TIMEOUT_MS, 0).outcome, { kind: "lost", cause: "no transport to dial with" });
});
