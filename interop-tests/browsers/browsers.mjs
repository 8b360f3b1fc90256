// A page in a headless Chromium, and in a headless Firefox, on the fixture server, over WebTransport by
// the hash of its certificate: acks, datagrams, and switches to WebSocket and back with numbered events
// under way both ways. Argument: the fixture server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

import { CLIENT_CHECKS, prepare } from "./client_checks.mjs";

const [program] = process.argv.slice(2);
const LIMIT_MS = 60_000;
const CLIENT = join(import.meta.dirname, "../../clients/typescript/bundle/trunkline.js");
const MSGPACK = join(import.meta.dirname, "node_modules/@msgpack/msgpack/dist.esm");

async function startFixture() {
  const child = spawn(program, ["--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, port: Number(line.split(":").at(-1)) };
}

// The page and what it loads. It comes from this machine, as in development.
async function startPages() {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const isMsgpack = pathname.startsWith("/msgpack/");
    const file = isMsgpack ? join(MSGPACK, pathname.slice("/msgpack/".length))
      : pathname === "/client.js" ? CLIENT
      : pathname === "/session.mjs" ? join(import.meta.dirname, "session.mjs") : null;
    if (!file) {
      response.setHeader("content-type", "text/html");
      return response.end("<!doctype html><title>test</title>");
    }
    const type = [".js", ".mjs"].includes(extname(file)) ? "text/javascript" : "text/plain";
    response.setHeader("content-type", type);
    response.end(await readFile(file));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

// A UDP port that takes everything and answers nothing.
async function startHole() {
  const hole = createSocket("udp4");
  hole.bind(0, "127.0.0.1");
  await once(hole, "listening");
  return hole;
}

// What a page learns before it has a session (TRN-032).
async function certificateHash(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/trunkline`);
  const { alternatives } = await answer.json();
  const [{ hashes }] = alternatives.filter(({ transport }) => transport === "webtransport");
  return [...Buffer.from(hashes[0].$bin, "base64url")];
}

const CHECKS = {
  async "a session by the certificate's hash, with acks"(page) {
    const { me, echo, datagrams } = await page.evaluate(async () => {
      const session = await window.open_("webtransport");
      const [me] = await session.ask("whoami");
      const echo = await session.ask("echo", 1, "two", [3]);
      session.close();
      return { me, echo, datagrams: session.datagrams };
    });
    assert.equal(me.transport, "webtransport");
    assert.equal(datagrams, "native");
    assert.deepEqual(echo, [1, "two", [3]]);
  },

  async "datagrams both ways, and values in their order"(page) {
    const { events, bestEffort } = await page.evaluate(async () => {
      const session = await window.open_("webtransport");
      await session.emitDatagram("bcast", "from the page");
      await window.until("the datagram of the page arrives", () => session.events.length > 0);
      // What may be lost is sent again until it is there, as a program does with values.
      const has = (wanted) => session.bestEffort.some(({ event }) => event === wanted);
      while (!has("d")) await session.ask("datagram", "d", "from the server");
      for (let number = 0; number < 20; number++) await session.ask("latest", "p", "k", number);
      while (!has("last")) await session.ask("latest", "last", "k", 20);
      session.close();
      return { events: session.events, bestEffort: session.bestEffort };
    });
    assert.deepEqual(events, [{ event: "msg", args: ["from the page"] }]);
    assert.deepEqual(bestEffort.find(({ event }) => event === "d").args, ["from the server"]);
    const values = bestEffort.filter(({ event }) => event === "p");
    assert.ok(values.length > 0, "no value arrived");
    for (const { key } of values) assert.equal(key, "k");
    const byVersion = values.toSorted((a, b) => a.version - b.version);
    const numbers = byVersion.map(({ args }) => args[0]);
    assert.deepEqual(numbers, [...new Set(numbers)].toSorted((a, b) => a - b));
  },

  async "a burst of full datagrams arrives, at least in part"(page) {
    const arrived = await page.evaluate(async () => {
      const session = await window.open_("webtransport");
      await session.ask("burst", 200, 900);
      await session.ask("echo");
      const sizes = session.bestEffort.map(({ args }) => args[1].length);
      session.close();
      return sizes;
    });
    // The server keeps 32 KiB of datagrams in front of the network, and the browser fewer: the others
    // made way for newer ones (protocol/conformance.md, level Datagrams, 4).
    assert.ok(arrived.length > 0, `${arrived.length} of 200`);
    assert.ok(arrived.every((size) => size === 900));
  },

  async "a message of 500 KB goes there and back"(page) {
    const length = await page.evaluate(async () => {
      const session = await window.open_("webtransport");
      const [text] = await session.ask("echo", "x".repeat(500_000));
      session.close();
      return text.length;
    });
    assert.equal(length, 500_000);
  },

  async "10,000 numbered events each way lose nothing over switches to WebSocket and back"(page) {
    const told = await page.evaluate(async () => {
      const session = await window.open_("webtransport");
      const answers = [];
      // The server sends each of them back as it came, as an event of its own, beside the ack.
      const emitting = (async () => {
        for (let number = 1; number <= 10_000; number++) {
          answers.push(session.ask("bcast", number));
          if (number % 100 === 0) await answers.at(-1);
        }
      })();
      const counting = (async () => {
        for (let part = 0; part < 4; part++) await session.ask("count", 2_500, 0);
      })();
      const transports = [];
      for (const transport of ["websocket", "webtransport", "websocket", "webtransport"]) {
        const before = session.received;
        await window.until("events are under way", () => session.received >= before + 500);
        await session.attach(transport);
        transports.push(session.transport);
      }
      await Promise.all([emitting, counting]);
      const acked = (await Promise.all(answers)).length;
      const arrived = session.events.filter(({ event }) => event === "msg").map(({ args }) => args[0]);
      const ticks = session.events.filter(({ event }) => event === "tick").map(({ args }) => args[0]);
      session.close();
      return { acked, arrived, ticks, transports, closes: session.closes };
    });
    const parts = [1, 2, 3, 4].flatMap(() => [...Array(2_500).keys()].map((index) => index + 1));
    assert.deepEqual(told.ticks, parts);
    assert.equal(told.acked, 10_000);
    assert.deepEqual(told.arrived, [...Array(10_000).keys()].map((index) => index + 1));
    assert.deepEqual(told.transports, ["websocket", "webtransport", "websocket", "webtransport"]);
    assert.deepEqual(told.closes.filter((code) => code !== 1000), [3400, 3400, 3400, 3400]);
  },
};

const BROWSERS = {
  Chromium: () => chromium.launch({
    executablePath: "/usr/bin/chromium", args: ["--no-sandbox"],
    // Or no page would be put away and come back.
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  }),
  Firefox: () => puppeteer.launch({
    browser: "firefox", executablePath: "/usr/bin/firefox-esr", headless: true, protocolTimeout: LIMIT_MS,
  }),
};

// Runs the checks in one browser; gives how many passed and failed.
async function run(name, browser, fixture, pages, hole) {
  let passed = 0;
  let failed = 0;
  try {
    console.log(`${name} ${await browser.version()}`);
    const address = { port: fixture.port, hole: hole.address().port, hash: await certificateHash(fixture.port) };
    for (const [what, check] of Object.entries({ ...CHECKS, ...CLIENT_CHECKS })) {
      const page = await browser.newPage();
      page.setDefaultTimeout(LIMIT_MS);
      try {
        await page.goto(`http://127.0.0.1:${pages.address().port}/`);
        await page.evaluate(async (address) => {
          window.address = address;
          const { Session } = await import("/session.mjs");
          window.open_ = async (transport) => {
            const session = new Session(address);
            await session.attach(transport);
            return session;
          };
          // Waits for what something else brings about, within a limit; the pause is between looks.
          window.until = async (what, holds) => {
            const end = Date.now() + 20_000;
            while (!holds()) {
              if (Date.now() > end) throw new Error(`${what}: not in time`);
              await new Promise((resolve) => setTimeout(resolve, 1));
            }
          };
        }, address);
        await page.evaluate(prepare);
        await check(page, name);
        passed++;
      } catch (error) {
        failed++;
        console.log(`FAILED ${name}, ${what}: ${error.stack}`);
      } finally {
        await page.close();
      }
    }
  } finally {
    await browser.close();
  }
  return { passed, failed };
}

async function main() {
  const fixture = await startFixture();
  const pages = await startPages();
  const hole = await startHole();
  const sum = { passed: 0, failed: 0 };
  try {
    for (const [name, launch] of Object.entries(BROWSERS)) {
      const { passed, failed } = await run(name, await launch(), fixture, pages, hole);
      sum.passed += passed;
      sum.failed += failed;
    }
  } finally {
    hole.close();
    pages.close();
    pages.closeAllConnections();
    fixture.child.kill();
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  process.exitCode = sum.failed ? 1 : 0;
}

await main();
