// A client that does not try for ever.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Open } from "../src/transport/transport.js";
import { Net } from "./net.js";
import { RunWorld } from "./run_world.js";

/** The last word, if the client has given up. */
function gaveUp(world: RunWorld): string | null {
  const last = world.notices.at(-1);
  return last?.kind === "stopped" && last.hasGivenUp ? last.reason : null;
}

function unreachable(world: RunWorld): RunWorld {
  world.reach.webtransport = world.reach.websocket = "closed";
  return world;
}

test("a limit of attempts ends in giving up, and who begins anew has as many again", () => {
  const world = unreachable(new RunWorld({ attemptsMax: 3 })).start();
  world.pass(600_000);
  const reason = "gave up after 3 attempts: webtransport: refused; websocket: refused";
  assert.deepEqual([gaveUp(world), world.dials.length], [reason, 6]);
  world.run.start(world.now);
  world.run.core.session.connect("/", null);
  world.pass(600_000);
  assert.equal(world.dials.length, 12);
  world.reach.websocket = "open";
  world.run.start(world.now);
  world.settle();
  assert.equal(world.over, "websocket");
});

test("attempts in a row are counted: a connection in between begins anew", () => {
  const world = new RunWorld({ attemptsMax: 2 }).start();
  for (let times = 0; times < 3; times += 1) {
    unreachable(world).cut();
    world.pass(100);
    assert.equal(gaveUp(world), null, "one attempt has failed");
    world.reach.webtransport = "open";
    world.pass(60_000);
    assert.equal(world.over, "webtransport");
  }
});

test("a limit of time ends in giving up, ahead of an attempt that would come after it, and loses the session", () => {
  const world = new RunWorld({ giveUpAfterMs: 60_000 }).start();
  world.pass(100_000);
  unreachable(world).cut();
  world.emit(7);
  const since = world.now;
  while (gaveUp(world) === null) world.pass(1_000);
  assert.ok(world.now - since <= 60_000);
  assert.match(gaveUp(world) ?? "", /: websocket: refused; webtransport: refused$/);
  const lost = world.notices.find((notice) => notice.kind === "lost");
  assert.ok(lost?.kind === "lost" && lost.code === 1006);
  assert.deepEqual(lost.events.map(({ args, sent }) => [args, sent]), [[[7], false]]);
  assert.deepEqual(world.notices.slice(-2).map(({ kind }) => kind), ["disconnected", "stopped"]);
});

test("a limit of time ends an attempt that is under way, and is counted anew", () => {
  const world = new RunWorld({ giveUpAfterMs: 7_000 });
  world.reach.webtransport = world.reach.websocket = "silent";
  world.start();
  world.pass(6_999);
  assert.equal(gaveUp(world), null);
  world.pass(1);
  assert.equal(gaveUp(world), "gave up after 1 attempts: an attempt was under way for too long");
  assert.deepEqual(world.dropped, [1, 2]);
  const dials = world.dials.length;
  world.run.start(world.now);
  world.pass(6_999);
  assert.equal(world.run.core.isStopped, false);
  assert.equal(world.dials.length, dials + 2);
  world.pass(1);
  assert.equal(world.run.core.isStopped, true);
});

test("the time of a page that is put away does not count, nor that of a client with nothing to connect for", () => {
  const world = new RunWorld({ giveUpAfterMs: 5_000 }).start();
  world.run.wake("put away", world.now);
  world.pass(60_000);
  world.run.wake("back", world.now);
  world.settle();
  assert.equal(world.over, "webtransport");
  world.run.core.session.disconnect("/");
  world.run.after(world.now);
  world.settle();
  world.cut();
  world.pass(60_000);
  assert.ok(world.notices.some(({ kind }) => kind === "idle"));
  world.run.core.session.connect("/", null);
  world.run.core.wanted(world.now);
  world.run.after(world.now);
  world.pass(2_000);
  assert.notEqual(world.over, null);
});

test("what failed last is told in full when the client gives up, and in short while it goes on", () => {
  const world = new RunWorld({ attemptsMax: 2 });
  world.answer = { problem: "the token server is down", isFinal: false };
  world.start();
  assert.deepEqual(world.notices.at(-1), { kind: "waiting", attempt: 1, delayMs: 500, cause: "no credentials" });
  world.pass(500);
  assert.equal(gaveUp(world), "gave up after 2 attempts: no credentials: the token server is down");
});

test("an application sees that its client gave up, and may begin anew", async () => {
  const net = new Net();
  let isReachable = false;
  const websocket: Open = (request, listener) => {
    if (!isReachable) throw new Error("unreachable");
    return net.open(request, listener);
  };
  const client = net.connect({ attemptsMax: 1, dialers: { websocket } });
  const socket = client.socket();
  socket.emit("say", "waits");
  const lost = new Promise((resolve) => client.onLost(({ events }) => resolve(events.map(({ args }) => args))));
  await assert.rejects(socket.ready, /gave up after 1 attempts: websocket: unreachable/);
  assert.deepEqual([client.state, client.closed?.code, await lost], ["gave up", 1006, [["waits"]]]);
  isReachable = true;
  const again = client.socket();
  client.start();
  await again.ready;
  await client.close();
});

test("a limit below one is refused", () => {
  const net = new Net();
  assert.throws(() => net.connect({ attemptsMax: 0 }), RangeError);
  assert.throws(() => net.connect({ giveUpAfterMs: 0.5 }), RangeError);
  assert.throws(() => net.connect({ credentialsTimeoutMs: 0 }), RangeError);
});
