// Which connection carries the session (session.md, "The session, on the client" and "A connection, on the
// client"). Time, randomness and connections are arguments: every input is a method, and what is to be done
// about it is left in `outputs`, in order.

import { followed } from "./address.js";
import { asked, BackOff } from "./back_off.js";
import { dispositionOf } from "./code.js";
import { ask, HELLO_BYTES } from "./credentials.js";
import { type Encoding, type Message, sizeOf } from "./encoding.js";
import { type Close, closeOf, type Datagram, type Frame, type GoAway, isSequenced, type Latest, type Welcome } from "./frame.js";
import { HeaderError } from "./header_error.js";
import { Heartbeat, Patience } from "./heartbeat.js";
import { type Leaving, leavingOf, type Link, refusalOf } from "./link.js";
import { Links } from "./links.js";
import type { Output } from "./notices.js";
import type { Options } from "./options.js";
import { Session } from "./session.js";
import type { TransportKind } from "./transport/transport.js";
import type { Value } from "./value.js";
import { PROTOCOL_ERROR, Violation } from "./violation.js";

const VERSION = 1;
const NORMAL = 1000;
const GOING_AWAY = 1001;
const CUT = 1006;
const SUPERSEDED = 3400;
const STALE_ATTACH = 3401;
const PING_TIMEOUT = 3402;
const OVERFLOW = 3201;
const FRAME_TOO_LARGE = 3205;
/** SES-008. */
const WELCOME_TIMEOUT_MS = 20_000;
/** LIM-008: a connection that lived longer than this begins the count of attempts anew. */
const LIVED_MS = 10_000;
/** The codes that WebSocket APIs report for a connection that ended without one (TRN-017). */
const CUTS: readonly number[] = [1005, 1006, 1015];

/** The client's core. `now` is any clock in milliseconds that does not jump. */
export class Connections {
  readonly outputs: Output[] = [];
  readonly session: Session;
  readonly #encoding: Encoding;
  readonly #options: Options;
  readonly #backOff = new BackOff();
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
  /** Best-effort frames of the server that were dropped, by cause (BEF-002). */
  readonly dropped = { notConnected: 0, stale: 0, malformed: 0 };
  /** Connections that WELCOME was read on, and those of them that resumed the session. */
  readonly counts = { connections: 0, resumed: 0 };

  constructor(encoding: Encoding, options: Options) {
    this.#encoding = encoding;
    this.#options = options;
    this.#target = options.url;
    this.#links = new Links(encoding, options.limits, this.outputs);
    this.session = new Session(encoding, options.limits, this.outputs, options);
    this.session.hasConnection = () => this.#current !== null;
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
    return this.#backOff.attempts;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The server asked the client to leave, which it is about to do. */
  get isLeaving(): boolean {
    return this.#leaving !== null;
  }

  /** Dials, unless something is under way (COD-006: after the client stopped, too). */
  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = this.#isIdle = false;
    this.#backOff.reset();
    if (!this.#isPaused) this.#dial(0);
  }

  /**
   * SES-037: goes over to another connection, while this one goes on; over one transport alone, if it is named. What
   * fails is not tried again. Gives the link; null if there is nothing to leave, or an attempt under way.
   */
  switch(over: TransportKind | null = null): number | null {
    if (this.#current === null || this.#attempt !== null) return null;
    this.#dial(0, null, over);
    return this.attemptLink;
  }

  /** A namespace is wanted: dials, if the client went idle. */
  wanted(): void {
    if (!this.#isIdle || this.#isPaused) return;
    this.#isIdle = false;
    this.#redial("at once", null);
  }

  /** The application ends the session; on a connection that awaits WELCOME too (SES-039). */
  end(): void {
    if (!this.#isStopped) this.#finish(NORMAL, "ended");
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
    if (hadConnection) this.outputs.push({ kind: "detached", code: CUT, reason: "the page was put away" });
  }

  /** The page is back. */
  resume(): void {
    this.#isPaused = false;
    this.#redial("at once", null);
  }

  /** HBT-009: the network came back, the page became visible. */
  doubt(now: number): void {
    if (this.#current?.watchdog?.doubt(now) === true) this.#ping(this.#current, now);
  }

  /** The transport is open. */
  opened(id: number, now: number): void {
    const link = this.#links.get(id);
    if (link === undefined || link !== this.#attempt || link.role !== "dialling") {
      this.outputs.push({ kind: "drop", link: id });
      return;
    }
    const credentials = ask(this.#options.auth);
    if ("problem" in credentials) return this.#giveUp(link, credentials.problem);
    if (this.session.begun !== null) {
      this.session.attach += 1;
      link.resumes = true;
      link.strict = this.#current !== null && this.#leaving === null;
    }
    const size = this.#links.writeWithin(link, this.#hello(link, credentials.auth), HELLO_BYTES);
    if (size !== null) {
      const reason = `a HELLO of ${size} bytes, where a server takes ${HELLO_BYTES}`;
      this.#giveUp(link, reason);
      // It would be as long the next time.
      if (this.#current === null) this.#finish(FRAME_TOO_LARGE, reason);
      return;
    }
    link.role = "greeting";
    link.since = now;
  }

  /** The transport ended, or could not be opened. With a code of its own it is a CLOSE (TRN-017), else a cut. */
  closed(id: number, code: number | null, reason: string, now: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    this.#links.ended(link);
    if (link.role === "closing") return;
    if (link.role === "dialling") this.#dialFailed(link, reason);
    else if (code !== null && !CUTS.includes(code)) this.#onClose(link, closeOf(code, reason), now);
    else this.#cut(link, now);
  }

  /** A message is coming that is larger than `limits.frame` (SES-056). */
  tooLarge(id: number, now: number): void {
    const link = this.#links.get(id);
    if (link !== undefined && link.role !== "closing") this.#violation(link, FRAME_TOO_LARGE, "frame-too-large", now);
  }

  /** A datagram came. What is no best-effort frame, or comes on another connection, is dropped (ENC-011). */
  datagram(id: number, message: Message): void {
    const link = this.#links.get(id);
    try {
      const frame = this.#encoding.decode(message, this.#options.limits.depth);
      if (link !== undefined && (frame.kind === "DATAGRAM" || frame.kind === "LATEST")) return this.#onBestEffort(link, frame);
    } catch (error) {
      if (!(error instanceof HeaderError)) throw error;
    }
    this.dropped.malformed += 1;
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
    if (inbound.isReceiptDue(now) || (isLeaving && !inbound.isConfirmed)) {
      this.#links.write(link, { kind: "RECEIVED", received: inbound.receipt });
      inbound.told();
    }
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
    this.#watch(now);
    this.#leaveWhenAsked(now);
  }

  /** When `tick` is to be called next. */
  get deadline(): number | null {
    const times: number[] = [];
    const { deadline } = this.#links;
    if (deadline !== null) times.push(deadline);
    if (this.#attempt?.role === "greeting") times.push(this.#attempt.since + WELCOME_TIMEOUT_MS);
    if (this.#current?.watchdog) times.push(this.#current.watchdog.deadline);
    const receiptDueAt = this.#current && this.session.begun?.inbound.receiptDueAt;
    if (typeof receiptDueAt === "number") times.push(receiptDueAt);
    const leaving = this.#attempt === null ? this.#leaving : null;
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
      return session.deliver(frame);
    }
    switch (frame.kind) {
      case "PONG":
        this.#measure(link, frame.t, now);
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
        if (frame.wanted && link.role === "current") this.#refresh(link);
        return;
      case "DATAGRAM":
      case "LATEST":
        return this.#onBestEffort(link, frame);
      case "HELLO":
        throw new Violation(PROTOCOL_ERROR, "HELLO from a server");
    }
  }

  /** BEF-002, BEF-007. */
  #onBestEffort(link: Link, frame: Datagram | Latest): void {
    if (link.role !== "current" || !this.session.isConnected(frame.ns)) this.dropped.notConnected += 1;
    else if (frame.badBody !== undefined) this.dropped.malformed += 1;
    else if (frame.kind === "LATEST" && !link.versions.take(frame)) this.dropped.stale += 1;
    else this.outputs.push({ kind: "best effort", frame });
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
      if (link.resumes) session.lose(null, refusalOf(welcome), true);
      session.begin(welcome, secret ?? "");
      this.outputs.push({ kind: "began", session: welcome.session, reason: welcome.reason });
    }
    this.#attempt = null;
    this.#current = link;
    this.#leaving = null;
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
    if (role === "greeting") return this.#attemptClosed(link, close);
    const isTwin = close.attach === null ? this.#attempt?.role !== "greeting" : close.attach > this.session.attach;
    if (role === "current") {
      this.#leaveCurrent(now);
      this.outputs.push({ kind: "detached", code: close.code, reason: close.reason });
      if (close.code !== SUPERSEDED) return this.#act(close);
      if (!isTwin) return this.#redial("at once", null);
    }
    if (close.code === SUPERSEDED && isTwin && (role === "current" || close.attach !== null)) {
      // SES-040: somebody else has the same secret.
      this.#closeAll(NORMAL, "");
      this.session.lose(close.code, "superseded by somebody else", true);
      this.#redial("back-off", null);
    }
  }

  #attemptClosed(link: Link, close: Close): void {
    this.#attempt = null;
    const { session } = this;
    if (close.code === STALE_ATTACH && link.resumes) session.attach = Math.max(session.attach, close.attach ?? 0);
    if (this.#current === null) return this.#act(close);
    this.#stay(close.code, close.reason === "" ? `CLOSE ${close.code}` : close.reason, close.retry_after);
  }

  /** An attempt beside the current connection failed: the session goes on there. */
  #stay(code: number | null, cause: string, retryAfterMs: number | null): void {
    if (this.#leaving !== null) this.#redial("back-off", retryAfterMs);
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
  #act(close: Close): void {
    const { sessionKept, retry } = dispositionOf(close.code);
    this.#target = followed(this.#options.url, close.url);
    const isKept = sessionKept && retry !== "never";
    if (!isKept && (this.session.begun !== null || retry === "never")) {
      this.#closeAll(NORMAL, "");
      this.session.lose(close.code, close.reason, retry !== "never");
    }
    if (retry === "never") this.#stop(close.code, close.reason, close.data);
    else this.#redial(retry, close.retry_after);
  }

  /** A connection is gone, and nobody said why (SES-054). */
  #cut(link: Link, now: number): void {
    if (link.role === "current") {
      this.outputs.push({ kind: "silent", link: link.id, cause: "the connection was cut" });
      this.#leaveCurrent(now);
      this.outputs.push({ kind: "detached", code: CUT, reason: "cut" });
      this.#act(closeOf(CUT, "cut"));
    } else if (link === this.#attempt) {
      this.#attempt = null;
      this.#attemptFailed("cut");
    }
  }

  #dialFailed(link: Link, cause: string): void {
    if (link !== this.#attempt) return;
    this.#attempt = null;
    this.#attemptFailed(cause);
  }

  #attemptFailed(cause: string): void {
    if (this.#current === null) this.#redial("back-off", null);
    else this.#stay(null, cause, null);
  }

  /** SES-053; on an old connection it ends that connection and nothing else (SES-036). */
  #violation(link: Link, code: number, reason: string, now: number): void {
    if (link.role === "old") return this.#links.shut(link, SUPERSEDED, "");
    this.#endSession(code, reason, now);
  }

  /** This side ends the session, and begins another one. */
  #endSession(code: number, reason: string, now: number): void {
    this.#leaveCurrent(now);
    this.#closeAll(code, reason);
    if (this.session.begun !== null) this.session.lose(code, reason, true);
    this.#redial("back-off", null);
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
    this.#act(closeOf(CUT, "ping-timeout"));
  }

  /**
   * SES-058: not before the slot; then as soon as all is settled; at the latest at the deadline. A server that asks
   * each connection to leave is dialled no faster than one that closes each (LIM-016).
   */
  #leaveWhenAsked(now: number): void {
    const leaving = this.#leaving;
    if (leaving === null || this.#attempt !== null) return;
    if (now < leaving.deadline && (now < leaving.slot || !this.session.isSettled)) return;
    this.#target = followed(this.#options.url, leaving.url);
    this.#noteLife(now);
    this.#redial("at once", null);
  }

  /** SES-065. Without an answer the session ends with its credentials, and the next HELLO tells what is wrong. */
  #refresh(link: Link): void {
    const credentials = ask(this.#options.auth);
    if ("problem" in credentials) return;
    this.#links.writeWithin(link, { kind: "AUTH", auth: credentials.auth, wanted: false, expires: null }, HELLO_BYTES);
  }

  /** An attempt comes to nothing before HELLO. */
  #giveUp(link: Link, cause: string): void {
    this.#attempt = null;
    this.#links.forget(link);
    this.#attemptFailed(cause);
  }

  #hello(link: Link, auth: Value): Frame {
    const { begun, attach } = this.session;
    const resume = begun && link.resumes
      ? { session: begun.id, secret: begun.secret, attach, received: begun.inbound.receipt, strict: link.strict }
      : null;
    const { agent, limits, pingIntervalMs = null } = this.#options;
    return { kind: "HELLO", v: VERSION, agent, auth, resume, features: [], limits, ping_interval: pingIntervalMs };
  }

  #dial(delayMs: number, retryAfterMs: number | null = null, over: TransportKind | null = null): void {
    const link = this.#links.add(over);
    this.#attempt = link;
    this.outputs.push({ kind: "dial", link: link.id, url: this.#target, delayMs, leastMs: asked(retryAfterMs), over });
    // What a server told holds for one dial, whatever becomes of it (FRM-017).
    this.#target = this.#options.url;
  }

  /** Dials again, unless an attempt is under way, or nothing asks for one. */
  #redial(retry: "at once" | "back-off", retryAfterMs: number | null): void {
    const isWanted = this.#current === null || this.#leaving !== null;
    if (this.#isStopped || this.#isPaused || this.#attempt !== null || !isWanted) return;
    if (this.#current === null && this.session.isIdle) {
      this.#isIdle = true;
      this.outputs.push({ kind: "idle" });
      return;
    }
    this.#dial(this.#backOff.next(retry === "at once", retryAfterMs, this.#options.random()), retryAfterMs);
  }

  /** The session has no connection any more. */
  #leaveCurrent(now: number): void {
    this.#noteLife(now);
    this.#current = null;
    this.#leaving = null;
    this.#giveUpSwitch("the connection ended");
  }

  /** LIM-008: a connection that has stood makes the attempts before it forgotten. */
  #noteLife(now: number): void {
    if (this.#current !== null && now - this.#current.since > LIVED_MS) this.#backOff.reset();
  }

  #closeAll(code: number, reason: string): void {
    this.#links.closeAll(code, reason);
    this.#current = null;
    this.#attempt = null;
    this.#leaving = null;
  }

  #finish(code: number, reason: string): void {
    this.#closeAll(code, "");
    this.session.lose(code, reason, false);
    this.#stop(code, reason, null);
  }

  #stop(code: number, reason: string, data: Value): void {
    this.#isStopped = true;
    // Nobody listens for the page's return any more, and whoever begins anew means it.
    this.#isPaused = false;
    this.outputs.push({ kind: "stopped", code, reason, data });
  }

  #ping(link: Link, now: number): void {
    const received = this.session.begun?.inbound.receipt ?? 0;
    link.pinged = { t: Math.floor(now), at: now };
    this.#links.write(link, { kind: "PING", t: link.pinged.t, received });
    this.session.begun?.inbound.told();
  }

  /** HBT-010. */
  #measure(link: Link, t: number, now: number): void {
    if (link.role !== "current" || link.pinged?.t !== t) return;
    this.outputs.push({ kind: "round trip", ms: now - link.pinged.at });
    link.pinged = null;
  }
}
