// What happens to a page and its machine that a connection does not tell (HBT-009).

/**
 * The network came back, or is said to be gone; the page became visible; the machine slept, and woke; the page is left
 * for good, or put away by the browser, from where it may come back.
 */
export type WakeEvent = "online" | "offline" | "visible" | "woke" | "left" | "put away" | "back";

/** Calls `listener` at every such event; what is returned ends that. */
export type Wakes = (listener: (event: WakeEvent) => void) => () => void;

/** What is needed of a page. */
export interface Page {
  readonly window: EventTarget;
  readonly document: EventTarget & { readonly visibilityState: string };
  /** A clock that goes on while the machine sleeps, in milliseconds. */
  readonly clock: () => number;
  /** Calls `look` again and again; what is returned ends that. */
  readonly every: (milliseconds: number, look: () => void) => () => void;
}

/** How often the clock is looked at. */
const LOOK_MS = 5_000;
/** A look that is later than this tells of a sleep. */
const SLEPT_MS = 10_000;

/** The events of the page that this runs in; none where there is no page, as in Node. */
export const pageWakes: Wakes = (listener) => {
  if (typeof window === "undefined" || typeof document === "undefined") return () => {};
  return wakesOf({
    window,
    document,
    clock: Date.now,
    every(milliseconds, look) {
      const timer = setInterval(look, milliseconds);
      return () => clearInterval(timer);
    },
  })(listener);
};

export function wakesOf({ window, document, clock, every }: Page): Wakes {
  return (listener) => {
    const isVisible = () => document.visibilityState === "visible";
    const isKept = (event: Event) => (event as PageTransitionEvent).persisted;
    const heard: [EventTarget, string, (event: Event) => void][] = [
      [window, "online", () => listener("online")],
      [window, "offline", () => listener("offline")],
      [window, "pagehide", (event) => listener(isKept(event) ? "put away" : "left")],
      [window, "pageshow", (event) => isKept(event) && listener("back")],
      [document, "visibilitychange", () => isVisible() && listener("visible")],
      // Of a page that was frozen, where the browser tells.
      [document, "resume", () => listener("woke")],
    ];
    for (const [target, name, hear] of heard) target.addEventListener(name, hear);
    let looked = clock();
    const endLooking = every(LOOK_MS, () => {
      const sinceLooked = clock() - looked;
      looked = clock();
      // The timers of a page that nobody sees come late without a sleep; it is told when it is seen again.
      if (sinceLooked > SLEPT_MS && isVisible()) listener("woke");
    });
    return () => {
      endLooking();
      for (const [target, name, hear] of heard) target.removeEventListener(name, hear);
    };
  };
}
