// What a client has counted.

import type { Drops } from "./best_effort.js";
import type { Run } from "./run.js";

/** How many best-effort events of the server were dropped, by cause. */
export interface Ignored {
  /** Their socket was not connected, or was left while they waited for a handler. */
  readonly notConnected: number;
  /** They came later than a newer value of their key, or on a connection that another one has replaced. */
  readonly stale: number;
  /** They were no best-effort frame, or their args could not be read. */
  readonly malformed: number;
  /** They would have had to wait for a handler, and might not, or too much waited already. */
  readonly busy: number;
  /** They waited for a handler, and a newer value of their key took their place. */
  readonly conflated: number;
}

/** What a client has done, dropped and refused since it was made, and what it holds now. */
export interface Stats {
  /** Dials begun: in a race of transports, one for each that was begun. */
  readonly dials: number;
  /** Connections that WELCOME was read on. */
  readonly connections: number;
  /** Of these, those that resumed the session. */
  readonly resumed: number;
  readonly sessionsLost: number;
  /** Emits refused for a bound: `QueueFull`, `QueueLong`, `Offline`, `TooManyAcks`. */
  readonly emitsRefused: number;
  /** Events that were taken and then not sent: see `Client.onEventsDropped`. */
  readonly eventsDropped: number;
  /** Best-effort events that were dropped on their way out, by cause. */
  readonly unsentBestEffort: Drops;
  /** Best-effort events of the server that were dropped, by cause (BEF-002). */
  readonly ignoredBestEffort: Ignored;
  /** Answers that nobody waited for: late, a repeat, or never asked for. */
  readonly acksIgnored: number;
  /** Bytes that wait for the server now, and how many frames they are. */
  readonly queuedBytes: number;
  readonly queuedFrames: number;
  /** Bytes of events that wait for their handlers now, or are being handled, with 64 for each: while they are more than `limits.inbound`, the server is told of no receipt. */
  readonly waitingBytes: number;
  /** Acks that are awaited now. */
  readonly pendingAcks: number;
}

export function statsOf({ core, dials }: Run, unsentBestEffort: Drops): Stats {
  const { session, counts } = core;
  const { bytes, frames } = session.outbound.queued;
  return {
    dials,
    connections: counts.connections,
    resumed: counts.resumed,
    sessionsLost: session.counts.lost,
    emitsRefused: session.counts.refused,
    eventsDropped: session.counts.dropped,
    unsentBestEffort,
    ignoredBestEffort: { ...core.bestEffort.dropped },
    acksIgnored: session.acks.ignored,
    queuedBytes: bytes,
    queuedFrames: frames,
    waitingBytes: session.backlog,
    pendingAcks: session.acks.size,
  };
}
