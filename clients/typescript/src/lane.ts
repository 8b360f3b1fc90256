// Work that is begun in its order, so much of it at once (decision 49).

/** What waits is bounded by whoever puts it in: of events, by the receipts that are withheld meanwhile. */
export class Lane<T> {
  readonly #limit: number;
  readonly #work: (item: T) => Promise<void> | null;
  readonly #waiting: T[] = [];
  #running = 0;

  /** Calls `work` for each item, for at most `limit` at once: one is done when its promise has ended, or at once without one. */
  constructor(limit: number, work: (item: T) => Promise<void> | null) {
    this.#limit = limit;
    this.#work = work;
  }

  push(item: T): void {
    this.#waiting.push(item);
    this.#go();
  }

  /** Gives what waits, which is not begun any more. */
  clear(): T[] {
    return this.#waiting.splice(0);
  }

  #go(): void {
    while (this.#running < this.#limit) {
      const [item] = this.#waiting.splice(0, 1);
      if (item === undefined) return;
      this.#running += 1;
      const end = () => {
        this.#running -= 1;
      };
      const pending = this.#work(item);
      if (pending === null) end();
      else void pending.then(end).then(() => this.#go());
    }
  }
}
