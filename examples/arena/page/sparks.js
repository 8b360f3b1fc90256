// What lights up and fades: beams, sparks, rings, echoes. All of it bounded.

const SPARKS_MAX = 700;
const OTHERS_MAX = 160;

export class Sparks {
  #sparks = [];
  #beams = [];
  #rings = [];
  #echoes = [];
  shake = 0;

  beam(from, length, colour, isOwn) {
    const end = { x: from.x + Math.cos(from.heading) * length, y: from.y + Math.sin(from.heading) * length };
    const nose = { x: from.x + Math.cos(from.heading) * 16, y: from.y + Math.sin(from.heading) * 16 };
    keep(this.#beams, { from: nose, end, colour, left: 1, width: isOwn ? 1.25 : 1 }, OTHERS_MAX);
    this.burst(end, colour, 5, 130, 0.22, from.heading + Math.PI, 1.6);
    this.burst(nose, colour, 3, 160, 0.12, from.heading, 0.7);
  }

  hit(at, colour, towards) {
    this.burst(at, "#ffffff", 8, 330, 0.3, towards, 1.2);
    this.burst(at, colour, 18, 250, 0.55, towards, 2.4);
    keep(this.#rings, { ...at, colour, left: 1, size: 34, seconds: 0.32 }, OTHERS_MAX);
  }

  explode(at, colour) {
    this.burst(at, "#ffffff", 26, 420, 0.5);
    this.burst(at, colour, 70, 340, 1.1);
    this.burst(at, "#ffb454", 24, 210, 0.9);
    keep(this.#rings, { ...at, colour, left: 1, size: 130, seconds: 0.7 }, OTHERS_MAX);
    keep(this.#rings, { ...at, colour: "#ffffff", left: 1, size: 64, seconds: 0.35 }, OTHERS_MAX);
  }

  appear(at, colour) {
    keep(this.#rings, { ...at, colour, left: 1, size: -70, seconds: 0.6 }, OTHERS_MAX);
  }

  /** A ship is elsewhere all of a sudden: the way that nobody saw. */
  leap(from, to, colour) {
    keep(this.#echoes, { from, to, colour, left: 1 }, OTHERS_MAX);
  }

  flame(at, heading, colour) {
    this.burst({ x: at.x - Math.cos(heading) * 13, y: at.y - Math.sin(heading) * 13 }, colour, 1, 120, 0.28, heading + Math.PI, 0.5);
  }

  burst(at, colour, count, speed, seconds, towards = 0, spread = Math.PI * 2) {
    for (let made = 0; made < count; made += 1) {
      const angle = towards + (Math.random() - 0.5) * spread;
      const fast = speed * (0.25 + Math.random() * 0.75);
      const spark = {
        x: at.x, y: at.y, vx: Math.cos(angle) * fast, vy: Math.sin(angle) * fast,
        left: 1, seconds: seconds * (0.5 + Math.random() * 0.5), colour, size: 0.8 + Math.random() * 1.5,
      };
      keep(this.#sparks, spark, SPARKS_MAX);
    }
  }

  tick(seconds) {
    this.shake = Math.max(0, this.shake - seconds * 3);
    for (const spark of this.#sparks) {
      spark.left -= seconds / spark.seconds;
      const kept = Math.exp(-seconds * 3.2);
      spark.vx *= kept;
      spark.vy *= kept;
      spark.x += spark.vx * seconds;
      spark.y += spark.vy * seconds;
    }
    for (const beam of this.#beams) beam.left -= seconds / 0.28;
    for (const ring of this.#rings) ring.left -= seconds / ring.seconds;
    for (const echo of this.#echoes) echo.left -= seconds / 0.45;
    this.#sparks = this.#sparks.filter(({ left }) => left > 0);
    this.#beams = this.#beams.filter(({ left }) => left > 0);
    this.#rings = this.#rings.filter(({ left }) => left > 0);
    this.#echoes = this.#echoes.filter(({ left }) => left > 0);
  }

  draw(context) {
    context.save();
    context.globalCompositeOperation = "lighter";
    context.lineCap = "round";
    for (const { from, to, colour, left } of this.#echoes) {
      context.globalAlpha = left * 0.5;
      context.setLineDash([2, 7]);
      line(context, from, to, colour, 1.5);
    }
    context.setLineDash([]);
    for (const { from, end, colour, left, width } of this.#beams) {
      context.globalAlpha = left * 0.14;
      line(context, from, end, colour, 20 * width);
      context.globalAlpha = left * 0.45;
      line(context, from, end, colour, 7 * width);
      context.globalAlpha = left ** 0.5;
      line(context, from, end, "#ffffff", 2.2 * width * left);
    }
    for (const { x, y, colour, left, size } of this.#rings) {
      const grown = size > 0 ? size * (1 - left ** 2) : -size * left ** 2;
      context.globalAlpha = left * 0.8;
      context.strokeStyle = colour;
      context.lineWidth = 1 + 4 * left;
      context.beginPath();
      context.arc(x, y, Math.max(grown, 0), 0, Math.PI * 2);
      context.stroke();
    }
    for (const { x, y, vx, vy, left, colour, size } of this.#sparks) {
      context.globalAlpha = Math.min(1, left * 1.4);
      line(context, { x, y }, { x: x - vx * 0.025, y: y - vy * 0.025 }, colour, size * (0.4 + left * 0.8));
    }
    context.restore();
  }
}

function line(context, from, to, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
  context.stroke();
}

/** The oldest goes when there are too many. */
function keep(list, one, most) {
  list.push(one);
  if (list.length > most) list.shift();
}
