// When a connection is given up, and when the next one is dialled.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { BackOff } from "../src/back_off.js";
import { dispositionOf } from "../src/code.js";
import { KINDS } from "../src/frame.js";
import { Heartbeat, Patience } from "../src/heartbeat.js";

test("the last three digits of a code decide, also of one that nobody knows", () => {
  const expected = [
    [1000, false, "never"],
    [1001, true, "back-off"],
    [1006, true, "at once"],
    [1011, false, "back-off"],
    [3002, false, "never"],
    [3200, false, "back-off"],
    [3402, true, "at once"],
    [3602, true, "back-off"],
    [4199, false, "never"],
    [4599, true, "at once"],
    [4799, true, "back-off"],
    [4800, false, "back-off"],
    [2999, false, "back-off"],
    [5000, false, "back-off"],
  ] as const;
  for (const [code, sessionKept, retry] of expected) assert.deepEqual(dispositionOf(code), { sessionKept, retry }, `${code}`);
});

test("the kinds are those of the registry", () => {
  // From clients/typescript/build/tests.
  const registry = readFileSync(new URL("../../../../protocol/frames.toml", import.meta.url), "utf8");
  const found = [...registry.matchAll(/^kind = (\d+)\nname = "(\w+)"$/gm)].map(([, number, name]) => [name, Number(number)]);
  assert.deepEqual(Object.entries(KINDS), found);
});

test("the first attempt is at once, and the waits behind it double up to their cap", () => {
  const backOff = new BackOff();
  assert.equal(backOff.next(true, null, 1), 0);
  const waits = Array.from({ length: 8 }, () => backOff.next(true, null, 1));
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  assert.equal(backOff.next(false, null, 0), 0);
  backOff.reset();
  assert.equal(backOff.next(true, null, 1), 0);
});

test("a wait that was asked for comes before jitter, and is an hour at most", () => {
  assert.equal(new BackOff().next(true, 2_000, 0.5), 2_250);
  assert.equal(new BackOff().next(false, 10 ** 9, 0), 3_600_000);
});

test("a watchdog that fires in time is death, and any message puts it off", () => {
  const heartbeat = new Heartbeat(25_000, 20_000, 1, 0);
  heartbeat.life(10_000);
  assert.equal(heartbeat.deadline, 55_000);
  assert.equal(heartbeat.check(54_999), "nothing");
  assert.equal(heartbeat.check(56_000), "dead");
});

test("a watchdog that fires late asks first", () => {
  const heartbeat = new Heartbeat(25_000, 20_000, 1, 0);
  assert.equal(heartbeat.check(46_001), "ping");
  assert.equal(heartbeat.check(66_000), "nothing");
  assert.equal(heartbeat.check(70_000), "dead");
});

test("a doubt asks once, and life ends it", () => {
  const heartbeat = new Heartbeat(25_000, 20_000, 1, 0);
  assert.ok(heartbeat.doubt(1_000));
  assert.ok(!heartbeat.doubt(2_000));
  assert.equal(heartbeat.deadline, 21_000);
  heartbeat.life(3_000);
  assert.equal(heartbeat.deadline, 48_000);
});

test("patience doubles with each connection that brought nothing, eightfold at most", () => {
  const patience = new Patience();
  const times = Array.from({ length: 5 }, () => {
    const begun = patience.begin();
    patience.ranOut();
    return begun;
  });
  assert.deepEqual(times, [1, 2, 4, 8, 8]);
  patience.begin();
  patience.counted();
  patience.ranOut();
  assert.equal(patience.begin(), 1, "that connection had brought something");
});
