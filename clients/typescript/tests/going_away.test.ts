// A server that asks its clients to leave.

import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "./session_world.js";

test("from GOAWAY on events wait, and the client leaves at the slot and not before it", () => {
  const world = new World();
  world.settle();
  world.server.write(world.server.current, { kind: "GOAWAY", reason: "", slot: 500, deadline: 5_000, url: null });
  world.settle();
  world.client.session.emit("/", "say", [1], false);
  world.act();
  world.client.tick(world.now + 499);
  assert.equal(world.dials.length, 1);
  assert.deepEqual(world.server.said, []);
  assert.equal(world.client.deadline, world.now + 500);
  world.now += 500;
  world.client.tick(world.now);
  world.act();
  world.settle();
  assert.equal(world.server.hellos[1]?.resume?.strict, false);
  assert.deepEqual(world.server.said, [1]);
});

test("a server that asks each connection to leave is dialled no faster than one that closes each", () => {
  const world = new World(() => 1);
  world.settle();
  for (let times = 0; times < 3; times += 1) {
    world.server.write(world.server.current, { kind: "GOAWAY", reason: "", slot: 0, deadline: 0, url: null });
    world.settle();
    world.client.tick(world.now);
    world.act();
    world.settle();
  }
  assert.deepEqual(world.dials.map(({ delayMs }) => delayMs), [0, 0, 500, 1_000]);
  world.now += 10_001;
  world.server.write(world.server.current, { kind: "GOAWAY", reason: "", slot: 0, deadline: 0, url: null });
  world.settle();
  world.client.tick(world.now);
  world.act();
  assert.equal(world.dials.at(-1)?.delayMs, 0, "the connection had stood");
});

test("a server that asks to be left in a thousand years is left within an hour of its first word", () => {
  const world = new World();
  world.settle();
  const end = world.now + 3_600_000;
  for (const _ of [1, 2]) {
    world.server.write(world.server.current, { kind: "GOAWAY", reason: "", slot: Number.MAX_SAFE_INTEGER, deadline: Number.MAX_SAFE_INTEGER, url: null });
    world.settle();
    world.now += 1_000;
  }
  world.now = end - 1;
  world.client.tick(world.now);
  world.act();
  world.settle();
  assert.equal(world.dials.length, 1);
  world.client.tick(end);
  world.act();
  assert.equal(world.dials.length, 2);
});
