// Attempts to connect: how long to wait for the next one, and when there is none any more.

import { BackOff } from "./back_off.js";
import { within } from "./limits.js";

/** LIM-008: a connection that lived longer than this begins the count of attempts anew. */
const LIVED_MS = 10_000;

/** How long a client goes on trying. */
export interface Endurance {
  /** Gives up after so many attempts in a row that came to nothing. Default: never. */
  readonly attemptsMax?: number;
  /** Gives up when no connection came about for so long, and ends an attempt that is under way then, milliseconds. Default: never. */
  readonly giveUpAfterMs?: number;
}

/** Throws `RangeError` for what is no such number. */
export function checkEndurance({ attemptsMax = 1, giveUpAfterMs = 1 }: Endurance): void {
  within("attemptsMax", attemptsMax, 1, Number.MAX_SAFE_INTEGER);
  within("giveUpAfterMs", giveUpAfterMs, 1, Number.MAX_SAFE_INTEGER);
}

/** The attempts of a client since a connection last stood. `now` is any clock in milliseconds. */
export class Attempts {
  readonly #backOff = new BackOff();
  readonly #endurance: Endurance;
  readonly #random: () => number;
  /** Those in a row that came to nothing. */
  #failed = 0;
  /** Since when there is no connection; null while there is one. */
  #downSince: number | null = null;

  constructor(endurance: Endurance, random: () => number) {
    this.#endurance = endurance;
    this.#random = random;
  }

  /** How many were granted since a connection last stood. */
  get granted(): number {
    return this.#backOff.attempts;
  }

  /** The application begins, or begins anew. */
  begin(now: number): void {
    this.#backOff.reset();
    this.#failed = 0;
    this.#downSince = now;
  }

  /** There is no connection from now on. */
  down(now: number): void {
    this.#downSince = now;
  }

  /** One came to its WELCOME. */
  connected(): void {
    this.#failed = 0;
    this.#downSince = null;
  }

  /** A connection has lived for so long: the next trouble may be a new one. */
  lived(milliseconds: number): void {
    if (milliseconds > LIVED_MS) this.#backOff.reset();
  }

  /** One came to nothing, while there is no connection. */
  failed(): void {
    this.#failed += 1;
  }

  /** The wait before the next one, milliseconds. */
  next(atOnce: boolean, retryAfterMs: number | null): number {
    return this.#backOff.next(atOnce, retryAfterMs, this.#random());
  }

  /** Whether there is no next one, which would come after so long. */
  isOver(delayMs: number, now: number): boolean {
    const { attemptsMax = Infinity } = this.#endurance;
    return this.#failed >= attemptsMax || now + delayMs >= (this.deadline ?? Infinity);
  }

  /** When the one that is under way ends. */
  get deadline(): number | null {
    const { giveUpAfterMs } = this.#endurance;
    return giveUpAfterMs === undefined || this.#downSince === null ? null : this.#downSince + giveUpAfterMs;
  }

  /** What is told of the end, for people. */
  gaveUp(cause: string): string {
    return `gave up after ${this.#failed} attempts: ${cause}`;
  }
}
