// The versions of LATEST that were taken on one connection (BEF-007 to BEF-009).

import type { Latest } from "./frame.js";

/** Bounded by `limits.latest_keys`; beyond it the entry that was used longest ago goes. */
export class LatestVersions {
  readonly #limit: number;
  // A Map keeps the order of insertion: the first entry is the one that was used longest ago.
  readonly #versions = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether the frame is newer than the last one taken for its key; it is then the last one. */
  take({ ns, event, key, version }: Latest): boolean {
    const name = JSON.stringify([ns, event, key]);
    const last = this.#versions.get(name);
    if (last !== undefined && version <= last) return false;
    this.#versions.delete(name);
    this.#versions.set(name, version);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > this.#limit && oldest !== undefined) this.#versions.delete(oldest);
    return true;
  }
}
