// Which connection carries the session (session.md, "The session, on the client" and "A connection, on the
// client"). Time, randomness and connections are arguments: every input is a method, and what is to be done
// about it is left in `outputs`, in order.

import { followed } from "./address.js";
import { Admission, type Answer } from "./admission.js";
import { Attempts } from "./attempts.js";
import { asked } from "./back_off.js";
import { CUT, dispositionOf, FRAME_TOO_LARGE, GOING_AWAY, isCut, NORMAL, OVERFLOW, PING_TIMEOUT, STALE_ATTACH, SUPERSEDED } from "./code.js";
import { type Credentials, HELLO_BYTES, type NoneGiven, tooLong } from "./credentials.js";
import { type Encoding, type Message, sizeOf } from "./encoding.js";
import { type Close, closeOf, type Frame, type GoAway, isSequenced, type Welcome } from "./frame.js";
import { HeaderError } from "./header_error.js";
import { helloOf, VERSION, WELCOME_TIMEOUT_MS } from "./hello.js";
import { Heartbeat, Patience } from "./heartbeat.js";
import { IncomingBestEffort } from "./incoming.js";
import { type Leaving, leavingOf, type Link, refusalOf } from "./link.js";
import { Links } from "./links.js";
import type { Output } from "./notices.js";
import type { Options } from "./options.js";
import { Session } from "./session.js";
import type { TransportKind } from "./transport/transport.js";
import type { Value } from "./value.js";
import { PROTOCOL_ERROR, Violation } from "./violation.js";

/** How long closing waits for what is queued to leave. */
export const CLOSE_WAIT_MS = 2_000;
const ENDED = "ended";
const TWIN = "superseded by somebody else";

/** The client's core. `now` is any clock in milliseconds that does not jump. */
export class Connections {
  readonly outputs: Output[] = [];
  readonly session: Session;
  readonly #encoding: Encoding;
  readonly #options: Options;
  readonly #attempts: Attempts;
  readonly #admission: Admission;
  readonly #patience = new Patience();
  readonly #links: Links;
  #current: Link | null = null;
  /** The link that is being dialled, or awaits WELCOME. */
  #attempt: Link | null = null;
  #leaving: Leaving | null = null;
  #isStopped = true;
  /** There is no connection since none is wanted. */
  #isIdle = false;
  /** The page is kept without a connection. */
  #isPaused = false;
  /** Where the next dial goes. */
  #target: string;
  /** Until when the application's close waits for what is queued. */
  #closingUntil: number | null = null;
  readonly bestEffort: IncomingBestEffort;
  /** Connections that WELCOME was read on, and those of them that resumed the session. */
  readonly counts = { connections: 0, resumed: 0 };

  constructor(encoding: Encoding, options: Options) {
    this.#encoding = encoding;
    this.#options = options;
    this.#target = options.url;
    this.#links = new Links(encoding, options.limits, this.outputs);
    this.session = new Session(encoding, options.limits, this.outputs, options);
    this.session.hasConnection = () => this.#current !== null;
    this.bestEffort = new IncomingBestEffort(encoding, this.session, this.outputs);
    this.#attempts = new Attempts(options, options.random);
    this.#admission = new Admission(this.outputs, options.credentialsTimeoutMs, options.random);
  }

  /** The WELCOME of the current connection. */
  get welcome(): Welcome | null {
    return this.#current?.welcome ?? null;
  }

  /** The current connection. */
  get currentLink(): number | null {
    return this.#current?.id ?? null;
  }

  /** The link that is being dialled, or awaits WELCOME. */
  get attemptLink(): number | null {
    return this.#attempt?.id ?? null;
  }

  /** Attempts since a connection last stood. */
  get attempts(): number {
    return this.#attempts.granted;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The server asked the client to leave, which it is about to do. */
  get isLeaving(): boolean {
    return this.#leaving !== null;
  }

  /** Dials, unless something is under way (COD-006: after the client stopped, too). What is being closed is closed at once. */
  start(now: number): void {
    if (this.#closingUntil !== null) this.#finish(NORMAL, ENDED);
    if (!this.#isStopped) return;
    this.#isStopped = this.#isIdle = false;
    this.#attempts.begin(now);
    if (!this.#isPaused) this.#dial(0, "");
  }

  /**
   * SES-037: goes over to another connection, while this one goes on; over one transport alone, if it is named. What
   * fails is not tried again. Gives the link; null if there is nothing to leave, or an attempt under way.
   */
  switch(over: TransportKind | null = null): number | null {
    if (this.#current === null || this.#attempt !== null || this.#closingUntil !== null) return null;
    this.#dial(0, "", null, over);
    return this.attemptLink;
  }

  /** A namespace is wanted: dials, if the client went idle. */
  wanted(now: number): void {
    if (!this.#isIdle || this.#isPaused) return;
    this.#isIdle = false;
    this.#attempts.down(now);
    this.#redial("at once", null, "", now);
  }

  /**
   * The application ends the session; on a connection that awaits WELCOME too (SES-039). What waits for the server
   * leaves first, if there is a connection and it takes no longer than `CLOSE_WAIT_MS`.
   */
  end(now: number): void {
    if (this.#isStopped || this.#closingUntil !== null) return;
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt?.role === "greeting") this.#links.close(attempt, NORMAL, "");
    else if (attempt !== null) this.#links.forget(attempt);
    if (this.#current === null) return this.#finish(NORMAL, ENDED);
    this.#closingUntil = now + CLOSE_WAIT_MS;
    this.session.isClosing = true;
  }

  /** The page is left for good (HBT-009). */
  leave(): void {
    if (!this.#isStopped) this.#finish(GOING_AWAY, "the page was left");
  }

  /** The page is put away, and may come back: it has no connection meanwhile, and keeps its session. */
  pause(now: number): void {
    this.#isPaused = true;
    const hadConnection = this.#current !== null;
    this.#links.forgetAll();
    this.#attempt = null;
    this.#leaveCurrent(now);
    if (this.#closingUntil !== null) return this.#finish(NORMAL, ENDED);
    if (hadConnection) this.outputs.push({ kind: "detached", code: CUT, reason: "the page was put away" });
  }

  /** The page is back. */
  resume(now: number): void {
    this.#isPaused = false;
    if (this.#current === null) this.#attempts.down(now);
    this.#redial("at once", null, "", now);
  }

  /** HBT-009: the network came back, the page became visible. */
  doubt(now: number): void {
    if (this.#current?.watchdog?.doubt(now) === true) this.#ping(this.#current, now);
  }

  /** The time of a link has come: its credentials are asked for, ahead of the dial (decision 45). `prepared` follows. */
  prepare(id: number, now: number): void {
    const link = this.#links.get(id);
    if (link !== undefined && link === this.#attempt) this.#admission.dial(link, now);
  }

  /** The application has answered a question for credentials. */
  answered(question: number, credentials: Credentials, now: number): void {
    this.#admit(this.#admission.answered(question, credentials, now), now);
  }

  /** The transport is open. */
  opened(id: number, now: number): void {
    const link = this.#links.get(id);
    if (link === undefined || link !== this.#attempt || link.role !== "dialling") {
      this.outputs.push({ kind: "drop", link: id });
      return;
    }
    if (this.session.begun !== null) {
      this.session.attach += 1;
      link.resumes = true;
      link.strict = this.#current !== null && this.#leaving === null;
    }
    const size = this.#links.writeWithin(link, helloOf(link, this.session, this.#options), HELLO_BYTES);
    // It would be as long the next time.
    if (size !== null) return this.#refuse(link, tooLong(size), now);
    link.role = "greeting";
    link.since = now;
  }

  /** The transport ended, or could not be opened. With a code of its own it is a CLOSE (TRN-017), else a cut. */
  closed(id: number, code: number | null, reason: string, now: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    this.#links.ended(link);
    if (link.role === "closing") return;
    if (link.role === "dialling") this.#attemptEnded(link, reason, now);
    else if (code !== null && !isCut(code)) this.#onClose(link, closeOf(code, reason), now);
    else this.#cut(link, now);
  }

  /** A message is coming that is larger than `limits.frame` (SES-056). */
  tooLarge(id: number, now: number): void {
    const link = this.#links.get(id);
    if (link !== undefined && link.role !== "closing") this.#violation(link, FRAME_TOO_LARGE, "frame-too-large", now);
  }

  /** A datagram came. */
  datagram(id: number, message: Message): void {
    this.bestEffort.datagram(this.#links.get(id), message);
  }

  /** A message came. */
  received(id: number, message: Message, now: number): void {
    const link = this.#links.get(id);
    if (link === undefined || link.role === "closing") return;
    link.watchdog?.life(now);
    try {
      if (sizeOf(message) > this.#options.limits.frame) throw new Violation(FRAME_TOO_LARGE, "frame-too-large");
      this.#dispatch(link, this.#encoding.decode(message, this.#options.limits.depth), sizeOf(message), now);
    } catch (error) {
      if (error instanceof HeaderError) this.#violation(link, PROTOCOL_ERROR, error.headerCause, now);
      else if (error instanceof Violation) this.#violation(link, error.code, error.message, now);
      else throw error;
    }
  }

  /** Sends what may be sent, and the receipts that are due. To be called after every other input. */
  pump(now: number): void {
    if (this.session.overflow !== null) this.#endSession(OVERFLOW, this.session.overflow, now);
    const link = this.#current;
    const inbound = this.session.begun?.inbound;
    if (link === null || inbound === undefined) return;
    const { outbound } = this.session;
    const isLeaving = this.#leaving !== null;
    for (let message = outbound.transmit(isLeaving); message !== null; message = outbound.transmit(isLeaving)) {
      this.outputs.push({ kind: "send", link: link.id, message });
    }
    if (inbound.isReceiptDue(now) || (isLeaving && !inbound.isConfirmed && !inbound.isHeld)) {
      this.#links.write(link, { kind: "RECEIVED", received: inbound.receipt });
      inbound.told();
    }
    if (this.#closingUntil !== null && (outbound.queued.frames === 0 || now >= this.#closingUntil)) this.#finish(NORMAL, ENDED);
  }

  /** To be called when `deadline` has come, or at any other time. */
  tick(now: number): void {
    const attempt = this.#attempt;
    if (attempt?.role === "greeting" && now >= attempt.since + WELCOME_TIMEOUT_MS) {
      this.outputs.push({ kind: "silent", link: attempt.id, cause: "no WELCOME in time" });
      this.#links.forget(attempt);
      this.#cut(attempt, now);
    }
    this.#links.tick(now);
    this.#admit(this.#admission.tick(now), now);
    this.#watch(now);
    this.#leaveWhenAsked(now);
    if (this.#attempt === null || this.#current !== null || now < (this.#attempts.deadline ?? Infinity)) return;
    this.#attempts.failed();
    this.#giveUp("an attempt was under way for too long");
  }

  /** When `tick` is to be called next. */
  get deadline(): number | null {
    const outlasted = this.#attempt !== null && this.#current === null ? this.#attempts.deadline : null;
    const times = [this.#links.deadline, this.#admission.deadline, this.#closingUntil, outlasted].filter((time) => time !== null);
    if (this.#attempt?.role === "greeting") times.push(this.#attempt.since + WELCOME_TIMEOUT_MS);
    if (this.#current?.watchdog) times.push(this.#current.watchdog.deadline);
    const receiptDueAt = this.#current && this.session.begun?.inbound.receiptDueAt;
    if (typeof receiptDueAt === "number") times.push(receiptDueAt);
    const leaving = this.#attempt === null && this.#closingUntil === null ? this.#leaving : null;
    if (leaving !== null) times.push(this.session.isSettled ? leaving.slot : leaving.deadline);
    return times.length === 0 ? null : Math.min(...times);
  }

  #dispatch(link: Link, frame: Frame, size: number, now: number): void {
    if (frame.kind === "CLOSE") return this.#onClose(link, frame, now);
    if (frame.kind === "WELCOME") return this.#onWelcome(link, frame, now);
    if (link.role === "greeting") throw new Violation(PROTOCOL_ERROR, `${frame.kind} ahead of WELCOME`);
    const { session } = this;
    const inbound = session.begun?.inbound;
    if (inbound === undefined) return;
    if (isSequenced(frame)) {
      if (frame.kind === "CONNECT") throw new Violation(PROTOCOL_ERROR, "CONNECT from a server");
      if (!inbound.accept(frame.seq, size, now)) return;
      this.#patience.counted();
      return session.deliver(frame, size);
    }
    switch (frame.kind) {
      case "PONG":
        this.#links.measure(link, frame.t, now);
        return session.outbound.receipt(frame.received);
      case "RECEIVED":
        return session.outbound.receipt(frame.received);
      case "PING":
        session.outbound.receipt(frame.received);
        if (link.role !== "current") return;
        this.#links.write(link, { kind: "PONG", t: frame.t, received: inbound.receipt });
        return inbound.told();
      case "GOAWAY":
        return this.#onGoAway(link, frame, now);
      case "AUTH":
        if (frame.wanted && link.role === "current") this.#admission.refresh(link, frame.expires, now);
        return;
      case "DATAGRAM":
      case "LATEST":
        return this.bestEffort.take(link, frame, size);
      case "HELLO":
        throw new Violation(PROTOCOL_ERROR, "HELLO from a server");
    }
  }

  #onWelcome(link: Link, welcome: Welcome, now: number): void {
    const { session } = this;
    if (link.role !== "greeting") throw new Violation(PROTOCOL_ERROR, "a second WELCOME");
    if (welcome.v !== VERSION) throw new Violation(PROTOCOL_ERROR, "another version");
    const { secret } = welcome;
    if (welcome.resumed && (!link.resumes || welcome.session !== session.begun?.id)) {
      throw new Violation(PROTOCOL_ERROR, "a session that was not asked for");
    }
    if (!welcome.resumed && (secret === null || link.strict)) {
      throw new Violation(PROTOCOL_ERROR, "no secret, or a fresh session for a strict resume");
    }
    const old = this.#current;
    this.#noteLife(now);
    if (welcome.resumed) {
      session.outbound.resume(welcome.received);
      session.begun?.inbound.told();
      if (old !== null) Object.assign(old, { role: "old", since: now });
      this.outputs.push({ kind: "resumed", session: welcome.session });
    } else {
      if (old !== null) this.#links.close(old, NORMAL, "");
      if (link.resumes) session.lose(null, refusalOf(welcome), "renew");
      session.begin(welcome, secret ?? "");
      this.outputs.push({ kind: "began", session: welcome.session, reason: welcome.reason });
    }
    this.#attempt = null;
    this.#current = link;
    this.#leaving = null;
    this.#attempts.connected();
    this.counts.connections += 1;
    if (welcome.resumed) this.counts.resumed += 1;
    link.role = "current";
    link.since = now;
    link.welcome = welcome;
    link.watchdog = new Heartbeat(welcome.ping_interval, welcome.ping_timeout, this.#patience.begin(), now);
    // Measures the round trip.
    this.#ping(link, now);
  }

  /** SES-057, SES-061. */
  #onGoAway(link: Link, goAway: GoAway, now: number): void {
    if (link.role !== "current") return;
    this.#leaving = leavingOf(goAway, this.#leaving, now);
    this.#giveUpSwitch("the server is going away");
  }

  /** The code decides (SES-052). */
  #onClose(link: Link, close: Close, now: number): void {
    const { role } = link;
    this.#links.shut(link, close.code, close.reason);
    if (role === "greeting") return this.#attemptClosed(link, close, now);
    const isTwin = close.attach === null ? this.#attempt?.role !== "greeting" : close.attach > this.session.attach;
    if (role === "current") {
      this.#leaveCurrent(now);
      this.outputs.push({ kind: "detached", code: close.code, reason: close.reason });
      if (close.code !== SUPERSEDED) return this.#act(close, now);
      if (!isTwin) return this.#redial("at once", null, close.reason, now);
    }
    if (close.code === SUPERSEDED && isTwin && (role === "current" || close.attach !== null)) {
      // SES-040: somebody else has the same secret.
      if (this.#current !== null) this.#leaveCurrent(now);
      this.#closeAll(NORMAL, "");
      this.session.lose(close.code, TWIN, "renew");
      this.#redial("back-off", null, TWIN, now);
    }
  }

  #attemptClosed(link: Link, close: Close, now: number): void {
    this.#attempt = null;
    const { session } = this;
    if (close.code === STALE_ATTACH && link.resumes) session.attach = Math.max(session.attach, close.attach ?? 0);
    if (this.#current !== null) return this.#stay(close.code, causeOf(close), close.retry_after, now);
    this.#attempts.failed();
    this.#act(close, now);
  }

  /** An attempt beside the current connection failed: the session goes on there. */
  #stay(code: number | null, cause: string, retryAfterMs: number | null, now: number): void {
    if (this.#leaving !== null) this.#redial("back-off", retryAfterMs, cause, now);
    else this.outputs.push({ kind: "switch failed", code, cause });
  }

  /** A dial over one transport alone, on which nothing was said yet, is no way for what comes now. */
  #giveUpSwitch(cause: string): void {
    const attempt = this.#attempt;
    if (attempt?.role !== "dialling" || attempt.over === null) return;
    this.#attempt = null;
    this.#links.forget(attempt);
    this.outputs.push({ kind: "switch failed", code: null, cause });
  }

  /** What a code says, once no connection carries the session. */
  #act(close: Close, now: number): void {
    if (this.#closingUntil !== null) return this.#finish(NORMAL, ENDED);
    const { sessionKept, retry } = dispositionOf(close.code);
    this.#target = followed(this.#options.url, close.url);
    const isKept = sessionKept && retry !== "never";
    if (!isKept && (this.session.begun !== null || retry === "never")) {
      this.#closeAll(NORMAL, "");
      this.session.lose(close.code, close.reason, retry === "never" ? "over" : "renew");
    }
    if (retry === "never") this.#stop(close.code, close.reason, close.data);
    else this.#redial(retry, close.retry_after, causeOf(close), now);
  }

  /** A connection is gone, and nobody said why (SES-054). */
  #cut(link: Link, now: number): void {
    const { role } = link;
    link.role = "closing";
    if (role === "current") {
      this.outputs.push({ kind: "silent", link: link.id, cause: "the connection was cut" });
      this.#leaveCurrent(now);
      this.outputs.push({ kind: "detached", code: CUT, reason: "cut" });
      this.#act(closeOf(CUT, "cut"), now);
    } else this.#attemptEnded(link, "cut", now);
  }

  #attemptEnded(link: Link, cause: string, now: number): void {
    if (link !== this.#attempt) return;
    this.#attempt = null;
    this.#attemptFailed(cause, now);
  }

  /** `last` is what is told of it if it was the last one. */
  #attemptFailed(cause: string, now: number, last = cause): void {
    if (this.#current !== null) return this.#stay(null, cause, null, now);
    this.#attempts.failed();
    this.#redial("back-off", null, cause, now, last);
  }

  /** SES-053; on an old connection it ends that connection and nothing else (SES-036). */
  #violation(link: Link, code: number, reason: string, now: number): void {
    if (link.role === "old") return this.#links.shut(link, SUPERSEDED, "");
    this.#endSession(code, reason, now);
  }

  /** This side ends the session, and begins another one. */
  #endSession(code: number, reason: string, now: number): void {
    if (this.#current === null && this.#attempt?.role === "greeting") this.#attempts.failed();
    this.#leaveCurrent(now);
    this.#closeAll(code, reason);
    if (this.session.begun !== null) this.session.lose(code, reason, "renew");
    this.#redial("back-off", null, reason, now);
  }

  #watch(now: number): void {
    const link = this.#current;
    const verdict = link?.watchdog?.check(now) ?? "nothing";
    if (link === null || verdict === "nothing") return;
    if (verdict === "ping") return this.#ping(link, now);
    this.#patience.ranOut();
    this.outputs.push({ kind: "silent", link: link.id, cause: "ping-timeout" });
    this.#links.close(link, PING_TIMEOUT, "ping-timeout");
    this.#leaveCurrent(now);
    this.outputs.push({ kind: "detached", code: PING_TIMEOUT, reason: "ping-timeout" });
    this.#act(closeOf(CUT, "ping-timeout"), now);
  }

  /**
   * SES-058: not before the slot; then as soon as all is settled; at the latest at the deadline. A server that asks
   * each connection to leave is dialled no faster than one that closes each (LIM-016).
   */
  #leaveWhenAsked(now: number): void {
    const leaving = this.#leaving;
    if (leaving === null || this.#attempt !== null || this.#closingUntil !== null) return;
    if (now < leaving.deadline && (now < leaving.slot || !this.session.isSettled)) return;
    this.#target = followed(this.#options.url, leaving.url);
    this.#noteLife(now);
    this.#redial("at once", null, "", now);
  }

  /** What the application says to a question for credentials. Of fresh ones, too long ones are not sent. */
  #admit(answer: Answer | null, now: number): void {
    if (answer === null) return;
    const { link, credentials } = answer;
    if (!("auth" in credentials)) return this.#refuse(link, credentials, now);
    if (answer.kind === "refresh") {
      this.#links.writeWithin(link, { kind: "AUTH", auth: credentials.auth, wanted: false, expires: null }, HELLO_BYTES);
      return;
    }
    link.auth = credentials.auth;
    this.outputs.push({ kind: "prepared", link: link.id });
  }

  /** An attempt has no credentials to say HELLO with. */
  #refuse(link: Link, { problem, isFinal }: NoneGiven, now: number): void {
    this.#attempt = null;
    this.#links.forget(link);
    // Its text is the application's, and may be of what must not be shown.
    const [shown, last] = ["no credentials", `no credentials: ${problem}`];
    if (isFinal && this.#current === null) this.#end(CUT, last, "over");
    else this.#attemptFailed(shown, now, last);
  }

  #dial(delayMs: number, cause: string, retryAfterMs: number | null = null, over: TransportKind | null = null): void {
    const link = this.#links.add(over);
    this.#attempt = link;
    this.outputs.push({ kind: "dial", link: link.id, url: this.#target, delayMs, leastMs: asked(retryAfterMs), over, cause });
    // What a server told holds for one dial, whatever becomes of it (FRM-017).
    this.#target = this.#options.url;
  }

  /** Dials again, unless an attempt is under way, or nothing asks for one, or the limit of attempts or of time is reached. */
  #redial(retry: "at once" | "back-off", retryAfterMs: number | null, cause: string, now: number, last = cause): void {
    const isWanted = this.#current === null || this.#leaving !== null;
    if (this.#isStopped || this.#isPaused || this.#attempt !== null || !isWanted) return;
    if (this.#closingUntil !== null) return this.#current === null ? this.#finish(NORMAL, ENDED) : undefined;
    if (this.#current === null && this.session.isIdle) {
      this.#isIdle = true;
      this.outputs.push({ kind: "idle" });
      return;
    }
    const delayMs = this.#attempts.next(retry === "at once", retryAfterMs);
    if (this.#current === null && this.#attempts.isOver(delayMs, now)) this.#giveUp(last);
    else this.#dial(delayMs, cause, retryAfterMs);
  }

  /** The session has no connection any more. */
  #leaveCurrent(now: number): void {
    this.#noteLife(now);
    if (this.#current !== null) this.#attempts.down(now);
    this.#current = null;
    this.#leaving = null;
    this.#giveUpSwitch("the connection ended");
  }

  /** LIM-008: a connection that has stood makes the attempts before it forgotten. */
  #noteLife(now: number): void {
    if (this.#current !== null) this.#attempts.lived(now - this.#current.since);
  }

  #closeAll(code: number, reason: string): void {
    this.#links.closeAll(code, reason);
    this.#current = null;
    this.#attempt = null;
    this.#leaving = null;
  }

  /** The limit of attempts or of time was reached. */
  #giveUp(cause: string): void {
    this.#end(CUT, this.#attempts.gaveUp(cause), "over", true);
  }

  /** This side ends it all. */
  #finish(code: number, reason: string): void {
    this.#end(code, reason, "ended here");
  }

  #end(code: number, reason: string, then: "over" | "ended here", hasGivenUp = false): void {
    this.#closeAll(then === "over" ? NORMAL : code, "");
    this.session.lose(code, reason, then);
    this.#stop(code, reason, null, hasGivenUp);
  }

  #stop(code: number, reason: string, data: Value, hasGivenUp = false): void {
    this.#isStopped = true;
    // Nobody listens for the page's return any more, and whoever begins anew means it.
    this.#isPaused = false;
    this.#closingUntil = null;
    this.session.isClosing = false;
    this.outputs.push({ kind: "stopped", code, reason, data, hasGivenUp });
  }

  #ping(link: Link, now: number): void {
    this.#links.ping(link, this.session.begun?.inbound.receipt ?? 0, now);
    this.session.begun?.inbound.told();
  }
}

/** Why a server ended a connection, for people. */
function causeOf({ code, reason }: Close): string {
  return reason === "" ? `CLOSE ${code}` : reason;
}
