// The game: what the server says, what the player does, and thirty positions a second.

import { Ages } from "/ages.js";
import { ArenaClock } from "/clock.js";
import { View } from "/draw.js";
import { beam, Game } from "/game.js";
import { Input } from "/input.js";
import { ANSWER_MS, dial } from "/net.js";
import { $, Panel } from "/panel.js";
import { Sparks } from "/sparks.js";
import { EventFailed } from "/trunkline.js";

const POSITIONS_A_SECOND = 30;
/** The key of one's own newest position. */
const OWN_SHIP = "ship";
const ASK_TIME_MS = 1_000;
const FIRST_QUESTIONS = 5;
/** Whoever has fired so often knows how it is done. */
const HINT_SHOTS = 12;

const game = new Game();
const ages = new Ages();
const clock = new ArenaClock();
const sparks = new Sparks();
const view = new View($("arena"));
const input = new Input($("arena"));
const { client, hasRelays } = await dial();
const socket = client.socket("/");
const panel = new Panel({ onSwitch, onLink, onSay });
/** Fired over a transport since the link is as it is: what became of it. */
let shots = noShots();
/** Fired since the page was loaded. */
const fired = { all: 0, hits: 0, misses: 0, refused: 0, unanswered: 0 };
let name = null;
let nextShot = 0;
/** Ends when the page knows what time it is. */
let learning = null;

// For the console, and for the test.
window.arena = { client, game, view, ages, clock, fired };

function noShots() {
  return { websocket: { hits: 0, misses: 0 }, webtransport: { hits: 0, misses: 0 } };
}

async function ask(emitter, event, ...args) {
  const [answer] = await emitter.emitWithAck(ANSWER_MS, event, ...args);
  return answer;
}

const transport = () => client.transport?.kind ?? null;
const colourOf = (player) => game.ships.get(player)?.colour ?? "#8fa3c0";

// What the server tells.

function begin(scene) {
  clock.forget();
  learning = learnTime();
  game.begin(scene);
  $("lines").replaceChildren();
  for (const line of scene.lines) panel.showLine({ ...line, colour: colourOf(line.player) });
  if (scene.link && hasRelays) panel.showLink(scene.link);
  else panel.showNoRelays();
  $("name").maxLength = scene.rules.name_max;
  $("text").maxLength = scene.rules.line_max;
}

async function enter(emitter) {
  const { player, placed } = await ask(emitter, "enter", { name });
  game.enter(player, name, placed);
}

socket.onReattach(async (emitter) => {
  // The session was lost, and the ship with it: a new one, ahead of what waits.
  await ask(emitter, "watch");
  if (name === null) return;
  panel.showLine({ text: "The session was lost: a new ship." });
  await enter(emitter).catch((error) => askName(error.message));
});
socket.on("scene", (scene) => begin(scene));
socket.on("moved", (moved) => game.moved(moved));
socket.on("entered", (entrant) => {
  game.add(entrant);
  panel.showLine({ text: `${entrant.name} came` });
});
socket.on("left", ({ player }) => {
  const ship = game.ships.get(player);
  if (ship) panel.showLine({ text: `${ship.name} left` });
  game.ships.delete(player);
});
socket.on("away", ({ player, away }) => {
  const ship = game.ships.get(player);
  if (ship) Object.assign(ship, { away, newest: null });
});
socket.on("placed", (placed) => game.place(placed));
socket.on("shot", (shot) => showShot(shot));
socket.on("said", (said) => panel.showLine({ ...said, colour: colourOf(said.player) }));
socket.on("link", (quality) => {
  // All are told; it is the link of pages behind the relays alone.
  if (!hasRelays) return;
  panel.showLink(quality);
  linkChanged(quality);
});

function linkChanged({ loss_percent, delay_ms }) {
  ages.forget();
  ages.mark(`${loss_percent} % · ${delay_ms} ms`);
  shots = noShots();
}

/** A beam of somebody, or what one's own has met. */
function showShot(shot) {
  const [x, y, heading] = shot.pose;
  const isOwn = shot.player === game.me;
  const target = shot.hit && game.ships.get(shot.hit.player);
  const at = target?.shown ?? { x: x + Math.cos(heading) * shot.length, y: y + Math.sin(heading) * shot.length };
  const isDestroyed = shot.hit !== null && shot.hit.back_at !== null;
  game.shot(shot);
  if (!isOwn) sparks.beam({ x, y, heading }, shot.length, colourOf(shot.player), false);
  if (!target) return;
  if (isDestroyed) sparks.explode(at, target.colour);
  else sparks.hit({ x: at.x, y: at.y }, target.colour, heading);
  if (target.isMe) {
    game.own.health = shot.hit.health;
    sparks.shake = Math.min(1, sparks.shake + (isDestroyed ? 1 : 0.5));
  }
  if (isDestroyed) panel.showDestroyed(game.ships.get(shot.player), target);
}

// What the player does.

async function onSwitch(kind) {
  if (kind === transport()) return;
  panel.showSwitching(kind);
  try {
    await client.switchTo(kind);
  } finally {
    panel.showSwitching(null);
  }
}

async function onLink(quality) {
  await ask(socket, "set-link", quality);
}

async function onSay(text) {
  const said = game.ships.get(game.me);
  const { id } = await ask(socket, "say", { text });
  panel.showLine({ id, name, text, colour: said?.colour });
}

function pose(own) {
  return [own.x, own.y, own.heading, own.vx, own.vy];
}

/** A beam is seen at once; what it met is the server's to say. */
async function fire(now) {
  const over = transport() ?? "websocket";
  const counted = shots;
  const { own } = game;
  const move = { life: own.life, at: now, pose: pose(own) };
  const ship = game.ships.get(game.me);
  sparks.beam(own, beam(game.rules, game.ships, own, game.me), "#9eeeff", true);
  own.vx -= Math.cos(own.heading) * 14;
  own.vy -= Math.sin(own.heading) * 14;
  if (ship) ship.flash = Math.max(ship.flash, 0.25);
  fired.all += 1;
  try {
    const shot = await ask(socket, "shoot", move);
    const what = shot.hit ? "hits" : "misses";
    fired[what] += 1;
    counted[over][what] += 1;
    showShot(shot);
  } catch (error) {
    // Refused, it came too late for that ship, or too soon after the last one.
    fired[error instanceof EventFailed ? "refused" : "unanswered"] += 1;
  }
}

function askName(complaint = "") {
  name = null;
  $("refused").textContent = complaint;
  if (!$("enter").open) $("enter").showModal();
}

$("enter").addEventListener("cancel", (event) => event.preventDefault());
$("enter-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  name = $("name").value.trim();
  if (!name) return;
  try {
    await enter(socket);
    localStorage.setItem("name", name);
    $("enter").close();
  } catch (error) {
    askName(error.message);
  }
});
addEventListener("keydown", (event) => {
  if (event.code !== "Enter" || event.target instanceof HTMLInputElement || $("enter").open) return;
  event.preventDefault();
  $("text").focus();
});
$("text").addEventListener("keydown", ({ code }) => {
  if (code === "Escape") $("text").blur();
});

// What goes on by itself.

/** A position, and a look at those of the others. */
function tick() {
  const now = clock.time();
  if (now === null) return;
  if (game.isFlying(now)) {
    // What is lost is followed by the next one; what cannot leave for a while is of no use to anybody.
    socket.maxAge(250).latest(OWN_SHIP, "move", { life: game.own.life, at: now, pose: pose(game.own) });
  }
  const seen = [...game.ships.values()].filter(({ isMe }) => !isMe).map((ship) => ship.age(now));
  ages.take(transport(), seen.filter((age) => age !== null));
}

/** One answer alone may be a slow one. */
async function learnTime() {
  for (let asked = 0; asked < FIRST_QUESTIONS; asked += 1) await askTime().catch(() => {});
}

async function askTime() {
  const asked = performance.now();
  clock.answered(await ask(socket, "clock"), asked, performance.now());
  panel.showDoubt(clock.doubt);
}

let before = performance.now();
let frames = 0;

function frame(at) {
  const seconds = Math.min((at - before) / 1000, 0.1);
  before = at;
  const now = clock.time();
  if (game.rules && now !== null) {
    const wanted = input.read(game.own, (x, y) => view.toField(x, y));
    const appearing = [...game.ships.values()].filter(({ isShown }) => !isShown);
    for (const { ship, from, to } of game.tick(now, seconds, wanted)) sparks.leap(from, to, ship.colour);
    for (const ship of appearing) if (ship.isShown) sparks.appear(ship.shown, ship.colour);
    burn();
    if (wanted.fires && game.isFlying(now) && at >= nextShot) {
      nextShot = at + game.rules.shot_interval_ms;
      fire(now);
    }
    showBanner(now);
  }
  sparks.tick(seconds);
  view.draw(game, sparks, now ?? 0, seconds);
  frames += 1;
  if (frames % 2 === 0) ages.draw($("plot"));
  requestAnimationFrame(frame);
}

/** The flames of all ships that fly. */
function burn() {
  for (const ship of game.ships.values()) {
    if (!ship.isShown) continue;
    const last = ship.trail.at(-2);
    const speed = last ? Math.hypot(ship.shown.x - last.x, ship.shown.y - last.y) : 0;
    if (speed > 1.2 && Math.random() < 0.6) sparks.flame(ship.shown, ship.shown.heading, ship.colour);
  }
}

function showBanner(now) {
  const wait = game.own ? game.own.from - now : 0;
  $("banner").hidden = wait <= 0;
  if (wait > 0) $("banner").textContent = `back in ${(wait / 1000).toFixed(1)} s`;
}

function showAll() {
  panel.showState(client.state, client.transport, clock.roundTrip);
  panel.showSummary(ages, shots);
  panel.showScores(game);
  $("hint").hidden = fired.all > HINT_SHOTS;
}

client.watch(showAll);
client.watchTransport(showAll);
requestAnimationFrame(frame);
await ask(socket, "watch");
await learning;
setInterval(tick, 1000 / POSITIONS_A_SECOND);
setInterval(() => askTime().catch(() => {}), ASK_TIME_MS);
setInterval(showAll, 500);
$("name").value = new URLSearchParams(location.search).get("name") ?? localStorage.getItem("name") ?? "";
askName();
