// What the vectors cannot say of the codec: messages that are long, deep, or hold names with a meaning here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { JSON_ENCODING, MESSAGE_PACK } from "../src/encoding.js";
import type { Event } from "../src/frame.js";
import { HeaderError } from "../src/header_error.js";
import { copied, type Value } from "../src/value.js";

const ENCODINGS = [MESSAGE_PACK, JSON_ENCODING];

function event(...args: Value[]): Event {
  return { kind: "EVENT", seq: 1, ns: "/", ack_id: null, event: "say", args };
}

for (const encoding of ENCODINGS) {
  test(`a key that JavaScript has a meaning for is a key, in ${encoding.name}`, () => {
    const map = JSON.parse('{"__proto__":1,"constructor":2}') as Value;
    const decoded = encoding.decode(encoding.encode(event(map))) as Event;
    assert.deepEqual(Object.entries(decoded.args[0] as object), [["__proto__", 1], ["constructor", 2]]);
  });

  test(`integers keep all their digits up to 64 bits, in ${encoding.name}`, () => {
    const args = [2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n, Number.MAX_SAFE_INTEGER, 7n];
    const decoded = encoding.decode(encoding.encode(event(...args))) as Event;
    assert.deepEqual(decoded.args, [2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n, Number.MAX_SAFE_INTEGER, 7]);
  });

  test(`a string of a million escapes comes back, in ${encoding.name}`, () => {
    const text = "\n".repeat(1_000_000);
    assert.deepEqual(encoding.decode(encoding.encode(event(text))), event(text));
  });
}

test("nesting far deeper than the call stack is a bad body, and no crash", () => {
  const depth = 200_000;
  const text = `[20,1,null,null,"say",${"[".repeat(depth)}${"]".repeat(depth)}]`;
  assert.equal((JSON_ENCODING.decode(text) as Event).badBody, "too-deep");
  const header = MESSAGE_PACK.encode(event()) as Uint8Array;
  const bytes = new Uint8Array(header.length + depth).fill(0x91, header.length - 1);
  bytes.set(header.subarray(0, -1));
  bytes[bytes.length - 1] = 0x90;
  assert.equal((MESSAGE_PACK.decode(bytes) as Event).badBody, "too-deep");
});

test("what no peer takes is refused here", () => {
  for (const refused of ["\ud800", 2n ** 64n, undefined, new Date(0), () => 1, { a: undefined }]) {
    assert.throws(() => copied([refused], 64), /protocol|surrogate|integer/);
  }
  assert.throws(() => copied([[[1]]], 3), RangeError);
  copied([[1]], 3);
});

test("what is sent does not change with what the application does to it afterwards", () => {
  const bytes = Buffer.from([1]);
  const original = { list: [1, { "__proto__": null, key: "a" }], bytes };
  const copy = copied(original, 64);
  original.list.push(2);
  bytes[0] = 9;
  assert.deepEqual(copy, { list: [1, { key: "a" }], bytes: Uint8Array.of(1) });
});

test("a text of 16 MiB is read, and one that does not end is not JSON", () => {
  const long = "x".repeat(16 * 1_048_576);
  const frame = JSON_ENCODING.decode(`[20,1,null,null,"e",["${long}"]]`) as Event;
  assert.equal(frame.args[0], long);
  for (const text of ['["a', '["a\\"]', '["a\\\\"b"]', '["\n"]', '["\\x"]']) {
    assert.throws(() => JSON_ENCODING.decode(text), (error) => error instanceof HeaderError && error.headerCause === "not-json");
  }
});
