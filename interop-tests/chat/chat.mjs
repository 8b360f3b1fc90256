// A page in a headless Chromium and the terminal client chat; the page's network is a black hole for
// longer than the heartbeat allows, and it comes back with nothing missing and nothing twice.
// Argument: the example-chat program. With SCREENSHOT=FILE the page's picture is kept.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

import { startRelay } from "./relay.mjs";

const [program] = process.argv.slice(2);
const PING_INTERVAL_MS = 1000;
const PING_TIMEOUT_MS = 800;
const LIMIT_MS = 30_000;

// Waits for a condition that something else brings about, within a limit; the pause is between looks.
async function until(what, condition) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `${what}: not within ${LIMIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function start(args) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  return { child, lines, say: (text) => child.stdin.write(`${text}\n`) };
}

async function counts(port) {
  return (await fetch(`http://127.0.0.1:${port}/counts`, { headers: { connection: "close" } })).json();
}

// Waits until the server's counts are these.
async function settles(what, port, wanted) {
  let now;
  const same = async () => {
    now = await counts(port);
    return Object.entries(wanted).every(([name, count]) => now[name] === count);
  };
  await until(what, same).catch((error) => {
    throw new Error(`${error.message}: wanted ${JSON.stringify(wanted)}, now ${JSON.stringify(now)}`);
  });
  return now;
}

async function startServer() {
  const server = start([
    "--listen", "127.0.0.1:0", "--counts",
    "--ping-interval", `${PING_INTERVAL_MS}`, "--ping-timeout", `${PING_TIMEOUT_MS}`,
  ]);
  const address = await until("a server", () => server.lines[0]?.match(/:(\d+)$/));
  return { ...server, port: Number(address[1]) };
}

const namesIn = (page) => page.$$eval("#people li", (all) => all.map((one) => one.textContent));

// Fills in the page's name, and waits until it is listed, which its answer to join does.
async function enter(page, name) {
  await page.fill("#name", name);
  await page.click("#join button");
  await until(`${name} is in the room`, async () => (await namesIn(page)).includes(`${name} (you)`));
}

// A name that somebody has is refused where it was asked for, and another one is taken.
async function takesAnotherName(context, url) {
  const page = await context.newPage();
  await page.goto(url);
  await page.fill("#name", "Ada");
  await page.click("#join button");
  await until("a taken name is refused", async () => /Ada is here already/.test(await page.textContent("#refused")));
  await enter(page, "Eve");
  await page.close();
}

// The page with the client in plain JavaScript is the same page.
async function chatsPlainly(context, url, terminal) {
  const page = await context.newPage();
  await page.goto(`${url}plain`);
  await enter(page, "Max");
  await page.fill("#text", "in plain JavaScript");
  await page.click("#say button");
  await until("the terminal hears the plain page", () => terminal.lines.includes("Max: in plain JavaScript"));
  await until("the plain line has its tick", async () => (await page.locator('.tick[data-sent="yes"]').count()) === 1);
  await page.close();
  await until("Max has left", () => terminal.lines.includes("* Max left"));
}

// Nobody listens there: the terminal says so, and goes on trying.
async function saysThatNobodyIsThere() {
  const lonely = start(["join", "http://127.0.0.1:1"]);
  try {
    await until("the terminal misses a server", () => lonely.lines.some((line) => line.startsWith("* no connection: ")));
  } finally {
    lonely.child.kill();
  }
}

// A server that crashes: what is written until there is another one waits, and follows the page into
// the room there. In the end both leave it.
async function survives(page, from, relay, visitor) {
  const dead = once(from.child, "exit");
  from.child.kill("SIGKILL");
  await dead;
  await until("the page misses the server", async () => (await page.textContent("#state")) === "reconnecting");
  await page.fill("#text", "written in between");
  await page.click("#say button");
  const to = await startServer();
  try {
    relay.lead(to.port);
    await until("the line has its tick", async () => (await page.locator('.tick[data-sent="yes"]').count()) === 2);
    // Who of the two enters first is open: the other one hears the line live, or is told of it.
    await until("the terminal hears the line", () => visitor.lines.includes("Ada: written in between"));
    await page.close();
    visitor.child.stdin.end();
    await once(visitor.child, "exit");
    await settles("all have left", to.port, { sessions: 0, pending_acks: 0 });
  } finally {
    to.child.kill();
  }
}

// A server that is asked to end while another one has its address: the page goes there by itself, and
// neither is seen as cut off nor loses a line.
async function moves(context, from) {
  const relay = await startRelay(from.port);
  const visitor = start(["join", `http://127.0.0.1:${relay.port}`, "--name", "Rust"]);
  await until("the terminal is there", () => visitor.lines.some((line) => line.includes("in the room")));
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${relay.port}/`);
  await enter(page, "Ada");
  await until("the terminal sees the page", () => visitor.lines.includes("* Ada joined"));
  const to = await startServer();
  try {
    relay.lead(to.port);
    from.child.kill("SIGTERM");
    await once(from.child, "exit");
    await page.fill("#text", "from the other side");
    await page.click("#say button");
    visitor.say("here too");
    await until("the page hears the terminal there", async () =>
      (await page.$$eval("#lines .text", (all) => all.map((one) => one.textContent))).includes("here too"));
    await until("the terminal hears the page there", () => visitor.lines.includes("Ada: from the other side"));
    await until("the line has its tick", async () => (await page.locator('.tick[data-sent="yes"]').count()) === 1);
    assert.equal(await page.locator(".note.warn").count(), 0);
    assert.ok(!visitor.lines.includes("* Ada was cut off"), "the page was there all the while");
    assert.deepEqual((await namesIn(page)).sort(), ["Ada (you)", "Rust"]);
    await survives(page, to, relay, visitor);
  } finally {
    visitor.child.kill();
    to.child.kill();
    relay.close();
  }
}

const server = await startServer();
const { port } = server;
const relay = await startRelay(port);
const profile = await mkdtemp(join(tmpdir(), "trunkline-chat-"));
let browser;
let terminal;
try {
  // The first session begins the task that looks after all of them, which stays.
  const fresh = await counts(port);
  const visitor = start(["join", `http://127.0.0.1:${port}`, "--name", "Visitor"]);
  await until("a visitor enters", () => visitor.lines.some((line) => line.includes("in the room")));
  visitor.child.stdin.end();
  await once(visitor.child, "exit");
  const before = await settles("a visitor leaves", port, {
    sessions: 0, pending_acks: 0, tasks: fresh.tasks + 1, descriptors: fresh.descriptors,
  });
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    viewport: { width: 1000, height: 720 },
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
  // The relay stands in the way of TCP alone. A server that was built with WebTransport would be reached past it.
  await browser.addInitScript(() => delete globalThis.WebTransport);
  const page = await browser.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`${error}`));
  await page.goto(`http://127.0.0.1:${relay.port}/`);
  const state = () => page.textContent("#state");
  const people = () => namesIn(page);
  await enter(page, "Ada");
  assert.equal(await state(), "connected");

  terminal = start(["join", `http://127.0.0.1:${port}`, "--name", "Rust"]);
  await until("the terminal sees Ada", () => terminal.lines.some((line) => /in the room: .*Ada/.test(line)));

  const fromRust = [];
  const fromAda = [];
  const rustSays = (text) => { fromRust.push(text); terminal.say(text); };
  const adaSays = async (text) => {
    fromAda.push(text);
    await page.fill("#text", text);
    await page.click("#say button");
  };
  // Everything each has heard of the other, in order: whole lists, so that a loss, a repetition and a
  // wrong order all show.
  const heardByAda = () => page.$$eval("#lines li:not(.mine):not(.note) .text", (all) => all.map((one) => one.textContent));
  const heardByRust = () => terminal.lines.filter((line) => line.startsWith("Ada: ")).map((line) => line.slice(5));
  const settled = async () => (await heardByAda()).length >= fromRust.length && heardByRust().length >= fromAda.length;

  for (let number = 1; number <= 5; number += 1) {
    rustSays(`hello ${number} from Rust`);
    await adaSays(`hello ${number} from Ada`);
  }
  await until("both hear each other", settled);
  // Such a word may be dropped, so it is said again.
  await until("the terminal sees Ada type", async () => {
    await page.fill("#text", `${Date.now()}`);
    return terminal.lines.includes("* Ada is typing");
  });
  await takesAnotherName(browser, page.url());

  relay.swallow();
  for (let number = 1; number <= 3; number += 1) await adaSays(`into the void ${number}`);
  for (let number = 1; number <= 20; number += 1) rustSays(`while Ada is away ${number}`);
  await until("the server misses Ada", () => terminal.lines.includes("* Ada was cut off"));
  await until("the page misses the server", async () => (await state()) === "reconnecting");
  await adaSays("typed while offline");
  assert.ok(!heardByRust().includes("into the void 1"), "the hole is black");

  relay.heal();
  await until("the page is back", async () => (await state()) === "connected");
  rustSays("welcome back");
  await until("all has arrived", settled);
  assert.deepEqual(await heardByAda(), fromRust);
  assert.deepEqual(heardByRust(), fromAda);
  assert.ok(terminal.lines.includes("* Ada is back"), "the session was resumed");
  await until("every line of Ada's has its tick", async () =>
    (await page.locator('.tick[data-sent="yes"]').count()) === fromAda.length);
  assert.equal(await page.locator('.tick[data-sent="unknown"]').count(), 0);
  assert.deepEqual(await people(), ["Ada (you)", "Rust"]);
  assert.deepEqual(complaints, []);
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  // Past the relay: through it the browser may take a kept connection that was swallowed, and so is silent.
  await chatsPlainly(browser, `http://127.0.0.1:${port}/`, terminal);

  await page.close();
  terminal.child.stdin.end();
  await once(terminal.child, "exit");
  const after = await settles("nothing is left", port, before);
  console.log(`ok chat: before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
  await saysThatNobodyIsThere();
  await moves(browser, server);
  console.log("ok chat: a page goes from one server to the next");
  console.log("2 passed, 0 failed");
} catch (error) {
  console.log(`not ok chat: ${error.stack}`);
  console.log(`terminal: ${terminal?.lines.join("\n          ")}`);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
} finally {
  await browser?.close();
  terminal?.child.kill();
  server.child.kill();
  relay.close();
  await rm(profile, { recursive: true, force: true });
}
