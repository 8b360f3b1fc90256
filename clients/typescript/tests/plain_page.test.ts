// The client in plain JavaScript of the chat example (examples/chat/page), in a page that there is not.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

/** In place of the browser's. */
class FakeWebSocket {
  static readonly OPEN = 1;
  static readonly all: FakeWebSocket[] = [];
  readonly readyState = FakeWebSocket.OPEN;
  readonly bufferedAmount = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor() {
    FakeWebSocket.all.push(this);
  }

  send(): void {}

  close(): void {}

  /** The server accepts, and says no more than that and `frame`. */
  serve(...frame: unknown[]): void {
    this.onopen?.();
    const welcome = { v: 1, session: "s", secret: "k", resumed: false, received: 0, ping_interval: 25_000, ping_timeout: 20_000 };
    this.onmessage?.({ data: JSON.stringify([1, welcome]) });
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

/** How long after each of these frames the page dials again, where chance draws the longest wait. */
async function waits(context: TestContext, ...frames: unknown[][]): Promise<number[]> {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  context.mock.method(Math, "random", () => 1);
  const page = { WebSocket: FakeWebSocket, addEventListener() {}, document: { addEventListener() {} } };
  Object.assign(globalThis, page);
  context.after(() => {
    for (const name of Object.keys(page)) Reflect.deleteProperty(globalThis, name);
  });
  const file = new URL("../../../../examples/chat/page/plain.js", import.meta.url);
  const { connect } = await import(file.href) as { connect(origin: string): { socket(): unknown; watch(watcher: () => void): void } };
  FakeWebSocket.all.length = 0;
  const client = connect("http://host.example");
  client.watch(() => {});
  client.socket();
  return frames.map((frame) => {
    const dials = FakeWebSocket.all.length;
    FakeWebSocket.all.at(-1)?.serve(...frame);
    const began = Date.now();
    for (let passed = 0; FakeWebSocket.all.length === dials; passed += 100) {
      assert.ok(passed < 4_000_000, "it does not dial again");
      context.mock.timers.tick(passed === 0 ? 0 : 100);
    }
    return Date.now() - began;
  });
}

test("the plain page dials a server that closes each connection ever more seldom", async (context) => {
  const cut = [6, { code: 3402, reason: "" }];
  const later = [6, { code: 3600, reason: "", retry_after: 5_000 }];
  assert.deepEqual(await waits(context, cut, cut, cut, later), [0, 500, 1_000, 7_000]);
});

test("the plain page follows a server that asks each connection to leave no faster", async (context) => {
  const leave = [5, { reason: "", slot: 0, deadline: 0 }];
  assert.deepEqual(await waits(context, leave, leave, leave), [0, 500, 1_000]);
});
