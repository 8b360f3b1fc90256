// How long to wait before the next attempt (LIM-008, LIM-009).

const BASE_MS = 500;
const CAP_MS = 30_000;
/** LIM-009: a longer `retry_after` is taken for this. */
const RETRY_AFTER_MAX_MS = 3_600_000;

/** Full jitter: the n-th wait is drawn from zero to `baseMs` times 2^n, at most `capMs`. */
export class BackOff {
  readonly #baseMs: number;
  readonly #capMs: number;
  #attempts = 0;
  #waits = 0;

  constructor(baseMs = BASE_MS, capMs = CAP_MS) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
  }

  /** How many attempts were granted since the last connection that stood. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The wait in milliseconds; `random` is from 0 to 1. "At once" holds for the first attempt in a row only. */
  next(atOnce: boolean, retryAfterMs: number | null, random: number): number {
    this.#attempts += 1;
    if (atOnce && this.#attempts === 1 && retryAfterMs === null) return 0;
    const atMost = Math.min(this.#capMs, this.#baseMs * 2 ** this.#waits);
    this.#waits += 1;
    return asked(retryAfterMs) + random * atMost;
  }

  /** A connection lived for longer than 10 s after WELCOME: the next trouble is a new one. */
  reset(): void {
    this.#attempts = 0;
    this.#waits = 0;
  }
}

/** The wait that a server asked for, within its bound. */
export function asked(retryAfterMs: number | null): number {
  return Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
}
