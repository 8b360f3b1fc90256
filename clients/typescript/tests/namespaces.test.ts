// The namespaces of a session, and what waits for them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_PACK } from "../src/encoding.js";
import { DEFAULT_LIMITS } from "../src/limits.js";
import { QueueFull, QueueLong } from "../src/outbound.js";
import { Offline, type Queueing, Session } from "../src/session.js";
import { closeWith } from "./model_server.js";
import { World } from "./session_world.js";

test("the queue has its bounds, by bytes and by events, and may be closed while there is no connection", () => {
  const session = (limits: object, queueing: Queueing) => {
    const made = new Session(MESSAGE_PACK, { ...DEFAULT_LIMITS, ...limits }, [], queueing);
    made.connect("/", null);
    return made;
  };
  const small = session({ queue: 200 }, {});
  small.emit("/", "say", ["x".repeat(100)], false);
  assert.throws(() => small.emit("/", "say", ["x".repeat(100)], false), QueueFull);
  const short = session({}, { queueEvents: 2 });
  short.emit("/", "say", [], false);
  assert.throws(() => short.emit("/", "say", [], true), QueueLong);
  assert.equal(short.acks.size, 0, "nobody waits for an answer to what was not taken");
  const closed = session({}, { queueOffline: false });
  assert.throws(() => closed.emit("/", "say", [], false), Offline);
  closed.hasConnection = () => true;
  closed.emit("/", "say", [], false);
  assert.deepEqual([small, short, closed].map(({ counts }) => counts.refused), [1, 1, 1]);
});

test("what waits behind the events that left ahead of CONNECTED follows it, in order", () => {
  const world = new World();
  const values = Array.from({ length: 70 }, (_, at) => at);
  for (const at of values) world.client.session.emit("/", "say", [at], false);
  world.act();
  world.settle();
  assert.deepEqual(world.server.said, values);
});

test("a socket that is left before it is connected takes all with it that was emitted to it", () => {
  const world = new World();
  for (let at = 0; at < 70; at += 1) world.client.session.emit("/", "say", [at], false);
  world.act();
  world.step();
  world.step();
  world.client.session.disconnect("/");
  world.client.session.connect("/", null);
  world.client.session.emit("/", "say", ["of the next socket"], false);
  world.act();
  assert.equal(world.client.session.outbound.queued.frames, 0);
  world.settle();
  assert.equal(world.server.said.at(-1), "of the next socket");
});

test("a refused namespace is told, and can be connected again", () => {
  const world = new World();
  world.server.refuses = true;
  world.settle();
  assert.deepEqual(world.notices.at(-1), { kind: "refused", ns: "/", code: 3002, message: "no", data: null });
  world.server.refuses = false;
  world.client.session.connect("/", null);
  world.act();
  world.settle();
  assert.equal(world.kinds().at(-1), "connected");
});

test("a namespace that is left ends its acks; an event for it is answered as not-connected", () => {
  const world = new World();
  world.settle();
  world.client.session.emit("/", "say", [1], true);
  world.client.session.disconnect("/");
  world.server.outbound.push({ kind: "EVENT", ns: "/", ack_id: 9, event: "late", args: [] });
  world.server.flush();
  world.act();
  world.settle();
  assert.deepEqual(world.kinds(), ["began", "connected", "disconnected", "settled"]);
  const failed = world.sent.map((message) => MESSAGE_PACK.decode(message)).find(({ kind }) => kind === "FAILED");
  assert.deepEqual(failed?.kind === "FAILED" && [failed.ack_id, failed.code], [9, 3010]);
});

test("a client whose last socket has ended dials no more once its connection is gone, until the next is wanted", () => {
  const world = new World();
  world.settle();
  world.client.session.disconnect("/");
  world.act();
  world.settle();
  world.server.write(world.server.current, closeWith(3204));
  world.settle();
  assert.deepEqual(world.kinds().slice(-1), ["idle"]);
  assert.equal(world.dials.length, 1);
  world.client.session.connect("/", null);
  world.client.wanted(world.now);
  world.act();
  world.settle();
  assert.deepEqual(world.kinds().slice(-2), ["began", "connected"]);
});

test("a DISCONNECT without a receipt is brought to the server before a client goes idle", () => {
  const world = new World();
  world.settle();
  world.client.session.disconnect("/");
  world.act();
  world.cut(world.client.currentLink);
  world.settle();
  assert.equal(world.kinds().at(-1), "resumed");
  world.cut(world.client.currentLink);
  assert.equal(world.kinds().at(-1), "idle");
});
