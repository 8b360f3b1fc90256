// Which transports are dialled and in which order, and what a client remembers of them (transports.md; SES-038;
// WELCOME's `alternatives`).

import { dialled, isSecure, movedTo, serverOf } from "./address.js";
import type { Alternative } from "./frame.js";
import type { TransportKind } from "./transport/transport.js";

/** How long the transport that connected last is the first to be dialled on its host and port. */
export const WINNER_REMEMBERED_MS = 600_000;
/** Hosts that something is remembered of: the client's own, and some that it was sent to. */
const HOSTS_MAX = 8;
/** Alternatives of one WELCOME that are read, and hashes of one alternative. */
const ALTERNATIVES_MAX = 8;
const HASHES_MAX = 8;
const HASH_BYTES = 32;

/**
 * Which of a client's transports are dialled. `auto`: all that there are, in a race, WebTransport first, and
 * WebSocket after 300 ms, or at once when WebTransport fails. Whichever connects first is used, and is the one that
 * begins next time on this host, for ten minutes. A client that ended up on WebSocket goes on trying WebTransport in
 * the background, and moves there when it is reachable.
 */
export type Transports = "auto" | "websocket-only" | "webtransport-only";

/** A transport with where it is dialled, and the hashes of the certificates that the server may show. */
export interface Candidate {
  readonly transport: TransportKind;
  readonly url: string;
  readonly hashes: readonly Uint8Array[];
}

interface Host {
  readonly name: string;
  /** Which transport is to be dialled first, and since when that is known. */
  first: { readonly transport: TransportKind; readonly since: number } | null;
  /** Why that is not WebTransport, for people. */
  why: string | null;
  /** Where the server says that its other transports are. */
  told: Told[];
}

interface Told {
  readonly transport: TransportKind;
  readonly url: string;
  readonly hashes: readonly Uint8Array[];
}

/** The order of a race between transports that nothing is known of. */
const RANKED: readonly TransportKind[] = ["webtransport", "websocket"];

/** What a client remembers of the hosts that it was connected to. */
export class Hosts {
  /** Those that can be dialled at all, by the client's settings and the platform. */
  readonly #kinds: readonly TransportKind[];
  #hosts: Host[] = [];

  constructor(kinds: readonly TransportKind[]) {
    this.#kinds = RANKED.filter((kind) => kinds.includes(kind));
  }

  /** What can be dialled for this URL, in the order in which it is begun. */
  candidates(url: string, now: number): Candidate[] {
    const first = this.#host(url)?.first;
    const known = first && now - first.since < WINNER_REMEMBERED_MS ? first.transport : null;
    const found = this.#kinds.flatMap((kind) => this.candidate(url, kind) ?? []);
    return [...found.filter(({ transport }) => transport === known), ...found.filter(({ transport }) => transport !== known)];
  }

  /** Where one transport is dialled for this URL; null where it cannot be. */
  candidate(url: string, transport: TransportKind): Candidate | null {
    if (!this.#kinds.includes(transport)) return null;
    const told = this.#host(url)?.told.find((other) => other.transport === transport);
    // Alone it is dialled all the same, and says what is wrong.
    const isPossible = transport !== "webtransport" || this.#kinds.length === 1 || isSecure(told?.url ?? url);
    return isPossible ? { transport, url: dialled(told?.url ?? url, transport), hashes: told?.hashes ?? [] } : null;
  }

  /** Notes which transport connected, and why another did not, if that is known; gives what is known of that now. */
  connected(url: string, transport: TransportKind, passedOver: string | null, now: number): string | null {
    const host = this.#renewed(url);
    host.first = { transport, since: now };
    if (transport === "webtransport") host.why = null;
    host.why = passedOver ?? host.why;
    return host.why;
  }

  /** Notes that a connection over WebTransport died without a word: UDP may be dead. */
  died(url: string, cause: string, now: number): void {
    this.connected(url, "websocket", `webtransport: ${cause}`, now);
  }

  /**
   * Notes where a server says that its other transports are. What leads to another host, or from a secure scheme to
   * an insecure one, is passed over (SEC-012).
   */
  told(url: string, over: TransportKind, alternatives: readonly Alternative[]): void {
    // It says nothing of the transport that it came over.
    if (alternatives.length === 0 && over === "webtransport") return;
    const host = this.#renewed(url);
    host.told = host.told.filter(({ transport }) => transport === over);
    for (const alternative of alternatives.slice(0, ALTERNATIVES_MAX)) {
      const told = read(url, alternative);
      if (told === null) continue;
      host.told = [...host.told.filter(({ transport }) => transport !== told.transport), told];
    }
  }

  /**
   * Forgets where servers said that their other transports are: who asks to be left told it, and behind a load
   * balancer that leads back to the very same server.
   */
  forgetTold(): void {
    for (const host of this.#hosts) host.told = [];
  }

  #host(url: string): Host | undefined {
    const name = serverOf(url);
    return this.#hosts.find((host) => host.name === name);
  }

  /** The newest stands first, and the one at the end goes. */
  #renewed(url: string): Host {
    const name = serverOf(url);
    const host = this.#host(url) ?? { name, first: null, why: null, told: [] };
    this.#hosts = [host, ...this.#hosts.filter((other) => other !== host)].slice(0, HOSTS_MAX);
    return host;
  }
}

function read(from: string, { transport: name, url: told, hashes }: Alternative): Told | null {
  const transport = RANKED.find((kind) => kind === name);
  const url = movedTo(from, told);
  if (transport === undefined || url === null) return null;
  const read = hashes.slice(0, HASHES_MAX);
  // Only WebTransport takes a certificate by its hash.
  const isDialled = read.length === 0 || transport === "webtransport";
  return isDialled && read.every(({ length }) => length === HASH_BYTES) ? { transport, url, hashes: read } : null;
}
