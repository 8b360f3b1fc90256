// Whoever waits for the answer to an event. The ids of acks are the client's, and no two of its sockets share one: an
// answer finds whoever waits for it whatever has become of the socket, which a refusal or DISCONNECT may have ended.

import type { Outcome } from "./notices.js";
import { LONGEST_TIMER_MS } from "./timer.js";
import type { Value } from "./value.js";

/** The server answered with FAILED; a handler that throws it answers so itself. */
export class EventFailed extends Error {
  override readonly name = "EventFailed";

  constructor(readonly code: number, message: string, readonly data: Value = null) {
    super(message);
  }
}

/** There will be no answer. Unless `why` is `not sent`, the event may have run. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";

  constructor(readonly why: "disconnected" | "session lost" | "not sent" | "timeout" | "unreadable") {
    super(`no answer: ${why}`);
  }
}

interface Waiting {
  readonly resolve: (args: readonly Value[]) => void;
  readonly reject: (error: Error) => void;
  readonly timer: ReturnType<typeof setTimeout> | undefined;
}

/** As many as the session has pending acks, which are bounded (ACK-008). */
export class Answers {
  readonly #waiting = new Map<number, Waiting>();

  /** The args of the answer; `giveUp` is called when it has not come in time (ACK-007). */
  wait(ackId: number, timeoutMs: number, giveUp: () => void): Promise<readonly Value[]> {
    return new Promise((resolve, reject) => {
      const isBounded = timeoutMs <= LONGEST_TIMER_MS;
      const timer = isBounded ? setTimeout(() => {
        giveUp();
        this.#take(ackId)?.reject(new NoAnswer("timeout"));
      }, timeoutMs) : undefined;
      this.#waiting.set(ackId, { resolve, reject, timer });
    });
  }

  /** The wait has ended. */
  settle(ackId: number, outcome: Outcome): void {
    const waiting = this.#take(ackId);
    if (outcome.kind === "answered") waiting?.resolve(outcome.args);
    else if (outcome.kind === "failed") waiting?.reject(new EventFailed(outcome.code, outcome.message, outcome.data));
    else waiting?.reject(new NoAnswer(outcome.kind === "ended" ? outcome.why : "unreadable"));
  }

  #take(ackId: number): Waiting | undefined {
    const waiting = this.#waiting.get(ackId);
    this.#waiting.delete(ackId);
    clearTimeout(waiting?.timer);
    return waiting;
  }
}
