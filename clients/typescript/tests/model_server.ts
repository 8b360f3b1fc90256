// A server of one session at a time, for tests: it resumes, attaches `/`, and answers what asks for an ack.

import { MESSAGE_PACK, type Message, sizeOf } from "../src/encoding.js";
import { type Alternative, type Auth, type Close, closeOf, type Frame, type Hello, isSequenced, type Sequenced, type Welcome } from "../src/frame.js";
import { Inbound } from "../src/inbound.js";
import { DEFAULT_LIMITS } from "../src/limits.js";
import { Outbound } from "../src/outbound.js";

export function closeWith(code: number, attach: number | null = null): Close {
  return { ...closeOf(code, ""), attach };
}

export class ModelServer {
  #inbound = new Inbound(DEFAULT_LIMITS, DEFAULT_LIMITS);
  outbound = new Outbound(MESSAGE_PACK, DEFAULT_LIMITS, DEFAULT_LIMITS);
  #sessions = 0;
  attach = 0;
  current = 0;
  readonly said: unknown[] = [];
  /** The acks that were answered. */
  readonly answered: number[] = [];
  /** The codes of FAILED. */
  readonly failures: number[] = [];
  readonly hellos: Hello[] = [];
  /** AUTH frames that came. */
  readonly auths: Auth[] = [];
  /** Whether the session is to be unknown at the next HELLO. */
  forgets = false;
  /** What it says then. */
  refusal = "unknown";
  /** CONNECT is answered with REFUSED, and nobody is attached. */
  refuses = false;
  /** PING is answered. */
  answers = true;
  alternatives: readonly Alternative[] = [];
  pingInterval = 25_000;

  constructor(readonly send: (link: number, message: Message) => void) {}

  write(link: number, frame: Frame): void {
    this.send(link, MESSAGE_PACK.encode(frame));
  }

  receive(link: number, message: Message): void {
    const frame = MESSAGE_PACK.decode(message);
    if (frame.kind === "HELLO") return this.#greet(link, frame);
    if (frame.kind === "AUTH") this.auths.push(frame);
    if (frame.kind === "RECEIVED" || frame.kind === "PING") this.outbound.receipt(frame.received);
    if (frame.kind === "PING" && this.answers) this.write(link, { kind: "PONG", t: frame.t, received: this.#inbound.receipt });
    if (isSequenced(frame) && this.#inbound.accept(frame.seq, sizeOf(message), 0)) this.#take(frame);
    this.flush();
  }

  /** Receipts for everything, at once. */
  flush(): void {
    if (this.current === 0) return;
    for (let message = this.outbound.transmit(); message !== null; message = this.outbound.transmit()) this.send(this.current, message);
    if (this.#inbound.isConfirmed) return;
    this.write(this.current, { kind: "RECEIVED", received: this.#inbound.receipt });
    this.#inbound.told();
  }

  #greet(link: number, hello: Hello): void {
    this.hellos.push(hello);
    const { resume } = hello;
    const resumed = resume?.session === `s${this.#sessions}` && !this.forgets;
    if (resume?.strict === true && !resumed) return this.write(link, closeWith(3202));
    this.forgets = false;
    if (resumed) {
      this.attach = resume.attach;
      this.outbound.resume(resume.received);
    } else {
      this.#sessions += 1;
      this.#inbound = new Inbound(DEFAULT_LIMITS, DEFAULT_LIMITS);
      this.outbound = new Outbound(MESSAGE_PACK, DEFAULT_LIMITS, DEFAULT_LIMITS);
    }
    const older = this.current;
    this.current = link;
    this.write(link, this.#welcome(resumed, resume !== null));
    if (older !== 0) this.write(older, closeWith(3400, this.attach));
    this.flush();
  }

  #welcome(resumed: boolean, wanted: boolean): Welcome {
    return {
      kind: "WELCOME", v: 1, session: `s${this.#sessions}`, secret: resumed ? null : "k", resumed,
      reason: wanted && !resumed ? this.refusal : null, received: this.#inbound.receipt, ping_interval: this.pingInterval,
      ping_timeout: 20_000, resume_window: 60_000, limits: DEFAULT_LIMITS, features: [], datagrams: "emulated", alternatives: this.alternatives,
    };
  }

  #take(frame: Sequenced): void {
    if (frame.kind === "CONNECT" && this.refuses) {
      this.outbound.push({ kind: "REFUSED", ns: frame.ns, connect: frame.seq, code: 3002, message: "no", data: null });
    } else if (frame.kind === "CONNECT") {
      this.outbound.push({ kind: "CONNECTED", ns: frame.ns, connect: frame.seq, socket_id: `x${frame.seq}`, data: null });
    } else if (frame.kind === "ACK") {
      this.answered.push(frame.ack_id);
    } else if (frame.kind === "FAILED") {
      this.failures.push(frame.code);
    } else if (frame.kind === "EVENT" && this.refuses) {
      if (frame.ack_id !== null) this.outbound.push({ kind: "FAILED", ns: frame.ns, ack_id: frame.ack_id, code: 3010, message: "not-connected", data: null });
    } else if (frame.kind === "EVENT") {
      this.said.push(frame.args[0]);
      if (frame.ack_id !== null) this.outbound.push({ kind: "ACK", ns: frame.ns, ack_id: frame.ack_id, args: frame.args });
    }
  }
}
