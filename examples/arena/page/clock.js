// The arena's time, as the page knows it: by asking, as src/clock.rs does.

/** Those of a minute: a clock does not go wrong so fast as a link does. */
const ANSWERS = 60;

export class ArenaClock {
  #answers = [];

  /** An answer is half a way old when it arrives, give or take half of the round trip: the quickest is believed. */
  answered(told, asked, arrived) {
    this.#answers.push({ roundTrip: arrived - asked, offset: told - (asked + arrived) / 2 });
    if (this.#answers.length > ANSWERS) this.#answers.shift();
  }

  /** A server that began anew has a time of its own. */
  forget() {
    this.#answers = [];
  }

  get #best() {
    return this.#answers.reduce((best, answer) => (!best || answer.roundTrip < best.roundTrip ? answer : best), null);
  }

  /** How far off the ages may be, milliseconds. */
  get doubt() {
    return (this.#best?.roundTrip ?? Infinity) / 2;
  }

  /** The last round trip, milliseconds. */
  get roundTrip() {
    return this.#answers.at(-1)?.roundTrip ?? null;
  }

  /** The arena's time in milliseconds; null before the first answer. */
  time(now = performance.now()) {
    const best = this.#best;
    return best ? now + best.offset : null;
  }
}
