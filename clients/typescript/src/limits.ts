// Limits and their defaults (limits.md, LIM-001 to LIM-003).

/** What one side takes and keeps. The order of the keys is the canonical one. */
export interface Limits {
  readonly frame: number;
  readonly datagram: number;
  readonly replay: number;
  readonly inbound: number;
  readonly queue: number;
  readonly name: number;
  readonly depth: number;
  readonly namespaces: number;
  readonly rooms: number;
  readonly pending_acks: number;
  readonly latest_keys: number;
}

export const DEFAULT_LIMITS: Limits = {
  frame: 1_048_576,
  datagram: 1_000,
  replay: 1_048_576,
  inbound: 1_048_576,
  queue: 1_048_576,
  name: 255,
  depth: 64,
  namespaces: 64,
  rooms: 1_024,
  pending_acks: 1_024,
  latest_keys: 1_024,
};

/** What every peer takes, told or not. */
export const LEAST: Limits = {
  frame: 16_384,
  datagram: 1_000,
  replay: 16_384,
  inbound: 16_384,
  queue: 0,
  name: 255,
  depth: 64,
  namespaces: 1,
  rooms: 0,
  pending_acks: 0,
  latest_keys: 1,
};

const MOST = 4_294_967_295;

export const LIMIT_KEYS = Object.keys(DEFAULT_LIMITS) as readonly (keyof Limits)[];

/** LIM-001: too low a number reads as the least, too high a one as 2^32 - 1. */
export function bounded(limits: Limits): Limits {
  const within: Record<keyof Limits, number> = { ...limits };
  for (const key of LIMIT_KEYS) within[key] = Math.min(Math.max(limits[key], LEAST[key]), MOST);
  return within;
}
