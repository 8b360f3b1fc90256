// Who is in the arena, and where: what the server told, and one's own ship. Nothing is drawn or sent here.

const COLOURS = [
  "#5ee7ff", "#ff5d8f", "#ffd166", "#9dff70", "#b388ff", "#ff8a4c", "#4dffc3", "#6f9bff", "#ff6bef", "#f4f57a",
];
/** How long a ship is drawn on from its last known speed, seconds: longer is guessing. */
const AHEAD_MAX = 0.25;
/** A ship that is this far from where it is shown is shown there at once, and glides otherwise. */
const LEAP = 110;
/** A ship that nothing is known of for so long is not shown, milliseconds. */
export const LOST_MS = 4_000;
const BOUNCE = 0.45;

export class Ship {
  /** The newest position that was told, with its sender's stamp. */
  newest = null;
  /** Where it is drawn. */
  shown = null;
  trail = [];
  /** In the arena's time. */
  hiddenUntil = 0;
  /** How often it fired, as the page knows it. */
  shots = 0;
  flash = 0;

  constructor({ player, name, bot, score, health, away }, isMe) {
    Object.assign(this, { player, name, bot, score, health, away, isMe });
    this.colour = isMe ? "#f2fbff" : COLOURS[player % COLOURS.length];
  }

  /** The age of its newest position; null while it has none that counts. */
  age(now) {
    if (this.newest === null || this.away || now < this.hiddenUntil) return null;
    return now - this.newest.at;
  }

  get isShown() {
    return this.shown !== null;
  }
}

export class Game {
  rules = null;
  ships = new Map();
  me = null;
  /** One's own ship, as it flies here. */
  own = null;
  /** How often the server put one's ship back that it had not lost: how often the two do not agree. */
  corrections = 0;
  #isLost = false;

  begin(scene) {
    this.rules = scene.rules;
    this.ships.clear();
    this.me = null;
    this.own = null;
    for (const entrant of scene.players) this.add(entrant);
  }

  add(entrant) {
    const known = this.ships.get(entrant.player);
    if (known) Object.assign(known, entrant);
    else this.ships.set(entrant.player, new Ship(entrant, entrant.player === this.me));
  }

  enter(player, name, placed) {
    this.me = player;
    this.ships.set(player, new Ship({ player, name, bot: false, score: 0, health: this.rules.health, away: false }, true));
    this.place(placed);
  }

  /** One's own ship is put somewhere. */
  place({ life, x, y, from }) {
    const heading = this.own?.heading ?? 0;
    if (this.own !== null && !this.#isLost) this.corrections += 1;
    this.#isLost = false;
    this.own = { life, from, x, y, heading, vx: 0, vy: 0, health: this.rules.health };
    const ship = this.ships.get(this.me);
    if (!ship) return;
    Object.assign(ship, { hiddenUntil: from, trail: [], shown: null });
  }

  moved({ player, at, pose }) {
    const ship = this.ships.get(player);
    // What was sent before it was destroyed may come after that.
    if (!ship || at < ship.hiddenUntil) return;
    ship.newest = { at, pose };
  }

  /** What a shot did to others and their score. */
  shot({ player, hit, score }) {
    const shooter = this.ships.get(player);
    if (shooter) Object.assign(shooter, { score, shots: shooter.shots + 1 });
    const target = hit && this.ships.get(hit.player);
    if (!target) return null;
    target.health = hit.health;
    target.flash = 1;
    if (hit.back_at === null) return target;
    this.#isLost ||= target.isMe;
    target.health = this.rules.health;
    target.hiddenUntil = hit.back_at;
    target.newest = null;
    return target;
  }

  isFlying(now) {
    return this.own !== null && now !== null && now >= this.own.from;
  }

  /** Flies one's own ship, and brings the others to where they are by now. */
  tick(now, seconds, { thrust, aim }) {
    if (this.isFlying(now)) {
      Object.assign(this.own, fly(this.rules, this.own, thrust, seconds));
      if (aim !== null) this.own.heading = aim;
      const ship = this.ships.get(this.me);
      if (ship) ship.shown = { x: this.own.x, y: this.own.y, heading: this.own.heading };
    }
    const leaps = [];
    for (const ship of this.ships.values()) {
      ship.flash = Math.max(0, ship.flash - seconds * 4);
      if (!ship.isMe) this.#show(ship, now, seconds, leaps);
      if (ship.isShown) remember(ship, now);
    }
    return leaps;
  }

  /** Shows a ship where it is, if it went on as it did. */
  #show(ship, now, seconds, leaps) {
    const age = ship.age(now);
    if (age === null || age > LOST_MS) {
      ship.shown = null;
      ship.trail = [];
      return;
    }
    const [x, y, heading, vx, vy] = ship.newest.pose;
    const ahead = Math.min(Math.max(age / 1000, 0), AHEAD_MAX);
    const goal = keepInside(this.rules, x + vx * ahead, y + vy * ahead);
    if (ship.shown === null) {
      ship.shown = { ...goal, heading };
      return;
    }
    const from = ship.shown;
    if (Math.hypot(goal.x - from.x, goal.y - from.y) > LEAP) {
      leaps.push({ ship, from: { ...from }, to: goal });
      ship.shown = { ...goal, heading };
      ship.trail = [];
      return;
    }
    const part = 1 - Math.exp(-seconds * 22);
    ship.shown = {
      x: from.x + (goal.x - from.x) * part,
      y: from.y + (goal.y - from.y) * part,
      heading: from.heading + turned(heading - from.heading) * part,
    };
  }
}

const TRAIL_MS = 620;

function remember(ship, now) {
  ship.trail.push({ x: ship.shown.x, y: ship.shown.y, at: now });
  while (ship.trail.length > 0 && now - ship.trail[0].at > TRAIL_MS) ship.trail.shift();
}

export function turned(angle) {
  return Math.atan2(Math.sin(angle), Math.cos(angle));
}

/** The nearest place where a ship may be: as src/world/field.rs has it, which has the last word. */
export function keepInside(rules, x, y) {
  for (const pylon of rules.pylons) {
    const distance = Math.hypot(x - pylon.x, y - pylon.y);
    const least = pylon.radius + rules.ship_radius;
    if (distance >= least) continue;
    const [toX, toY] = distance > 0 ? [(x - pylon.x) / distance, (y - pylon.y) / distance] : [1, 0];
    x = pylon.x + toX * least;
    y = pylon.y + toY * least;
  }
  const within = (value, most) => Math.min(Math.max(value, rules.ship_radius), most - rules.ship_radius);
  return { x: within(x, rules.width), y: within(y, rules.height) };
}

/** As src/world/field.rs flies. */
export function fly(rules, ship, thrust, seconds) {
  const strength = Math.max(Math.hypot(thrust.x, thrust.y), 1);
  const gained = (rules.acceleration * seconds) / strength;
  const kept = Math.exp(-rules.drag * seconds);
  let vx = (ship.vx + thrust.x * gained) * kept;
  let vy = (ship.vy + thrust.y * gained) * kept;
  const slower = Math.min(rules.speed_max / Math.max(Math.hypot(vx, vy), rules.speed_max), 1);
  vx *= slower;
  vy *= slower;
  const wanted = { x: ship.x + vx * seconds, y: ship.y + vy * seconds };
  const { x, y } = keepInside(rules, wanted.x, wanted.y);
  const push = Math.hypot(x - wanted.x, y - wanted.y);
  if (push > 0.01) {
    const along = { x: (x - wanted.x) / push, y: (y - wanted.y) / push };
    const against = Math.min(vx * along.x + vy * along.y, 0);
    vx -= along.x * against * (1 + BOUNCE);
    vy -= along.y * against * (1 + BOUNCE);
  }
  return { x, y, vx, vy };
}

/** How far a beam goes here, before the server has said what it met. */
export function beam(rules, ships, from, me) {
  const along = { x: Math.cos(from.heading), y: Math.sin(from.heading) };
  let length = rules.beam_length;
  for (const [part, at, most] of [[along.x, from.x, rules.width], [along.y, from.y, rules.height]]) {
    if (part !== 0) length = Math.min(length, Math.max(((part > 0 ? most - at : -at)) / part, 0));
  }
  const round = [...rules.pylons];
  for (const ship of ships.values()) {
    if (ship.isShown && ship.player !== me) round.push({ ...ship.shown, radius: rules.ship_radius });
  }
  for (const { x, y, radius } of round) {
    const ahead = (x - from.x) * along.x + (y - from.y) * along.y;
    const beside = Math.abs((x - from.x) * along.y - (y - from.y) * along.x);
    if (ahead > 0 && beside <= radius) length = Math.min(length, ahead - Math.sqrt(radius ** 2 - beside ** 2));
  }
  return length;
}
