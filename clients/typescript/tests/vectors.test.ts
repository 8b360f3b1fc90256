// The codec against the vectors of the specification, in both encodings and directions.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { type Encoding, JSON_ENCODING, MESSAGE_PACK, type Message } from "../src/encoding.js";
import { type Frame, KINDS } from "../src/frame.js";
import { HeaderError } from "../src/header_error.js";
import { read } from "../src/json.js";
import { DEFAULT_LIMITS, LIMIT_KEYS } from "../src/limits.js";
import { toValue, type Value } from "../src/value.js";

interface Case {
  readonly kind?: string;
  readonly name: string;
  readonly frame?: Readonly<Record<string, unknown>>;
  readonly messagepack?: string;
  readonly json?: string;
  readonly decode_only?: boolean;
  readonly error?: "protocol-error" | "bad-args";
  readonly cause?: string;
}

// From clients/typescript/build/tests.
const VECTORS = new URL("../../../../protocol/vectors/", import.meta.url);
const BODIES = ["args", "auth", "data"];
const ENCODINGS: readonly Encoding[] = [MESSAGE_PACK, JSON_ENCODING];

function fromVector(marked: unknown): Value {
  return toValue(read(JSON.stringify(marked)), true, 1_000);
}

function meant(kind: string, meaning: Readonly<Record<string, unknown>>): Frame {
  const fields: Record<string, unknown> = { kind };
  for (const [key, content] of Object.entries(meaning)) {
    if (key === "kind") fields["number"] = content;
    else if (key === "alternatives") fields[key] = fromVector(content);
    else fields[key] = BODIES.includes(key) ? fromVector(content) : content;
  }
  return fields as unknown as Frame;
}

function messageOf(one: Case, encoding: Encoding): Message | undefined {
  if (encoding === JSON_ENCODING) return one.json;
  return one.messagepack === undefined ? undefined : Uint8Array.from(Buffer.from(one.messagepack, "hex"));
}

/** -0 and 0 are equal values (ENC-022), which the strict comparison tells apart. */
function withoutNegativeZero(content: unknown): unknown {
  if (content === 0) return 0;
  if (Array.isArray(content)) return content.map(withoutNegativeZero);
  if (content === null || typeof content !== "object" || content instanceof Uint8Array) return content;
  return Object.fromEntries(Object.entries(content).map(([key, item]) => [key, withoutNegativeZero(item)]));
}

function checkRefusal(one: Case, encoding: Encoding, message: Message): void {
  if (one.error === "protocol-error") {
    assert.throws(
      () => encoding.decode(message),
      (error) => error instanceof HeaderError && error.headerCause === one.cause,
    );
    return;
  }
  const { badBody, ...header } = encoding.decode(message) as unknown as Record<string, unknown>;
  for (const body of BODIES) delete header[body];
  assert.equal(badBody, one.cause);
  assert.deepEqual(header, { ...one.frame, kind: one.kind });
}

function check(one: Case, encoding: Encoding, message: Message): void {
  if (one.error !== undefined) return checkRefusal(one, encoding, message);
  assert.ok(one.kind !== undefined && one.frame !== undefined, "a case has a kind and a meaning");
  const frame = meant(one.kind, one.frame);
  assert.deepEqual(withoutNegativeZero(encoding.decode(message)), withoutNegativeZero(frame));
  if (one.decode_only !== true) assert.deepEqual(encoding.encode(frame), message);
}

const files = readdirSync(VECTORS).filter((name) => name.endsWith(".json"));

test("each kind of frame has a file of vectors, and no other file is unknown", () => {
  const mixed = ["ignorable", "integers", "negative", "values"];
  const expected = [...Object.keys(KINDS).map((kind) => kind.toLowerCase()), ...mixed].map((stem) => `${stem}.json`);
  assert.deepEqual(files.toSorted(), expected.toSorted());
  assert.deepEqual(LIMIT_KEYS, Object.keys(DEFAULT_LIMITS));
});

for (const file of files) {
  const { cases } = JSON.parse(readFileSync(new URL(file, VECTORS), "utf8")) as { cases: Case[] };
  for (const one of cases) {
    for (const encoding of ENCODINGS) {
      const message = messageOf(one, encoding);
      if (message !== undefined) test(`${file}: ${one.name}, in ${encoding.name}`, () => check(one, encoding, message));
    }
  }
}
