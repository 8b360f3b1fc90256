// What a session is let in with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Auth, type Credentials, credentialsOf, NoCredentials } from "../src/credentials.js";
import { MESSAGE_PACK } from "../src/encoding.js";
import type { RunOptions } from "../src/run.js";
import type { Value } from "../src/value.js";
import { Net } from "./net.js";
import { RunWorld } from "./run_world.js";
import { World } from "./session_world.js";

test("an AUTH that is wanted is answered with the credentials", () => {
  const world = new World();
  world.settle();
  world.server.write(world.server.current, { kind: "AUTH", auth: null, wanted: true, expires: 1 });
  world.settle();
  assert.deepEqual(MESSAGE_PACK.decode(world.sent.at(-1) ?? ""), { kind: "AUTH", auth: "me", wanted: false, expires: null });
});

test("credentials that cannot be had are an attempt that failed, and those that no server reads end the client", (context) => {
  const complaints = context.mock.method(console, "error", () => {});
  let give = (): Value => "me";
  const world = new World(() => 1, () => give());
  world.settle();
  world.opens = false;
  world.cut(world.client.currentLink);
  give = () => {
    throw new Error("logged out");
  };
  const open = () => {
    world.open();
    world.settle();
  };
  open();
  assert.deepEqual(world.dials.map(({ delayMs }) => delayMs), [0, 0, 500]);
  assert.deepEqual([world.server.hellos.length, complaints.mock.callCount()], [1, 1]);
  give = () => "me";
  open();
  assert.deepEqual(world.kinds(), ["began", "connected", "detached", "resumed"]);
  give = () => "x".repeat(8_192);
  world.server.write(world.server.current, { kind: "AUTH", auth: null, wanted: true, expires: 1_000 });
  world.settle();
  assert.equal(world.client.currentLink, world.server.current, "what the server would not read is not sent");
  world.cut(world.client.currentLink);
  open();
  const stopped = world.notices.at(-1);
  assert.ok(stopped?.kind === "stopped" && stopped.code === 1006);
  assert.match(stopped.reason, /^no credentials: the credentials make a frame of 8\d+ bytes where 8192 may be$/);
});

/** A run whose application takes its time; `tell` answers its newest question. */
function patient(options: Partial<RunOptions> = {}) {
  const world = new RunWorld(options);
  world.answer = null;
  const tell = (credentials: Credentials, question = world.questions.at(-1)?.question ?? 0) => {
    world.run.answered(question, credentials, world.now);
    world.settle();
  };
  return { world, tell };
}

test("a promise of credentials is awaited ahead of the dial, and one answer is good for the whole race", () => {
  const { world, tell } = patient();
  world.reach.webtransport = "silent";
  world.start();
  world.pass(5_000);
  assert.deepEqual([world.dials, world.questions.map(({ occasion }) => occasion.kind)], [[], ["dial"]]);
  tell({ auth: "late" });
  world.pass(300);
  assert.deepEqual(world.dials.map(({ kind, at }) => [kind, at]), [["webtransport", 6_000], ["websocket", 6_300]]);
  assert.deepEqual([world.over, world.server.hellos.map(({ auth }) => auth), world.questions.length], ["websocket", ["late"], 1]);
});

test("credentials that take too long are an attempt that failed, and an answer that comes then is nobody's", () => {
  const { world, tell } = patient({ credentialsTimeoutMs: 3_000 });
  world.start();
  world.pass(2_999);
  assert.equal(world.questions.length, 1);
  world.pass(1);
  assert.deepEqual(world.notices.at(-1), { kind: "waiting", attempt: 1, delayMs: 500, cause: "no credentials" });
  tell({ auth: "too late" });
  world.pass(499);
  assert.deepEqual([world.dials.length, world.questions.length], [0, 1]);
  world.pass(1);
  tell({ auth: "of the first question" }, 1);
  assert.equal(world.dials.length, 0);
  tell({ auth: "in time" });
  assert.deepEqual(world.server.hellos.map(({ auth }) => auth), ["in time"]);
});

test("while its credentials are awaited an attempt can be given up, and nothing is dialled for it", () => {
  const { world, tell } = patient();
  world.start();
  world.run.wake("put away", world.now);
  tell({ auth: 1 });
  assert.equal(world.dials.length, 0);
  world.run.wake("back", world.now);
  world.settle();
  tell({ auth: 2 });
  assert.deepEqual(world.server.hellos.map(({ auth }) => auth), [2]);
  world.cut();
  world.settle();
  world.run.end(world.now);
  tell({ auth: 3 });
  assert.equal(world.server.hellos.length, 1);
});

test("an answer for an attempt that was given up fails no other one", () => {
  const { world, tell } = patient({ attemptsMax: 2, dialers: ["websocket"] });
  world.start();
  world.run.wake("put away", world.now);
  tell({ problem: "too late", isFinal: true });
  world.pass(20_000);
  world.run.wake("back", world.now);
  world.settle();
  tell({ problem: "not now", isFinal: false });
  world.pass(500);
  tell({ auth: 1 });
  assert.equal(world.over, "websocket");
});

test("what is emitted while a resume awaits its credentials arrives once and in order, and the attach goes up with HELLO", () => {
  const { world, tell } = patient();
  world.start();
  tell({ auth: null });
  world.emit(1);
  world.cut();
  world.settle();
  world.emit(2);
  world.pass(10_000);
  world.emit(3);
  world.pass(500);
  tell({ auth: null });
  assert.deepEqual(world.server.said, [1, 2, 3]);
  assert.deepEqual(world.server.hellos.map(({ resume }) => resume?.attach), [undefined, 1]);
});

test("a switch and a server that goes away are dialled for with credentials of their own, while the session goes on", () => {
  const { world, tell } = patient();
  world.start();
  tell({ auth: 1 });
  world.run.switchTo("websocket", world.now);
  world.settle();
  world.emit(1);
  world.settle();
  assert.deepEqual([world.over, world.server.said], ["webtransport", [1]]);
  tell({ problem: "not now", isFinal: true });
  assert.deepEqual([world.over, world.switched], ["webtransport", "failed"], "the connection that lives has its own");
  world.server.write(world.server.current, { kind: "GOAWAY", reason: "", slot: 0, deadline: 1_000, url: null });
  world.settle();
  world.run.tick(world.now);
  world.settle();
  tell({ auth: 2 });
  assert.deepEqual(world.server.hellos.map(({ auth }) => auth), [1, 2]);
});

test("where there will be no credentials the client ends, and says why", () => {
  const { world, tell } = patient();
  world.start();
  tell({ problem: "logged out", isFinal: true });
  world.pass(600_000);
  const reason = "no credentials: logged out";
  assert.deepEqual(world.notices.at(-1), { kind: "stopped", code: 1006, reason, data: null, hasGivenUp: false });
  assert.deepEqual([world.questions.length, world.dials.length], [1, 0]);
});

/** What the server was sent as fresh credentials. */
function refreshed(world: RunWorld): unknown[] {
  return world.server.auths.map(({ auth }) => auth);
}

function askFresh(world: RunWorld, expires: number | null): void {
  world.server.write(world.server.current, { kind: "AUTH", auth: null, wanted: true, expires });
  world.settle();
}

test("fresh credentials that fail or take too long are tried again while those before hold", () => {
  const { world, tell } = patient();
  world.start();
  tell({ auth: "first" });
  askFresh(world, 60_000);
  assert.deepEqual(world.questions.at(-1)?.occasion, { kind: "refresh", expiresMs: 60_000 });
  tell({ problem: "not now", isFinal: false });
  world.pass(500);
  assert.equal(world.questions.length, 3);
  world.pass(10_000 + 1_000);
  assert.equal(world.questions.length, 4, "the third took too long");
  tell({ auth: "late" }, 3);
  assert.deepEqual(refreshed(world), []);
  tell({ auth: "fresh" });
  world.pass(120_000);
  assert.deepEqual([refreshed(world), world.questions.length], [["fresh"], 4]);
});

test("fresh credentials are not tried for longer than those before hold, nor after a final word", () => {
  for (const [isFinal, asked] of [[false, 3], [true, 2]] as const) {
    const { world, tell } = patient();
    world.start();
    tell({ auth: "first" });
    askFresh(world, 2_000);
    for (let times = 0; times < 10; times += 1) {
      tell({ problem: "no", isFinal });
      world.pass(1_000);
    }
    assert.deepEqual([world.questions.length, refreshed(world)], [asked, []]);
    assert.equal(world.over, "webtransport", "the server ends the session, when it does");
  }
});

test("a server that asks again and again keeps no application busy, and has an answer to its last question", () => {
  const { world, tell } = patient();
  world.start();
  tell({ auth: "first" });
  for (let times = 0; times < 5; times += 1) askFresh(world, null);
  assert.equal(world.questions.length, 2);
  tell({ auth: "of a question that another has replaced" });
  assert.deepEqual(refreshed(world), []);
  world.pass(1_000);
  tell({ auth: "fresh" });
  assert.deepEqual([world.questions.length, refreshed(world)], [3, ["fresh"]]);
});

test("fresh credentials are not sent on another connection, which has brought its own", () => {
  const { world, tell } = patient({ dialers: ["websocket"] });
  world.start();
  tell({ auth: "first" });
  askFresh(world, 60_000);
  const [, fresh] = world.questions;
  world.cut();
  world.settle();
  tell({ auth: "second" });
  tell({ problem: "not now", isFinal: false }, fresh?.question);
  world.pass(60_000);
  tell({ auth: "fresh" }, fresh?.question);
  assert.deepEqual([refreshed(world), world.server.hellos.at(-1)?.auth, world.questions.length], [[], "second", 3]);
});

test("an application gives credentials, promises them, or fails to", async (context) => {
  const complaints = context.mock.method(console, "error", () => {});
  const told = (auth: Auth) => new Promise<Credentials>((resolve) => credentialsOf(auth)({ kind: "dial" }, resolve));
  assert.deepEqual(await told({ token: 1 }), { auth: { token: 1 } });
  assert.deepEqual(await told(() => "now"), { auth: "now" });
  assert.deepEqual(await told(async ({ kind }) => kind), { auth: "dial" });
  // Of a class of its own, as libraries have.
  assert.deepEqual(await told(() => ({ then: (resolve: (value: Value) => void) => resolve("then") }) as PromiseLike<Value>), { auth: "then" });
  const rejects = async () => Promise.reject(new Error("offline"));
  assert.deepEqual(await told(rejects), { problem: "offline", isFinal: false });
  assert.deepEqual(await told(async () => new Date(0) as never), { problem: "an object of a class is no value of the protocol", isFinal: false });
  assert.deepEqual(await told(() => {
    throw new NoCredentials("logged out");
  }), { problem: "logged out", isFinal: true });
  assert.equal(complaints.mock.callCount(), 3);
});

test("an application that fetches a token is connected with it, and one that has logged out is closed", async (context) => {
  context.mock.method(console, "error", () => {});
  const net = new Net();
  let token: string | null = "fetched";
  const client = net.connect({
    async auth() {
      await Promise.resolve();
      if (token === null) throw new NoCredentials("logged out");
      return { token };
    },
  });
  await client.socket().ready;
  assert.deepEqual(net.server.hellos[0]?.auth, { token: "fetched" });
  token = null;
  const closed = new Promise<void>((resolve) => client.watch((state) => state === "closed" && resolve()));
  net.listeners.at(-1)?.onClosed(null, "");
  await closed;
  assert.deepEqual(client.closed, { code: 1006, reason: "no credentials: logged out", data: null });
});
