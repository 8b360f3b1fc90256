// What survives connections on the client: its two streams, its namespaces and its pending acks (session.md,
// namespaces.md, acks.md). Which connection carries it, `connections.ts` decides.

import { PendingAcks } from "./acks.js";
import type { Encoding } from "./encoding.js";
import { isName } from "./fields.js";
import type { Ack, Connected, Disconnect, Event, Failed, Refused, Sequenced, Welcome } from "./frame.js";
import { Inbound } from "./inbound.js";
import { bounded, LEAST, type Limits } from "./limits.js";
import type { AnswerDue, Outcome, Output } from "./notices.js";
import { Outbound, Overflow, TooLarge, type Unnumbered } from "./outbound.js";
import { checkValue, type Value } from "./value.js";

const NOT_CONNECTED = 3010;
const BAD_ARGS = 3007;
const DISCONNECTED = 3013;

/** The application used a namespace that it has not connected, or connected one twice. */
export class NamespaceError extends Error {}

/** One attachment; `connect` is the number of its newest CONNECT `asked`, once it has one (NSP-014). */
interface Attachment {
  asked: Unnumbered & { readonly kind: "CONNECT" };
  state: "pending" | "connected";
  connect: number | null;
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
  /** SES-029: the number of the newest attempt to resume. */
  attach = 0;
  outbound: Outbound;

  constructor(readonly encoding: Encoding, readonly limits: Limits, readonly outputs: Output[]) {
    this.acks = new PendingAcks(limits.pending_acks);
    this.outbound = this.#freshOutbound();
  }

  /** A fresh session begins with this WELCOME, whose `secret` is there. */
  begin(welcome: Welcome, secret: string): void {
    const peers = bounded(welcome.limits);
    this.outbound.begin(peers);
    this.attach = 0;
    this.begun = { id: welcome.session, secret, peers, inbound: new Inbound(this.limits, peers) };
  }

  /**
   * SES-047 to SES-050. Without `renew` its sockets end with it. What waited without a number is not sent in
   * the next session, but told to the application like what is unknown.
   */
  lose(code: number | null, reason: string, renew: boolean): void {
    const lost = this.outbound.end();
    const unsent = new Set(lost.queued.map((frame) => (frame.kind === "EVENT" ? frame.ack_id : null)));
    if (this.begun !== null || lost.queued.length > 0) this.outputs.push({ kind: "lost", code, reason, lost });
    for (const ackId of this.acks.takeAll()) this.#settle(ackId, { kind: "ended", why: unsent.has(ackId) ? "not sent" : "session lost" });
    this.#due.clear();
    this.begun = null;
    this.attach = 0;
    this.outbound = this.#freshOutbound();
    for (const [ns, attachment] of [...this.#attachments]) {
      if (renew) this.#renew(attachment);
      else this.#end(ns, code ?? DISCONNECTED, reason);
    }
  }

  /** Whether a socket of this namespace is connected. */
  isConnected(ns: string): boolean {
    return this.#attachments.get(ns)?.state === "connected";
  }

  /** Throws `NamespaceError`, and what `Outbound.push` and `checkValue` throw. */
  connect(ns: string, auth: Value): void {
    if (!ns.startsWith("/") || !isName(ns)) throw new NamespaceError("a namespace begins with / and has 255 bytes at most");
    if (this.#attachments.has(ns)) throw new NamespaceError(`${ns} is connected already, or being connected`);
    checkValue(auth, this.#depth);
    const asked = { kind: "CONNECT", ns, auth } as const;
    this.outbound.push(asked);
    this.#attachments.set(ns, { asked, state: "pending", connect: null });
  }

  /** NSP-009. Events that were emitted before go ahead. */
  disconnect(ns: string): void {
    if (!this.#attachments.has(ns)) return;
    this.outbound.push({ kind: "DISCONNECT", ns, code: DISCONNECTED, reason: "" });
    this.#end(ns, DISCONNECTED, "");
    this.#endAcks(ns);
  }

  /** The id of the ack, if one is asked for. Throws what `connect` throws, and `TooManyPendingAcks`. */
  emit(ns: string, event: string, args: readonly Value[], asks: boolean): number | null {
    if (!this.#attachments.has(ns)) throw new NamespaceError(`${ns} is not connected`);
    this.check(event, args);
    const ack_id = asks ? this.acks.add(ns) : null;
    try {
      this.outbound.push({ kind: "EVENT", ns, ack_id, event, args });
    } catch (error) {
      if (ack_id !== null) this.acks.giveUp(ack_id);
      throw error;
    }
    return ack_id;
  }

  /** ACK-003: once, and only while the socket lives; else nothing happens. Throws what `emit` throws. */
  answer(due: AnswerDue, answer: { args: readonly Value[] } | { code: number; message: string; data: Value }): void {
    if (!this.#due.has(due)) return;
    checkValue("args" in answer ? answer.args : answer.data, this.#depth);
    const { ns, ackId: ack_id } = due;
    this.outbound.push("args" in answer ? { kind: "ACK", ns, ack_id, args: answer.args } : { kind: "FAILED", ns, ack_id, ...answer });
    this.#due.delete(due);
  }

  /** LIM-003: refuses a name or args that no peer may be sent. Throws `RangeError` or `TypeError`. */
  check(event: string, args: readonly Value[]): void {
    if (!isName(event)) throw new RangeError("the name of an event has 1 to 255 bytes");
    checkValue(args, this.#depth);
  }

  /** A new frame of the peer, in order (SES-012). */
  deliver(frame: Sequenced): void {
    switch (frame.kind) {
      case "CONNECTED":
        return this.#onConnected(frame);
      case "REFUSED":
        return this.#onRefused(frame);
      case "DISCONNECT":
        return this.#onDisconnect(frame);
      case "EVENT":
        return this.#onEvent(frame);
      case "ACK":
      case "FAILED":
        return this.#onAnswer(frame);
    }
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
    const outbound = new Outbound(this.encoding, this.limits, LEAST);
    outbound.onNumbered = (frame, pushed) => {
      const attachment = frame.kind === "CONNECT" ? this.#attachments.get(frame.ns) : undefined;
      if (attachment?.asked === pushed) attachment.connect = frame.seq;
    };
    return outbound;
  }

  /** SES-048. */
  #renew(attachment: Attachment): void {
    attachment.state = "pending";
    attachment.connect = null;
    try {
      this.outbound.push(attachment.asked);
    } catch (error) {
      // Until WELCOME the least that every peer takes counts, and its `auth` may be larger.
      if (!(error instanceof TooLarge || error instanceof Overflow)) throw error;
      this.#end(attachment.asked.ns, DISCONNECTED, error.message);
    }
  }

  #onConnected(frame: Connected): void {
    const attachment = this.#attachments.get(frame.ns);
    if (attachment?.state !== "pending" || attachment.connect !== frame.connect) return;
    attachment.state = "connected";
    this.outputs.push({ kind: "connected", ns: frame.ns, socketId: frame.socket_id, data: frame.data });
  }

  /** The server answers the events that were sent ahead (NSP-008); those that wait are not sent (NSP-017). */
  #onRefused({ ns, connect, code, message, data }: Refused): void {
    const attachment = this.#attachments.get(ns);
    if (attachment?.state !== "pending" || attachment.connect !== connect) return;
    this.#attachments.delete(ns);
    this.#withdraw(ns);
    this.outputs.push({ kind: "refused", ns, code, message, data });
  }

  /** NSP-009. While pending it is of an earlier socket. */
  #onDisconnect({ ns, code, reason }: Disconnect): void {
    if (!this.isConnected(ns)) return;
    this.#withdraw(ns);
    this.#endAcks(ns);
    this.#end(ns, code, reason);
  }

  /** ACK-011. */
  #onEvent({ ns, ack_id, event, args, badBody }: Event): void {
    const refusal: readonly [number, string] | null = !this.isConnected(ns)
      ? [NOT_CONNECTED, "not-connected"]
      : badBody !== undefined ? [BAD_ARGS, "bad-args"] : null;
    if (refusal === null) {
      const due = ack_id === null ? null : { ns, ackId: ack_id };
      if (due !== null) this.#due.add(due);
      this.outputs.push({ kind: "event", ns, event, args, due });
    } else if (ack_id !== null) {
      this.outbound.push({ kind: "FAILED", ns, ack_id, code: refusal[0], message: refusal[1], data: null });
    }
  }

  #onAnswer(frame: Ack | Failed): void {
    this.outbound.answered(frame.ack_id);
    if (!this.acks.take(frame.ack_id, frame.ns)) return;
    const { badBody } = frame;
    if (frame.kind === "FAILED") this.#settle(frame.ack_id, { kind: "failed", code: frame.code, message: frame.message, data: frame.data });
    else this.#settle(frame.ack_id, badBody === undefined ? { kind: "answered", args: frame.args } : { kind: "unreadable", cause: badBody });
  }

  #end(ns: string, code: number, reason: string): void {
    this.#attachments.delete(ns);
    this.#due = new Set([...this.#due].filter((due) => due.ns !== ns));
    this.outputs.push({ kind: "disconnected", ns, code, reason });
  }

  #endAcks(ns: string): void {
    for (const ackId of this.acks.takeAll(ns)) this.#settle(ackId, { kind: "ended", why: "disconnected" });
  }

  #withdraw(ns: string): void {
    for (const frame of this.outbound.withdrawEvents(ns)) this.#endUnsent(frame);
  }

  #endUnsent(frame: Unnumbered): void {
    if (frame.kind !== "EVENT" || frame.ack_id === null) return;
    if (this.acks.take(frame.ack_id, frame.ns)) this.#settle(frame.ack_id, { kind: "ended", why: "not sent" });
  }

  #settle(ackId: number, outcome: Outcome): void {
    this.outputs.push({ kind: "settled", ackId, outcome });
  }
}
