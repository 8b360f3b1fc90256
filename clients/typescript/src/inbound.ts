// The receiving machine: what is new, and when a receipt is due (session.md, "Receiver").

import type { Limits } from "./limits.js";
import { PROTOCOL_ERROR, Violation } from "./violation.js";

/** SES-016: a receipt is due at this share of the sender's window. */
const RECEIPT_SHARE = 64;
/** SES-016: or this long after the first frame that has none. */
export const RECEIPT_DELAY_MS = 10_000;

/** SES-022: the smaller of the sender's replay log and what the receiver takes. */
export function windowOf(sender: Limits, receiver: Limits): number {
  return Math.min(sender.replay, receiver.inbound);
}

/** Counts the sequenced frames of the peer. It outlives connections; `now` is any clock in milliseconds. */
export class Inbound {
  readonly #dueBytes: number;
  readonly #limitBytes: number;
  #counted = 0;
  #confirmed = 0;
  #unconfirmedBytes = 0;
  #repeatedBytes = 0;
  #unconfirmedSince: number | null = null;
  /** The application is behind: receipts tell the old number until it has caught up (SES-015). */
  isHeld = false;

  constructor(own: Limits, peers: Limits) {
    this.#dueBytes = windowOf(peers, own) / RECEIPT_SHARE;
    this.#limitBytes = 2 * own.inbound + own.frame;
  }

  /** The receipt that RECEIVED, PING, PONG and a resume tell. */
  get receipt(): number {
    return this.isHeld ? this.#confirmed : this.#counted;
  }

  /** Whether a sequenced frame is to be handled, and not one that came again (SES-011). Throws `Violation`. */
  accept(seq: number, size: number, now: number): boolean {
    if (seq > this.#counted + 1) {
      throw new Violation(PROTOCOL_ERROR, `sequence number ${seq} where ${this.#counted + 1} was due`);
    }
    this.#unconfirmedSince ??= now;
    if (seq <= this.#counted) {
      // The receipt for it went astray: the peer's window must not wait for the next heartbeat.
      this.#repeatedBytes += size;
      return false;
    }
    if (this.#unconfirmedBytes + size > this.#limitBytes) {
      throw new Violation(PROTOCOL_ERROR, `more than ${this.#limitBytes} bytes without a receipt`);
    }
    this.#counted = seq;
    this.#unconfirmedBytes += size;
    return true;
  }

  /** SES-016, SES-017: at once for a session's first frame, else by bytes or by time. */
  isReceiptDue(now: number): boolean {
    if (this.isHeld || this.#unconfirmedSince === null) return false;
    if (this.#confirmed === 0 || this.#unconfirmedBytes + this.#repeatedBytes >= this.#dueBytes) return true;
    return now - this.#unconfirmedSince >= RECEIPT_DELAY_MS;
  }

  /** Whether everything that was counted is confirmed. */
  get isConfirmed(): boolean {
    return this.#unconfirmedSince === null;
  }

  /** When a receipt becomes due by time alone; null while nothing waits for one, or receipts are withheld. */
  get receiptDueAt(): number | null {
    return this.isHeld || this.#unconfirmedSince === null ? null : this.#unconfirmedSince + RECEIPT_DELAY_MS;
  }

  /** A receipt was told, in whichever frame: for all that was counted, unless receipts are withheld. */
  told(): void {
    if (this.isHeld) return;
    this.#confirmed = this.#counted;
    this.#unconfirmedBytes = 0;
    this.#repeatedBytes = 0;
    this.#unconfirmedSince = null;
  }
}
