// A whole client against a model of a server, over transports of the test's own, in virtual time.

import assert from "node:assert/strict";
import type { Credentials } from "../src/credentials.js";
import { type Encoding, MESSAGE_PACK, type Message } from "../src/encoding.js";
import { DEFAULT_LIMITS } from "../src/limits.js";
import { type DialOrder, Run, type RunNotice, type RunOptions } from "../src/run.js";
import type { TransportKind } from "../src/transport/transport.js";
import { ModelServer } from "./model_server.js";

/** What becomes of a dial: it connects at once, is refused at once, or nothing is heard of it. */
export type Reach = "open" | "closed" | "silent";

interface Wire {
  readonly dial: number;
  readonly message: Message;
  readonly toServer: boolean;
}

const PING_INTERVAL_MS = 25_000;

export class RunWorld {
  now = 1_000;
  #pingAt = this.now + PING_INTERVAL_MS;
  readonly reach: Record<TransportKind, Reach> = { webtransport: "open", websocket: "open" };
  readonly wires: Wire[] = [];
  readonly notices: RunNotice[] = [];
  readonly dials: { readonly dial: number; readonly kind: TransportKind; readonly at: number }[] = [];
  readonly dropped: number[] = [];
  readonly questions: Extract<DialOrder, { kind: "ask" }>[] = [];
  /** What the application says at once when it is asked for credentials; nothing if it takes its time. */
  answer: Credentials | null = { auth: null };
  readonly shut: { readonly dial: number; readonly code: number }[] = [];
  /** Dials whose packets nobody takes any more. */
  readonly dead = new Set<number>();
  readonly server = new ModelServer((dial, message) => this.wires.push({ dial, message, toServer: false }));
  readonly run: Run;

  constructor(options: Partial<RunOptions> = {}, encoding: Encoding = MESSAGE_PACK) {
    this.run = new Run(encoding, {
      url: "wss://host.example/trunkline", agent: "test", limits: DEFAULT_LIMITS, random: () => 1,
      dialers: ["webtransport", "websocket"], ...options,
    });
  }

  /** Begins, and attaches `/`. */
  start(): this {
    this.run.core.session.connect("/", null);
    this.run.start(this.now);
    this.settle();
    return this;
  }

  /** What the session goes over. */
  get over(): TransportKind | null {
    return this.run.carrier?.transport ?? null;
  }

  emit(value: number): void {
    this.run.core.session.emit("/", "say", [value], false);
    this.run.after(this.now);
  }

  /** Does what the client asks for, and carries all messages, until nothing is left to do. */
  settle(): void {
    for (let steps = 0; this.act() || this.step(); steps += 1) assert.ok(steps < 100_000, "it goes on for ever");
  }

  /** Lets time pass, timer by timer; the server's heartbeat goes on. */
  pass(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let steps = 0; ; steps += 1) {
      assert.ok(steps < 100_000, "it goes on for ever");
      this.settle();
      const next = Math.min(this.run.deadline ?? Infinity, this.#pingAt);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.run.tick(this.now);
      if (this.now < this.#pingAt) continue;
      this.#pingAt += PING_INTERVAL_MS;
      if (this.server.current !== 0) this.server.write(this.server.current, { kind: "PING", t: 1, received: 0 });
    }
    this.now = end;
  }

  /** Whether there was something. */
  act(): boolean {
    const outputs = this.run.outputs.splice(0);
    for (const output of outputs) this.#do(output);
    return outputs.length > 0;
  }

  /** Carries the next message; false if there is none. */
  step(): boolean {
    const wire = this.wires.shift();
    if (wire === undefined) return false;
    if (this.dead.has(wire.dial)) return true;
    if (wire.toServer) this.server.receive(wire.dial, wire.message);
    else this.run.received(wire.dial, wire.message, this.now);
    return true;
  }

  /** The connection that carries the session is gone, with all that was under way on it. */
  cut(): void {
    const dial = this.run.carrier?.dial;
    if (dial === undefined) return;
    this.#lose(dial);
    this.run.closed(dial, null, "", this.now);
  }

  /** What came of the last wish: null for a switch that was made. */
  get switched(): string | null | undefined {
    const told = this.notices.filter((notice) => notice.kind === "switched").at(-1);
    return told === undefined ? undefined : told.error?.why ?? null;
  }

  #do(output: DialOrder | RunNotice): void {
    switch (output.kind) {
      case "open":
        this.dials.push({ dial: output.dial, kind: output.candidate.transport, at: this.now });
        if (this.reach[output.candidate.transport] === "open") this.run.opened(output.dial, this.now);
        else if (this.reach[output.candidate.transport] === "closed") this.run.closed(output.dial, null, "refused", this.now);
        return;
      case "ask":
        this.questions.push(output);
        if (this.answer !== null) this.run.answered(output.question, this.answer, this.now);
        return;
      case "send":
        this.wires.push({ dial: output.dial, message: output.message, toServer: true });
        return;
      case "shut":
        this.shut.push({ dial: output.dial, code: output.code });
        return this.run.closed(output.dial, null, "", this.now);
      case "drop":
        this.dropped.push(output.dial);
        return this.#lose(output.dial);
      default:
        this.notices.push(output);
    }
  }

  #lose(dial: number): void {
    this.wires.splice(0, this.wires.length, ...this.wires.filter((wire) => wire.dial !== dial));
    if (this.server.current === dial) this.server.current = 0;
  }
}
