// The arena as it is seen.

import { LOST_MS } from "/game.js";

const GRID = 50;
/** Below this scale the view follows one's ship, instead of showing the whole field. */
const SCALE_LEAST = 0.5;
/** An age that is worth a remark, milliseconds. */
const STALE_MS = 220;
const SPRITE = 120;
/** Faint light on the ground: where, how far, of which colour. */
const CLOUDS = [
  [0.2, 0.25, 0.4, "rgb(60 70 200 / .16)"],
  [0.82, 0.7, 0.42, "rgb(0 130 170 / .15)"],
  [0.75, 0.12, 0.3, "rgb(130 50 160 / .12)"],
  [0.15, 0.9, 0.34, "rgb(170 60 90 / .09)"],
];

export class View {
  #canvas;
  #context;
  #rules = null;
  #ground = null;
  #groundFor = "";
  #sprites = new Map();
  #stars = [];
  #centre = null;
  scale = 1;
  offset = { x: 0, y: 0 };

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
    // The same stars at every visit: a sequence that fills the field evenly.
    for (let star = 1; star <= 150; star += 1) {
      this.#stars.push({ x: (star * 0.754877) % 1, y: (star * 0.569840) % 1, size: ((star * 7) % 10) / 10 });
    }
  }

  /** Where a point of the window lies in the field. */
  toField(clientX, clientY) {
    const { left, top } = this.#canvas.getBoundingClientRect();
    return { x: (clientX - left - this.offset.x) / this.scale, y: (clientY - top - this.offset.y) / this.scale };
  }

  draw(game, sparks, now, seconds) {
    const context = this.#context;
    const ratio = Math.min(devicePixelRatio, 2);
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (width === 0 || height === 0) return;
    if (this.#canvas.width !== Math.round(width * ratio) || this.#canvas.height !== Math.round(height * ratio)) {
      this.#canvas.width = Math.round(width * ratio);
      this.#canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#070b12";
    context.fillRect(0, 0, width, height);
    if (!game.rules) return;
    this.#rules = game.rules;
    this.#look(game, width, height, seconds, sparks.shake);
    context.save();
    context.translate(this.offset.x, this.offset.y);
    context.scale(this.scale, this.scale);
    this.#drawGround(context, ratio);
    this.#drawPylons(context, now);
    for (const ship of game.ships.values()) if (ship.isShown) this.#drawTrail(context, ship, now);
    sparks.draw(context);
    for (const ship of game.ships.values()) if (ship.isShown) this.#drawShip(context, ship, game, now);
    context.restore();
  }

  /** Fits the field into the window, or follows one's own ship where that would be too small. */
  #look(game, width, height, seconds, shake) {
    const { width: wide, height: high } = this.#rules;
    const fit = Math.min(width / (wide + 28), height / (high + 28));
    this.scale = Math.max(fit, SCALE_LEAST);
    const goal = game.own ?? { x: wide / 2, y: high / 2 };
    this.#centre ??= { x: goal.x, y: goal.y };
    const part = 1 - Math.exp(-seconds * 6);
    this.#centre.x += (goal.x - this.#centre.x) * part;
    this.#centre.y += (goal.y - this.#centre.y) * part;
    const along = (room, extent, at) => {
      const size = extent * this.scale;
      if (size <= room) return (room - size) / 2;
      return Math.min(Math.max(room / 2 - at * this.scale, room - size - 14), 14);
    };
    const shaken = () => (Math.random() - 0.5) * shake * 12;
    this.offset = { x: along(width, wide, this.#centre.x) + shaken(), y: along(height, high, this.#centre.y) + shaken() };
  }

  /** What never changes is drawn once for a size. */
  #drawGround(context, ratio) {
    const { width, height, pylons } = this.#rules;
    const margin = 60;
    const scale = Math.min(this.scale * ratio, 2);
    const wanted = `${scale}`;
    if (this.#groundFor !== wanted) {
      this.#groundFor = wanted;
      this.#ground = new OffscreenCanvas(Math.ceil((width + margin * 2) * scale), Math.ceil((height + margin * 2) * scale));
      const ground = this.#ground.getContext("2d");
      ground.scale(scale, scale);
      ground.translate(margin, margin);
      paintField(ground, width, height, this.#stars);
      for (const pylon of pylons) paintPylon(ground, pylon);
    }
    context.drawImage(this.#ground, -margin, -margin, width + margin * 2, height + margin * 2);
  }

  #drawPylons(context, now) {
    context.save();
    context.globalCompositeOperation = "lighter";
    for (const [index, { x, y, radius }] of this.#rules.pylons.entries()) {
      const turn = (now / 4200) * (index % 2 ? -1 : 1) + index;
      const pulse = 0.5 + 0.5 * Math.sin(now / 900 + index * 1.7);
      hexagon(context, x, y, radius * 0.6, turn);
      context.strokeStyle = `rgb(90 150 255 / ${0.25 + pulse * 0.3})`;
      context.lineWidth = 1.5;
      context.stroke();
      hexagon(context, x, y, radius * 0.28, -turn * 1.6);
      context.strokeStyle = `rgb(120 220 255 / ${0.3 + pulse * 0.5})`;
      context.stroke();
    }
    context.restore();
  }

  #drawTrail(context, ship, now) {
    const { trail, colour } = ship;
    if (trail.length < 2) return;
    context.save();
    context.globalCompositeOperation = "lighter";
    context.strokeStyle = colour;
    // Ends that overlap would shine.
    context.lineCap = "butt";
    for (let at = 1; at < trail.length; at += 1) {
      const from = trail[at - 1];
      const to = trail[at];
      const fresh = 1 - (now - to.at) / 640;
      if (fresh <= 0) continue;
      context.globalAlpha = fresh ** 2 * 0.55;
      context.lineWidth = 1 + fresh * 7.5;
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      context.stroke();
    }
    context.restore();
  }

  #drawShip(context, ship, game, now) {
    const { x, y, heading } = ship.shown;
    const age = ship.isMe ? 0 : ship.age(now) ?? 0;
    const stale = Math.min(Math.max((age - STALE_MS) / 600, 0), 1);
    const gone = Math.min(Math.max((age - LOST_MS * 0.75) / (LOST_MS * 0.25), 0), 1);
    context.save();
    context.translate(x, y);
    context.globalAlpha = (1 - stale * 0.55) * (1 - gone);
    context.save();
    context.rotate(heading);
    context.drawImage(this.#sprite(ship.colour, ship.isMe), -SPRITE / 2, -SPRITE / 2, SPRITE, SPRITE);
    if (ship.flash > 0) {
      context.globalAlpha *= ship.flash;
      shipPath(context, 1.15);
      context.fillStyle = "#ffffff";
      context.fill();
    }
    context.restore();
    if (ship.isMe) drawOwnRing(context, now);
    drawHealth(context, ship, game.rules.health);
    if (stale > 0) drawStale(context, age, now);
    drawName(context, ship, this.scale);
    context.restore();
  }

  /** A ship with its glow, drawn once for a colour: blur is dear. */
  #sprite(colour, isMe) {
    const known = this.#sprites.get(colour);
    if (known) return known;
    const size = SPRITE * 2;
    const sprite = new OffscreenCanvas(size, size);
    const context = sprite.getContext("2d");
    context.translate(size / 2, size / 2);
    context.scale(2, 2);
    const glow = context.createRadialGradient(0, 0, 2, 0, 0, 50);
    glow.addColorStop(0, `${colour}40`);
    glow.addColorStop(0.4, `${colour}14`);
    glow.addColorStop(1, `${colour}00`);
    context.fillStyle = glow;
    context.fillRect(-SPRITE / 2, -SPRITE / 2, SPRITE, SPRITE);
    context.shadowColor = isMe ? "#5ee7ff" : colour;
    context.shadowBlur = 22;
    shipPath(context, 1);
    context.fillStyle = "#0d1420";
    context.fill();
    context.lineWidth = 2.2;
    context.lineJoin = "round";
    context.strokeStyle = colour;
    context.stroke();
    context.stroke();
    context.shadowBlur = 0;
    shipPath(context, 0.5);
    context.fillStyle = colour;
    context.fill();
    this.#sprites.set(colour, sprite);
    return sprite;
  }
}

function shipPath(context, size) {
  context.beginPath();
  context.moveTo(24 * size, 0);
  context.lineTo(-15.5 * size, 15 * size);
  context.lineTo(-8 * size, 0);
  context.lineTo(-15.5 * size, -15 * size);
  context.closePath();
}

function hexagon(context, x, y, radius, turn) {
  context.beginPath();
  for (let corner = 0; corner < 6; corner += 1) {
    const angle = turn + (corner * Math.PI) / 3;
    context.lineTo(x + Math.cos(angle) * radius, y + Math.sin(angle) * radius);
  }
  context.closePath();
}

function paintField(context, width, height, stars) {
  const light = context.createRadialGradient(width / 2, height / 2, 60, width / 2, height / 2, width * 0.62);
  light.addColorStop(0, "#141e2f");
  light.addColorStop(1, "#090e17");
  context.fillStyle = light;
  context.beginPath();
  context.roundRect(0, 0, width, height, 18);
  context.fill();
  context.save();
  context.clip();
  for (const [x, y, radius, colour] of CLOUDS) {
    const cloud = context.createRadialGradient(x * width, y * height, 0, x * width, y * height, radius * width);
    cloud.addColorStop(0, colour);
    cloud.addColorStop(1, "transparent");
    context.fillStyle = cloud;
    context.fillRect(0, 0, width, height);
  }
  for (const { x, y, size } of stars) {
    context.fillStyle = `rgb(180 205 240 / ${0.12 + size * 0.4})`;
    context.beginPath();
    context.arc(x * width, y * height, 0.6 + size * 1.1, 0, Math.PI * 2);
    context.fill();
  }
  for (let x = GRID; x < width; x += GRID) rule(context, x, 0, x, height, x % 200 === 0);
  for (let y = GRID; y < height; y += GRID) rule(context, 0, y, width, y, y % 200 === 0);
  context.restore();
  context.shadowColor = "#2f8cff";
  context.strokeStyle = "#3c74c9";
  context.lineWidth = 2;
  for (const blur of [34, 14, 0]) {
    context.shadowBlur = blur;
    context.beginPath();
    context.roundRect(0, 0, width, height, 18);
    context.stroke();
  }
}

function rule(context, fromX, fromY, toX, toY, isStrong) {
  context.strokeStyle = isStrong ? "rgb(120 170 240 / .15)" : "rgb(120 170 240 / .055)";
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

function paintPylon(context, { x, y, radius }) {
  context.save();
  context.shadowColor = "#3f7fff";
  context.shadowBlur = 40;
  const body = context.createRadialGradient(x, y, 0, x, y, radius);
  body.addColorStop(0, "#22324e");
  body.addColorStop(1, "#111a2a");
  context.beginPath();
  context.arc(x, y, radius, 0, Math.PI * 2);
  context.fillStyle = body;
  context.fill();
  context.shadowBlur = 12;
  context.strokeStyle = "#5d86cf";
  context.lineWidth = 2;
  context.stroke();
  context.shadowBlur = 0;
  context.beginPath();
  context.arc(x, y, radius * 0.82, 0, Math.PI * 2);
  context.strokeStyle = "rgb(120 170 255 / .18)";
  context.lineWidth = 1;
  context.stroke();
  context.restore();
}

function drawOwnRing(context, now) {
  context.save();
  context.rotate(now / 2400);
  context.strokeStyle = "rgb(94 231 255 / .55)";
  context.lineWidth = 1.4;
  context.setLineDash([6, 8.2]);
  context.beginPath();
  context.arc(0, 0, 33, 0, Math.PI * 2);
  context.stroke();
  context.restore();
}

function drawHealth(context, ship, most) {
  if (ship.health >= most && !ship.isMe) return;
  const left = ship.health / most;
  const begin = Math.PI * 0.22;
  const whole = Math.PI * 0.56;
  context.lineCap = "round";
  context.lineWidth = 2.6;
  context.strokeStyle = "rgb(255 255 255 / .13)";
  context.beginPath();
  context.arc(0, 0, 41, begin, begin + whole);
  context.stroke();
  if (left <= 0) return;
  context.strokeStyle = left > 0.5 ? "#7dffa8" : left > 0.25 ? "#ffd166" : "#ff5d6c";
  context.beginPath();
  context.arc(0, 0, 36, begin + whole * (1 - left), begin + whole);
  context.stroke();
}

function drawStale(context, age, now) {
  context.save();
  context.strokeStyle = "#ffb454";
  context.lineWidth = 1.3;
  context.setLineDash([3, 5]);
  context.lineDashOffset = -now / 40;
  context.beginPath();
  context.arc(0, 0, 30, 0, Math.PI * 2);
  context.stroke();
  context.fillStyle = "#ffb454";
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText(`${Math.round(age / 10) * 10} ms`, 0, -39);
  context.restore();
}

function drawName(context, ship, scale) {
  const size = Math.max(13, 10.5 / scale);
  context.font = `${ship.isMe ? 700 : 500} ${size}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.fillStyle = ship.isMe ? "#ffffff" : ship.colour;
  context.globalAlpha *= ship.isMe ? 0.95 : 0.72;
  context.fillText(ship.name, 0, 45 + size);
}
