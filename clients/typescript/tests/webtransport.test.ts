// The message channel of WebTransport: messages behind their lengths, however they are cut.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { connect } from "../src/client.js";
import type { Transport } from "../src/transport/transport.js";
import { CODE_WAIT_MS, Messages, openWebTransport, withLength } from "../src/transport/webtransport.js";
import { ModelServer } from "./model_server.js";

test("messages of every length come out of the channel as they went in, wherever it is cut", () => {
  const sent = [1, 63, 64, 16_383, 16_384, 70_000].map((length) => new Uint8Array(length).fill(length % 251));
  const channel = new Uint8Array(sent.flatMap((message) => [...withLength(message)]));
  for (const step of [1, 7, 4_096, channel.length]) {
    const messages = new Messages(70_000);
    const taken: Uint8Array[] = [];
    for (let at = 0; at < channel.length; at += step) {
      messages.push(channel.slice(at, at + step));
      if (step > 1 || at % 1_000 === 0 || at + step >= channel.length) taken.push(...messages.take());
    }
    assert.deepEqual(taken, sent);
  }
});

test("a chunk that ends where a message ends leaves nothing behind", () => {
  const messages = new Messages(70_000);
  for (const length of [200, 300]) {
    messages.push(withLength(new Uint8Array(length)));
    assert.deepEqual([...messages.take()], [new Uint8Array(length)]);
  }
});

test("a length in a longer form than it needs is taken", () => {
  const messages = new Messages(70_000);
  messages.push(new Uint8Array([0xc0, 0, 0, 0, 0, 0, 0, 1, 9]));
  assert.deepEqual([...messages.take()], [new Uint8Array([9])]);
});

test("a message above the limit is not waited for", () => {
  const messages = new Messages(99);
  messages.push(withLength(new Uint8Array(100)).slice(0, 2));
  assert.deepEqual([...messages.take()], []);
  assert.equal(messages.isTooLarge, true);
});

/** In place of the browser's: what its server does is done to it, and it tells how the client has ended it. */
class FakeWebTransport {
  readonly ready = Promise.resolve();
  readonly closed: Promise<{ closeCode?: number; reason?: string }>;
  readonly datagrams = { readable: new ReadableStream(), writable: new WritableStream() };
  /** The codes that the client has closed it with. */
  readonly ended: number[] = [];
  /** The server ends the session, with a code or, as the network does, without. */
  readonly end: (told: { closeCode?: number; reason?: string } | Error) => void;
  /** The server ends its direction of the channel. */
  endChannel: () => void = () => {};
  /** The server writes on it. */
  push: (bytes: Uint8Array) => void = () => {};
  /** The server reads no more of the other direction. */
  stopReading: (cause: Error) => void = () => {};
  /** The client has ended its direction. */
  isFinished = false;
  /** The server reads this. */
  onWritten: (bytes: Uint8Array) => void | Promise<void> = () => {};

  constructor() {
    let tell: typeof this.end = () => {};
    this.closed = new Promise((resolve, reject) => {
      tell = (told) => (told instanceof Error ? reject(told) : resolve(told));
    });
    this.end = tell;
  }

  async createBidirectionalStream() {
    const readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.push = (bytes) => controller.enqueue(bytes);
        this.endChannel = () => controller.close();
      },
    });
    const writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.stopReading = (cause) => controller.error(cause);
      },
      write: (bytes) => this.onWritten(bytes),
      close: () => void (this.isFinished = true),
    });
    return { readable, writable };
  }

  close({ closeCode }: { closeCode: number }): void {
    this.ended.push(closeCode);
    this.end({ closeCode, reason: "" });
  }
}

/** Has the browser's interface give this one, and its timers wait for `tick`. */
function faked(context: TestContext) {
  const globals = globalThis as { WebTransport?: unknown };
  const former = globals.WebTransport;
  const fake = new FakeWebTransport();
  globals.WebTransport = function () {
    return fake;
  };
  context.after(() => {
    globals.WebTransport = former;
  });
  context.mock.timers.enable({ apis: ["setTimeout"] });
  return fake;
}

/** A connection that is open, and what was told of its end. */
async function opened(context: TestContext) {
  const fake = faked(context);
  const told: [number | null, string][] = [];
  const silent = { frameLimit: 100, onMessage() {}, onDatagram() {}, onTooLarge() {}, onDrained() {} };
  const transport = await new Promise<Transport>((resolve) => {
    const opened: Transport = openWebTransport({ url: "https://a.example", subprotocol: "", hashes: [] }, {
      ...silent,
      onOpen: () => resolve(opened),
      onClosed: (code, reason) => void told.push([code, reason]),
    });
  });
  return { fake, transport, told };
}

/** A client over such a connection. */
async function connected(context: TestContext) {
  const fake = faked(context);
  const server = new ModelServer((_link, message) => fake.push(withLength(message as Uint8Array)));
  const arrived = new Messages(1_000_000);
  fake.onWritten = (chunk) => {
    arrived.push(chunk);
    for (const message of arrived.take()) server.receive(1, message);
  };
  const client = connect("https://a.example", { transports: "webtransport-only", dialers: { webtransport: openWebTransport } });
  await client.socket().ready;
  return { fake, client };
}

/** What is under way arrives: all of that is microtasks. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test("TRN-023: the code that a server ends the session with is told, if it counts", async (context) => {
  for (const [closeCode, code] of [[999, null], [1_000, 1_000], [3_002, 3_002], [4_999, 4_999], [5_000, null], [0, null]] as const) {
    await context.test(`${closeCode}`, async (context) => {
      const { fake, told } = await opened(context);
      fake.end({ closeCode, reason: "because" });
      await settle();
      assert.deepEqual(told, [[code, "because"]]);
    });
  }
});

test("TRN-023: a connection that the network has lost is told as a cut, at once", async (context) => {
  const { fake, told } = await opened(context);
  fake.end(new Error("no network"));
  await settle();
  assert.deepEqual(told, [[null, "no network"]]);
});

test("TRN-023: the end of the channel in either direction is a cut, and the rest of the connection is closed", async (context) => {
  for (const [direction, reason, end] of [
    ["from the server", "", (fake: FakeWebTransport) => fake.endChannel()],
    ["to the server", "no more", (fake: FakeWebTransport) => fake.stopReading(new Error("no more"))],
  ] as const) {
    await context.test(direction, async (context) => {
      const { fake, told } = await opened(context);
      end(fake);
      await settle();
      assert.deepEqual(told, []);
      context.mock.timers.tick(CODE_WAIT_MS);
      assert.deepEqual([told, fake.ended], [[[null, reason]], [0]]);
    });
  }
});

test("TRN-023: a code that comes a little after the end of the channel counts", async (context) => {
  const { fake, told } = await opened(context);
  fake.endChannel();
  await settle();
  context.mock.timers.tick(CODE_WAIT_MS - 1);
  fake.end({ closeCode: 3_002, reason: "unauthorized" });
  await settle();
  context.mock.timers.tick(CODE_WAIT_MS);
  assert.deepEqual(told, [[3_002, "unauthorized"]]);
});

test("TRN-023: a session that the server ends with a code that is final is not begun anew", async (context) => {
  const { fake, client } = await connected(context);
  fake.end({ closeCode: 3_002, reason: "unauthorized" });
  await settle();
  assert.deepEqual([client.state, client.closed], ["closed", { code: 3_002, reason: "unauthorized", data: null }]);
});

test("TRN-024: who closes ends the channel behind what was sent, and the session when the server has done the same", async (context) => {
  const { fake, transport, told } = await opened(context);
  let read = () => {};
  fake.onWritten = () => new Promise<void>((resolve) => void (read = resolve));
  transport.send(new Uint8Array([1]));
  transport.close(3_402, "");
  await settle();
  assert.equal(fake.isFinished, false);
  read();
  await settle();
  assert.deepEqual([fake.isFinished, fake.ended], [true, []]);
  fake.endChannel();
  await settle();
  assert.deepEqual([fake.ended.slice(0, 1), told], [[3_402], [[3_402, ""]]]);
});

test("TRN-024: a server that does not read is waited for a second, and then left with the code", async (context) => {
  const { fake, client } = await connected(context);
  fake.onWritten = () => new Promise(() => {});
  await client.close();
  await settle();
  context.mock.timers.tick(999);
  assert.deepEqual(fake.ended, []);
  context.mock.timers.tick(1);
  assert.deepEqual(fake.ended, [1_000]);
});

test("SES-056: who closes for a message that is too large waits for the server too", async (context) => {
  const { fake, transport } = await opened(context);
  fake.push(withLength(new Uint8Array(101)));
  await settle();
  transport.close(3_205, "");
  await settle();
  assert.deepEqual([fake.isFinished, fake.ended], [true, []]);
  fake.end({ closeCode: 3_205 });
  await settle();
  assert.deepEqual([...new Set(fake.ended)], [3_205]);
});

test("a connection that is dropped without CLOSE is left without a code", async (context) => {
  const { fake, transport } = await opened(context);
  transport.abort();
  assert.deepEqual(fake.ended, [0]);
});
