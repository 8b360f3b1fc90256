// The client's session against a model of a server, with a clock, chance and connections of the test's own.

import assert from "node:assert/strict";
import { Connections } from "../src/connections.js";
import { type AskCredentials, credentialsOf } from "../src/credentials.js";
import { MESSAGE_PACK, type Message } from "../src/encoding.js";
import { DEFAULT_LIMITS } from "../src/limits.js";
import type { Notice, Output } from "../src/notices.js";
import type { Options } from "../src/options.js";
import type { Value } from "../src/value.js";
import { ModelServer } from "./model_server.js";

type Wire = { readonly link: number; readonly message: Message; readonly toServer: boolean };

/** Both sides and what is between them. Dials succeed at once, or wait for `open`. */
export class World {
  now = 1_000;
  opens = true;
  readonly wires: Wire[] = [];
  readonly notices: Notice[] = [];
  readonly sent: Message[] = [];
  readonly shut: { link: number; code: number }[] = [];
  readonly dials: Extract<Output, { kind: "dial" }>[] = [];
  readonly server = new ModelServer((link, message) => this.wires.push({ link, message, toServer: false }));
  readonly client: Connections;
  readonly #ask: AskCredentials;

  constructor(random = () => 0.5, auth: () => Value = () => "me", options: Partial<Options> = {}) {
    this.#ask = credentialsOf(auth);
    this.client = new Connections(MESSAGE_PACK, { url: "ws://host/trunkline", agent: "test", limits: DEFAULT_LIMITS, random, ...options });
    this.client.start(this.now);
    this.client.session.connect("/", null);
    this.act();
  }

  /** Does what the client asks for. */
  act(): void {
    this.client.pump(this.now);
    for (let output = this.client.outputs.shift(); output !== undefined; output = this.client.outputs.shift()) this.#do(output);
  }

  #do(output: Output): void {
    if (output.kind === "send") {
      this.sent.push(output.message);
      this.wires.push({ link: output.link, message: output.message, toServer: true });
    } else if (output.kind === "dial") {
      this.dials.push(output);
      if (this.opens) this.client.prepare(output.link, this.now);
    } else if (output.kind === "ask") {
      this.#ask(output.occasion, (credentials) => this.client.answered(output.question, credentials, this.now));
    } else if (output.kind === "prepared") {
      this.client.opened(output.link, this.now);
    } else if (output.kind === "shut") {
      this.shut.push({ link: output.link, code: output.code });
      this.client.closed(output.link, null, "", this.now);
    } else if (output.kind !== "drop" && output.kind !== "silent" && output.kind !== "round trip") this.notices.push(output);
  }

  /** The dial that waits succeeds. */
  open(): void {
    this.client.prepare(this.dials.at(-1)?.link ?? 0, this.now);
    this.act();
  }

  /** Carries the next message; false if there is none. */
  step(): boolean {
    const wire = this.wires.shift();
    if (wire === undefined) return false;
    if (wire.toServer) this.server.receive(wire.link, wire.message);
    else this.client.received(wire.link, wire.message, this.now);
    this.act();
    return true;
  }

  settle(): void {
    for (let steps = 0; this.step(); steps += 1) assert.ok(steps < 100_000, "it goes on for ever");
  }

  /** A connection is gone, with all that was under way on it. */
  cut(link: number | null): void {
    if (link === null) return;
    this.wires.splice(0, this.wires.length, ...this.wires.filter((wire) => wire.link !== link));
    if (this.server.current === link) this.server.current = 0;
    this.client.closed(link, null, "", this.now);
    this.act();
  }

  kinds(): string[] {
    return this.notices.map(({ kind }) => kind);
  }
}
