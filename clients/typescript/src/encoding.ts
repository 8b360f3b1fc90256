// Frames to messages and back (encoding.md), in the two encodings of version 1.

import { isProtocolInteger, readElement } from "./fields.js";
import { type ArrayKind, type Frame, KINDS, LAYOUTS, type MapFrame } from "./frame.js";
import { HeaderError } from "./header_error.js";
import * as json from "./json.js";
import { type Member, membersOf, readMap } from "./map.js";
import { Reader, Truncated, Writer } from "./message_pack.js";
import { type BadBody, BadValue, type Raw, toValue, type Value } from "./value.js";

export type Message = Uint8Array | string;

/** One of the encodings (ENC-003). */
export interface Encoding {
  readonly name: "messagepack" | "json";
  /** The name that is negotiated when a transport is opened. */
  readonly subprotocol: string;
  /** The frame in a message. Throws `HeaderError`; a bad body is told in the frame (ENC-008). */
  decode(message: Message, depth?: number): Frame;
  /** The canonical message of a frame. */
  encode(frame: Frame): Message;
}

const DEFAULT_DEPTH = 64;
const ENCODER = new TextEncoder();
const NAMES = new Map<number, ArrayKind | MapFrame["kind"]>(
  (Object.keys(KINDS) as (keyof typeof KINDS)[]).map((name) => [KINDS[name], name]),
);

/** SES-020: the length of a message in bytes. */
export function sizeOf(message: Message): number {
  return typeof message === "string" ? ENCODER.encode(message).length : message.length;
}

export const MESSAGE_PACK: Encoding = {
  name: "messagepack",
  subprotocol: "trunkline.v1.msgpack",
  decode(message, depth = DEFAULT_DEPTH) {
    if (typeof message === "string") throw new HeaderError("wrong-message-type");
    if (message.length === 0) throw new HeaderError("empty-message");
    return readFrame(new MessagePackElements(message), depth);
  },
  encode(frame) {
    const writer = new Writer();
    const elements = elementsOf(frame);
    writer.arrayHeader(elements.length);
    for (const element of elements) writer.value("value" in element ? element.value : toObject(element.members));
    return writer.finish();
  },
};

export const JSON_ENCODING: Encoding = {
  name: "json",
  subprotocol: "trunkline.v1.json",
  decode(message, depth = DEFAULT_DEPTH) {
    if (typeof message !== "string") throw new HeaderError("wrong-message-type");
    if (message === "") throw new HeaderError("empty-message");
    return readFrame(new JsonElements(message), depth);
  },
  encode(frame) {
    return `[${elementsOf(frame).map((element) => ("value" in element ? json.write(element.value) : writeJsonMap(element.members))).join(",")}]`;
  },
};

/** The elements of one frame's array, read from left to right. */
interface Elements {
  readonly marks: boolean;
  readonly length: number;
  /** The next element. Throws `HeaderError` if the message ends within it. */
  next(): Raw;
  /** The next element, which is a protocol map. */
  map(): Raw;
  /** The last element, where it is a body. Throws `BadValue`. */
  body(): Raw;
  /** Checks that nothing follows. Throws `HeaderError`. */
  finish(): void;
}

class MessagePackElements implements Elements {
  readonly marks = false;
  readonly length: number;
  readonly #reader: Reader;

  constructor(message: Uint8Array) {
    this.#reader = new Reader(message);
    const length = this.#orTruncated(() => this.#reader.arrayHeader());
    if (length === null) throw new HeaderError("not-an-array");
    this.length = length;
  }

  next(): Raw {
    return this.#orTruncated(() => this.#reader.read());
  }

  map(): Raw {
    const raw = this.next();
    if (this.#reader.sawReserved) throw new HeaderError("bad-map");
    return raw;
  }

  /** ENC-007: every byte that is left. */
  body(): Raw {
    let raw: Raw;
    try {
      raw = this.#reader.read();
    } catch (error) {
      throw error instanceof Truncated ? new BadValue("truncated") : error;
    }
    if (!this.#reader.atEnd) throw new BadValue("trailing-bytes");
    return raw;
  }

  finish(): void {
    if (!this.#reader.atEnd) throw new HeaderError("trailing-bytes");
  }

  #orTruncated<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw error instanceof Truncated ? new HeaderError("truncated") : error;
    }
  }
}

class JsonElements implements Elements {
  readonly marks = true;
  readonly #items: readonly Raw[];
  #position = 0;

  constructor(message: string) {
    this.#items = arrayOf(message);
  }

  get length(): number {
    return this.#items.length;
  }

  next(): Raw {
    return this.#items[this.#position++] ?? null;
  }

  map(): Raw {
    return this.next();
  }

  body(): Raw {
    return this.next();
  }

  finish(): void {
    // The array's length was checked, and nothing can follow it.
  }
}

function arrayOf(message: string): readonly Raw[] {
  let raw: Raw;
  try {
    raw = json.read(message);
  } catch (error) {
    throw error instanceof json.NotJson ? new HeaderError("not-json") : error;
  }
  if (!Array.isArray(raw)) throw new HeaderError("not-an-array");
  return raw;
}

/** Checks in the order that encoding.md gives; the first failure is the error. */
function readFrame(elements: Elements, depth: number): Frame {
  if (elements.length === 0) throw new HeaderError("array-length");
  const number = elements.next();
  if (!isProtocolInteger(number)) throw new HeaderError("bad-kind");
  if (number >= 64 && number <= 95) return { kind: "IGNORABLE", number };
  if (number >= 96 && number <= 127) {
    if (elements.length < 2) throw new HeaderError("array-length");
    return { kind: "NUMBERED_IGNORABLE", number, seq: readElement("seq", elements.next()) as number };
  }
  const kind = NAMES.get(number);
  if (kind === undefined) throw new HeaderError("unknown-kind");
  if (isArrayKind(kind)) return readArrayFrame(kind, elements, depth);
  if (elements.length !== 2) throw new HeaderError("array-length");
  const frame = readMap(kind, elements.map(), elements.marks, depth);
  elements.finish();
  return frame;
}

function isArrayKind(kind: string): kind is ArrayKind {
  return kind in LAYOUTS;
}

function readArrayFrame(kind: ArrayKind, elements: Elements, depth: number): Frame {
  const layout = Object.entries(LAYOUTS[kind]);
  if (elements.length !== 1 + layout.length) throw new HeaderError("array-length");
  const fields: Record<string, Value> = { kind };
  let hasBody = false;
  for (const [name, element] of layout) {
    if (element === "value" || element === "args") {
      hasBody = true;
      const { body, badBody } = readBody(elements, element, depth);
      fields[name] = body;
      if (badBody !== undefined) fields["badBody"] = badBody;
    } else {
      fields[name] = readElement(element, elements.next());
    }
  }
  if (!hasBody) elements.finish();
  // The layout of the kind is what its interface says.
  return fields as unknown as Frame;
}

/** ENC-008: a bad body is never an error of the frame. */
function readBody(elements: Elements, element: "value" | "args", depth: number): { body: Value; badBody?: BadBody } {
  try {
    const raw = elements.body();
    if (element === "args" && !Array.isArray(raw)) throw new BadValue("not-an-array");
    return { body: toValue(raw, elements.marks, depth) };
  } catch (error) {
    if (error instanceof BadValue) return { body: element === "args" ? [] : null, badBody: error.badBody };
    throw error;
  }
}

type Content = { value: Value } | { members: Member[] };

function elementsOf(frame: Frame): Content[] {
  if (frame.kind === "IGNORABLE") return [{ value: frame.number }];
  if (frame.kind === "NUMBERED_IGNORABLE") return [{ value: frame.number }, { value: frame.seq }];
  const kind = { value: KINDS[frame.kind] };
  if (!isArrayKind(frame.kind)) return [kind, { members: membersOf(frame as MapFrame) }];
  const fields = frame as unknown as Readonly<Record<string, Value>>;
  const written = Object.keys(LAYOUTS[frame.kind]).map((name) => {
    const value = fields[name] ?? null;
    return { value: name === "ns" && value === "/" ? null : value };
  });
  return [kind, ...written];
}

function toObject(members: readonly Member[]): Value {
  return Object.fromEntries(
    members.map(([key, content]) => {
      if ("value" in content) return [key, content.value];
      return [key, "maps" in content ? content.maps.map(toObject) : toObject(content.members)];
    }),
  );
}

/** ENC-020: the members of a protocol map are plain, so that no key is escaped. */
function writeJsonMap(members: readonly Member[]): string {
  return json.writeMembers(
    members.map(([key, content]) => {
      if ("value" in content) return [key, json.write(content.value)];
      return [key, "maps" in content ? `[${content.maps.map(writeJsonMap).join(",")}]` : writeJsonMap(content.members)];
    }),
  );
}
