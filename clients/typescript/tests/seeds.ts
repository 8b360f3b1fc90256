// Random numbers that their seed fixes.

/** Numbers from 0 up to 1, the same for a seed each time. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Where the seeds of a run begin: `SEED` of the environment. */
export const FIRST_SEED = Number(process.env["SEED"] ?? 0);
