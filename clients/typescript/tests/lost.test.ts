// What becomes of events whose session or socket is lost, or that a bound keeps out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { QueueFull } from "../src/outbound.js";
import { closeWith } from "./model_server.js";
import { World } from "./session_world.js";

test("a session that the server forgot is told as lost, with what is unknown, and its sockets connect again", () => {
  const world = new World();
  world.settle();
  const ackId = world.client.session.emit("/", "say", [1], true);
  world.act();
  world.server.forgets = true;
  world.cut(world.client.currentLink);
  world.settle();
  const lost = world.notices.find((notice) => notice.kind === "lost");
  assert.deepEqual(lost?.kind === "lost" && lost.events.map(({ args, sent }) => [args, sent]), [[[1], true]]);
  assert.deepEqual(world.notices.find(({ kind }) => kind === "settled"), { kind: "settled", ackId, outcome: { kind: "ended", why: "session lost" } });
  assert.deepEqual(world.kinds().slice(-2), ["began", "connected"]);
  assert.deepEqual(world.server.said, []);
});

test("a resume that is refused with a word that nobody knows is refused as unknown", () => {
  for (const [told, heard] of [["expired", "expired"], ["weather", "unknown"]] as const) {
    const world = new World();
    world.settle();
    world.server.forgets = true;
    world.server.refusal = told;
    world.cut(world.client.currentLink);
    world.settle();
    const lost = world.notices.find((notice) => notice.kind === "lost");
    assert.equal(lost?.reason, heard);
  }
});

test("what never left waits for the next session, and leaves behind what the application puts ahead of it", () => {
  const world = new World();
  world.settle();
  world.opens = false;
  world.cut(world.client.currentLink);
  const ackId = world.client.session.emit("/", "say", ["waits"], true);
  world.server.forgets = true;
  world.opens = true;
  world.open();
  world.settle();
  const lost = world.notices.find((notice) => notice.kind === "lost");
  assert.deepEqual(lost?.kind === "lost" && lost.events, []);
  const connected = world.notices.at(-1);
  assert.ok(connected?.kind === "connected" && connected.isAgain);
  assert.deepEqual(world.server.said, [], "it waits until the application has had its chance");
  world.client.session.emit("/", "say", ["behind"], false);
  world.client.session.emit("/", "say", ["ahead"], false, connected.session);
  world.act();
  world.settle();
  assert.deepEqual(world.server.said, ["ahead"]);
  world.client.session.release("/", connected.session);
  world.act();
  world.settle();
  assert.deepEqual(world.server.said, ["ahead", "waits", "behind"]);
  assert.deepEqual(world.notices.at(-1), { kind: "settled", ackId, outcome: { kind: "answered", args: ["waits"] } });
});

test("a socket whose CONNECT left in a session that was lost is connected again: its first events may have gone with it", () => {
  const world = new World();
  world.step();
  world.step();
  world.server.forgets = true;
  world.cut(world.client.currentLink);
  world.settle();
  const connected = world.notices.flatMap((notice) => (notice.kind === "connected" ? [notice.isAgain] : []));
  assert.deepEqual(connected, [true]);
});

test("what waits for the next session is told and settled when its namespace is refused there", () => {
  const world = new World();
  world.settle();
  world.opens = false;
  world.cut(world.client.currentLink);
  const ackId = world.client.session.emit("/", "say", [1], true);
  world.server.forgets = true;
  world.server.refuses = true;
  world.opens = true;
  world.open();
  world.settle();
  const dropped = world.notices.find((notice) => notice.kind === "dropped");
  assert.deepEqual(dropped, { kind: "dropped", reason: "refused", events: [{ ns: "/", event: "say", args: [1], askedAck: true, sent: false, resent: false }] });
  assert.deepEqual(world.notices.find(({ kind }) => kind === "settled"), { kind: "settled", ackId, outcome: { kind: "ended", why: "not sent" } });
  assert.equal(world.client.session.counts.dropped, 1);
});

test("events that left without a receipt are told once when the server disconnects their socket", () => {
  const world = new World();
  world.settle();
  world.client.session.emit("/", "say", [1], false);
  world.act();
  world.wires.length = 0;
  world.server.outbound.push({ kind: "DISCONNECT", ns: "/", code: 3013, reason: "" });
  world.server.flush();
  world.settle();
  const dropped = world.notices.find((notice) => notice.kind === "dropped");
  assert.deepEqual(dropped?.kind === "dropped" && dropped.events.map(({ args, sent }) => [args, sent]), [[[1], true]]);
  world.client.end(world.now);
  world.act();
  assert.ok(!world.kinds().includes("lost"));
});

test("answers are taken where events are not, and a session whose queue cannot hold them ends with overflow", () => {
  const world = new World();
  world.settle();
  const { session } = world.client;
  const large = "x".repeat(100_000);
  for (let id = 0; id < 12; id += 1) world.server.outbound.push({ kind: "EVENT", ns: "/", ack_id: id, event: "ask", args: [] });
  world.server.flush();
  world.settle();
  const due = world.notices.flatMap((notice) => (notice.kind === "event" && notice.due !== null ? [notice.due] : []));
  world.opens = false;
  world.cut(world.client.currentLink);
  assert.throws(() => {
    for (;;) session.emit("/", "say", [large], false);
  }, QueueFull);
  const answer = () => {
    const [next] = due.splice(0, 1);
    if (next !== undefined) session.answer(next, { args: [large] });
    world.act();
  };
  for (let taken = 0; taken < 10; taken += 1) answer();
  assert.equal(world.kinds().at(-1), "detached");
  answer();
  const lost = world.notices.at(-1);
  assert.ok(lost?.kind === "lost" && lost.code === 3201);
  assert.match(lost.reason, /of 2097152 wait/);
});

test("a namespace whose credentials are too large to be sent ahead of WELCOME ends with its session", () => {
  const world = new World();
  world.settle();
  world.client.session.connect("/large", "x".repeat(20_000));
  world.act();
  world.settle();
  world.server.forgets = true;
  world.opens = false;
  world.cut(world.client.currentLink);
  const ackId = world.client.session.emit("/large", "say", [1], true);
  world.opens = true;
  world.open();
  world.settle();
  const dropped = world.notices.find((notice) => notice.kind === "dropped");
  assert.deepEqual(dropped?.kind === "dropped" && [dropped.reason, dropped.events.length], ["not taken", 1]);
  assert.deepEqual(world.notices.find(({ kind }) => kind === "settled"), { kind: "settled", ackId, outcome: { kind: "ended", why: "not sent" } });
  const ended = world.notices.flatMap((notice) => (notice.kind === "disconnected" ? [notice.ns] : []));
  assert.deepEqual(ended, ["/large"]);
  assert.deepEqual(world.kinds().slice(-2), ["began", "connected"]);
});

test("events that left ahead of a refusal are told, and no more of them leave than can be", () => {
  const world = new World();
  world.server.refuses = true;
  for (let at = 0; at < 70; at += 1) world.client.session.emit("/", "say", [at], false);
  world.act();
  // HELLO, WELCOME, and what leaves then.
  world.step();
  world.step();
  assert.equal(world.client.session.outbound.queued.frames, 6);
  world.settle();
  const dropped = world.notices.find((notice) => notice.kind === "dropped");
  assert.ok(dropped?.kind === "dropped");
  assert.deepEqual(dropped.events.map(({ args }) => args[0]), Array.from({ length: 70 }, (_, at) => at));
  assert.deepEqual(dropped.events.map(({ sent }) => sent), Array.from({ length: 70 }, (_, at) => at < 64));
  assert.equal(world.client.session.counts.dropped, 70);
});

test("events that were under way are sent again in the fresh session, ahead of those that waited, if the application wants that", () => {
  const world = new World(() => 0.5, () => "me", { resendLost: true });
  world.settle();
  const ackId = world.client.session.emit("/", "say", [1], true);
  world.client.session.emit("/", "say", [2], false);
  world.act();
  world.opens = false;
  world.server.forgets = true;
  world.cut(world.client.currentLink);
  world.client.session.emit("/", "say", [3], false);
  world.opens = true;
  world.open();
  world.settle();
  const lost = world.notices.find((notice) => notice.kind === "lost");
  assert.deepEqual(lost?.kind === "lost" && lost.events.map(({ args, sent, resent }) => [args, sent, resent]), [[[1], true, true], [[2], true, true]]);
  const connected = world.notices.at(-1);
  assert.ok(connected?.kind === "connected");
  world.client.session.release("/", connected.session);
  world.act();
  world.settle();
  assert.deepEqual(world.server.said, [1, 2, 3]);
  assert.deepEqual(world.notices.at(-1), { kind: "settled", ackId, outcome: { kind: "answered", args: [1] } });
});

test("an event whose answer has come is not sent again, nor one of a socket that was left, or of a client that ends", () => {
  const world = new World(() => 0.5, () => "me", { resendLost: true });
  world.settle();
  world.client.session.connect("/left", null);
  world.act();
  world.settle();
  world.client.session.emit("/left", "say", [1], false);
  world.client.session.disconnect("/left");
  world.act();
  world.server.forgets = true;
  world.cut(world.client.currentLink);
  world.settle();
  world.client.session.emit("/", "say", [2], false);
  const connected = world.notices.at(-1);
  assert.ok(connected?.kind === "connected");
  world.client.session.release("/", connected.session);
  world.act();
  world.server.write(world.server.current, closeWith(3014));
  world.wires.splice(0, world.wires.length, ...world.wires.filter(({ toServer }) => !toServer));
  world.settle();
  const told = world.notices.flatMap((notice) => (notice.kind === "lost" ? [notice.events.map(({ args, resent }) => [args, resent])] : []));
  assert.deepEqual(told, [[[[1], false]], [[[2], false]]]);
});

test("what waited for a fresh session in a socket that is left is told", () => {
  const world = new World();
  world.settle();
  world.opens = false;
  world.cut(world.client.currentLink);
  world.client.session.emit("/", "say", [1], false);
  world.server.forgets = true;
  world.opens = true;
  world.open();
  world.settle();
  world.client.session.disconnect("/");
  world.act();
  const dropped = world.notices.find((notice) => notice.kind === "dropped");
  assert.deepEqual(dropped?.kind === "dropped" && [dropped.reason, dropped.events.map(({ args, sent }) => [args, sent])], ["disconnected", [[[1], false]]]);
});
