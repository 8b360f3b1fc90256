// The message channel of WebTransport: messages behind their lengths, however they are cut.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Listener } from "../src/transport/transport.js";
import { Messages, openWebTransport, withLength } from "../src/transport/webtransport.js";

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

/** In place of the browser's: `ended` tells how the client has closed it. */
function fakeWebTransport(readable: ReadableStream<Uint8Array>, ended: number[]) {
  const nothing = () => ({ readable: new ReadableStream(), writable: new WritableStream() });
  return class {
    readonly ready = Promise.resolve();
    readonly closed = new Promise(() => {});
    readonly datagrams = nothing();
    createBidirectionalStream = () => Promise.resolve({ ...nothing(), readable });
    close = ({ closeCode }: { closeCode: number }) => ended.push(closeCode);
  };
}

test("a connection whose channel the server has ended is closed, and told as a cut", async (context) => {
  const ended: number[] = [];
  const end = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  const globals = globalThis as { WebTransport?: unknown };
  const former = globals.WebTransport;
  globals.WebTransport = fakeWebTransport(end, ended);
  context.after(() => {
    globals.WebTransport = former;
  });
  const code = await new Promise((onClosed) => {
    const silent: Omit<Listener, "onClosed"> = { frameLimit: 100, onOpen() {}, onMessage() {}, onDatagram() {}, onTooLarge() {}, onDrained() {} };
    openWebTransport({ url: "https://a.example", subprotocol: "", hashes: [] }, { ...silent, onClosed });
  });
  assert.deepEqual([code, ended], [null, [0]]);
});
