// Transports, chosen and left; each rule in virtual time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { JSON_ENCODING } from "../src/encoding.js";
import { closeWith } from "./model_server.js";
import { RunWorld } from "./run_world.js";
import { FIRST_SEED, generator } from "./seeds.js";

const HASH = new Uint8Array(32).fill(7);
const ALTERNATIVES = [{ transport: "webtransport", url: "https://host.example/trunkline", hashes: [HASH] }];

/** The kinds of the dials since the `from`th, with their times since the first of them. */
function dialled(world: RunWorld, from = 0): [string, number][] {
  const dials = world.dials.slice(from);
  return dials.map(({ kind, at }) => [kind, at - (dials[0]?.at ?? 0)]);
}

function onWebSocket(): RunWorld {
  const world = new RunWorld();
  world.reach.webtransport = "closed";
  world.start();
  assert.equal(world.over, "websocket");
  return world;
}

test("WebTransport is used where it connects, and WebSocket is not dialled", () => {
  const world = new RunWorld().start();
  world.pass(60_000);
  assert.equal(world.over, "webtransport");
  assert.deepEqual(dialled(world), [["webtransport", 0]]);
});

test("with UDP swallowed the client is connected over WebSocket after the head start, and says why", () => {
  const world = new RunWorld();
  world.reach.webtransport = "silent";
  world.start();
  world.pass(300);
  assert.equal(world.over, "websocket");
  assert.deepEqual(dialled(world), [["webtransport", 0], ["websocket", 300]]);
  assert.equal(world.run.carrier?.passedOver, "webtransport: no connection within 300 ms");
  assert.equal(world.server.hellos.length, 1);
  assert.deepEqual(world.dropped, [1], "the loser is given up");
});

test("a transport that opens after its race is dropped, and says nothing", () => {
  const world = new RunWorld();
  world.reach.webtransport = "silent";
  world.start();
  world.pass(300);
  world.run.opened(1, world.now);
  world.settle();
  assert.equal(world.server.hellos.length, 1);
  assert.equal(world.over, "websocket");
});

test("a browser without WebTransport, a client of WebSocket alone, and one in JSON do not dial it", () => {
  for (const world of [
    new RunWorld({ dialers: ["websocket"] }),
    new RunWorld({ transports: "websocket-only" }),
  ]) {
    world.start();
    world.pass(600_000);
    assert.deepEqual(dialled(world), [["websocket", 0]]);
  }
  const json = new RunWorld({}, JSON_ENCODING);
  json.run.start(json.now);
  json.act();
  json.act();
  assert.deepEqual(dialled(json), [["websocket", 0]]);
});

test("the server is asked for a heartbeat of the client's liking", () => {
  assert.equal(new RunWorld({ pingIntervalMs: 5_000 }).start().server.hellos[0]?.ping_interval, 5_000);
  assert.equal(new RunWorld().start().server.hellos[0]?.ping_interval, null);
});

test("a client of WebTransport alone goes on dialling it alone", () => {
  const world = new RunWorld({ transports: "webtransport-only" });
  world.reach.webtransport = "closed";
  world.start();
  world.pass(2_000);
  assert.ok(world.dials.length > 1);
  assert.ok(world.dials.every(({ kind }) => kind === "webtransport"));
});

test("an attempt that fails on every transport is made again with back-off", () => {
  const world = new RunWorld();
  world.reach.webtransport = world.reach.websocket = "closed";
  world.start();
  world.pass(3_500);
  assert.deepEqual(dialled(world).filter(([kind]) => kind === "websocket"), [0, 500, 1_500, 3_500].map((at) => ["websocket", at]));
  const waiting = world.notices.find((notice) => notice.kind === "waiting");
  assert.deepEqual(waiting, { kind: "waiting", attempt: 1, delayMs: 500, cause: "webtransport: refused; websocket: refused" });
});

test("the session moves to WebTransport by itself when it becomes reachable, and nothing is lost", () => {
  const world = onWebSocket();
  world.emit(1);
  world.pass(100_000);
  assert.equal(world.over, "websocket");
  world.reach.webtransport = "open";
  world.emit(2);
  world.pass(300_000);
  world.emit(3);
  world.settle();
  assert.equal(world.over, "webtransport");
  assert.deepEqual(world.server.said, [1, 2, 3]);
  assert.equal(world.server.hellos.at(-1)?.resume?.strict, true);
  assert.ok(!world.notices.some(({ kind }) => kind === "detached" || kind === "lost"));
});

test("WebTransport is tried in the background ever more seldom, five minutes apart at most", () => {
  const world = onWebSocket();
  world.pass(2_000_000);
  const tries = dialled(world).filter(([kind]) => kind === "webtransport").map(([, at]) => at / 1_000);
  assert.deepEqual(tries.slice(0, 6), [0, 1, 3, 7, 15, 31]);
  assert.deepEqual(tries.slice(-2).map((at, place, all) => at - (all[place - 1] ?? at)), [0, 300]);
});

test("a server of plain WebSocket that tells of WebTransport is left for it, by the certificate that it tells", () => {
  const world = new RunWorld({ url: "ws://host.example/trunkline" });
  world.server.alternatives = ALTERNATIVES;
  world.start();
  assert.deepEqual(dialled(world), [["websocket", 0]]);
  world.pass(1_000);
  assert.equal(world.over, "webtransport");
});

test("what is known of the server's transports before it tells counts in the first race", () => {
  const world = new RunWorld({ url: "ws://host.example/trunkline", alternatives: ALTERNATIVES }).start();
  assert.deepEqual(dialled(world), [["webtransport", 0]]);
});

test("a switch on demand moves the session, and it stays there until its connection ends", () => {
  const world = new RunWorld().start();
  world.run.switchTo("websocket", world.now);
  world.emit(1);
  world.settle();
  assert.equal(world.switched, null);
  assert.equal(world.over, "websocket");
  world.pass(600_000);
  assert.equal(world.over, "websocket", "it is not undone in the background");
  world.cut();
  world.pass(600_000);
  assert.equal(world.over, "webtransport", "after its connection the client does as its settings say");
  assert.deepEqual(world.server.said, [1]);
});

test("a switch to where the session is already is made at once, and is a choice too", () => {
  const world = onWebSocket();
  world.run.switchTo("websocket", world.now);
  world.settle();
  assert.equal(world.switched, null);
  world.reach.webtransport = "open";
  world.pass(600_000);
  assert.equal(world.over, "websocket");
});

test("a switch that cannot be made says so, and the session goes on where it was", () => {
  const world = new RunWorld().start();
  world.reach.websocket = "closed";
  world.run.switchTo("websocket", world.now);
  world.settle();
  assert.equal(world.switched, "failed");
  world.pass(10_000);
  assert.equal(world.over, "webtransport");
  assert.equal(world.dials.length, 2, "it is not tried again");
});

test("a switch to a transport that hangs ends in its time", () => {
  const world = new RunWorld().start();
  world.reach.websocket = "silent";
  world.run.switchTo("websocket", world.now);
  world.pass(9_999);
  assert.equal(world.switched, undefined);
  world.pass(1);
  assert.equal(world.switched, "failed");
  assert.deepEqual(world.dropped, [2]);
});

test("there is no switch without a connection, and none to a transport that the client does not have", () => {
  const world = new RunWorld({ dialers: ["websocket"] });
  world.run.switchTo("websocket", world.now);
  world.act();
  assert.equal(world.switched, "not connected");
  world.start();
  world.run.switchTo("webtransport", world.now);
  world.settle();
  assert.equal(world.switched, "unavailable");
});

test("a wish that waits is replaced by a later one", () => {
  const world = new RunWorld().start();
  world.reach.websocket = "silent";
  world.run.switchTo("websocket", world.now);
  world.settle();
  world.run.switchTo("websocket", world.now);
  world.run.switchTo("webtransport", world.now);
  world.settle();
  assert.equal(world.switched, "replaced");
  world.pass(10_000);
  assert.deepEqual(world.notices.flatMap((notice) => (notice.kind === "switched" ? [notice.error?.why ?? null] : [])), ["replaced", "failed", null]);
});

test("a connection that ends during a switch takes the wish with it, and all transports are dialled at once", () => {
  const world = new RunWorld().start();
  world.reach.websocket = "silent";
  world.run.switchTo("websocket", world.now);
  world.settle();
  world.reach.websocket = "closed";
  world.cut();
  world.settle();
  assert.equal(world.switched, "not connected");
  assert.equal(world.over, "webtransport");
  assert.deepEqual(world.dropped, [2]);
});

test("a switch that the server refuses leaves the session where it was", () => {
  const world = new RunWorld().start();
  world.server.forgets = true;
  world.run.switchTo("websocket", world.now);
  world.settle();
  assert.equal(world.switched, "failed");
  assert.equal(world.over, "webtransport");
});

test("a server that is going away is left at its slot, and no switch anticipates that", () => {
  const world = onWebSocket();
  world.server.write(world.server.current, { kind: "GOAWAY", reason: "", slot: 5_000, deadline: 9_000, url: null });
  world.settle();
  world.reach.webtransport = "open";
  const dials = world.dials.length;
  world.run.switchTo("webtransport", world.now);
  world.pass(4_999);
  assert.equal(world.dials.length, dials);
  world.pass(1_000);
  assert.equal(world.switched, null);
  assert.equal(world.over, "webtransport");
});

test("a server that goes away is left over whichever transport connects, and a choice ends with its connection", () => {
  const world = new RunWorld().start();
  world.run.switchTo("websocket", world.now);
  world.settle();
  world.server.write(world.server.current, { kind: "GOAWAY", reason: "", slot: 0, deadline: 5_000, url: null });
  world.pass(300_000);
  assert.equal(world.over, "webtransport");
});

test("who is asked to leave does not go where that server said that its other transports are", () => {
  const world = new RunWorld({ url: "ws://host.example/trunkline", alternatives: ALTERNATIVES }).start();
  assert.equal(world.over, "webtransport");
  const dials = world.dials.length;
  world.server.write(world.server.current, { kind: "GOAWAY", reason: "", slot: 0, deadline: 5_000, url: null });
  world.pass(5_000);
  assert.equal(world.over, "websocket");
  assert.deepEqual(dialled(world, dials), [["websocket", 0]]);
});

test("a switch that is being dialled when the server goes away is given up for that", () => {
  const world = new RunWorld().start();
  world.reach.websocket = "silent";
  world.run.switchTo("websocket", world.now);
  world.settle();
  world.server.write(world.server.current, { kind: "GOAWAY", reason: "", slot: 1_000, deadline: 5_000, url: null });
  world.settle();
  assert.equal(world.switched, "failed");
  assert.deepEqual(world.dropped, [2]);
  world.pass(1_000);
  assert.deepEqual(dialled(world).map(([kind]) => kind), ["webtransport", "websocket", "webtransport"]);
});

test("when UDP dies the heartbeat notices, and WebSocket is dialled first", () => {
  const world = new RunWorld().start();
  world.dead.add(world.run.carrier?.dial ?? 0);
  world.reach.webtransport = "silent";
  world.emit(1);
  world.pass(45_000);
  assert.equal(world.over, "websocket");
  assert.equal(dialled(world)[1]?.[0], "websocket");
  assert.equal(world.run.carrier?.passedOver, "webtransport: ping-timeout");
  assert.deepEqual(world.server.said, [1]);
});

test("WebTransport on which no WELCOME comes is taken for dead too", () => {
  const world = new RunWorld();
  world.dead.add(1);
  world.start();
  world.pass(21_000);
  assert.equal(world.over, "websocket");
});

test("a network that lets WebTransport live for a minute only is moved to ever more seldom", () => {
  const world = onWebSocket();
  world.reach.webtransport = "open";
  world.pass(1_000);
  assert.equal(world.over, "webtransport");
  world.pass(60_000);
  world.cut();
  world.settle();
  assert.equal(world.over, "websocket");
  const moved = world.now;
  while (world.over === "websocket") world.pass(100);
  assert.ok(world.now - moved > 1_000, "the back-off goes on");
});

test("a probe makes an attempt that waits begin at once, but no sooner than the server asked for", () => {
  const world = new RunWorld();
  world.reach.webtransport = world.reach.websocket = "closed";
  world.start();
  world.pass(20_000);
  world.reach.webtransport = "open";
  world.run.wake("online", world.now);
  world.settle();
  assert.equal(world.over, "webtransport");
  world.server.write(world.server.current, { ...closeWith(3600), retry_after: 5_000 });
  world.settle();
  const dials = world.dials.length;
  world.run.wake("visible", world.now);
  world.pass(4_999);
  assert.equal(world.dials.length, dials);
  world.pass(1);
  assert.equal(world.dials.length, dials + 1);
});

test("a wake asks a connection for a sign of life, and one that gives none is dead after the time-out", () => {
  for (const event of ["online", "visible", "woke", "offline"] as const) {
    const world = new RunWorld().start();
    world.server.answers = false;
    world.dead.add(world.run.carrier?.dial ?? 0);
    world.run.wake(event, world.now);
    world.pass(19_999);
    assert.equal(world.dials.length, 1, event);
    world.pass(1);
    assert.equal(world.shut[0]?.code, 3402, event);
  }
});

test("offline is a hint: nothing is given up or hurried for it", () => {
  const world = new RunWorld().start();
  world.run.wake("offline", world.now);
  world.pass(60_000);
  assert.equal(world.dials.length, 1);
  world.reach.webtransport = world.reach.websocket = "closed";
  world.cut();
  world.pass(10_000);
  const dials = world.dials.length;
  world.run.wake("offline", world.now);
  world.settle();
  assert.equal(world.dials.length, dials);
});

test("a page that is put away has no connection, keeps its session, and resumes it when it is back", () => {
  const world = new RunWorld().start();
  const dial = world.run.carrier?.dial ?? 0;
  world.run.wake("put away", world.now);
  world.emit(1);
  world.pass(60_000);
  assert.equal(world.run.carrier, null);
  assert.deepEqual(world.dropped, [dial]);
  assert.equal(world.dials.length, 1, "nothing is dialled meanwhile");
  world.run.wake("back", world.now);
  world.settle();
  assert.equal(world.over, "webtransport");
  assert.deepEqual(world.server.said, [1]);
  assert.ok(!world.notices.some(({ kind }) => kind === "lost"));
});

test("a page that is put away while it waits or dials begins anew when it is back", () => {
  for (const reach of ["closed", "silent"] as const) {
    const world = new RunWorld();
    world.reach.webtransport = world.reach.websocket = reach;
    world.start();
    world.pass(5_000);
    world.run.wake("put away", world.now);
    world.pass(100_000);
    const dials = world.dials.length;
    world.reach.webtransport = "open";
    world.run.wake("back", world.now);
    world.settle();
    assert.equal(world.dials.length, dials + 1, reach);
    assert.equal(world.over, "webtransport", reach);
  }
});

test("a page that is left for good ends its session with 1001", () => {
  const world = new RunWorld().start();
  world.run.wake("left", world.now);
  world.settle();
  assert.deepEqual(world.shut, [{ dial: 1, code: 1001 }]);
  assert.ok(world.notices.some((notice) => notice.kind === "stopped" && notice.code === 1001));
});

test("whatever is cut, switched, swallowed, put away or waits for credentials, every event arrives once and in order", () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + 100; seed += 1) {
    const random = generator(seed);
    const world = new RunWorld({ random }).start();
    for (let at = 0; at < 60; at += 1) {
      world.emit(at);
      world.act();
      for (let steps = Math.floor(random() * 6); steps > 0; steps -= 1) world.step();
      world.act();
      const pick = random();
      if (pick < 0.1) world.cut();
      else if (pick < 0.2) world.run.switchTo(random() < 0.5 ? "websocket" : "webtransport", world.now);
      else if (pick < 0.25) world.reach.webtransport = (["open", "closed", "silent"] as const)[Math.floor(random() * 3)] ?? "open";
      else if (pick < 0.3) world.run.wake("put away", world.now);
      else if (pick < 0.4) world.run.wake(random() < 0.5 ? "back" : "online", world.now);
      else if (pick < 0.5) world.pass(random() * 2_000);
      else if (pick < 0.6) world.answer = random() < 0.5 ? null : { auth: at };
      else if (pick < 0.7) world.run.answered(world.questions.at(-1)?.question ?? 0, { auth: at }, world.now);
    }
    world.answer = { auth: null };
    world.run.wake("back", world.now);
    world.pass(120_000);
    assert.deepEqual(world.server.said, Array.from({ length: 60 }, (_, at) => at), `seed ${seed}`);
    assert.ok(!world.notices.some(({ kind }) => kind === "lost"), `seed ${seed}`);
  }
});
