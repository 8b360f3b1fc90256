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
/** Values are read and copied by functions that call themselves: a client takes no deeper ones, whatever it is told. */
const DEEPEST = 1_000;

export const LIMIT_KEYS = Object.keys(DEFAULT_LIMITS) as readonly (keyof Limits)[];

/** LIM-001: too low a number reads as the least, too high a one as 2^32 - 1. */
export function bounded(limits: Limits): Limits {
  const within: Record<keyof Limits, number> = { ...limits };
  for (const key of LIMIT_KEYS) within[key] = Math.min(Math.max(limits[key], LEAST[key]), MOST);
  return within;
}

/** What a client takes and keeps: the defaults, and what differs. Throws `RangeError` for what no peer may tell (LIM-001). */
export function ownLimits(told: Partial<Limits> = {}): Limits {
  const limits: Record<keyof Limits, number> = { ...DEFAULT_LIMITS };
  for (const key of LIMIT_KEYS) {
    limits[key] = within(`limits.${key}`, told[key] ?? DEFAULT_LIMITS[key], LEAST[key], key === "depth" ? DEEPEST : MOST);
  }
  return limits;
}

/** A setting that is a whole number. Throws `RangeError`. */
export function within(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(`${name} is ${value}, and may be ${least} to ${most}`);
  return value;
}
