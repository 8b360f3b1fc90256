// What stands between an application, the core and the transports; without a network and without time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventFailed, NoAnswer } from "../src/answers.js";
import type { State } from "../src/client.js";
import * as entry from "../src/index.js";
import { SwitchError } from "../src/switch.js";
import type { Open } from "../src/transport/transport.js";
import { closeWith } from "./model_server.js";
import { Net, withPage } from "./net.js";

test("a transport that cannot even be begun is passed over", async () => {
  const net = new Net();
  const broken: Open = () => {
    throw new Error("no such thing here");
  };
  const client = net.connect({ dialers: { webtransport: broken, websocket: net.open } });
  await client.socket().ready;
  assert.deepEqual(client.transport, { kind: "websocket", datagrams: "emulated", datagramBytes: 1_000, passedOver: "webtransport: no such thing here" });
  client.close();
});

test("a switch is awaited, and what the client is connected over can be watched", async () => {
  const net = new Net();
  const client = net.connect();
  const seen: (string | undefined)[] = [];
  client.watchTransport((transport) => seen.push(transport?.kind));
  await assert.rejects(client.switchTo("websocket"), (error) => error instanceof SwitchError && error.why === "not connected");
  await client.socket().ready;
  await client.switchTo("websocket");
  client.close();
  assert.deepEqual(seen, ["webtransport", "websocket", undefined]);
});

test("a watcher or a listener that fails harms neither the client nor the others", async (context) => {
  const complaints = context.mock.method(console, "error", () => {});
  const net = new Net();
  const client = net.connect();
  const states: State[] = [];
  client.watch(() => {
    throw new Error("of the application");
  });
  client.watch((state) => states.push(state));
  await client.socket().ready;
  client.close();
  assert.deepEqual(states, ["connected", "closed"]);
  assert.equal(complaints.mock.callCount(), 2);
});

test("the events of a page reach the client, until it is closed and again after it was begun anew", async () => {
  const net = new Net();
  const { client, ears, hear } = withPage(net);
  await client.socket().ready;
  hear("put away");
  assert.deepEqual([client.state, client.transport, net.closed], ["reconnecting", null, ["abort"]]);
  hear("back");
  assert.deepEqual(await client.socket().emitWithAck(Infinity, "say", 1), [1]);
  hear("left");
  assert.deepEqual([client.state, net.closed, ears.size], ["closed", ["abort", "close 1001"], 0]);
  client.start();
  assert.equal(ears.size, 1);
  await client.socket().ready;
  client.close();
});

test("what waits for a fresh session waits for the promises of its listeners, and then for the hook of its socket", async () => {
  const net = new Net();
  const client = net.connect();
  const socket = client.socket();
  await socket.ready;
  let finish = () => {};
  client.onLost(() => new Promise<void>((resolve) => {
    finish = resolve;
  }));
  const hooked: string[] = [];
  socket.onReattach((again) => {
    hooked.push("hook");
    again.emit("say", "introduced");
  });
  net.server.forgets = true;
  const reattached = new Promise<void>((resolve) => client.watch((state) => state === "connected" && resolve()));
  net.listeners.at(-1)?.onClosed(null, "");
  const answer = socket.emitWithAck(Infinity, "say", "waited");
  await reattached;
  await socket.ready;
  assert.deepEqual([hooked, net.server.said], [[], []]);
  finish();
  assert.deepEqual(await answer, ["waited"]);
  assert.deepEqual([hooked, net.server.said], [["hook"], ["introduced", "waited"]]);
  client.close();
});

test("counters tell what was done, refused and dropped", async () => {
  const net = new Net();
  const client = net.connect({ queueEvents: 1, queueOffline: false });
  const socket = client.socket();
  assert.equal(socket.datagram("early"), false);
  assert.throws(() => socket.emit("early"));
  await socket.ready;
  const { dials, connections, emitsRefused, unsentBestEffort } = client.stats();
  assert.deepEqual([dials, connections, emitsRefused, unsentBestEffort.notConnected], [1, 1, 1, 1]);
  client.close();
});

test("who waits for an answer is told when the socket is left, or was refused, before the answer comes", async () => {
  const net = new Net();
  const client = net.connect();
  const socket = client.socket();
  await socket.ready;
  const left = socket.emitWithAck(Infinity, "say", 1);
  socket.disconnect();
  await assert.rejects(left, (error) => error instanceof NoAnswer && error.why === "disconnected");
  net.server.refuses = true;
  const refused = client.socket().emitWithAck(Infinity, "say", 2);
  await assert.rejects(refused, (error) => error instanceof EventFailed && error.code === 3010);
  client.close();
});

test("names, keys and codes that would end the session are refused here", async (context) => {
  const complaints = context.mock.method(console, "error", () => {});
  const net = new Net();
  const client = net.connect();
  const socket = client.socket();
  await socket.ready;
  const tooLong = "é".repeat(128);
  for (const name of ["", "\ud800", tooLong, 5 as unknown as string]) {
    assert.throws(() => socket.emit(name), RangeError);
    assert.throws(() => socket.latest(name, "moved"), RangeError);
  }
  const failures = [new EventFailed(70_000, "code"), new EventFailed(4_000, "data", new Date(0) as never), new EventFailed(4_000, "\ud800")];
  socket.on("fail", () => {
    throw failures.shift();
  });
  for (const id of [1, 2, 3]) net.server.outbound.push({ kind: "EVENT", ns: "/", ack_id: id, event: "fail", args: [] });
  net.server.flush();
  assert.deepEqual(await socket.emitWithAck(Infinity, "say", "alive"), ["alive"]);
  assert.deepEqual(net.server.failures, [3_011, 3_011, 3_011]);
  assert.equal(complaints.mock.callCount(), 3);
  client.close();
});

test("what a server says of its heartbeat, and a long patience with an answer, fit the timers of the platform", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const net = new Net();
  net.server.pingInterval = Number.MAX_SAFE_INTEGER;
  const client = net.connect();
  const socket = client.socket();
  await socket.ready;
  net.server.refuses = true;
  const delays: unknown[] = [];
  const original = globalThis.setTimeout;
  context.mock.method(globalThis, "setTimeout", (then: () => void, delay: number) => {
    delays.push(delay);
    return original(then, delay);
  });
  const ended = socket.emitWithAck(2 ** 31, "say", 1).catch(() => {});
  client.probe();
  assert.ok(delays.length > 0 && delays.every((delay) => typeof delay === "number" && delay < 2 ** 31), `${delays}`);
  client.close();
  await ended;
});

test("a client that is closed while its page is put away can begin again", async () => {
  const net = new Net();
  const { client, hear } = withPage(net);
  await client.socket().ready;
  hear("put away");
  client.close();
  client.start();
  assert.notEqual(await client.socket().ready, "");
  client.close();
});

test("a client that a handler closes and begins anew is not closed, and hears of its page", async () => {
  const net = new Net();
  const { client, ears } = withPage(net);
  const socket = client.socket();
  await socket.ready;
  const again = new Promise((resolve) => socket.on("again", () => {
    client.close();
    client.start();
    resolve(client.socket().ready);
  }));
  net.server.outbound.push({ kind: "EVENT", ns: "/", ack_id: null, event: "again", args: [] });
  net.server.flush();
  await again;
  assert.deepEqual([client.state, ears.size], ["connected", 1]);
  client.close();
});

test("why the client is closed is told, and so is why it waits", async () => {
  const net = new Net();
  const client = net.connect();
  const causes: (string | undefined)[] = [];
  client.watchNextAttempt((attempt) => causes.push(attempt?.cause));
  await client.socket().ready;
  net.server.write(net.server.current, { ...closeWith(3600), reason: "too slow" });
  await new Promise<void>((resolve) => client.watch((state) => state === "reconnecting" && resolve()));
  client.probe();
  await new Promise<void>((resolve) => client.watch((state) => state === "connected" && resolve()));
  net.server.write(net.server.current, { ...closeWith(3002), reason: "unauthorized", data: { needs: "token" } });
  await new Promise<void>((resolve) => client.watch((state) => state === "closed" && resolve()));
  assert.deepEqual(causes, ["too slow", undefined]);
  assert.deepEqual(client.closed, { code: 3002, reason: "unauthorized", data: { needs: "token" } });
});

test("a socket that is left says so, where nobody gave a reason", async () => {
  const client = new Net().connect();
  const socket = client.socket();
  await socket.ready;
  socket.disconnect();
  await assert.rejects(socket.ready, /the socket ended with code 3013/);
  client.close();
});

test("a socket whose session was lost has no id until it is connected in the next one", async () => {
  const net = new Net();
  const client = net.connect();
  const socket = client.socket();
  const first = socket.ready;
  await first;
  const next = new Promise((resolve) => client.onLost(() => resolve([socket.id, socket.ready === first, socket.ready])));
  net.server.forgets = true;
  net.listeners.at(-1)?.onClosed(null, "");
  const [id, isSame, ready] = await next as [unknown, boolean, Promise<string>];
  assert.deepEqual([id, isSame, await ready], [null, false, socket.id]);
  client.close();
});

test("settings out of their range are refused, with the range", () => {
  const net = new Net();
  assert.throws(() => net.connect({ limits: { inbound: 1_000 } }), /limits.inbound is 1000, and may be 16384 to 4294967295/);
  assert.throws(() => net.connect({ limits: { depth: 1_001 } }), RangeError);
  assert.throws(() => net.connect({ dialTimeoutMs: Number.NaN }), RangeError);
  assert.throws(() => net.connect({ queueEvents: -1 }), RangeError);
  assert.throws(() => net.connect({ pingIntervalMs: 0.5 }), RangeError);
});

test("a connection that nobody reads is given up, and the session goes on over another one", async () => {
  const net = new Net();
  const client = net.connect();
  const socket = client.socket();
  await socket.ready;
  net.buffered = 4 * 1_048_576 + 1_048_576 + 1;
  net.server.current = 0;
  const states: State[] = [];
  client.watch((state) => {
    if (state === "reconnecting") net.buffered = 0;
    states.push(state);
  });
  client.probe();
  assert.deepEqual(await socket.emitWithAck(Infinity, "say", 1), [1]);
  assert.deepEqual([states, net.closed], [["reconnecting", "connected"], ["abort"]]);
  client.close();
});

test("a handler of one event alone can be taken back, and is gone when the event has come", async () => {
  const net = new Net();
  const client = net.connect();
  const socket = client.socket();
  await socket.ready;
  const heard: string[] = [];
  const takenBack = () => void heard.push("taken back");
  socket.once("said", takenBack).off("said", takenBack);
  socket.once("said", () => void heard.push("once")).on("said", () => void heard.push("always"));
  for (const _ of [1, 2]) net.server.outbound.push({ kind: "EVENT", ns: "/", ack_id: null, event: "said", args: [] });
  net.server.flush();
  await socket.emitWithAck(Infinity, "say", 1);
  assert.deepEqual(heard, ["once", "always", "always"]);
  client.close();
});

test("every error has the name of its class, in a log too", () => {
  const errors = Object.entries(entry).flatMap(([name, exported]) => {
    const isError = typeof exported === "function" && exported.prototype instanceof Error;
    return isError ? [[name, (Reflect.construct(exported, []) as Error).name]] : [];
  });
  assert.ok(errors.length >= 10);
  for (const [exported, name] of errors) assert.equal(name, exported);
});
