// Two headless browsers and some bots play in the arena: positions, shots, chat, switches of the transport
// while they play, and a link that turns bad. Argument: the example-arena program. With SCREENSHOTS=FOLDER
// pictures are kept there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [program] = process.argv.slice(2);
const LIMIT_MS = 60_000;
const BOTS = 4;
const CLEAN = { loss_percent: 0, delay_ms: 0 };
const BAD = { loss_percent: 5, delay_ms: 100 };

// Waits for a condition that something else brings about, within a limit; the pause is between looks.
async function until(what, condition, shown = () => "") {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${LIMIT_MS} ms ${JSON.stringify(await shown())}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startArena(bots = BOTS) {
  const child = spawn(program, ["--listen", "127.0.0.1:0", "--bots", `${bots}`], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, url: line.match(/http:\S+/)[0] };
}

// A page of its own browser, whose player has entered.
async function enter(url, name) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true,
    // The page is told of its own loopback ports alone; nothing of the browser's is to run beside it.
    args: ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const page = await browser.newPage({ viewport: { width: 1440, height: 860 } });
  page.setDefaultTimeout(LIMIT_MS);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`${name}: ${error.stack}`));
  page.on("console", (message) => { if (message.type() === "error") complaints.push(`${name}: ${message.text()}`); });
  await page.goto(`${url}/?name=${name}`);
  await page.click("#enter-form button");
  await until(`${name} plays`, () => page.evaluate(() => window.arena?.game.me !== null && !document.querySelector("#enter").open));
  return { browser, page, name, complaints, me: await page.evaluate(() => window.arena.game.me) };
}

const transportOf = ({ page }) => page.evaluate(() => window.arena.client.transport?.kind ?? null);
const summaryOf = ({ page }, transport) => page.evaluate((kind) => window.arena.ages.summary(kind), transport);
const linesOf = ({ page }) => page.$$eval("#lines li:not(.note)", (all) => all.map((line) => line.textContent));

// `meanwhile` is done while the session is on its way.
async function switchTo(player, transport, meanwhile = async () => {}) {
  await player.page.click(`[data-transport=${transport}]`);
  await meanwhile();
  await until(`${player.name} is on ${transport}`, async () => (await transportOf(player)) === transport);
}

async function say({ page }, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
  await page.evaluate(() => document.activeElement.blur());
}

// Moves the sliders as a person does, and waits until the server has told so.
async function setLink({ page }, { loss_percent, delay_ms }) {
  await page.evaluate(({ loss_percent, delay_ms }) => {
    for (const [id, value] of [["loss", loss_percent], ["delay", delay_ms]]) {
      const slider = document.getElementById(id);
      slider.value = value;
      slider.dispatchEvent(new Event("input"));
    }
  }, { loss_percent, delay_ms });
  await page.waitForSelector("#link[aria-busy=false]");
}

// Ages enough for a median that is not luck, since the link is as it is.
async function ages(player, transport) {
  await until(`${player.name} has ages over ${transport}`, async () => (await summaryOf(player, transport)).count > 300);
  return summaryOf(player, transport);
}

const CHECKS = {
  async "both see each other and the bots move"(ada, bob) {
    await ada.page.keyboard.down("KeyD");
    await bob.page.keyboard.down("KeyA");
    const seen = async (player, other) => {
      const places = new Map();
      await until(`${player.name} sees ${BOTS + 1} ships move`, async () => {
        const ships = await player.page.evaluate(() =>
          [...window.arena.game.ships.values()].map(({ player, bot, newest }) => ({ player, bot, pose: newest?.pose ?? null })));
        for (const { player, bot, pose } of ships) {
          if (pose !== null) places.set(player, (places.get(player) ?? new Set()).add(`${pose}`)).get(player).bot = bot;
        }
        const moving = [...places].filter(([, poses]) => poses.size >= 5);
        return moving.filter(([, poses]) => poses.bot).length === BOTS && moving.some(([player]) => player === other.me);
      });
    };
    await Promise.all([seen(ada, bob), seen(bob, ada)]);
    await ada.page.keyboard.up("KeyD");
    await bob.page.keyboard.up("KeyA");
  },

  async "a client in a page finds WebTransport by itself, with datagrams of its own"(ada, bob) {
    for (const player of [ada, bob]) {
      await until(`${player.name} is on WebTransport`, async () => (await transportOf(player)) === "webtransport");
      assert.equal(await player.page.evaluate(() => window.arena.client.transport.datagrams), "native");
    }
  },

  async "a shot has its answer, a hit or a miss, and the other sees it"(ada, bob) {
    await ada.page.keyboard.down("Space");
    await until("Ada's shots have answers", () => ada.page.evaluate(() => window.arena.fired.hits + window.arena.fired.misses >= 3));
    await ada.page.keyboard.up("Space");
    await settle(ada, bob);
  },

  async "a line is heard in the room, and by those who come later"(ada, bob, url) {
    await say(ada, "hello from Ada");
    await until("Bob hears it", async () => (await linesOf(bob)).includes("Ada hello from Ada"));
    assert.deepEqual(await linesOf(ada), ["Ada hello from Ada"]);
    const late = await bob.browser.newPage();
    await late.goto(url);
    await until("who comes later is told", async () => (await linesOf({ page: late })).includes("Ada hello from Ada"));
    await late.close();
  },

  async "switches to WebSocket and back lose no line and no shot"(ada, bob) {
    const before = (await linesOf(bob)).length;
    await ada.page.keyboard.down("Space");
    const said = [];
    for (const transport of ["websocket", "webtransport", "websocket", "webtransport"]) {
      const fired = await ada.page.evaluate(() => window.arena.fired.all);
      await until("shots are under way", () => ada.page.evaluate((fired) => window.arena.fired.all > fired, fired));
      said.push(`a line on the way to ${transport}, ${said.length}`);
      await switchTo(ada, transport, () => say(ada, said.at(-1)));
    }
    await ada.page.keyboard.up("Space");
    await until("Bob hears every line", async () => (await linesOf(bob)).length >= before + said.length,
      async () => [await linesOf(ada), await linesOf(bob), await ada.page.textContent("#complaint")]);
    assert.deepEqual((await linesOf(bob)).slice(before), said.map((text) => `Ada ${text}`));
    await settle(ada, bob);
  },

  async "a second click while a switch is running starts no other, and is no error"(ada) {
    const during = await ada.page.evaluate(() => {
      const button = (transport) => document.querySelector(`#transports [data-transport=${transport}]`);
      button("websocket").click();
      button("webtransport").click();
      button("websocket").click();
      const { switching } = document.body.dataset;
      return { switching, disabled: [button("websocket").disabled, button("webtransport").disabled] };
    });
    assert.deepEqual(during, { switching: "websocket", disabled: [true, true] });
    await ada.page.waitForSelector("#transports[aria-busy=false]");
    assert.equal(await transportOf(ada), "websocket");
    assert.equal(await ada.page.textContent("#complaint"), "");
    await switchTo(ada, "webtransport");
  },

  async "a page that is not behind the relays is not told that its link has changed"(ada, bob, url) {
    const page = await bob.browser.newPage();
    await page.route("**/relays", (route) => route.fulfill({ contentType: "application/json", body: "null" }));
    await page.goto(url);
    await page.waitForSelector("#no-relays:not([hidden])", { state: "attached" });
    await setLink(ada, BAD);
    await say(ada, "the link is bad");
    // It comes behind the link on the same session.
    await until("the page has heard of it", async () => (await linesOf({ page })).includes("Ada the link is bad"));
    assert.deepEqual(await page.evaluate(() => [document.getElementById("loss").value, document.getElementById("loss-told").textContent]), ["0", "0 %"]);
    await setLink(ada, CLEAN);
    await page.close();
  },

  async "the plot has ages of both transports, and the link makes those over WebSocket worse"(ada) {
    await setLink(ada, CLEAN);
    const native = await ages(ada, "webtransport");
    await switchTo(ada, "websocket");
    const good = await ages(ada, "websocket");
    assert.ok(native.median > 0 && good.median > 0, JSON.stringify({ native, good }));
    await setLink(ada, BAD);
    // What was on its way before counts to the new link for a moment.
    await until("old positions are gone", async () => (await summaryOf(ada, "websocket")).median > BAD.delay_ms);
    const bad = await ages(ada, "websocket");
    assert.ok(bad.median > good.median, JSON.stringify({ good, bad }));
    assert.ok(bad.p99 > bad.median, JSON.stringify(bad));
    const painted = await ada.page.evaluate(() => {
      const plot = document.getElementById("plot");
      const { data } = plot.getContext("2d").getImageData(0, 0, plot.width, plot.height);
      // The colour of WebSocket's line.
      let found = 0;
      for (let at = 0; at < data.length; at += 4) found += data[at] > 230 && data[at + 1] > 150 && data[at + 2] < 120 ? 1 : 0;
      return found;
    });
    assert.ok(painted > 50, `${painted} dots of the line are painted`);
    await setLink(ada, CLEAN);
    await switchTo(ada, "webtransport");
  },

  // The page flies by rules of its own: those of the server, who has the last word, in another language.
  async "the server agrees with how the pages fly"(ada, bob) {
    for (const { page, name } of [ada, bob]) {
      assert.equal(await page.evaluate(() => window.arena.game.corrections), 0, name);
    }
  },
};

// Each shot has had its answer, and the other browser has seen each that was fired, once.
async function settle(ada, bob) {
  const fired = await until("each shot has its answer", async () => {
    const { all, ...outcomes } = await ada.page.evaluate(() => window.arena.fired);
    return Object.values(outcomes).reduce((sum, count) => sum + count) === all && outcomes;
  });
  assert.equal(fired.unanswered, 0);
  const shown = () => bob.page.evaluate((ada) => window.arena.game.ships.get(ada).shots, ada.me);
  await until("Bob has seen each shot", async () => (await shown()) >= fired.hits + fired.misses);
  assert.equal(await shown(), fired.hits + fired.misses);
}

// The arena as a visitor sees it who has tried both transports on a bad link.
async function takePictures(folder) {
  const { child, url } = await startArena(9);
  const { browser, page } = await enter(url, "Ada");
  // To and fro around the middle, with an eye on the nearest ship.
  const fly = async (seconds) => {
    for (let part = 0; part < seconds * 2; part += 1) {
      const { x, y } = await page.evaluate(() => window.arena.game.own);
      const keys = [x > 720 ? "KeyA" : "KeyD", y > 520 ? "KeyW" : "KeyS"].slice(part % 2);
      for (const key of keys) await page.keyboard.down(key);
      await aim();
      await page.mouse.down();
      await new Promise((resolve) => setTimeout(resolve, 480));
      await page.mouse.up();
      for (const key of keys) await page.keyboard.up(key);
    }
  };
  // At the nearest ship, as a person does.
  const aim = async () => {
    const at = await page.evaluate(() => {
      const { game, view } = window.arena;
      const others = [...game.ships.values()].filter(({ isMe, isShown }) => !isMe && isShown);
      const distance = ({ shown }) => Math.hypot(shown.x - game.own.x, shown.y - game.own.y);
      const nearest = others.toSorted((one, other) => distance(one) - distance(other))[0]?.shown ?? { x: 0, y: 0 };
      return { x: nearest.x * view.scale + view.offset.x, y: nearest.y * view.scale + view.offset.y };
    });
    await page.mouse.move(at.x, at.y);
  };
  const take = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
  try {
    await page.click("[data-preset=train]");
    await page.click("[data-transport=websocket]");
    await say({ page }, "same link, other transport:");
    await fly(9);
    await take("websocket");
    await page.click("[data-transport=webtransport]");
    await fly(3);
    for (let picture = 1; picture <= 8; picture += 1) {
      await fly(0.5);
      await page.mouse.down();
      await take(`arena-${picture}`);
      await page.mouse.up();
    }
    await page.setViewportSize({ width: 400, height: 860 });
    await fly(1);
    await take("narrow");
  } finally {
    await browser.close();
    child.kill();
  }
}

const { child, url } = await startArena();
const sum = { passed: 0, failed: 0 };
const players = [];
try {
  for (const name of ["Ada", "Bob"]) players.push(await enter(url, name));
  for (const [what, check] of Object.entries(CHECKS)) {
    try {
      await check(...players, url);
      sum.passed += 1;
    } catch (error) {
      sum.failed += 1;
      console.log(`FAILED ${what}: ${error.stack}`);
    }
  }
  const complaints = players.flatMap(({ complaints }) => complaints);
  if (complaints.length > 0) {
    sum.failed += 1;
    console.log(`FAILED the pages complain: ${complaints.join("\n")}`);
  }
} finally {
  for (const { browser } of players) await browser.close();
  child.kill();
}
if (process.env.SCREENSHOTS) await takePictures(process.env.SCREENSHOTS);
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed ? 1 : 0;
