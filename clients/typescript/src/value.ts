// The value model (encoding.md, "The value model"; ENC-021 to ENC-032).
//
// Both decoders first produce raw trees, which keep what JavaScript's own types would lose: repeated
// keys, keys that are no strings, whether a number was written as an integer, and things that are no
// values at all. `toValue` turns a raw tree into a value, or says what is wrong with it.

/**
 * What an application may send. Integers beyond ±(2^53 - 1) are `bigint`s, from -2^63 to 2^64 - 1; a
 * `bigint` within comes back as a `number`, as does a float that is whole (ENC-022).
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[] | { readonly [key: string]: Value };

export type Raw = null | boolean | number | bigint | string | Uint8Array | Raw[] | Float | RawMap | Unusable;

/** A number that was not written as an integer. */
export class Float {
  constructor(readonly value: number) {}
}

/** A map as it stood in the message: keys and values in turn, nothing checked. */
export class RawMap {
  constructor(readonly flat: readonly Raw[]) {}

  get size(): number {
    return this.flat.length / 2;
  }

  *pairs(): Generator<[Raw, Raw]> {
    for (let at = 0; at < this.flat.length; at += 2) yield [this.flat[at] ?? null, this.flat[at + 1] ?? null];
  }
}

/** Something well delimited that is no value: an extension type, bad UTF-8, the byte 0xc1. */
export class Unusable {
  constructor(readonly cause: BadBody) {}
}

/** The causes of bad bodies, in the words of the vectors. */
export type BadBody =
  | "not-an-array"
  | "truncated"
  | "trailing-bytes"
  | "reserved-byte"
  | "extension-type"
  | "bad-utf8"
  | "key-not-string"
  | "duplicate-key"
  | "too-deep"
  | "number-out-of-range"
  | "bad-mark";

/** Content that the value model does not allow. */
export class BadValue extends Error {
  constructor(readonly badBody: BadBody) {
    super(badBody);
  }
}

/** ENC-024: the frame's array is 1, so a container that is the body is 2. */
export const DEPTH_OF_BODY = 2;

const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** ENC-017: a string of Unicode scalar values. */
export function isText(raw: unknown): raw is string {
  return typeof raw === "string" && !LONE_SURROGATE.test(raw);
}

/** The value that a raw tree means. `marks` is set for JSON. Throws `BadValue`. */
export function toValue(raw: Raw, marks: boolean, limit: number, depth = DEPTH_OF_BODY): Value {
  if (raw instanceof Float) {
    if (marks && !Number.isFinite(raw.value)) throw new BadValue("number-out-of-range");
    return raw.value;
  }
  if (raw instanceof Unusable) throw new BadValue(raw.cause);
  if (typeof raw === "string" && !isText(raw)) throw new BadValue("bad-utf8");
  if (raw instanceof RawMap) return mapToValue(raw, marks, limit, depth);
  if (!Array.isArray(raw)) return raw;
  if (depth > limit) throw new BadValue("too-deep");
  return raw.map((item) => toValue(item, marks, limit, depth + 1));
}

function mapToValue(raw: RawMap, marks: boolean, limit: number, depth: number): Value {
  const [only, content] = raw.flat;
  let escaped = false;
  if (marks && raw.size === 1 && typeof only === "string" && only.startsWith("$")) {
    if (!only.startsWith("$$")) return readMark(only, content ?? null);
    escaped = true;
  }
  if (depth > limit) throw new BadValue("too-deep");
  const members = new Map<string, Value>();
  for (const [key, item] of raw.pairs()) {
    if (key instanceof Unusable && key.cause === "bad-utf8") throw new BadValue("bad-utf8");
    if (typeof key !== "string") throw new BadValue("key-not-string");
    if (!isText(key)) throw new BadValue("bad-utf8");
    if (members.has(key)) throw new BadValue("duplicate-key");
    members.set(escaped ? key.slice(1) : key, toValue(item, marks, limit, depth + 1));
  }
  // Not by assignment, which would take the key "__proto__" for the prototype.
  return Object.fromEntries(members);
}

const INTEGER = /^(?:0|-?[1-9][0-9]{0,19})$/;
const BASE64URL = /^[A-Za-z0-9_-]*$/;
const NUMBERS = new Map([["NaN", NaN], ["Infinity", Infinity], ["-Infinity", -Infinity]]);

/** ENC-029 to ENC-031. An unknown mark is an error, so that later versions may add some. */
export function readMark(key: string, content: Raw): Value {
  if (typeof content === "string") {
    if (key === "$bin") return readBase64url(content);
    const number = NUMBERS.get(content);
    if (key === "$num" && number !== undefined) return number;
    if (key === "$int" && INTEGER.test(content)) {
      const integer = BigInt(content);
      if (isProtocolInteger(integer)) return narrowed(integer);
    }
  }
  throw new BadValue("bad-mark");
}

function isProtocolInteger(integer: bigint): boolean {
  return integer >= -(1n << 63n) && integer < 1n << 64n;
}

/** A `number` where one holds the integer exactly. */
export function narrowed(integer: bigint): number | bigint {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}

function readBase64url(text: string): Uint8Array {
  if (!BASE64URL.test(text) || text.length % 4 === 1) throw new BadValue("bad-mark");
  const characters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(characters, (character) => character.charCodeAt(0));
  // Unused bits that are not zero would be lost.
  if (toBase64url(bytes) !== text) throw new BadValue("bad-mark");
  return bytes;
}

export function toBase64url(bytes: Uint8Array): string {
  let characters = "";
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return btoa(characters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * LIM-003: a copy of what is to be sent, so that what waits does not change with the original. Refuses here what no
 * peer may be sent: throws `RangeError` or `TypeError`.
 */
export function copied(value: unknown, limit: number, depth = DEPTH_OF_BODY): Value {
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (typeof value === "string") {
    if (!isText(value)) throw new RangeError("a string holds a lone surrogate, which cannot be sent");
    return value;
  }
  if (typeof value === "bigint") {
    if (!isProtocolInteger(value)) throw new RangeError("an integer lies beyond -2^63 to 2^64 - 1");
    return value;
  }
  if (typeof value !== "object") throw new TypeError(`${typeof value} is no value of the protocol`);
  if (depth > limit) throw new RangeError(`containers are nested deeper than the peer's limit of ${limit}`);
  // Holes of an array become undefined, which is refused.
  if (Array.isArray(value)) return Array.from(value, (item) => copied(item, limit, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) throw new TypeError("an object of a class is no value of the protocol");
  return Object.fromEntries(Object.entries(value).map(([key, item]) => {
    if (!isText(key)) throw new RangeError("a key holds a lone surrogate, which cannot be sent");
    return [key, copied(item, limit, depth + 1)];
  }));
}
