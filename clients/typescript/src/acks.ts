// Acks that this side waits for (acks.md). An ack is the application's answer to an event, and no receipt.

/** As many answers are awaited as `limits.pending_acks` allows: the event was not taken (ACK-008). */
export class TooManyPendingAcks extends Error {
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

  /** ACK-001: an id that was never used before, in an earlier session neither. Throws `TooManyPendingAcks`. */
  add(ns: string): number {
    if (this.#namespaces.size >= this.#limit) throw new TooManyPendingAcks(this.#limit);
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

  /** ACK-009: takes all ids of a namespace, or all there are. */
  takeAll(ns?: string): number[] {
    const gone = [...this.#namespaces].filter(([, owner]) => ns === undefined || owner === ns).map(([ackId]) => ackId);
    for (const ackId of gone) this.#namespaces.delete(ackId);
    return gone;
  }
}
