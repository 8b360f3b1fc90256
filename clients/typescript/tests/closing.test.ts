// A client that its application closes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NoAnswer } from "../src/answers.js";
import { MESSAGE_PACK } from "../src/encoding.js";
import { NamespaceError } from "../src/session.js";
import { Net, withPage } from "./net.js";
import { World } from "./session_world.js";

const LARGE = "x".repeat(600_000);

/** A session whose window is closed: two of three events have left, and the server keeps its receipts to itself. */
function narrow(): World {
  const world = new World();
  world.settle();
  for (const at of [1, 2, 3]) {
    world.client.session.emit("/", "say", [at, LARGE], false);
    world.act();
  }
  assert.equal(world.client.session.outbound.queued.frames, 1);
  return world;
}

/** The kinds of what was sent since then. */
function sentSince(world: World, from: number): string[] {
  return world.sent.slice(from).map((message) => MESSAGE_PACK.decode(message).kind);
}

test("what waits for the server leaves before the client says CLOSE", () => {
  const world = narrow();
  const from = world.sent.length;
  world.client.end(world.now);
  world.act();
  assert.deepEqual([sentSince(world, from), world.client.isStopped], [[], false]);
  world.settle();
  assert.deepEqual(world.server.said, [1, 2, 3]);
  assert.deepEqual(sentSince(world, from), ["EVENT", "CLOSE"]);
  assert.deepEqual(world.shut.map(({ code }) => code), [1000]);
  assert.equal(world.notices.at(-1)?.kind, "stopped");
});

test("a close waits for 2 s at most, and tells what was not sent or not confirmed", () => {
  const world = narrow();
  world.wires.length = 0;
  world.client.end(world.now);
  world.act();
  assert.equal(world.client.deadline, world.now + 2_000);
  world.now += 1_999;
  world.client.tick(world.now);
  world.act();
  assert.equal(world.client.isStopped, false);
  world.now += 1;
  world.client.tick(world.now);
  world.act();
  const lost = world.notices.find((notice) => notice.kind === "lost");
  assert.deepEqual(lost?.kind === "lost" && lost.events.map(({ args, sent }) => [args[0], sent]), [[1, true], [2, true], [3, false]]);
  assert.deepEqual([world.client.isStopped, world.client.session.counts.lost], [true, 0]);
});

test("a client that is being closed takes no more, and one that is closed twice is closed once", () => {
  const world = narrow();
  world.client.end(world.now);
  assert.throws(() => world.client.session.emit("/", "say", [], false), NamespaceError);
  assert.throws(() => world.client.session.connect("/other", null), NamespaceError);
  world.now += 1_000;
  world.client.end(world.now);
  world.act();
  assert.equal(world.client.deadline, world.now + 1_000);
  assert.equal(world.client.switch(), null);
  world.settle();
  assert.equal(world.kinds().filter((kind) => kind === "stopped").length, 1);
});

test("without a connection, or when it ends meanwhile, what waits is told, and the client is closed at once", () => {
  for (const end of [
    (world: World) => world.cut(world.client.currentLink),
    (world: World) => world.client.pause(world.now),
    (world: World) => world.client.leave(),
    (world: World) => world.client.start(world.now),
  ]) {
    const world = narrow();
    world.client.end(world.now);
    end(world);
    world.act();
    const lost = world.notices.find((notice) => notice.kind === "lost");
    assert.ok(lost?.kind === "lost" && lost.events.length === 3);
    assert.ok(world.kinds().includes("stopped"));
  }
  const world = new World();
  world.settle();
  world.opens = false;
  world.cut(world.client.currentLink);
  world.client.session.emit("/", "say", [1], false);
  world.client.end(world.now);
  world.act();
  assert.deepEqual(world.kinds().slice(-3), ["lost", "disconnected", "stopped"]);
});

test("a close during a switch closes both connections, the new one at once", () => {
  const world = narrow();
  const before = world.client.currentLink ?? 0;
  const link = world.client.switch() ?? 0;
  world.act();
  world.client.end(world.now);
  world.act();
  assert.deepEqual(world.shut, [{ link, code: 1000 }]);
  world.wires.splice(0, world.wires.length, ...world.wires.filter((wire) => wire.link !== link));
  world.settle();
  assert.deepEqual(world.shut, [{ link, code: 1000 }, { link: before, code: 1000 }]);
});

test("a client that is closed with nothing on its way has lost nothing, and says nothing of it", () => {
  const world = new World();
  world.settle();
  world.client.end(world.now);
  world.act();
  assert.deepEqual(world.kinds().slice(2), ["disconnected", "stopped"]);
});

test("an application awaits that all was sent; who waits for an answer is told that the socket is disconnected", async () => {
  const net = new Net();
  const client = net.connect();
  const socket = client.socket();
  await socket.ready;
  for (const at of [1, 2, 3]) socket.emit("say", at, LARGE);
  const answer = socket.emitWithAck(Infinity, "say", 4);
  const closed = client.close();
  assert.equal(client.state, "connected");
  await assert.rejects(answer, (error) => error instanceof NoAnswer && error.why === "disconnected");
  await closed;
  assert.deepEqual([net.server.said, client.state], [[1, 2, 3, 4], "closed"]);
  await client.close();
});

test("an event that comes while the client is being closed is not handled", async () => {
  const net = new Net();
  const client = net.connect();
  const socket = client.socket();
  await socket.ready;
  const heard: unknown[] = [];
  socket.on("late", (at) => void heard.push(at));
  net.server.outbound.push({ kind: "EVENT", ns: "/", ack_id: null, event: "late", args: [1] });
  // It arrives ahead of the receipts that the close waits for.
  net.server.flush();
  for (const at of [1, 2, 3]) socket.emit("say", at, LARGE);
  await client.close();
  assert.deepEqual([heard, net.server.said, client.stats().waitingBytes], [[], [1, 2, 3], 0]);
});

test("a client that is begun anew while it is being closed is closed first", async () => {
  const { client } = withPage(new Net());
  const socket = client.socket();
  await socket.ready;
  for (const at of [1, 2, 3]) socket.emit("say", at, LARGE);
  const states: string[] = [];
  client.watch((state) => states.push(state));
  const closed = client.close();
  client.start();
  await closed;
  await client.socket().ready;
  assert.deepEqual(states.slice(-3), ["closed", "connecting", "connected"]);
  await client.close();
});
