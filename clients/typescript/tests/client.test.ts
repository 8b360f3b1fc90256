// The client of an application, against the real server. FIXTURE is the fixture server's path.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventFailed, NoAnswer } from "../src/answers.js";
import { type Client, connect, type State } from "../src/client.js";
import { JSON_ENCODING, MESSAGE_PACK } from "../src/encoding.js";
import { TooLarge } from "../src/outbound.js";
import { SocketEnded } from "../src/socket.js";
import type { Open } from "../src/transport/transport.js";
import { openWebSocket } from "../src/transport/websocket.js";
import type { Value } from "../src/value.js";
import { fixtureServer, needsFixture } from "./fixture_server.js";

const address = fixtureServer();
const WAIT_MS = 30_000;

async function withClient(client: Client, use: (client: Client) => Promise<void>): Promise<void> {
  try {
    await use(client);
  } finally {
    await client.close();
  }
}

for (const encoding of [MESSAGE_PACK, JSON_ENCODING]) {
  test(`a socket connects, is answered, and is told failures, in ${encoding.name}`, needsFixture, () =>
    withClient(connect(`http://${address()}`, { encoding }), async (client) => {
      const socket = client.socket("/", { name: "x" });
      assert.notEqual(await socket.ready, "");
      assert.equal(client.state, "connected");
      assert.deepEqual(await socket.emitWithAck(WAIT_MS, "echo", 1, "two", [3]), [1, "two", [3]]);
      const failed = socket.emitWithAck(WAIT_MS, "fail", 4042, "no such room");
      await assert.rejects(failed, (error) => error instanceof EventFailed && error.code === 4042);
    }));

  test(`events go on, each once and in order, across switches and cuts, in ${encoding.name}`, needsFixture, async () => {
    // What a cut looks like to a client: the connection ends, and no code tells why.
    let cut = () => {};
    const open: Open = ({ subprotocol, hashes }, listener) => {
      let isCut = false;
      const unlessCut = (then: () => void) => (isCut ? undefined : then());
      const transport = openWebSocket({ url: `ws://${address()}/trunkline`, subprotocol, hashes }, {
        ...listener,
        onOpen: () => unlessCut(() => listener.onOpen()),
        onMessage: (message) => unlessCut(() => listener.onMessage(message)),
        onClosed: (code, reason) => unlessCut(() => listener.onClosed(code, reason)),
      });
      cut = () => {
        isCut = true;
        listener.onClosed(null, "");
      };
      return transport;
    };
    // Node has no WebTransport: another WebSocket goes by its name, where the server tells of it.
    const dialers = encoding === MESSAGE_PACK ? { websocket: open, webtransport: open } : { websocket: open };
    const client = connect(`ws://${address()}`, { encoding, dialers });
    await withClient(client, async () => {
      const states: State[] = [];
      client.watch((state) => states.push(state));
      const socket = client.socket();
      await socket.ready;
      const ticks: unknown[] = [];
      const switched: Promise<void>[] = [];
      const all = new Promise<void>((resolve) => {
        socket.on("tick", (tick) => {
          ticks.push(tick);
          if (ticks.length === 50 && encoding === MESSAGE_PACK) switched.push(client.switchTo("webtransport"));
          if (ticks.length === 120) queueMicrotask(cut);
          if (ticks.length === 200) resolve();
        });
      });
      socket.emit("count", 200, 5);
      await all;
      assert.deepEqual(ticks, Array.from({ length: 200 }, (_, at) => at + 1));
      await Promise.all(switched);
      assert.deepEqual(states.slice(-2), ["reconnecting", "connected"]);
      assert.ok(client.roundTrip !== null);
    });
  });
}

test("a namespace that does not exist is refused, and the session goes on", needsFixture, () =>
  withClient(connect(`ws://${address()}`), async (client) => {
    await assert.rejects(client.socket("/nowhere").ready, (error) => error instanceof SocketEnded && error.code === 3004);
    assert.deepEqual(await client.socket().emitWithAck(WAIT_MS, "echo", 1), [1]);
  }));

test("an answer that does not come in time ends the wait alone", needsFixture, () =>
  withClient(connect(`ws://${address()}`), async (client) => {
    const socket = client.socket();
    const late = socket.emitWithAck(1, "never");
    await assert.rejects(late, (error) => error instanceof NoAnswer && error.why === "timeout");
    assert.deepEqual(await socket.emitWithAck(WAIT_MS, "echo", 2), [2]);
  }));

test("closing ends the sockets and stops the client; it can begin again", needsFixture, async () => {
  const client = connect(`ws://${address()}`);
  const socket = client.socket();
  const waiting = socket.ready;
  client.close();
  await assert.rejects(waiting, SocketEnded);
  assert.equal(client.state, "closed");
  client.start();
  await withClient(client, async () => {
    assert.notEqual(await client.socket().ready, "");
  });
});

test("a client whose token is fetched sends all that waits before it is closed, more than the server's window takes", needsFixture, () =>
  withClient(connect(`ws://${address()}`), async (listener) => {
    const last = new Promise((resolve) => listener.socket().once("msg", resolve));
    await listener.socket().ready;
    const auth = async () => new Promise<Value>((resolve) => setImmediate(() => resolve("fetched")));
    const client = connect(`ws://${address()}`, { auth });
    const socket = client.socket();
    await socket.ready;
    for (let at = 0; at < 200; at += 1) socket.emit("echo", "x".repeat(10_000));
    // Whatever was emitted before has arrived when this has.
    socket.emit("bcast", "last");
    assert.ok(client.stats().queuedFrames > 0);
    await client.close();
    assert.equal(await last, "last");
  }));

test("best-effort frames go both ways, and one that is too large is refused", needsFixture, () =>
  withClient(connect(`ws://${address()}`), async (client) => {
    const socket = client.socket();
    await socket.ready;
    const values = new Promise((resolve) => socket.once("p", (value) => resolve(value)));
    await socket.emitWithAck(WAIT_MS, "latest", "p", "key", 7);
    assert.equal(await values, 7);
    const heard = new Promise((resolve) => socket.once("msg", (value) => resolve(value)));
    assert.equal(socket.datagram("bcast", "from here"), true);
    assert.equal(await heard, "from here");
    assert.throws(() => socket.datagram("bcast", "x".repeat(1_000)), TooLarge);
    assert.deepEqual(client.transport, { kind: "websocket", datagrams: "emulated", datagramBytes: 1_000, passedOver: null });
  }));

test("what is written while the server knows no session any more follows the hook that introduces the client", needsFixture, async () => {
  let cut = () => {};
  let url = `ws://${address()}/trunkline`;
  const open: Open = (request, listener) => {
    const transport = openWebSocket({ ...request, url }, listener);
    cut = () => transport.close(3200, "");
    return transport;
  };
  await withClient(connect(`ws://${address()}`, { dialers: { websocket: open } }), async (client) => {
    const socket = client.socket();
    await socket.ready;
    const lost = new Promise((resolve) => client.onLost(({ code }) => resolve(code)));
    const heard: unknown[] = [];
    socket.onReattach(async (again) => {
      heard.push(...await again.emitWithAck(WAIT_MS, "echo", "introduced"));
    });
    // Nobody listens there.
    url = "ws://127.0.0.1:1/trunkline";
    cut();
    await new Promise<void>((resolve) => client.watch((state) => state === "reconnecting" && resolve()));
    const waiting = socket.emitWithAck(WAIT_MS, "echo", "waited");
    url = `ws://${address()}/trunkline`;
    client.probe();
    heard.push(...await waiting);
    assert.equal(await lost, 3200);
    assert.deepEqual(heard, ["introduced", "waited"]);
    assert.equal(client.stats().sessionsLost, 1);
  });
});
