// What survives connections on the client: its two streams, its namespaces and its pending acks (session.md,
// namespaces.md, acks.md). Which connection carries it, `connections.ts` decides.

import { PendingAcks, TooManyAcks } from "./acks.js";
import type { Encoding } from "./encoding.js";
import { isName } from "./fields.js";
import type { Ack, Connected, Disconnect, Event, Failed, Refused, Sequenced, Welcome } from "./frame.js";
import { Inbound } from "./inbound.js";
import { bounded, LEAST, type Limits } from "./limits.js";
import type { AnswerDue, LostEvent, Outcome, Output } from "./notices.js";
import { Outbound, QUEUE_EVENTS, QueueFull, QueueLong, TooLarge, type Unnumbered } from "./outbound.js";
import { copied, isText, type Value } from "./value.js";

const NOT_CONNECTED = 3010;
const BAD_ARGS = 3007;
const DISCONNECTED = 3013;
/** What an event that waits counts for beside the size of its message: about what holding it takes. */
const HOLDING_BYTES = 64;
/** The codes that a sender uses (FRM-013). */
const LOWEST_CODE = 1_000;
const HIGHEST_CODE = 4_999;

/** The application used a namespace that it has not connected, or connected one twice. */
export class NamespaceError extends Error {
  override readonly name = "NamespaceError";
}

/** There is no connection to have the event, and the client was told not to queue (`queueOffline`). */
export class Offline extends Error {
  override readonly name = "Offline";

  constructor() {
    super("the socket has no connection, and the client does not queue");
  }
}

/** What a client may queue. */
export interface Queueing {
  /** How many events may wait, beside `limits.queue` bytes. Default: 10,000. */
  readonly queueEvents?: number;
  /** Whether events are taken without a connection. Default: yes. */
  readonly queueOffline?: boolean;
  /**
   * Whether events that were under way when a session was lost are sent again in the fresh one: then they arrive at
   * least once, instead of at most once. Default: no.
   */
  readonly resendLost?: boolean;
}

/** What follows a session that is lost: another one, or nothing; `ended here` if this side wanted that. */
export type Aftermath = "renew" | "over" | "ended here";

/** How many events without an ack may leave ahead of CONNECTED; what comes behind them waits for it. */
const AHEAD_EVENTS = 64;

type UnnumberedEvent = Unnumbered & { readonly kind: "EVENT" };

/** One attachment; `connect` is the number of its newest CONNECT `asked`, once it has one (NSP-014). */
interface Attachment {
  asked: Unnumbered & { readonly kind: "CONNECT" };
  state: "pending" | "connected";
  connect: number | null;
  /** It was connected, or asked for, in an earlier session. */
  isAgain: boolean;
  /** Events without an ack that left ahead of CONNECTED (NSP-008): nobody but this client tells of them if it is refused. */
  ahead: Sequenced[];
}

/** A session that WELCOME began. */
interface Begun {
  readonly id: string;
  readonly secret: string;
  readonly peers: Limits;
  readonly inbound: Inbound;
}

/** One session after another: `lose` makes room for the next, in which the namespaces are connected again. */
export class Session {
  readonly acks: PendingAcks;
  readonly #attachments = new Map<string, Attachment>();
  #due = new Set<AnswerDue>();
  begun: Begun | null = null;
  /** Why it cannot go on: its queue does not hold the answers that are due. */
  overflow: string | null = null;
  /** SES-029: the number of the newest attempt to resume. */
  attach = 0;
  outbound: Outbound;
  /** The application closes the client: nothing more is taken. */
  isClosing = false;
  /** Whether a connection carries it. */
  hasConnection: () => boolean = () => false;
  /** Sessions that were lost, emits that a bound refused, and events that were taken and then not sent. */
  readonly counts = { lost: 0, refused: 0, dropped: 0 };
  #backlog = 0;

  constructor(readonly encoding: Encoding, readonly limits: Limits, readonly outputs: Output[], readonly queueing: Queueing = {}) {
    this.acks = new PendingAcks(limits.pending_acks);
    this.outbound = this.#freshOutbound();
  }

  /** A fresh session begins with this WELCOME, whose `secret` is there. */
  begin(welcome: Welcome, secret: string): void {
    const peers = bounded(welcome.limits);
    const tooLarge = this.outbound.begin(peers);
    this.attach = 0;
    this.#giveUp("not taken", tooLarge);
    this.begun = { id: welcome.session, secret, peers, inbound: new Inbound(this.limits, peers) };
    this.#hold();
  }

  /**
   * SES-047 to SES-050. Unless another one follows, its sockets end with it. Else what waited without a number waits on,
   * for `release` in the next session, and so does what is to be sent again.
   */
  lose(code: number | null, reason: string, then: Aftermath): void {
    const { unconfirmed, queued } = this.outbound.end();
    const goesOn = (frame: Unnumbered): frame is UnnumberedEvent => then === "renew" && frame.kind === "EVENT" && this.#attachments.has(frame.ns);
    const again = this.queueing.resendLost === true ? unconfirmed.flatMap((frame) => (goesOn(frame) ? [frame] : [])) : [];
    const kept = [...again.map(withoutNumber), ...queued.filter(goesOn)];
    const gone = queued.filter((frame) => !goesOn(frame));
    const unknown = unconfirmed.map((frame) => lostEvent(frame, true, again.some((event) => event === frame)));
    const events = [...unknown, ...gone.map(unsent)].filter((event) => event !== null);
    const isLost = this.begun !== null && then !== "ended here";
    if (isLost) this.counts.lost += 1;
    if (isLost || events.length > 0) this.outputs.push({ kind: "lost", code, reason, events });
    const waiting = new Set(kept.map(askedBy));
    const unsentIds = new Set(gone.map(askedBy));
    const why = then === "ended here" ? "disconnected" : "session lost";
    for (const ackId of this.acks.takeAll((id) => !waiting.has(id))) {
      this.#settle(ackId, { kind: "ended", why: unsentIds.has(ackId) ? "not sent" : why });
    }
    this.#due.clear();
    this.begun = null;
    this.overflow = null;
    this.attach = 0;
    this.outbound = this.#freshOutbound();
    for (const [ns, attachment] of [...this.#attachments]) {
      if (then === "renew") this.#renew(attachment);
      else this.#end(ns, code ?? DISCONNECTED, reason);
    }
    const lostTheirs = kept.filter((frame) => !this.#attachments.has(frame.ns));
    this.outbound.putBack(kept.filter((frame) => !lostTheirs.includes(frame)));
    this.#giveUp("not taken", lostTheirs);
  }

  /** SES-048: what waited in an earlier session leaves. Nothing happens in another one than `session`. */
  release(ns: string, session: string): void {
    if (this.begun?.id === session) this.outbound.release(ns);
  }

  /** No namespace is wanted, and nothing of either side is open: a connection has nothing to carry. */
  get isIdle(): boolean {
    return this.#attachments.size === 0 && this.outbound.isEmpty && this.isSettled;
  }

  /** Whether a socket of this namespace is connected. */
  isConnected(ns: string): boolean {
    return this.#attachments.get(ns)?.state === "connected";
  }

  /** Throws `NamespaceError`, and what `Outbound.push` and `copied` throw. */
  connect(ns: string, auth: Value): void {
    if (this.isClosing) throw new NamespaceError("the client is being closed");
    if (!isName(ns) || !ns.startsWith("/")) throw new NamespaceError("a namespace begins with / and has 255 bytes at most");
    if (this.#attachments.has(ns)) throw new NamespaceError(`${ns} is connected already, or being connected`);
    const asked = { kind: "CONNECT", ns, auth: copied(auth, this.#depth) } as const;
    this.outbound.push(asked);
    this.outbound.release(ns);
    this.#attachments.set(ns, { asked, state: "pending", connect: null, isAgain: false, ahead: [] });
  }

  /** NSP-009. Events that were emitted before go ahead, save those that wait for a fresh session's hooks. */
  disconnect(ns: string): void {
    const attachment = this.#attachments.get(ns);
    if (attachment === undefined) return;
    if (attachment.isAgain && this.outbound.isHeld(ns)) this.#giveUp("disconnected", this.outbound.withdrawEvents(ns));
    this.outbound.release(ns);
    this.outbound.push({ kind: "DISCONNECT", ns, code: DISCONNECTED, reason: "" });
    this.#end(ns, DISCONNECTED, "");
    this.#endAcks(ns);
  }

  /**
   * The id of the ack, if one is asked for; in the session `ahead` of what waited in an earlier one. Throws what
   * `connect` throws, `TooManyAcks` and `Offline`.
   */
  emit(ns: string, event: string, args: readonly Value[], asks: boolean, ahead: string | null = null): number | null {
    if (this.isClosing || !this.#attachments.has(ns)) throw new NamespaceError(`${ns} is not connected`);
    const copy = this.checked(event, args);
    let ack_id: number | null = null;
    try {
      if (this.queueing.queueOffline === false && !this.hasConnection()) throw new Offline();
      ack_id = asks ? this.acks.add(ns) : null;
      this.outbound.push({ kind: "EVENT", ns, ack_id, event, args: copy }, ahead !== null && ahead === this.begun?.id);
    } catch (error) {
      if (ack_id !== null) this.acks.giveUp(ack_id);
      if (isBound(error)) this.counts.refused += 1;
      throw error;
    }
    return ack_id;
  }

  /**
   * ACK-003: once, and only while the socket lives; else nothing happens. Throws `TooLarge` and what `copied` throws,
   * and `RangeError` for what is no code.
   */
  answer(due: AnswerDue, answer: { args: readonly Value[] } | { code: number; message: string; data: Value }): void {
    if (!this.#due.has(due)) return;
    const { ns, ackId: ack_id } = due;
    if ("args" in answer) this.#push({ kind: "ACK", ns, ack_id, args: copied(answer.args, this.#depth) as readonly Value[] });
    else {
      const { code, message, data } = answer;
      if (!Number.isInteger(code) || code < LOWEST_CODE || code > HIGHEST_CODE) {
        throw new RangeError(`a code is from ${LOWEST_CODE} to ${HIGHEST_CODE}, and not ${code}`);
      }
      if (!isText(message)) throw new RangeError("a message holds a lone surrogate, which cannot be sent");
      this.#push({ kind: "FAILED", ns, ack_id, code, message, data: copied(data, this.#depth) });
    }
    this.#due.delete(due);
  }

  /** LIM-003: a copy of the args. Refuses a name or args that no peer may be sent: throws `RangeError` or `TypeError`. */
  checked(event: string, args: readonly Value[]): readonly Value[] {
    if (!isName(event)) throw new RangeError("the name of an event has 1 to 255 bytes");
    return copied(args, this.#depth) as readonly Value[];
  }

  /** A new frame of the peer, in order (SES-012); `size` is that of its message. */
  deliver(frame: Sequenced, size: number): void {
    switch (frame.kind) {
      case "CONNECTED":
        return this.#onConnected(frame);
      case "REFUSED":
        return this.#onRefused(frame);
      case "DISCONNECT":
        return this.#onDisconnect(frame);
      case "EVENT":
        return this.#onEvent(frame, size);
      case "ACK":
      case "FAILED":
        return this.#onAnswer(frame);
    }
  }

  /** Bytes of events that wait for their handlers, or are being handled. */
  get backlog(): number {
    return this.#backlog;
  }

  /** An event that was told waits no longer, whatever became of it. */
  handled(bytes: number): void {
    this.#backlog -= bytes;
    this.#hold();
  }

  /** SES-058: nothing of either side is open. */
  get isSettled(): boolean {
    const isConfirmed = this.outbound.isConfirmed && (this.begun?.inbound.isConfirmed ?? true);
    return isConfirmed && this.#due.size === 0 && !this.outbound.owesAnswer;
  }

  get #depth(): number {
    return this.begun?.peers.depth ?? LEAST.depth;
  }

  /** Until WELCOME has come, the peer is taken to take the least that every peer takes. */
  #freshOutbound(): Outbound {
    const outbound = new Outbound(this.encoding, this.limits, LEAST, this.queueing.queueEvents ?? QUEUE_EVENTS);
    outbound.onNumbered = (frame, pushed) => this.#onNumbered(frame, pushed);
    return outbound;
  }

  /** While more waits than `limits.inbound`, receipts are withheld (SES-015). */
  #hold(): void {
    if (this.begun !== null) this.begun.inbound.isHeld = this.#backlog > this.limits.inbound;
  }

  #onNumbered(frame: Sequenced, pushed: Unnumbered): void {
    const attachment = "ns" in frame ? this.#attachments.get(frame.ns) : undefined;
    if (attachment === undefined || attachment.state === "connected") return;
    if (attachment.asked === pushed) attachment.connect = frame.seq;
    if (frame.kind !== "EVENT" || frame.ack_id !== null) return;
    attachment.ahead.push(frame);
    if (attachment.ahead.length >= AHEAD_EVENTS) this.outbound.hold(frame.ns);
  }

  /** SES-048. */
  #renew(attachment: Attachment): void {
    const { ns } = attachment.asked;
    // Once CONNECT has left, events may have gone with it (NSP-008).
    attachment.isAgain ||= attachment.connect !== null;
    attachment.state = "pending";
    attachment.connect = null;
    attachment.ahead = [];
    try {
      this.outbound.push(attachment.asked);
      this.outbound.hold(ns);
    } catch (error) {
      // Until WELCOME the least that every peer takes counts, and its `auth` may be larger.
      if (!(error instanceof TooLarge || error instanceof QueueFull)) throw error;
      this.#end(ns, DISCONNECTED, error.message);
    }
  }

  #onConnected(frame: Connected): void {
    const attachment = this.#attachments.get(frame.ns);
    if (attachment?.state !== "pending" || attachment.connect !== frame.connect) return;
    attachment.state = "connected";
    attachment.ahead = [];
    const { isAgain } = attachment;
    if (!isAgain) this.outbound.release(frame.ns);
    this.outputs.push({ kind: "connected", ns: frame.ns, socketId: frame.socket_id, data: frame.data, session: this.begun?.id ?? "", isAgain });
  }

  /** The server answers the events that were sent ahead (NSP-008); those that wait are not sent (NSP-017). */
  #onRefused({ ns, connect, code, message, data }: Refused): void {
    const attachment = this.#attachments.get(ns);
    if (attachment?.state !== "pending" || attachment.connect !== connect) return;
    this.#attachments.delete(ns);
    this.#withdraw(ns, "refused", attachment.ahead);
    this.outputs.push({ kind: "refused", ns, code, message, data });
  }

  /** NSP-009. While pending it is of an earlier socket. */
  #onDisconnect({ ns, code, reason }: Disconnect): void {
    if (!this.isConnected(ns)) return;
    this.#withdraw(ns, "disconnected");
    this.#endAcks(ns);
    this.#end(ns, code, reason);
  }

  /** ACK-011. */
  #onEvent({ ns, ack_id, event, args, badBody }: Event, size: number): void {
    const refusal: readonly [number, string] | null = !this.isConnected(ns)
      ? [NOT_CONNECTED, "not-connected"]
      : badBody !== undefined ? [BAD_ARGS, "bad-args"] : null;
    if (refusal === null) {
      const due = ack_id === null ? null : { ns, ackId: ack_id };
      if (due !== null) this.#due.add(due);
      const bytes = size + HOLDING_BYTES;
      this.#backlog += bytes;
      this.#hold();
      this.outputs.push({ kind: "event", ns, event, args, due, bytes });
    } else if (ack_id !== null) {
      this.#push({ kind: "FAILED", ns, ack_id, code: refusal[0], message: refusal[1], data: null });
    }
  }

  #onAnswer(frame: Ack | Failed): void {
    this.outbound.answered(frame.ack_id);
    if (!this.acks.take(frame.ack_id, frame.ns)) return;
    const { badBody } = frame;
    if (frame.kind === "FAILED") this.#settle(frame.ack_id, { kind: "failed", code: frame.code, message: frame.message, data: frame.data });
    else this.#settle(frame.ack_id, badBody === undefined ? { kind: "answered", args: frame.args } : { kind: "unreadable", cause: badBody });
  }

  /** Takes an answer: a session whose queue cannot hold what its peer waits for is broken. Throws `TooLarge`. */
  #push(answer: Unnumbered): void {
    try {
      this.outbound.push(answer);
    } catch (error) {
      if (!(error instanceof QueueFull)) throw error;
      this.overflow ??= error.message;
    }
  }

  #end(ns: string, code: number, reason: string): void {
    this.#attachments.delete(ns);
    this.#due = new Set([...this.#due].filter((due) => due.ns !== ns));
    this.outputs.push({ kind: "disconnected", ns, code, reason });
  }

  #endAcks(ns: string): void {
    for (const ackId of this.acks.takeAll((_, owner) => owner === ns)) this.#settle(ackId, { kind: "ended", why: "disconnected" });
  }

  /** The events that the socket had, or has not had. Those that left `ahead` of a refusal and ask for an ack are answered. */
  #withdraw(ns: string, reason: "refused" | "disconnected", ahead: readonly Sequenced[] = []): void {
    const unknown = this.outbound.takeUnknown(ns);
    const left = reason === "disconnected" ? unknown : ahead;
    const withdrawn = this.outbound.withdrawEvents(ns);
    this.#drop(reason, [...left.map(sent), ...withdrawn.map(unsent)]);
    for (const frame of withdrawn) this.#endUnsent(frame);
  }

  /** Events that waited for this session are not for it after all. */
  #giveUp(reason: "disconnected" | "not taken", frames: readonly Unnumbered[]): void {
    this.#drop(reason, frames.map(unsent));
    for (const frame of frames) this.#endUnsent(frame);
  }

  #drop(reason: "refused" | "disconnected" | "not taken", dropped: readonly (LostEvent | null)[]): void {
    const events = dropped.filter((event) => event !== null);
    if (events.length === 0) return;
    this.counts.dropped += events.length;
    this.outputs.push({ kind: "dropped", reason, events });
  }

  #endUnsent(frame: Unnumbered): void {
    if (frame.kind !== "EVENT" || frame.ack_id === null) return;
    if (this.acks.take(frame.ack_id, frame.ns)) this.#settle(frame.ack_id, { kind: "ended", why: "not sent" });
  }

  #settle(ackId: number, outcome: Outcome): void {
    this.outputs.push({ kind: "settled", ackId, outcome });
  }
}

/** What the application is told of a frame that left, if it is an event. */
function sent(frame: Unnumbered): LostEvent | null {
  return lostEvent(frame, true, false);
}

function unsent(frame: Unnumbered): LostEvent | null {
  return lostEvent(frame, false, false);
}

function lostEvent(frame: Unnumbered, isSent: boolean, isResent: boolean): LostEvent | null {
  if (frame.kind !== "EVENT") return null;
  const { ns, event, args, ack_id } = frame;
  return { ns, event, args, askedAck: ack_id !== null, sent: isSent, resent: isResent };
}

/** An event as it was before it left. */
function withoutNumber(frame: UnnumberedEvent): UnnumberedEvent {
  const { ns, ack_id, event, args } = frame;
  return { kind: "EVENT", ns, ack_id, event, args };
}

/** The ack that an event asks for. */
function askedBy(frame: Unnumbered): number | null {
  return frame.kind === "EVENT" ? frame.ack_id : null;
}

/** Whether an emit was refused for a bound. */
function isBound(error: unknown): boolean {
  return error instanceof QueueFull || error instanceof QueueLong || error instanceof TooManyAcks || error instanceof Offline;
}
