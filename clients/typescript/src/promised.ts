// What an application may give at once, or promise.

/** Whether it is promised, by whichever class of promises. A value of the protocol never is: it holds no functions. */
export function isPromised<T>(given: T | PromiseLike<T>): given is PromiseLike<T> {
  return typeof (given as { readonly then?: unknown } | null | undefined)?.then === "function";
}
