// How old the positions are that the page has, and the plot of it.
//
// Thirty times a second, for every other ship: the arena's time less the stamp of the newest position. That counts
// what is lost too, as the time until the next one; to count the positions that arrive would not.

export const COLOURS = { websocket: "#ffb454", webtransport: "#3fe0ff" };
const NAMES = { websocket: "WebSocket", webtransport: "WebTransport" };

const WINDOW_MS = 15_000;
/** Ages of one transport that are remembered: those of a dozen ships in a minute. */
const SAMPLES = 21_600;
const STEPS = [60, 120, 240, 400, 800, 1600, 3200, 6400];

class Samples {
  #ages = new Float32Array(SAMPLES);
  count = 0;

  push(age) {
    this.#ages[this.count % SAMPLES] = age;
    this.count += 1;
  }

  /** The ages that this part of all are not above. */
  quantiles(...parts) {
    const sorted = this.#ages.slice(0, Math.min(this.count, SAMPLES)).sort();
    return parts.map((part) => sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? null);
  }
}

export class Ages {
  #ticks = [];
  #marks = [];
  #samples = null;
  #scale = STEPS[0];

  constructor() {
    this.forget();
  }

  /** Begins to count anew: the link is another one. */
  forget() {
    this.#samples = { websocket: new Samples(), webtransport: new Samples() };
  }

  /** Notes something that happened to the link, for the plot. */
  mark(text) {
    this.#marks.push({ at: performance.now(), text });
    if (this.#marks.length > 40) this.#marks.shift();
  }

  /** One look at all ships. */
  take(transport, ages) {
    const at = performance.now();
    const sorted = ages.toSorted((one, other) => one - other);
    const median = sorted[Math.floor(sorted.length / 2)] ?? null;
    this.#ticks.push({ at, transport, median, oldest: sorted.at(-1) ?? null });
    while (this.#ticks.length > 0 && at - this.#ticks[0].at > WINDOW_MS + 500) this.#ticks.shift();
    if (transport) for (const age of ages) this.#samples[transport].push(age);
  }

  summary(transport) {
    const samples = this.#samples[transport];
    const [median, p99] = samples.quantiles(0.5, 0.99);
    return { count: samples.count, median, p99 };
  }

  draw(canvas) {
    const ratio = Math.min(devicePixelRatio, 2);
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const now = performance.now();
    const oldest = this.#ticks.reduce((most, tick) => Math.max(most, tick.oldest ?? 0), 0);
    const goal = STEPS.find((step) => step >= oldest) ?? STEPS.at(-1);
    this.#scale += (goal - this.#scale) * 0.15;
    const place = {
      x: (at) => 34 + (width - 40) * (1 - (now - at) / WINDOW_MS),
      y: (age) => height - 8 - (height - 24) * Math.min(age / this.#scale, 1.02),
    };
    this.#drawRules(context, width, goal, place);
    context.save();
    context.beginPath();
    context.rect(34, 0, width - 34, height);
    context.clip();
    for (const run of runs(this.#ticks)) drawRun(context, run, place);
    this.#drawMarks(context, height, place, now);
    context.restore();
  }

  #drawRules(context, width, goal, { y }) {
    context.font = "10px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      const age = goal * part;
      if (age > this.#scale * 1.01) continue;
      context.fillStyle = part === 0 ? "rgb(140 165 200 / .3)" : "rgb(140 165 200 / .1)";
      context.fillRect(34, Math.round(y(age)), width - 34, 1);
      if (part === 0.25 || part === 0.75) continue;
      context.fillStyle = "#71809a";
      context.fillText(part === 0 ? "0" : `${age}`, 28, y(age));
    }
  }

  /** Where the transport changed, and what else was noted. */
  #drawMarks(context, height, { x }, now) {
    context.textAlign = "left";
    context.textBaseline = "top";
    const changes = this.#ticks.flatMap((tick, index) => {
      const before = this.#ticks[index - 1]?.transport;
      const isChange = before !== undefined && tick.transport && tick.transport !== before;
      return isChange ? [{ at: tick.at, text: NAMES[tick.transport], colour: COLOURS[tick.transport] }] : [];
    });
    const all = [...changes, ...this.#marks].filter(({ at }) => now - at <= WINDOW_MS).sort((one, other) => one.at - other.at);
    for (const [index, { at, text, colour = "#9fb0c9" }] of all.entries()) {
      context.fillStyle = colour;
      context.globalAlpha = 0.5;
      context.fillRect(x(at), 0, 1, height - 8);
      context.globalAlpha = 1;
      // Of two that would overlap the newer one has the word.
      const room = x(all[index + 1]?.at ?? Infinity) - x(at);
      if (room > context.measureText(text).width + 8) context.fillText(text, x(at) + 4, 1);
    }
  }
}

/** What came over one transport without a break. */
function runs(ticks) {
  const found = [];
  for (const tick of ticks) {
    const last = found.at(-1);
    if (tick.transport === null || tick.median === null) found.push([]);
    else if (last?.[0]?.transport === tick.transport) last.push(tick);
    else found.push([tick]);
  }
  return found.filter((run) => run.length > 1);
}

function drawRun(context, run, { x, y }) {
  const colour = COLOURS[run[0].transport];
  context.beginPath();
  context.moveTo(x(run[0].at), y(0));
  for (const { at, oldest } of run) context.lineTo(x(at), y(oldest));
  context.lineTo(x(run.at(-1).at), y(0));
  context.closePath();
  context.fillStyle = `${colour}26`;
  context.fill();
  stroke(context, run.map(({ at, oldest }) => [x(at), y(oldest)]), `${colour}88`, 1);
  stroke(context, run.map(({ at, median }) => [x(at), y(median)]), colour, 1.5);
}

function stroke(context, points, colour, width) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.stroke();
}
