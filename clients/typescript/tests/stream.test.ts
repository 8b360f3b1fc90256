// The sending and the receiving machine, against each other, over links that are cut.

import assert from "node:assert/strict";
import { test } from "node:test";
import { JSON_ENCODING, MESSAGE_PACK, type Message, sizeOf } from "../src/encoding.js";
import { type Event, isSequenced } from "../src/frame.js";
import { Inbound, RECEIPT_DELAY_MS } from "../src/inbound.js";
import { DEFAULT_LIMITS, type Limits } from "../src/limits.js";
import { Outbound, QueueFull, TooLarge, type Unnumbered } from "../src/outbound.js";
import { Violation } from "../src/violation.js";

const SMALL: Limits = { ...DEFAULT_LIMITS, replay: 16_384, inbound: 16_384, frame: 16_384 };

function event(text: string, ack_id: number | null = null): Unnumbered {
  return { kind: "EVENT", ns: "/", ack_id, event: "say", args: [text] };
}

function answer(): Unnumbered {
  return { kind: "ACK", ns: "/", ack_id: 1, args: [] };
}

function drain(outbound: Outbound): Message[] {
  const messages: Message[] = [];
  for (let message = outbound.transmit(); message !== null; message = outbound.transmit()) messages.push(message);
  return messages;
}

function kinds(messages: readonly Message[]): string[] {
  return messages.map((message) => MESSAGE_PACK.decode(message).kind);
}

test("a closed window holds events back, lets answers pass, and opens with a receipt", () => {
  const outbound = new Outbound(MESSAGE_PACK, SMALL, SMALL);
  const large = "x".repeat(9_000);
  for (const text of [large, large, large]) outbound.push(event(text));
  assert.deepEqual(kinds(drain(outbound)), ["EVENT", "EVENT"]);
  outbound.push(answer());
  assert.deepEqual(kinds(drain(outbound)), ["ACK"]);
  outbound.receipt(1);
  assert.deepEqual(kinds(drain(outbound)), ["EVENT"]);
});

test("twice the window holds answers back too", () => {
  const outbound = new Outbound(MESSAGE_PACK, SMALL, SMALL);
  const large: Unnumbered = { kind: "ACK", ns: "/", ack_id: 1, args: ["x".repeat(9_000)] };
  for (let count = 0; count < 5; count += 1) outbound.push(large);
  assert.equal(drain(outbound).length, 4);
  outbound.receipt(1);
  assert.equal(drain(outbound).length, 1);
});

test("a queue that is full, and a frame that is too large, are errors that take nothing", () => {
  const outbound = new Outbound(MESSAGE_PACK, { ...SMALL, queue: 100 }, SMALL);
  assert.throws(() => outbound.push(event("x".repeat(20_000))), TooLarge);
  assert.throws(() => outbound.push(event("x".repeat(200))), QueueFull);
  outbound.push(event("fits"));
  assert.equal(drain(outbound).length, 1);
});

test("a receipt for what was never sent is a violation, and an old one is nothing", () => {
  const outbound = new Outbound(MESSAGE_PACK, SMALL, SMALL);
  for (const text of ["a", "b"]) outbound.push(event(text));
  drain(outbound);
  outbound.receipt(2);
  outbound.receipt(1);
  assert.throws(() => outbound.receipt(3), Violation);
});

test("the end tells what is unknown apart from what never left", () => {
  const outbound = new Outbound(MESSAGE_PACK, SMALL, SMALL);
  outbound.push(event("sent"));
  drain(outbound);
  outbound.push(event("queued"));
  const { unconfirmed, queued } = outbound.end();
  assert.deepEqual(unconfirmed.map((frame) => (frame as Event).args), [["sent"]]);
  assert.deepEqual(queued, [event("queued")]);
  assert.equal(outbound.transmit(), null);
});

test("a receipt is due for the first frame at once, then by bytes, by repeats, and by time", () => {
  const inbound = new Inbound(SMALL, SMALL);
  assert.ok(inbound.accept(1, 10, 0));
  assert.ok(inbound.isReceiptDue(0));
  inbound.told();
  assert.ok(inbound.accept(2, 200, 5));
  assert.ok(!inbound.isReceiptDue(5));
  assert.equal(inbound.receiptDueAt, 5 + RECEIPT_DELAY_MS);
  assert.ok(inbound.isReceiptDue(5 + RECEIPT_DELAY_MS));
  assert.ok(!inbound.accept(2, 56, 6));
  assert.ok(inbound.isReceiptDue(6));
});

test("a gap is a violation, and so is more than twice what is taken", () => {
  const inbound = new Inbound(SMALL, SMALL);
  assert.throws(() => inbound.accept(2, 10, 0), Violation);
  let seq = 0;
  assert.throws(() => {
    for (;;) inbound.accept((seq += 1), 16_384, 0);
  }, Violation);
  assert.equal(seq, 4);
});

/** mulberry32: numbers that follow from a seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One side of a session: what it is to send, and what it was given. */
class Side {
  readonly outbound: Outbound;
  readonly inbound = new Inbound(SMALL, SMALL);
  readonly delivered: unknown[] = [];
  wire: Message[] = [];
  emitted = 0;

  constructor(readonly encoding: typeof MESSAGE_PACK) {
    this.outbound = new Outbound(encoding, SMALL, SMALL);
  }

  emit(text: string): void {
    this.outbound.push(event(`${this.emitted} ${text}`));
    this.emitted += 1;
  }

  transmit(): void {
    this.wire.push(...drain(this.outbound));
  }

  take(message: Message, now: number): void {
    const frame = this.encoding.decode(message);
    if (frame.kind === "RECEIVED") return this.outbound.receipt(frame.received);
    assert.ok(isSequenced(frame), "nothing else is sent here");
    if (this.inbound.accept(frame.seq, sizeOf(message), now)) this.delivered.push((frame as Event).args[0]);
    if (!this.inbound.isReceiptDue(now)) return;
    this.wire.push(this.encoding.encode({ kind: "RECEIVED", received: this.inbound.receipt }));
    this.inbound.told();
  }
}

/** All that is on the wire is lost; each side tells the other what it has. */
function cut(one: Side, other: Side): void {
  one.wire = [];
  other.wire = [];
  one.outbound.resume(other.inbound.receipt);
  other.outbound.resume(one.inbound.receipt);
}

function runWithCuts(encoding: typeof MESSAGE_PACK, seed: number, events: number): number {
  const random = randomOf(seed);
  const sides = [new Side(encoding), new Side(encoding)] as const;
  let cuts = 0;
  for (let now = 0; now < 1_000_000; now += 1) {
    const sender = sides[random() < 0.5 ? 0 : 1];
    const receiver = sender === sides[0] ? sides[1] : sides[0];
    if (sender.emitted < events && random() < 0.5) sender.emit("x".repeat(random() * 1_000));
    sender.transmit();
    for (const message of sender.wire.splice(0, random() * 10)) receiver.take(message, now);
    if (random() < 0.02) {
      cuts += 1;
      cut(...sides);
    }
    if (sides.every(({ delivered }) => delivered.length === events)) break;
  }
  for (const { delivered } of sides) {
    assert.deepEqual(delivered.map((text) => Number(String(text).split(" ")[0])), Array.from({ length: events }, (_, at) => at));
  }
  return cuts;
}

const SEEDS = process.env["SEED"] === undefined ? Array.from({ length: 50 }, (_, seed) => seed) : [Number(process.env["SEED"])];

for (const encoding of [MESSAGE_PACK, JSON_ENCODING]) {
  for (const seed of SEEDS) {
    test(`what is emitted arrives once and in order, both ways, whatever is cut, in ${encoding.name}, SEED=${seed}`, () => {
      assert.ok(runWithCuts(encoding, seed, 200) > 0, "no cut: the test shows nothing");
    });
  }
}
