// The order of a socket's events, and who is held up by a handler that takes its time (decision 49).

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client, ClientOptions } from "../src/client.js";
import { Inbound } from "../src/inbound.js";
import { DEFAULT_LIMITS } from "../src/limits.js";
import { WAITING_BYTES } from "../src/newest.js";
import type { Socket } from "../src/socket.js";
import type { Value } from "../src/value.js";
import { Net } from "./net.js";

/** A connected socket, and a server that sends it events. */
class Listening {
  readonly net = new Net();
  readonly client: Client;
  readonly socket: Socket;
  readonly seen: string[] = [];
  /** Of the last LATEST. */
  version = 0;
  /** Handlers that wait, in their order. */
  readonly gates: (() => void)[] = [];

  constructor(options: ClientOptions = {}) {
    this.client = this.net.connect(options);
    this.socket = this.client.socket();
  }

  /** Notes where it begins and where it ends, for which it waits. */
  readonly slow = async (value: Value): Promise<Value> => {
    this.seen.push(`begin ${value}`);
    await new Promise<void>((resolve) => this.gates.push(resolve));
    this.seen.push(`end ${value}`);
    return value;
  };

  readonly quick = (value: Value): void => void this.seen.push(`${value}`);

  send(event: string, value: Value, ackId: number | null = null): void {
    this.net.server.outbound.push({ kind: "EVENT", ns: "/", ack_id: ackId, event, args: [value] });
    this.net.server.flush();
  }

  /** The longest waiting handler ends. */
  async finish(): Promise<void> {
    this.gates.shift()?.();
    await this.settle();
  }

  /** What is under way arrives, and whoever waits for it goes on: all of that is microtasks. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("events are handled one at a time, whatever their names; an answer passes those that wait", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("slow", listening.slow).on("quick", listening.quick);
  for (const [event, value] of [["quick", 1], ["slow", 2], ["quick", 3], ["slow", 4], ["quick", 5]] as const) listening.send(event, value);
  await listening.socket.emitWithAck(Infinity, "say", null);
  assert.deepEqual(listening.seen, ["1", "begin 2"]);
  await listening.finish();
  assert.deepEqual(listening.seen, ["1", "begin 2", "end 2", "3", "begin 4"]);
  await listening.finish();
  assert.deepEqual(listening.seen.slice(-2), ["end 4", "5"]);
  await listening.client.close();
});

test("handlers without promises run as their events are read, one behind the other", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("quick", listening.quick).on("quick", (value) => void listening.seen.push(`too ${value}`));
  for (const value of [1, 2]) listening.send("quick", value);
  await listening.settle();
  assert.deepEqual(listening.seen, ["1", "too 1", "2", "too 2"]);
  await listening.client.close();
});

test("a handler that fails holds nobody up", async (context) => {
  const complaints = context.mock.method(console, "error", () => {});
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("quick", listening.quick).on("fail", async () => Promise.reject(new Error("of the application"))).on("throw", () => {
    throw new Error("of the application");
  });
  for (const [event, value] of [["fail", 1], ["throw", 2], ["quick", 3]] as const) listening.send(event, value, 1);
  await listening.settle();
  assert.deepEqual([listening.seen, listening.net.server.failures, complaints.mock.callCount()], [["3"], [3011, 3011], 2]);
  await listening.client.close();
});

test("a concurrent handler runs beside the others, so many at once, and its answers come as they are given", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("slow", listening.slow).on("beside", listening.slow, { concurrent: 2 });
  listening.send("slow", 0);
  for (const value of [1, 2, 3]) listening.send("beside", value);
  await listening.settle();
  assert.deepEqual(listening.seen, ["begin 0", "begin 1", "begin 2"]);
  const [first, second] = listening.gates.splice(0, 2);
  second?.();
  await listening.settle();
  assert.deepEqual(listening.seen.slice(3), ["end 1", "begin 3"]);
  first?.();
  await listening.settle();
  assert.deepEqual(listening.seen.slice(5), ["end 0"]);
  assert.throws(() => listening.socket.on("beside", listening.slow, { concurrent: 0 }), RangeError);
  for (const gate of listening.gates) gate();
  await listening.client.close();
});

test("who handles an event is seen when its turn comes", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("slow", listening.slow).on("quick", listening.quick);
  for (const [event, value] of [["slow", 1], ["quick", 2], ["new", 3]] as const) listening.send(event, value, value);
  await listening.settle();
  listening.socket.off("quick", listening.quick).on("new", listening.quick);
  await listening.finish();
  assert.deepEqual([listening.seen.slice(-2), listening.net.server.failures], [["end 1", "3"], [3009]]);
  await listening.client.close();
});

test("a datagram does not wait for a handler, and is dropped while the last event of its name is being handled", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("slow", listening.slow).on("moved", listening.quick).on("drawn", listening.slow);
  listening.send("slow", 1);
  const { server } = listening.net;
  for (const [event, value] of [["moved", 2], ["drawn", 3], ["drawn", 4], ["moved", 5]] as const) {
    server.write(server.current, { kind: "DATAGRAM", ns: "/", event, args: [value] });
  }
  await listening.settle();
  assert.deepEqual(listening.seen, ["begin 1", "2", "begin 3", "5"]);
  assert.equal(listening.client.stats().ignoredBestEffort.busy, 1);
  for (const gate of listening.gates.splice(0)) gate();
  await listening.settle();
  server.write(server.current, { kind: "DATAGRAM", ns: "/", event: "drawn", args: [6] });
  await listening.settle();
  assert.equal(listening.seen.at(-1), "begin 6");
  await listening.client.close();
});

/** A value of `moved`, for each key and number, one version after the other. */
function values(listening: Listening, told: readonly (readonly [string, Value])[]): void {
  const { server } = listening.net;
  for (const [key, value] of told) {
    listening.version += 1;
    server.write(server.current, { kind: "LATEST", ns: "/", event: "moved", key, version: listening.version, args: [value] });
  }
}

test("the newest value of each key waits for a handler under way, and those that it replaces are counted", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("moved", listening.slow);
  const { server } = listening.net;
  values(listening, [["a", 1], ["a", 2], ["b", 3], ["a", 4]]);
  server.write(server.current, { kind: "DATAGRAM", ns: "/", event: "moved", args: [5] });
  await listening.settle();
  assert.deepEqual(listening.seen, ["begin 1"]);
  const { conflated, busy } = listening.client.stats().ignoredBestEffort;
  assert.deepEqual([conflated, busy], [1, 1]);
  await listening.finish();
  assert.deepEqual(listening.seen.slice(1), ["end 1", "begin 4"]);
  values(listening, [["b", 6]]);
  await listening.settle();
  await listening.finish();
  await listening.finish();
  assert.deepEqual(listening.seen.slice(3), ["end 4", "begin 6", "end 6"]);
  assert.equal(listening.client.stats().ignoredBestEffort.conflated, 2);
  values(listening, [["a", 7]]);
  await listening.settle();
  assert.equal(listening.seen.at(-1), "begin 7");
  await listening.client.close();
});

test("values that wait for a handler are bounded in their keys and in their bytes", async () => {
  const listening = new Listening({ limits: { latest_keys: 2 } });
  await listening.socket.ready;
  listening.socket.on("moved", listening.slow);
  values(listening, [["a", 1], ["a", 2], ["b", 3], ["c", 4], ["b", 5]]);
  await listening.settle();
  const { conflated, busy } = listening.client.stats().ignoredBestEffort;
  assert.deepEqual([conflated, busy], [1, 1]);
  values(listening, [["a", "x".repeat(WAITING_BYTES)]]);
  await listening.settle();
  assert.equal(listening.client.stats().ignoredBestEffort.busy, 2);
  for (let at = 0; at < 3; at += 1) await listening.finish();
  assert.deepEqual(listening.seen.filter((line) => line.startsWith("begin")), ["begin 1", "begin 2", "begin 5"]);
  values(listening, [["d", 6], ["d", "x".repeat(WAITING_BYTES - 1_000)], ["e", 7]]);
  await listening.settle();
  assert.equal(listening.client.stats().ignoredBestEffort.busy, 2, "those that were handled make room");
  await listening.client.close();
});

test("values that wait for a handler of a socket that is left are dropped and counted", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("moved", listening.slow);
  values(listening, [["a", 1], ["a", 2], ["b", 3]]);
  await listening.settle();
  listening.socket.disconnect();
  await listening.finish();
  assert.deepEqual(listening.seen, ["begin 1", "end 1"]);
  assert.equal(listening.client.stats().ignoredBestEffort.notConnected, 2);
  await listening.client.close();
});

test("while more waits than limits.inbound the server is told of no receipt, and then of all", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  await listening.settle();
  listening.socket.on("slow", listening.slow);
  const { server } = listening.net;
  const large = "x".repeat(400_000);
  // Two are confirmed ahead of the third, with which too much waits.
  for (let at = 0; at < 6; at += 1) {
    listening.send("slow", large);
    await listening.settle();
  }
  assert.equal(server.outbound.queued.frames, 1, "the window of the server is closed");
  assert.equal(server.outbound.isConfirmed, false);
  assert.ok(listening.client.stats().waitingBytes > DEFAULT_LIMITS.inbound);
  for (let at = 0; at < 2; at += 1) await listening.finish();
  assert.equal(server.outbound.queued.frames, 1);
  await listening.finish();
  assert.equal(server.outbound.queued.frames, 0);
  for (let at = 0; at < 3; at += 1) await listening.finish();
  assert.deepEqual([server.outbound.isConfirmed, listening.client.stats().waitingBytes], [true, 0]);
  await listening.client.close();
});

test("an event with several handlers is answered by the first that ends, and waits until the last has", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  const also = async () => listening.slow("too");
  listening.socket.on("ask", listening.slow).on("ask", also).on("beside", listening.slow).on("beside", also, { concurrent: 1 });
  listening.send("ask", 1, 1);
  await listening.settle();
  await listening.finish();
  assert.deepEqual([listening.seen, listening.net.server.answered], [["begin 1", "begin too", "end 1"], [1]]);
  listening.send("beside", 2, 2);
  await listening.settle();
  listening.socket.off("beside", listening.slow);
  const [first, beside] = listening.gates.splice(0);
  first?.();
  await listening.settle();
  assert.ok(listening.client.stats().waitingBytes > 0, "one of them has not ended");
  beside?.();
  await listening.settle();
  const { answered, failures } = listening.net.server;
  assert.deepEqual([answered, failures, listening.client.stats().waitingBytes], [[1, 2], [], 0]);
  await listening.client.close();
});

test("a server that asks to be left waits for what is being handled", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("slow", listening.slow);
  const { server } = listening.net;
  for (let at = 0; at < 3; at += 1) {
    listening.send("slow", "x".repeat(400_000));
    await listening.settle();
  }
  server.write(server.current, { kind: "GOAWAY", reason: "", slot: 0, deadline: 600_000, url: null });
  await listening.settle();
  assert.equal(server.hellos.length, 1);
  for (let at = 0; at < 3; at += 1) await listening.finish();
  await listening.settle();
  assert.deepEqual([server.outbound.isConfirmed, listening.client.state], [true, "connected"]);
  await listening.client.close();
});

test("a receiver that is behind tells its old receipt until it has caught up", () => {
  const inbound = new Inbound(DEFAULT_LIMITS, DEFAULT_LIMITS);
  inbound.accept(1, 10, 0);
  inbound.told();
  inbound.accept(2, 100_000, 0);
  inbound.isHeld = true;
  assert.deepEqual([inbound.receipt, inbound.isReceiptDue(100_000), inbound.receiptDueAt], [1, false, null]);
  inbound.told();
  inbound.isHeld = false;
  assert.deepEqual([inbound.receipt, inbound.isReceiptDue(0), inbound.isConfirmed], [2, true, false]);
});

test("a socket that is left, or whose client is closed, begins no handler more; one under way goes on", async () => {
  for (const end of [
    ({ socket }: Listening) => socket.disconnect(),
    ({ client }: Listening) => void client.close(),
  ]) {
    const listening = new Listening();
    await listening.socket.ready;
    listening.socket.on("slow", listening.slow).on("beside", listening.slow, { concurrent: 1 });
    for (const [event, value] of [["slow", 1], ["slow", 2], ["beside", 3], ["beside", 4]] as const) listening.send(event, value);
    await listening.settle();
    end(listening);
    const ended = listening.gates.splice(0).map((gate) => gate());
    await listening.settle();
    assert.deepEqual([ended.length, listening.seen], [2, ["begin 1", "begin 3", "end 1", "end 3"]]);
    assert.equal(listening.client.stats().waitingBytes, 0);
    await listening.client.close();
  }
});

test("events that came before the server disconnected their socket are still handled", async () => {
  const listening = new Listening();
  await listening.socket.ready;
  listening.socket.on("slow", listening.slow);
  for (const value of [1, 2]) listening.send("slow", value);
  listening.net.server.outbound.push({ kind: "DISCONNECT", ns: "/", code: 3013, reason: "" });
  listening.net.server.flush();
  await listening.settle();
  await assert.rejects(listening.socket.ready);
  for (const _ of [1, 2]) await listening.finish();
  assert.deepEqual(listening.seen, ["begin 1", "end 1", "begin 2", "end 2"]);
  await listening.client.close();
});
