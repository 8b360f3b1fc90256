// The TypeScript client in a page, as pages load it: the one file of clients/typescript/bundle. What a page finds of
// it is made by `prepare`; of the fixture server it knows the port.

import assert from "node:assert/strict";

// Runs in the page. A client that knows of WebTransport from the start, as that of a page with a certificate does.
export function prepare() {
  window.race = async (options = {}) => {
    const { connect, fetchAlternatives } = await import("/client.js");
    const url = `http://127.0.0.1:${window.address.port}`;
    return connect(url, { alternatives: await fetchAlternatives(url), ...options });
  };
  window.connected = async (client) => {
    await client.socket().ready;
    return client.transport;
  };
}

export const CLIENT_CHECKS = {
  async "the client's race picks WebTransport, and measures the round trip"(page) {
    const told = await page.evaluate(async () => {
      const client = await window.race();
      const transport = await window.connected(client);
      await window.until("a round trip", () => client.roundTrip !== null);
      const { dials } = client.stats();
      client.close();
      return { transport, dials };
    });
    assert.deepEqual([told.transport.kind, told.transport.datagrams], ["webtransport", "native"]);
    assert.equal(told.transport.passedOver, null);
    assert.ok(told.transport.datagramBytes > 0);
  },

  async "the client's acks, datagrams, and events over switches of the transport"(page) {
    const told = await page.evaluate(async () => {
      const client = await window.race();
      const socket = client.socket();
      const [{ transport }] = await socket.emitWithAck(20_000, "whoami");
      const heard = new Promise((resolve) => socket.once("msg", resolve));
      socket.datagram("bcast", "from the page");
      const datagram = await heard;
      const ticks = [];
      const switched = [];
      socket.on("tick", (tick) => {
        ticks.push(tick);
        if (ticks.length === 500) switched.push(client.switchTo("websocket"));
        if (ticks.length === 1_500) switched.push(client.switchTo("webtransport"));
      });
      await socket.emitWithAck(20_000, "count", 2_500, 1);
      await window.until("the ticks arrive", () => ticks.length >= 2_500);
      await Promise.all(switched);
      const [after] = await socket.emitWithAck(20_000, "whoami");
      client.close();
      return { transport, datagram, ticks, after: after.transport };
    });
    assert.equal(told.transport, "webtransport");
    assert.equal(told.datagram, "from the page");
    assert.deepEqual(told.ticks, [...Array(2_500).keys()].map((index) => index + 1));
    assert.equal(told.after, "webtransport");
  },

  async "with UDP swallowed the client is connected over WebSocket, and moves when it is not"(page) {
    const told = await page.evaluate(async () => {
      const { port, hole, hash } = window.address;
      const alternatives = [{ transport: "webtransport", url: `https://127.0.0.1:${hole}/trunkline`, hashes: [Uint8Array.from(hash)] }];
      const client = await window.race({ alternatives });
      const seen = [];
      client.watchTransport((transport) => transport && seen.push(transport));
      const socket = client.socket();
      await socket.ready;
      const { id } = socket;
      // WELCOME tells where WebTransport is in truth.
      await window.until("the client moves", () => client.transport?.kind === "webtransport");
      const isSame = id === socket.id;
      client.close();
      return { seen, isSame };
    });
    assert.equal(told.seen[0].kind, "websocket");
    assert.match(told.seen[0].passedOver, /^webtransport: /);
    assert.equal(told.seen.at(-1).kind, "webtransport");
    assert.ok(told.isSame, "the session went on");
  },

  async "the page's events make the client ask for a sign of life"(page) {
    const pings = await page.evaluate(async () => {
      const { openWebSocket } = await import("/client.js");
      let pings = 0;
      const websocket = (request, listener) => {
        const transport = openWebSocket(request, listener);
        const { send } = transport;
        // The second element of a frame's array is its kind: PING is 2.
        transport.send = (message) => {
          if (message[1] === 2) pings += 1;
          send(message);
        };
        return transport;
      };
      const client = await window.race({ dialers: { websocket } });
      const asked = [];
      await window.connected(client);
      for (const [target, name] of [[window, "online"], [document, "visibilitychange"], [window, "offline"]]) {
        await window.until("the answer to the last", () => client.roundTrip !== null);
        await client.socket().emitWithAck(20_000, "echo");
        const before = pings;
        target.dispatchEvent(new Event(name));
        asked.push(pings - before);
      }
      client.close();
      return asked;
    });
    assert.deepEqual(pings, [1, 1, 1]);
  },

  async "a page that is put away comes back to its session"(page) {
    const told = await page.evaluate(async () => {
      const client = await window.race();
      const socket = client.socket();
      const id = await socket.ready;
      // A session is kept once its client has confirmed something (SES-044).
      await socket.emitWithAck(20_000, "echo");
      const states = [];
      client.watch((state) => states.push(state));
      window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
      const answer = socket.emitWithAck(20_000, "echo", "meanwhile");
      window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
      const [echo] = await answer;
      const isSame = id === socket.id;
      const { resumed } = client.stats();
      client.close();
      return { states, echo, isSame, resumed };
    });
    assert.deepEqual(told, { states: ["reconnecting", "connected", "closed"], echo: "meanwhile", isSame: true, resumed: 1 });
  },

  async "a page that the browser itself puts away misses nothing until it comes back"(page, browser) {
    await page.evaluate(async () => {
      const client = await window.race();
      const socket = client.socket();
      const id = await socket.ready;
      const ticks = [];
      const states = [];
      socket.on("tick", (tick) => ticks.push(tick));
      // It ends while the page is away.
      const counted = socket.emitWithAck(20_000, "count", 500, 1);
      await window.until("the first ticks", () => ticks.length > 0);
      client.watch((state) => states.push(state));
      window.addEventListener("pagehide", ({ persisted }) => sessionStorage.setItem("left", JSON.stringify([persisted, client.state])));
      window.addEventListener("pageshow", async ({ persisted }) => {
        await counted;
        await window.until("the ticks arrive", () => ticks.length >= 500);
        window.told = { persisted, states: [...states], ticks, isSame: id === socket.id, resumed: client.stats().resumed };
        client.close();
      });
    });
    await page.goto(`${page.url()}elsewhere`);
    const left = await page.evaluate(() => JSON.parse(sessionStorage.getItem("left")));
    // Firefox puts no page away that has a connection when it is left.
    if (browser === "Firefox") return assert.deepEqual(left, [false, "closed"]);
    assert.deepEqual(left, [true, "reconnecting"]);
    // Whoever asks for it is gone before it can be answered.
    await page.evaluate(() => void setTimeout(() => history.back()));
    await page.waitForFunction(() => window.told);
    const told = await page.evaluate(() => window.told);
    assert.deepEqual([told.persisted, told.isSame, told.resumed], [true, true, 1]);
    assert.deepEqual(told.states, ["reconnecting", "connected"]);
    assert.deepEqual(told.ticks, [...Array(500).keys()].map((index) => index + 1));
  },

  async "a page that is left ends its session"(page) {
    const told = await page.evaluate(async () => {
      const client = await window.race();
      await window.connected(client);
      window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: false }));
      return client.state;
    });
    assert.equal(told, "closed");
  },
};
