// What the timers of browsers and Node can do.

/** The longest wait, milliseconds: 24 days and some hours. They take a longer one for none at all, and fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
