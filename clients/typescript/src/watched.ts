// A value that changes, and whom that is told.

/** Tells each of the listeners. One that fails harms no other, nor the client. */
export function tell<T>(listeners: Iterable<(value: T) => unknown>, value: T): unknown[] {
  return [...listeners].map((listener) => {
    try {
      return listener(value);
    } catch (error) {
      console.error("a listener failed", error);
      return undefined;
    }
  });
}

/** A value, and its watchers. */
export class Watched<T> {
  readonly #watchers = new Set<(value: T) => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  /** Calls `watcher` at every change; what is returned ends that. */
  watch(watcher: (value: T) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  set(value: T): void {
    if (value === this.#value) return;
    this.#value = value;
    tell(this.#watchers, value);
  }
}
