// Acks that this side waits for (acks.md). An ack is the application's answer to an event, and no receipt.

/** As many answers are awaited as `limits.pending_acks` allows: the event was not taken (ACK-008). */
export class TooManyAcks extends Error {
  override readonly name = "TooManyAcks";

  constructor(readonly limit: number) {
    super(`${limit} acks are pending, as many as limits.pending_acks allows`);
  }
}

/** The ids that were sent, each with its namespace (ACK-006). */
export class PendingAcks {
  readonly #limit: number;
  readonly #namespaces = new Map<number, string>();
  #last = 0;
  /** Answers that were late, came again, or were never asked for. */
  ignored = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** ACK-001: an id that was never used before, in an earlier session neither. Throws `TooManyAcks`. */
  add(ns: string): number {
    if (this.#namespaces.size >= this.#limit) throw new TooManyAcks(this.#limit);
    this.#last += 1;
    this.#namespaces.set(this.#last, ns);
    return this.#last;
  }

  /** Whether an answer in this namespace counts; its id is then gone. */
  take(ackId: number, ns: string): boolean {
    if (this.#namespaces.get(ackId) === ns) return this.#namespaces.delete(ackId);
    this.ignored += 1;
    return false;
  }

  /** ACK-007: a time-out, or a caller that went away. */
  giveUp(ackId: number): void {
    this.#namespaces.delete(ackId);
  }

  /** How many are awaited. */
  get size(): number {
    return this.#namespaces.size;
  }

  /** ACK-009: takes those that are over. */
  takeAll(isOver: (ackId: number, ns: string) => boolean): number[] {
    const gone = [...this.#namespaces].filter(([ackId, ns]) => isOver(ackId, ns)).map(([ackId]) => ackId);
    for (const ackId of gone) this.#namespaces.delete(ackId);
    return gone;
  }
}
