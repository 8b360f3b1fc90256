// When an application is asked for credentials, and for how long it may take: ahead of each dial, and when the server
// asks for fresh ones on the connection that lives (SES-065). Time is an argument, and the questions are left in
// `outputs`.

import { BackOff } from "./back_off.js";
import { CREDENTIALS_TIMEOUT_MS, type Credentials, type Occasion } from "./credentials.js";
import type { Link } from "./link.js";
import type { Output } from "./notices.js";

/** The least time between two questions for fresh credentials, whatever the server asks. */
export const REFRESH_LEAST_MS = 1_000;
/** How long fresh credentials are tried for at most. */
const PATIENCE_MS = 300_000;

/** What came of a question. That there are no fresh credentials is nobody's business. */
export interface Answer {
  readonly kind: Occasion["kind"];
  readonly link: Link;
  readonly credentials: Credentials;
}

/** One that is open. */
interface Question {
  readonly number: number;
  readonly until: number;
}

/** Fresh credentials that the server waits for. */
interface Refresh {
  readonly link: Link;
  readonly occasion: Occasion;
  readonly until: number;
  readonly backOff: BackOff;
  /** When they are asked for next; null while they are. */
  due: number | null;
  question: Question | null;
}

/** At most one question ahead of a dial is open, and one for fresh credentials: a newer one takes its place. */
export class Admission {
  readonly #outputs: Output[];
  readonly #timeoutMs: number;
  readonly #random: () => number;
  #last = 0;
  #dial: (Question & { readonly link: Link }) | null = null;
  #refresh: Refresh | null = null;
  #refreshedAt = -Infinity;

  constructor(outputs: Output[], timeoutMs = CREDENTIALS_TIMEOUT_MS, random: () => number) {
    this.#outputs = outputs;
    this.#timeoutMs = timeoutMs;
    this.#random = random;
  }

  /** A link is to be dialled. */
  dial(link: Link, now: number): void {
    this.#dial = { link, ...this.#ask({ kind: "dial" }, now) };
  }

  /** The server asks for fresh ones on this link. */
  refresh(link: Link, expiresMs: number | null, now: number): void {
    const until = now + Math.min(expiresMs ?? PATIENCE_MS, PATIENCE_MS);
    const due = Math.max(now, this.#refreshedAt + REFRESH_LEAST_MS);
    this.#refresh = { link, occasion: { kind: "refresh", expiresMs }, until, backOff: new BackOff(), due, question: null };
    this.#askAgain(now);
  }

  /** The application has told. Null if nobody waits for that any more. */
  answered(question: number, credentials: Credentials, now: number): Answer | null {
    this.#forget();
    const dial = this.#dial;
    if (dial?.number === question) {
      this.#dial = null;
      return { kind: "dial", link: dial.link, credentials };
    }
    const refresh = this.#refresh;
    if (refresh?.question?.number !== question) return null;
    if (!("auth" in credentials)) {
      this.#retry(refresh, credentials.isFinal, now);
      return null;
    }
    this.#refresh = null;
    return { kind: "refresh", link: refresh.link, credentials };
  }

  /** Ends what took too long, and asks what is due. */
  tick(now: number): Answer | null {
    this.#forget();
    const refresh = this.#refresh;
    if (refresh !== null && refresh.question !== null && now >= refresh.question.until) this.#retry(refresh, false, now);
    this.#askAgain(now);
    const dial = this.#dial;
    if (dial === null || now < dial.until) return null;
    this.#dial = null;
    const problem = `the callback for credentials took longer than ${this.#timeoutMs} ms`;
    return { kind: "dial", link: dial.link, credentials: { problem, isFinal: false } };
  }

  /** When `tick` is to be called next. */
  get deadline(): number | null {
    this.#forget();
    const times = [this.#dial?.until, this.#refresh?.due, this.#refresh?.question?.until].filter((time) => typeof time === "number");
    return times.length === 0 ? null : Math.min(...times);
  }

  #ask(occasion: Occasion, now: number): Question {
    this.#last += 1;
    this.#outputs.push({ kind: "ask", question: this.#last, occasion });
    return { number: this.#last, until: now + this.#timeoutMs };
  }

  #askAgain(now: number): void {
    const refresh = this.#refresh;
    if (refresh === null || refresh.due === null || now < refresh.due) return;
    refresh.due = null;
    this.#refreshedAt = now;
    refresh.question = this.#ask(refresh.occasion, now);
  }

  /** While those before hold: after that the server ends the session with its own code. */
  #retry(refresh: Refresh, isFinal: boolean, now: number): void {
    const wait = refresh.backOff.next(false, null, this.#random());
    refresh.question = null;
    refresh.due = now + wait;
    if (isFinal || refresh.due >= refresh.until) this.#refresh = null;
  }

  /** A link that is gone needs none, and another connection has brought its own. */
  #forget(): void {
    if (this.#dial?.link.role !== "dialling") this.#dial = null;
    if (this.#refresh?.link.role !== "current") this.#refresh = null;
  }
}
