// A session, over its connections.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_PACK } from "../src/encoding.js";
import { closeWith } from "./model_server.js";
import { FIRST_SEED, generator } from "./seeds.js";
import { World } from "./session_world.js";

test("a session begins, connects its namespace, and hands over the answer to an event", () => {
  const world = new World();
  const ackId = world.client.session.emit("/", "say", ["x"], true);
  world.settle();
  assert.deepEqual(world.kinds(), ["began", "connected", "settled"]);
  assert.deepEqual(world.notices.at(-1), { kind: "settled", ackId, outcome: { kind: "answered", args: ["x"] } });
  assert.equal(world.server.hellos[0]?.auth, "me");
});

test("after a cut the session is resumed, and what was under way arrives once", () => {
  const world = new World();
  world.settle();
  world.client.session.emit("/", "say", [1], true);
  world.act();
  world.cut(world.client.currentLink);
  world.settle();
  assert.deepEqual(world.server.said, [1]);
  assert.deepEqual(world.kinds(), ["began", "connected", "detached", "resumed", "settled"]);
  assert.deepEqual([world.server.hellos[1]?.resume?.attach, world.server.hellos[1]?.resume?.strict], [1, false]);
});

test("a switch is strict, the older connection goes on until WELCOME, and its superseded is no trouble", () => {
  const world = new World();
  world.settle();
  const before = world.client.currentLink;
  world.client.switch();
  world.client.session.emit("/", "say", [1], true);
  world.act();
  assert.equal(world.client.currentLink, before);
  world.settle();
  assert.notEqual(world.client.currentLink, before);
  assert.equal(world.server.hellos[1]?.resume?.strict, true);
  assert.deepEqual(world.kinds(), ["began", "connected", "settled", "resumed"]);
  assert.deepEqual(world.shut, [{ link: before, code: 3400 }]);
});

test("a switch that is refused leaves the session where it was", () => {
  const world = new World();
  world.settle();
  world.server.forgets = true;
  world.client.switch();
  world.act();
  world.settle();
  world.server.forgets = false;
  world.client.session.emit("/", "say", [1], true);
  world.act();
  world.settle();
  assert.deepEqual(world.kinds(), ["began", "connected", "switch failed", "settled"]);
});

test("superseded by a higher attach is a twin: the session is lost, and a fresh one begins", () => {
  const world = new World();
  world.settle();
  world.server.write(world.server.current, closeWith(3400, 7));
  world.settle();
  assert.deepEqual(world.kinds(), ["began", "connected", "detached", "lost", "began", "connected"]);
  assert.equal(world.server.hellos[1]?.resume, null);
});

test("stale-attach raises the counter, and the session is resumed", () => {
  const world = new World();
  world.settle();
  world.opens = false;
  world.cut(world.client.currentLink);
  const link = world.dials.at(-1)?.link ?? 0;
  world.client.opened(link, world.now);
  world.opens = true;
  world.client.received(link, MESSAGE_PACK.encode(closeWith(3401, 5)), world.now);
  world.client.outputs.splice(0, 1);
  world.act();
  world.settle();
  assert.equal(world.server.hellos.at(-1)?.resume?.attach, 6);
  assert.equal(world.kinds().at(-1), "resumed");
});

test("the URL of a CLOSE holds for the next dial alone, whatever becomes of it", () => {
  const world = new World();
  world.settle();
  world.opens = false;
  world.server.write(world.server.current, { ...closeWith(3600), url: "ws://host/elsewhere" });
  world.settle();
  const link = world.dials.at(-1)?.link ?? 0;
  world.open();
  world.cut(link);
  assert.deepEqual(world.dials.map(({ url }) => url), ["ws://host/trunkline", "ws://host/elsewhere", "ws://host/trunkline"]);
});

test("a code that ends the session for good stops the client, and ends its sockets", () => {
  const world = new World();
  world.settle();
  world.server.write(world.server.current, closeWith(3014));
  world.settle();
  assert.deepEqual(world.kinds().slice(2), ["detached", "lost", "disconnected", "stopped"]);
  assert.equal(world.dials.length, 1);
});

test("a gap in the numbers ends the session with protocol-error", () => {
  const world = new World();
  world.settle();
  world.server.write(world.server.current, { kind: "EVENT", seq: 9, ns: "/", ack_id: null, event: "x", args: [] });
  world.settle();
  assert.equal(world.shut[0]?.code, 3200);
  assert.deepEqual(world.kinds().slice(2), ["lost", "began", "connected"]);
});

test("a switch that cannot be dialled is not tried again, and leaves the session where it was", () => {
  const world = new World();
  world.settle();
  world.opens = false;
  const link = world.client.switch("webtransport");
  world.act();
  world.client.closed(link ?? 0, null, "refused", world.now);
  world.act();
  assert.deepEqual(world.notices.at(-1), { kind: "switch failed", code: null, cause: "refused" });
  assert.equal(world.dials.length, 2);
  assert.notEqual(world.client.currentLink, null);
});

test("the round trip is measured at the start of a connection", () => {
  const world = new World();
  world.settle();
  const link = world.client.switch() ?? 0;
  world.act();
  world.step();
  world.step();
  const sentAt = world.now;
  world.now += 40;
  let measured: number | null = null;
  for (let wire = world.wires.shift(); wire !== undefined; wire = world.wires.shift()) {
    if (wire.toServer) world.server.receive(wire.link, wire.message);
    else world.client.received(wire.link, wire.message, world.now);
    for (const output of world.client.outputs.splice(0)) if (output.kind === "round trip") measured = output.ms;
  }
  assert.equal(world.client.currentLink, link);
  assert.equal(measured, world.now - sentAt);
});

test("a connection on which WELCOME does not come is dropped, and dialled again", () => {
  const world = new World();
  world.now += 20_000;
  world.client.tick(world.now);
  world.act();
  assert.equal(world.dials.length, 2);
});

test("whatever is cut or switched, every event arrives once and in order, and every ack is settled", () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + 200; seed += 1) {
    const random = generator(seed);
    const world = new World(random);
    for (let at = 0; at < 60; at += 1) {
      world.client.session.emit("/", "say", [at], at % 2 === 0);
      world.server.outbound.push({ kind: "EVENT", ns: "/", ack_id: null, event: "tick", args: [at] });
      world.server.flush();
      world.act();
      for (let steps = Math.floor(random() * 6); steps > 0; steps -= 1) world.step();
      if (random() < 0.1) world.cut(world.client.currentLink);
      if (random() < 0.1) world.client.switch();
      world.act();
    }
    world.settle();
    assert.deepEqual(world.server.said, Array.from({ length: 60 }, (_, at) => at), `seed ${seed}`);
    const settled = world.notices.flatMap((notice) => (notice.kind === "settled" ? [notice.outcome] : []));
    assert.deepEqual(settled, Array.from({ length: 30 }, (_, at) => ({ kind: "answered", args: [2 * at] })), `seed ${seed}`);
    assert.ok(!world.kinds().includes("lost"), `seed ${seed}`);
  }
});
