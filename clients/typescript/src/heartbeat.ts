// The client's watchdog (HBT-006 to HBT-009; the table "States, on the client" of heartbeat.md).

/** HBT-007: a watchdog that fires later than this proves nothing, since the machine may have slept. */
const LATE_MS = 1_000;
/** HBT-008. */
const MOST_PATIENCE = 8;

/** What is to be done when the deadline has passed. */
export type Verdict = "nothing" | "ping" | "dead";

/** One connection's watchdog; `now` is any clock in milliseconds. */
export class Heartbeat {
  readonly #watchdogMs: number;
  readonly #timeoutMs: number;
  #deadline: number;
  #probing = false;

  constructor(pingIntervalMs: number, pingTimeoutMs: number, patience: number, now: number) {
    this.#watchdogMs = (pingIntervalMs + pingTimeoutMs) * patience;
    this.#timeoutMs = pingTimeoutMs;
    this.#deadline = now + this.#watchdogMs;
  }

  /** When `check` is to be called next. */
  get deadline(): number {
    return this.#deadline;
  }

  /** A message came; a datagram is no life (HBT-001). */
  life(now: number): void {
    this.#probing = false;
    this.#deadline = now + this.#watchdogMs;
  }

  /** The machine woke, the network came back, the page became visible: whether a PING is to be sent (HBT-009). */
  doubt(now: number): boolean {
    if (this.#probing) return false;
    this.#probe(now);
    return true;
  }

  /** Called when a timer fired, early or late. */
  check(now: number): Verdict {
    if (now < this.#deadline) return "nothing";
    if (this.#probing || now - this.#deadline <= LATE_MS) return "dead";
    this.#probe(now);
    return "ping";
  }

  #probe(now: number): void {
    this.#probing = true;
    this.#deadline = now + this.#timeoutMs;
  }
}

/** HBT-008: how many times over the watchdog waits, since a browser does not see parts of messages. */
export class Patience {
  #times = 1;
  #hasCounted = false;

  /** A connection begins that waits so many times over. */
  begin(): number {
    this.#hasCounted = false;
    return this.#times;
  }

  /** The watchdog ended the connection. */
  ranOut(): void {
    if (!this.#hasCounted) this.#times = Math.min(2 * this.#times, MOST_PATIENCE);
  }

  /** A new sequenced frame was counted. */
  counted(): void {
    this.#times = 1;
    this.#hasCounted = true;
  }
}
