// What may be lost, and which of it is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BestEffort, BestEffortQueue, datagramBytes } from "../src/best_effort.js";
import { MESSAGE_PACK, type Message } from "../src/encoding.js";
import type { Datagram, Latest, Welcome } from "../src/frame.js";
import { LatestVersions } from "../src/latest.js";
import { DEFAULT_LIMITS } from "../src/limits.js";
import { TooLarge } from "../src/outbound.js";
import type { Transport } from "../src/transport/transport.js";

function latest(key: string, version: number): Latest {
  return { kind: "LATEST", ns: "/", event: "moved", key, version, args: [] };
}

function datagram(event: string): Datagram {
  return { kind: "DATAGRAM", ns: "/", event, args: [] };
}

function drained(queue: BestEffortQueue): (Datagram | Latest)[] {
  const frames: (Datagram | Latest)[] = [];
  for (let frame = queue.take(0); frame !== null; frame = queue.take(0)) frames.push(frame);
  return frames;
}

test("a version that is not newer is stale, for its own key alone", () => {
  const versions = new LatestVersions(10);
  assert.deepEqual([5, 5, 4, 6].map((version) => versions.take(latest("a", version))), [true, false, false, true]);
  assert.ok(versions.take(latest("b", 1)));
});

test("a full table of versions forgets the key that was used longest ago", () => {
  const versions = new LatestVersions(2);
  for (const [key, version] of [["a", 5], ["b", 5], ["a", 6], ["c", 5]] as const) assert.ok(versions.take(latest(key, version)));
  assert.ok(!versions.take(latest("a", 6)), "a was used lately");
  assert.ok(versions.take(latest("b", 1)), "b was forgotten");
});

test("a newer value takes the place of the one that waits", () => {
  const queue = new BestEffortQueue(10);
  for (const frame of [latest("a", 1), datagram("d"), latest("a", 2), latest("b", 3)]) queue.push(frame);
  assert.equal(queue.drops.conflated, 1);
  assert.deepEqual(drained(queue), [latest("a", 2), datagram("d"), latest("b", 3)]);
});

test("a full queue drops its oldest datagram, and never grows", () => {
  const queue = new BestEffortQueue(2);
  for (const frame of [latest("a", 1), datagram("one"), datagram("two"), latest("b", 1), latest("c", 1)]) queue.push(frame);
  assert.equal(queue.drops.queueFull, 3);
  assert.deepEqual(drained(queue), [latest("b", 1), latest("c", 1)]);
});

/** A transport that takes what it is told to, and keeps it. */
class Gate implements Transport {
  readonly sent: (string | number)[] = [];
  buffered = 0;
  room = 0;
  maxBytes = 1_200;
  readonly datagrams;

  constructor(hasDatagrams: boolean) {
    const gate = this;
    const channel = {
      get isReady() {
        return gate.room > 0;
      },
      get maxBytes() {
        return gate.maxBytes;
      },
      send(message: Message) {
        gate.room -= 1;
        gate.note(message);
      },
    };
    this.datagrams = hasDatagrams ? channel : null;
  }

  send(message: Message): void {
    this.note(message);
  }

  note(message: Message): void {
    const frame = MESSAGE_PACK.decode(message) as Datagram | Latest;
    this.sent.push(frame.kind === "LATEST" ? frame.version : frame.event);
  }

  close(): void {}
  abort(): void {}
}

function welcome(datagrams: Welcome["datagrams"]): Welcome {
  return {
    kind: "WELCOME", v: 1, session: "s", secret: "k", resumed: false, reason: null, received: 0, ping_interval: 1, ping_timeout: 1,
    resume_window: 1, limits: DEFAULT_LIMITS, features: [], datagrams, alternatives: [],
  };
}

const POSITION = { kind: "LATEST", ns: "/", event: "moved", key: "a", args: [] } as const;
const FOR_EVER = { maxAgeMs: Infinity };

test("native datagrams wait while the browser has enough of them, and newer values take their places meanwhile", () => {
  const gate = new Gate(true);
  const bestEffort = new BestEffort(MESSAGE_PACK);
  for (let times = 0; times < 3; times += 1) bestEffort.send(POSITION, FOR_EVER, welcome("native"), gate, 0);
  assert.deepEqual(gate.sent, []);
  gate.room = 1;
  assert.ok(bestEffort.drain(welcome("native"), gate, 0));
  assert.deepEqual(gate.sent, [3]);
  assert.equal(bestEffort.queue.drops.conflated, 2);
});

test("without datagrams they wait until the channel has drained", () => {
  const gate = new Gate(false);
  gate.buffered = 1;
  const bestEffort = new BestEffort(MESSAGE_PACK);
  bestEffort.send(datagram("d"), FOR_EVER, welcome("emulated"), gate, 0);
  assert.ok(!bestEffort.drain(welcome("emulated"), gate, 0));
  gate.buffered = 0;
  bestEffort.drain(welcome("emulated"), gate, 0);
  assert.deepEqual(gate.sent, ["d"]);
});

test("what has waited for longer than its sender wished is dropped, and so is what the path takes no longer", () => {
  const gate = new Gate(true);
  const bestEffort = new BestEffort(MESSAGE_PACK);
  bestEffort.send(datagram("old"), { maxAgeMs: 100 }, welcome("native"), gate, 0);
  bestEffort.send(datagram("x".repeat(200)), FOR_EVER, welcome("native"), gate, 0);
  bestEffort.send(datagram("small"), FOR_EVER, welcome("native"), gate, 0);
  gate.room = 10;
  gate.maxBytes = 100;
  bestEffort.drain(welcome("native"), gate, 100);
  assert.deepEqual(gate.sent, ["small"]);
  const { expired, tooLarge } = bestEffort.queue.drops;
  assert.deepEqual([expired, tooLarge], [1, 1]);
});

test("volatile events are dropped while something else leaves, and what waits goes with its connection", () => {
  const gate = new Gate(false);
  gate.buffered = 1;
  const bestEffort = new BestEffort(MESSAGE_PACK);
  assert.ok(!bestEffort.send(datagram("v"), "volatile", welcome("emulated"), gate, 0));
  bestEffort.send(datagram("d"), FOR_EVER, welcome("emulated"), gate, 0);
  bestEffort.queue.clear();
  const { busy, notConnected } = bestEffort.queue.drops;
  assert.deepEqual([busy, notConnected, bestEffort.queue.isEmpty], [1, 1, true]);
});

test("a datagram above what the server or the path takes is refused at once", () => {
  const gate = new Gate(true);
  gate.maxBytes = 500;
  assert.equal(datagramBytes(welcome("native"), gate), 500);
  assert.equal(datagramBytes(welcome("emulated"), gate), 1_000);
  assert.equal(datagramBytes(welcome("none"), gate), 0);
  const bestEffort = new BestEffort(MESSAGE_PACK);
  assert.throws(() => bestEffort.send(datagram("x".repeat(250).repeat(2)), FOR_EVER, welcome("native"), gate, 0), TooLarge);
});
