// The client's session against a model of a server, with a clock, chance and connections of the test's own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Connections } from "../src/connections.js";
import { MESSAGE_PACK, type Message } from "../src/encoding.js";
import { DEFAULT_LIMITS } from "../src/limits.js";
import type { Notice, Output } from "../src/notices.js";
import { QueueFull, QueueLong } from "../src/outbound.js";
import { Offline, type Queueing, Session } from "../src/session.js";
import type { Value } from "../src/value.js";
import { closeWith, ModelServer } from "./model_server.js";
import { FIRST_SEED, generator } from "./seeds.js";

type Wire = { readonly link: number; readonly message: Message; readonly toServer: boolean };

/** Both sides and what is between them. Dials succeed at once, or wait for `opens`. */
class World {
  now = 1_000;
  opens = true;
  readonly wires: Wire[] = [];
  readonly notices: Notice[] = [];
  readonly sent: Message[] = [];
  readonly shut: { link: number; code: number }[] = [];
  readonly dials: Extract<Output, { kind: "dial" }>[] = [];
  readonly server = new ModelServer((link, message) => this.wires.push({ link, message, toServer: false }));
  readonly client: Connections;

  constructor(random = () => 0.5, auth: () => Value = () => "me") {
    this.client = new Connections(MESSAGE_PACK, { url: "ws://host/trunkline", agent: "test", auth, limits: DEFAULT_LIMITS, random });
    this.client.start();
    this.client.session.connect("/", null);
    this.act();
  }

  /** Does what the client asks for. */
  act(): void {
    this.client.pump(this.now);
    for (let output = this.client.outputs.shift(); output !== undefined; output = this.client.outputs.shift()) this.#do(output);
  }

  #do(output: Output): void {
    if (output.kind === "send") {
      this.sent.push(output.message);
      this.wires.push({ link: output.link, message: output.message, toServer: true });
    } else if (output.kind === "dial") {
      this.dials.push(output);
      if (this.opens) this.client.opened(output.link, this.now);
    } else if (output.kind === "shut") {
      this.shut.push({ link: output.link, code: output.code });
      this.client.closed(output.link, null, "", this.now);
    } else if (output.kind !== "drop" && output.kind !== "silent" && output.kind !== "round trip") this.notices.push(output);
  }

  /** Carries the next message; false if there is none. */
  step(): boolean {
    const wire = this.wires.shift();
    if (wire === undefined) return false;
    if (wire.toServer) this.server.receive(wire.link, wire.message);
    else this.client.received(wire.link, wire.message, this.now);
    this.act();
    return true;
  }

  settle(): void {
    for (let steps = 0; this.step(); steps += 1) assert.ok(steps < 100_000, "it goes on for ever");
  }

  /** A connection is gone, with all that was under way on it. */
  cut(link: number | null): void {
    if (link === null) return;
    this.wires.splice(0, this.wires.length, ...this.wires.filter((wire) => wire.link !== link));
    if (this.server.current === link) this.server.current = 0;
    this.client.closed(link, null, "", this.now);
    this.act();
  }

  kinds(): string[] {
    return this.notices.map(({ kind }) => kind);
  }
}

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
  world.client.opened(world.dials.at(-1)?.link ?? 0, world.now);
  world.act();
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
  world.client.opened(world.dials.at(-1)?.link ?? 0, world.now);
  world.act();
  world.settle();
  const dropped = world.notices.find((notice) => notice.kind === "dropped");
  assert.deepEqual(dropped, { kind: "dropped", reason: "refused", events: [{ ns: "/", event: "say", args: [1], askedAck: true, sent: false }] });
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
  world.client.end();
  world.act();
  const lost = world.notices.find((notice) => notice.kind === "lost");
  assert.deepEqual(lost?.kind === "lost" && lost.events, []);
});

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
  world.client.opened(world.dials.at(-1)?.link ?? 0, world.now);
  world.act();
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
  world.client.wanted();
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
    world.client.opened(world.dials.at(-1)?.link ?? 0, world.now);
    world.act();
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
  assert.ok(stopped?.kind === "stopped" && stopped.code === 3205);
  assert.match(stopped.reason, /HELLO of 8\d+ bytes, where a server takes 8192/);
});

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

test("the URL of a CLOSE holds for the next dial alone, whatever becomes of it", () => {
  const world = new World();
  world.settle();
  world.opens = false;
  world.server.write(world.server.current, { ...closeWith(3600), url: "ws://host/elsewhere" });
  world.settle();
  const link = world.dials.at(-1)?.link ?? 0;
  world.client.opened(link, world.now);
  world.act();
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
