// The codec and the two machines against the real server, in both encodings: the machines are driven here
// by hand, without the session. FIXTURE is the fixture server's path.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Encoding, JSON_ENCODING, MESSAGE_PACK, type Message, sizeOf } from "../src/encoding.js";
import { type Frame, isSequenced, type Welcome } from "../src/frame.js";
import { Inbound } from "../src/inbound.js";
import { DEFAULT_LIMITS } from "../src/limits.js";
import { Outbound, type Unnumbered } from "../src/outbound.js";
import type { Value } from "../src/value.js";
import { fixtureServer, needsFixture as options } from "./fixture_server.js";

const address = fixtureServer();

/** One session of `/`, over as many connections as it is given. */
class Driven {
  readonly #outbound: Outbound;
  readonly #inbound = new Inbound(DEFAULT_LIMITS, DEFAULT_LIMITS);
  readonly #acks = new Map<number, (frame: Frame) => void>();
  readonly ticks: Value[] = [];
  #socket: WebSocket | null = null;
  #session: Welcome | null = null;
  #attach = 0;
  #ackId = 0;
  onTick: () => void = () => {};

  constructor(readonly encoding: Encoding) {
    this.#outbound = new Outbound(encoding, DEFAULT_LIMITS, DEFAULT_LIMITS);
  }

  /** A first connection, or one that resumes while the one before is no longer listened to. */
  attach(): Promise<Welcome> {
    const socket = new WebSocket(`ws://${address()}/trunkline`, [this.encoding.subprotocol]);
    socket.binaryType = "arraybuffer";
    if (this.#socket !== null) this.#socket.onmessage = null;
    this.#socket = socket;
    const resume = this.#session && {
      session: this.#session.session,
      secret: this.#session.secret ?? "",
      attach: (this.#attach += 1),
      received: this.#inbound.receipt,
      strict: true,
    };
    return new Promise((resolve, reject) => {
      socket.onerror = () => reject(new Error("no connection"));
      socket.onopen = () => this.#write({ kind: "HELLO", v: 1, agent: "", auth: null, resume, features: [], limits: DEFAULT_LIMITS, ping_interval: null });
      socket.onmessage = ({ data }) => this.#take(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer), resolve);
    });
  }

  push(frame: Unnumbered): void {
    this.#outbound.push(frame);
    this.#transmit();
  }

  ask(event: string, ...args: Value[]): Promise<Frame> {
    const ack_id = (this.#ackId += 1);
    const answer = new Promise<Frame>((resolve) => this.#acks.set(ack_id, resolve));
    this.push({ kind: "EVENT", ns: "/", ack_id, event, args });
    return answer;
  }

  close(): void {
    this.#write({ kind: "CLOSE", code: 1000, reason: "", retry_after: null, url: null, attach: null, data: null });
    this.#socket?.close(1000);
  }

  #send(message: Message): void {
    this.#socket?.send(message as string);
  }

  #write(frame: Frame): void {
    this.#send(this.encoding.encode(frame));
  }

  #transmit(): void {
    for (let message = this.#outbound.transmit(); message !== null; message = this.#outbound.transmit()) this.#send(message);
  }

  #take(message: Message, welcomed: (welcome: Welcome) => void): void {
    const frame = this.encoding.decode(message);
    if (frame.kind === "WELCOME") {
      if (frame.resumed) this.#outbound.resume(frame.received);
      this.#session ??= frame;
      this.#transmit();
      return welcomed(frame);
    }
    if (frame.kind === "RECEIVED") this.#outbound.receipt(frame.received);
    if (isSequenced(frame) && this.#inbound.accept(frame.seq, sizeOf(message), Date.now())) this.#deliver(frame);
    if (!this.#inbound.isReceiptDue(Date.now())) return;
    this.#write({ kind: "RECEIVED", received: this.#inbound.receipt });
    this.#inbound.told();
  }

  #deliver(frame: Frame): void {
    if (frame.kind === "ACK" || frame.kind === "FAILED") this.#acks.get(frame.ack_id)?.(frame);
    if (frame.kind !== "EVENT" || frame.event !== "tick") return;
    this.ticks.push(frame.args[0] ?? null);
    this.onTick();
  }
}

const VALUES: Value[] = [null, true, 0, -1, 1.5, 2n ** 53n, -(2n ** 63n), NaN, Infinity, "\u{1f600}\u0000", new Uint8Array([0, 255]), [[]], { $bin: 1 }, { a: { b: [1] } }];

for (const encoding of [MESSAGE_PACK, JSON_ENCODING]) {
  test(`values of every kind come back from the server, in ${encoding.name}`, options, async () => {
    const session = new Driven(encoding);
    await session.attach();
    session.push({ kind: "CONNECT", ns: "/", auth: { name: "x" } });
    const answer = await session.ask("echo", ...VALUES);
    assert.deepEqual(answer.kind === "ACK" && answer.args, VALUES);
    const failed = await session.ask("fail", 4042, "no such room");
    assert.deepEqual(failed.kind === "FAILED" && [failed.code, failed.message], [4042, "no such room"]);
    session.close();
  });

  test(`events go on, each once and in order, when the session changes its connection, in ${encoding.name}`, options, async () => {
    const session = new Driven(encoding);
    await session.attach();
    session.push({ kind: "CONNECT", ns: "/", auth: null });
    await session.ask("echo");
    const resumed: Promise<Welcome>[] = [];
    const all = new Promise<void>((resolve) => {
      session.onTick = () => {
        if (session.ticks.length % 60 === 0 && resumed.length < 3) resumed.push(session.attach());
        if (session.ticks.length === 200) resolve();
      };
    });
    session.push({ kind: "EVENT", ns: "/", ack_id: null, event: "count", args: [200, 5] });
    await all;
    assert.deepEqual(session.ticks, Array.from({ length: 200 }, (_, at) => at + 1));
    assert.deepEqual((await Promise.all(resumed)).map((welcome) => welcome.resumed), [true, true, true]);
    session.close();
  });
}
