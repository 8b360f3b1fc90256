// A race of transports (SES-038): each in its turn, and whichever connects first is used. Time is an argument, and
// what is to be done is left in `orders`.

import type { Candidate } from "./transports.js";

/** How long the first transport of a race is dialled alone. */
export const HEAD_START_MS = 300;
/** How long one dial may take: browsers hang for up to 30 s. */
export const DIAL_TIMEOUT_MS = 10_000;

/** What is to be done with one runner of the race, by its place. */
export type RaceOrder =
  | { readonly kind: "open"; readonly runner: number; readonly candidate: Candidate }
  | { readonly kind: "give up"; readonly runner: number };

/** `passedOver`: why it is not the transport that was dialled first. */
export type RaceOutcome =
  | { readonly kind: "won"; readonly runner: number; readonly candidate: Candidate; readonly passedOver: string | null }
  | { readonly kind: "lost"; readonly cause: string };

interface Runner {
  readonly candidate: Candidate;
  state: "waiting" | "dialling" | "failed";
  since: number;
  cause: string;
}

/** One attempt's dials. The first begins at once, the next after the head start, or as soon as all before have failed. */
export class Race {
  readonly orders: RaceOrder[] = [];
  readonly #runners: Runner[];
  readonly #timeoutMs: number;
  outcome: RaceOutcome | null = null;

  constructor(candidates: readonly Candidate[], timeoutMs: number, now: number) {
    this.#timeoutMs = timeoutMs;
    this.#runners = candidates.map((candidate) => ({ candidate, state: "waiting", since: now, cause: "" }));
    if (candidates.length === 0) this.outcome = { kind: "lost", cause: "no transport to dial with" };
    else this.#begin(0, now);
  }

  /** When `tick` is to be called next. */
  get deadline(): number | null {
    if (this.outcome !== null) return null;
    const dialling = this.#runners.filter(({ state }) => state === "dialling").map(({ since }) => since);
    const times = dialling.map((since) => since + this.#timeoutMs);
    if (this.#runners.some(({ state }) => state === "waiting")) times.push(Math.max(...dialling) + HEAD_START_MS);
    return Math.min(...times);
  }

  tick(now: number): void {
    for (const [at, runner] of this.#runners.entries()) {
      if (this.outcome !== null) return;
      if (runner.state !== "dialling" || now < runner.since + this.#timeoutMs) continue;
      this.orders.push({ kind: "give up", runner: at });
      this.failed(at, `no connection within ${this.#timeoutMs} ms`, now);
    }
    const newest = Math.max(...this.#runners.filter(({ state }) => state === "dialling").map(({ since }) => since));
    if (this.outcome === null && now >= newest + HEAD_START_MS) this.#beginNext(now);
  }

  /** A transport is open. The others are given up without a word. */
  opened(at: number): void {
    const runner = this.#runners[at];
    if (this.outcome !== null || runner?.state !== "dialling") return;
    this.giveUp(at);
    const [first] = this.#runners;
    const passedOver = first === runner || first === undefined ? null
      : told(first, first.state === "failed" ? first.cause : `no connection within ${HEAD_START_MS} ms`);
    this.outcome = { kind: "won", runner: at, candidate: runner.candidate, passedOver };
  }

  /** A transport could not be opened. */
  failed(at: number, cause: string, now: number): void {
    const runner = this.#runners[at];
    if (this.outcome !== null || runner?.state !== "dialling") return;
    Object.assign(runner, { state: "failed", cause });
    if (this.#runners.some(({ state }) => state === "dialling") || this.#beginNext(now)) return;
    this.outcome = { kind: "lost", cause: this.#runners.map((each) => told(each, each.cause)).join("; ") };
  }

  /** All dials are given up, but this one. */
  giveUp(but = -1): void {
    for (const [at, { state }] of this.#runners.entries()) {
      if (at !== but && state === "dialling") this.orders.push({ kind: "give up", runner: at });
    }
  }

  /** Whether there was one to begin. */
  #beginNext(now: number): boolean {
    const next = this.#runners.findIndex(({ state }) => state === "waiting");
    if (next >= 0) this.#begin(next, now);
    return next >= 0;
  }

  #begin(at: number, now: number): void {
    const runner = this.#runners[at];
    if (runner === undefined) return;
    Object.assign(runner, { state: "dialling", since: now });
    this.orders.push({ kind: "open", runner: at, candidate: runner.candidate });
  }
}

function told({ candidate }: Runner, cause: string): string {
  return cause === "" ? `${candidate.transport}: no connection` : `${candidate.transport}: ${cause}`;
}
