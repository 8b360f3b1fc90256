// The whole of a client without its surroundings: sessions over connections, and connections over a race of
// transports, which it may leave for another one. Time, randomness and transports are arguments: every input is a
// method, and what is to be done about it is left in `outputs`, in order.

import { Connections } from "./connections.js";
import { DIAL_TIMEOUT_MS, Race } from "./dial.js";
import type { Credentials } from "./credentials.js";
import type { Encoding, Message } from "./encoding.js";
import type { Alternative } from "./frame.js";
import type { Notice, Output } from "./notices.js";
import type { Options } from "./options.js";
import { SwitchError, type SwitchFailure, Upgrades } from "./switch.js";
import type { TransportKind } from "./transport/transport.js";
import { type Candidate, Hosts, type Transports } from "./transports.js";
import type { WakeEvent } from "./wake.js";

/** What a client is made with, beside what its connections are. */
export interface RunOptions extends Options {
  /** Default: `auto`. */
  readonly transports?: Transports;
  /** The transports that there are dialers for. */
  readonly dialers: readonly TransportKind[];
  /** Where the server's other transports are known to be, before it has told. */
  readonly alternatives?: readonly Alternative[];
  /** How long one dial may take. Default: 10 s. */
  readonly dialTimeoutMs?: number;
}

/** What is to be done with a transport; `dial` is its number. */
export type DialOrder =
  | { readonly kind: "open"; readonly dial: number; readonly candidate: Candidate }
  | { readonly kind: "send"; readonly dial: number; readonly message: Message }
  | { readonly kind: "shut"; readonly dial: number; readonly code: number; readonly reason: string }
  | { readonly kind: "drop"; readonly dial: number }
  | Extract<Output, { kind: "ask" }>;

export type RunNotice =
  | Notice
  /** Nothing is connected, and the next attempt comes after a while. */
  | { readonly kind: "waiting"; readonly attempt: number; readonly delayMs: number; readonly cause: string }
  /** Another connection carries the session, or none does. */
  | { readonly kind: "moved" }
  /** A wish to switch has come to its end. */
  | { readonly kind: "switched"; readonly wish: number; readonly error: SwitchError | null };

/** What carries the session. */
export interface Carrier {
  readonly dial: number;
  readonly transport: TransportKind;
  /** Why it is not another transport, for people. */
  readonly passedOver: string | null;
  readonly since: number;
}

/** A link of the core that has no transport yet. */
interface Attempt {
  readonly link: number;
  readonly url: string;
  readonly over: TransportKind | null;
  /** It waits for its time, then for its credentials, and then for its race. */
  stage: "waiting" | "asking" | "prepared";
  startAt: number;
  /** No sooner than that, whoever is in a hurry: the server asked for it. */
  readonly leastAt: number;
  race: Race | null;
  /** The dials of the race, by its runners. */
  readonly dials: number[];
}

/** A link of the core that has one. */
interface Line {
  readonly dial: number;
  readonly url: string;
  readonly transport: TransportKind;
  readonly passedOver: string | null;
}

interface Wish {
  readonly number: number;
  readonly transport: TransportKind;
}

/** A switch under way; without a wish it is one to WebTransport in the background. */
interface Switching {
  readonly link: number;
  readonly transport: TransportKind;
  readonly wish: Wish | null;
  cause: string;
}

export class Run {
  readonly outputs: (DialOrder | RunNotice)[] = [];
  readonly core: Connections;
  readonly #options: RunOptions;
  readonly #hosts: Hosts;
  readonly #upgrades = new Upgrades();
  readonly #lines = new Map<number, Line>();
  #attempt: Attempt | null = null;
  #link: number | null = null;
  #carrier: Carrier | null = null;
  #wish: Wish | null = null;
  #switching: Switching | null = null;
  #lastDial = 0;
  #lastWish = 0;
  /** Dials begun: in a race, one for each that was. */
  dials = 0;

  constructor(encoding: Encoding, options: RunOptions) {
    this.#options = options;
    this.core = new Connections(encoding, options);
    const wanted = options.transports ?? "auto";
    const kinds = options.dialers.filter((kind) => wanted === "auto" || wanted === `${kind}-only`);
    // WebTransport is for MessagePack alone (TRN-019).
    this.#hosts = new Hosts(kinds.filter((kind) => kind !== "webtransport" || encoding.name === "messagepack"));
    if (options.alternatives !== undefined) this.#hosts.told(options.url, "websocket", options.alternatives);
  }

  /** What carries the session now. */
  get carrier(): Carrier | null {
    return this.#carrier;
  }

  start(now: number): void {
    this.core.start(now);
    this.after(now);
  }

  end(now: number): void {
    this.core.end(now);
    this.after(now);
  }

  /**
   * Asks for a sign of life (HBT-009). While the client waits for its next attempt, that begins at once instead, but
   * no sooner than the server asked for.
   */
  probe(now: number): void {
    this.core.doubt(now);
    const attempt = this.#attempt;
    if (attempt?.stage === "waiting") attempt.startAt = Math.min(attempt.startAt, Math.max(now, attempt.leastAt));
    this.after(now);
  }

  /** What happened to the page or the machine. */
  wake(event: WakeEvent, now: number): void {
    if (event === "left") this.core.leave();
    else if (event === "put away") this.core.pause(now);
    else if (event === "back") this.core.resume(now);
    else if (event === "offline") this.core.doubt(now);
    this.after(now);
    // `offline` is a hint alone: what is connected is asked, and nothing is dialled or given up for it.
    if (event !== "left" && event !== "put away" && event !== "offline") this.probe(now);
  }

  /** Moves the session to a transport while it goes on. `switched` tells what came of the wish, whose number is given. */
  switchTo(transport: TransportKind, now: number): number {
    this.#lastWish += 1;
    const former = this.#wish;
    this.#wish = { number: this.#lastWish, transport };
    if (former !== null) this.#tell(former, "replaced");
    if (this.#link === null) this.#dropWish();
    this.after(now);
    return this.#lastWish;
  }

  /** A transport is open. */
  opened(dial: number, now: number): void {
    const runner = this.#attempt?.dials.indexOf(dial) ?? -1;
    if (runner < 0) this.outputs.push({ kind: "drop", dial });
    else this.#attempt?.race?.opened(runner);
    this.after(now);
  }

  /** A transport ended, or could not be opened. */
  closed(dial: number, code: number | null, reason: string, now: number): void {
    const runner = this.#attempt?.dials.indexOf(dial) ?? -1;
    const link = this.#linkOf(dial);
    if (link !== null) {
      this.core.closed(link, code, reason, now);
      this.after(now);
      this.#lines.delete(link);
    } else if (runner >= 0) {
      this.#attempt?.race?.failed(runner, reason, now);
      this.after(now);
    }
  }

  /** The application has answered a question for credentials. */
  answered(question: number, credentials: Credentials, now: number): void {
    this.core.answered(question, credentials, now);
    this.after(now);
  }

  received(dial: number, message: Message, now: number): void {
    const link = this.#linkOf(dial);
    if (link !== null) this.core.received(link, message, now);
    this.after(now);
  }

  datagram(dial: number, message: Message, now: number): void {
    const link = this.#linkOf(dial);
    if (link !== null) this.core.datagram(link, message);
    this.after(now);
  }

  tooLarge(dial: number, now: number): void {
    const link = this.#linkOf(dial);
    if (link !== null) this.core.tooLarge(link, now);
    this.after(now);
  }

  /** When `tick` is to be called next. */
  get deadline(): number | null {
    const attempt = this.#attempt;
    const times = [this.core.deadline, attempt?.race?.deadline ?? null, attempt?.stage === "waiting" ? attempt.startAt : null];
    if (this.#maySwitch) times.push(this.#upgrades.due);
    const known = times.filter((time) => time !== null);
    return known.length === 0 ? null : Math.min(...known);
  }

  /** To be called when `deadline` has come, or at any other time. */
  tick(now: number): void {
    this.core.tick(now);
    this.#attempt?.race?.tick(now);
    this.after(now);
  }

  /** To be called after every input to the session, which the other inputs here do themselves. */
  after(now: number): void {
    do {
      this.#sort(now);
      this.#follow(now);
      this.#grant(now);
      this.#dial(now);
      this.core.pump(now);
    } while (this.core.outputs.length > 0);
  }

  /** What the core asks for, and tells. */
  #sort(now: number): void {
    for (let output = this.core.outputs.shift(); output !== undefined; output = this.core.outputs.shift()) this.#take(output, now);
  }

  #take(output: Output, now: number): void {
    switch (output.kind) {
      case "dial": {
        const { link, url, delayMs, leastMs, over, cause } = output;
        this.#attempt = { link, url, over, stage: "waiting", startAt: now + delayMs, leastAt: now + leastMs, race: null, dials: [] };
        if (this.core.currentLink === null && delayMs > 0) {
          this.outputs.push({ kind: "waiting", attempt: this.core.attempts, delayMs, cause });
        }
        return;
      }
      case "send":
      case "shut": {
        const line = this.#lines.get(output.link);
        if (line !== undefined) this.outputs.push({ ...output, dial: line.dial });
        return;
      }
      case "drop": {
        const line = this.#lines.get(output.link);
        this.#lines.delete(output.link);
        if (line !== undefined) this.outputs.push({ kind: "drop", dial: line.dial });
        if (this.#attempt?.link === output.link) this.#giveUp(this.#attempt);
        return;
      }
      case "silent": {
        const line = this.#lines.get(output.link);
        if (line?.transport === "webtransport") this.#hosts.died(line.url, output.cause, now);
        return;
      }
      case "prepared":
        if (this.#attempt?.link === output.link) this.#attempt.stage = "prepared";
        return;
      case "switch failed":
        if (this.#switching !== null) this.#switching.cause = output.cause;
    }
    this.outputs.push(output);
  }

  #giveUp(attempt: Attempt): void {
    attempt.race?.giveUp();
    this.#race(attempt);
    this.#attempt = null;
  }

  /** Has the attempt prepared when its time has come, dials, and tells the core what came of it. */
  #dial(now: number): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    if (attempt.stage === "waiting" && now >= attempt.startAt) {
      attempt.stage = "asking";
      this.core.prepare(attempt.link, now);
    }
    if (attempt.stage !== "prepared") return;
    if (attempt.race === null) {
      const { url, over } = attempt;
      if (this.core.isLeaving) this.#hosts.forgetTold();
      const candidates = over === null ? this.#hosts.candidates(url, now) : [this.#hosts.candidate(url, over)].filter((known) => known !== null);
      attempt.race = new Race(candidates, this.#options.dialTimeoutMs ?? DIAL_TIMEOUT_MS, now);
    }
    this.#race(attempt);
    const { outcome } = attempt.race;
    if (outcome === null) return;
    this.#attempt = null;
    if (outcome.kind === "lost") return this.core.closed(attempt.link, null, outcome.cause, now);
    const { candidate, passedOver } = outcome;
    this.#lines.set(attempt.link, { dial: attempt.dials[outcome.runner] ?? 0, url: attempt.url, transport: candidate.transport, passedOver });
    this.core.opened(attempt.link, now);
  }

  /** Does what the race asks for. */
  #race({ race, dials }: Attempt): void {
    for (let order = race?.orders.shift(); order !== undefined; order = race?.orders.shift()) {
      if (order.kind === "give up") {
        this.outputs.push({ kind: "drop", dial: dials[order.runner] ?? 0 });
        continue;
      }
      this.#lastDial += 1;
      this.dials += 1;
      dials[order.runner] = this.#lastDial;
      this.outputs.push({ kind: "open", dial: this.#lastDial, candidate: order.candidate });
    }
  }

  /** Whether another connection carries the session now. */
  #follow(now: number): void {
    const link = this.core.currentLink;
    if (link === this.#link) return;
    if (this.#carrier !== null) this.#upgrades.stood(this.#carrier.transport, now - this.#carrier.since);
    this.#link = link;
    this.#carrier = null;
    if (link === null) {
      this.#upgrades.forgetChoice();
      this.#upgrades.due = null;
      this.#dropWish();
    } else this.#attached(link, now);
    this.outputs.push({ kind: "moved" });
  }

  #attached(link: number, now: number): void {
    const line = this.#lines.get(link);
    if (line === undefined) return;
    const { url, transport, dial } = line;
    const passedOver = this.#hosts.connected(url, transport, line.passedOver, now);
    this.#hosts.told(url, transport, this.core.welcome?.alternatives ?? []);
    this.#carrier = { dial, transport, passedOver, since: now };
    const switching = this.#switching?.link === link ? this.#switching : null;
    if (switching === null) this.#upgrades.forgetChoice();
    this.#plan(now);
    if (switching === null) return;
    this.#switching = null;
    if (switching.wish === null) return;
    this.#upgrades.chosen();
    this.outputs.push({ kind: "switched", wish: switching.wish.number, error: null });
  }

  /** Whether the session is to move to WebTransport by itself, and when it tries that. */
  #plan(now: number): void {
    const { transports = "auto", random } = this.#options;
    const line = this.#link === null ? undefined : this.#lines.get(this.#link);
    const isOnWebSocket = line?.transport === "websocket" && transports === "auto";
    this.#upgrades.plan(isOnWebSocket && this.#hosts.candidate(line.url, "webtransport") !== null, random(), now);
  }

  /** Ends the switch that failed, and begins the one that is wished for, or due. */
  #grant(now: number): void {
    const switching = this.#switching;
    if (switching !== null && this.core.attemptLink !== switching.link) {
      this.#switching = null;
      if (switching.wish !== null) this.#tell(switching.wish, this.#link === null ? "not connected" : "failed", switching.cause);
      else if (this.#link !== null) this.#plan(now);
    }
    const line = this.#link === null ? undefined : this.#lines.get(this.#link);
    if (line === undefined || !this.#maySwitch) return;
    const wish = this.#wish;
    this.#wish = null;
    if (wish?.transport === line.transport) {
      this.#upgrades.chosen();
      return void this.outputs.push({ kind: "switched", wish: wish.number, error: null });
    }
    const isDue = this.#upgrades.due !== null && now >= this.#upgrades.due;
    const transport = wish?.transport ?? (isDue ? "webtransport" : null);
    if (transport === null) return;
    if (wish === null) this.#upgrades.due = null;
    if (this.#hosts.candidate(line.url, transport) === null) {
      if (wish !== null) this.#tell(wish, "unavailable");
      return;
    }
    const link = this.core.switch(transport);
    if (link !== null) this.#switching = { link, transport, wish, cause: "" };
    this.#sort(now);
  }

  /** A server that wants its clients to leave is left first, and no sooner than it asked for (SES-058). */
  get #maySwitch(): boolean {
    return this.#link !== null && this.core.attemptLink === null && !this.core.isLeaving;
  }

  #dropWish(): void {
    if (this.#wish !== null) this.#tell(this.#wish, "not connected");
    this.#wish = null;
  }

  #tell({ number, transport }: Wish, why: SwitchFailure, cause = ""): void {
    this.outputs.push({ kind: "switched", wish: number, error: new SwitchError(transport, why, cause) });
  }

  #linkOf(dial: number): number | null {
    for (const [link, line] of this.#lines) if (line.dial === dial) return link;
    return null;
  }
}
