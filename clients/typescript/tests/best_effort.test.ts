// What may be lost, and which of it is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Emulation } from "../src/emulation.js";
import type { Datagram, Latest } from "../src/frame.js";
import { LatestVersions } from "../src/latest.js";

function latest(key: string, version: number): Latest {
  return { kind: "LATEST", ns: "/", event: "moved", key, version, args: [] };
}

function datagram(event: string): Datagram {
  return { kind: "DATAGRAM", ns: "/", event, args: [] };
}

function drained(emulation: Emulation): (Datagram | Latest)[] {
  const frames: (Datagram | Latest)[] = [];
  for (let frame = emulation.take(); frame !== null; frame = emulation.take()) frames.push(frame);
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
  const emulation = new Emulation(10);
  for (const frame of [latest("a", 1), datagram("d"), latest("a", 2), latest("b", 3)]) emulation.push(frame);
  assert.equal(emulation.conflated, 1);
  assert.deepEqual(drained(emulation), [latest("a", 2), datagram("d"), latest("b", 3)]);
});

test("a full queue drops its oldest datagram, and never grows", () => {
  const emulation = new Emulation(2);
  for (const frame of [latest("a", 1), datagram("one"), datagram("two"), latest("b", 1), latest("c", 1)]) emulation.push(frame);
  assert.equal(emulation.queueFull, 3);
  assert.deepEqual(drained(emulation), [latest("b", 1), latest("c", 1)]);
});
