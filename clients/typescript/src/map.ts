// The protocol maps of HELLO, WELCOME, GOAWAY, CLOSE and AUTH (ENC-018 to ENC-020; the tables of frames.md).

import { isCode, isName, isProtocolInteger } from "./fields.js";
import type { Alternative, Auth, Close, Datagrams, GoAway, Hello, MapFrame, Resume, Welcome } from "./frame.js";
import { type HeaderCause, HeaderError } from "./header_error.js";
import { read as readJson } from "./json.js";
import { DEFAULT_LIMITS, LIMIT_KEYS, type Limits } from "./limits.js";
import { BadValue, isText, type Raw, RawMap, readMark, toValue, type Value } from "./value.js";

type Read<T> = (raw: Raw) => T;

/** ENC-024: the frame's array is 1, its map 2, a container in it 3. */
const DEPTH_OF_MAP_VALUE = 3;
const DATAGRAMS: readonly string[] = ["native", "emulated", "none"] satisfies Datagrams[];

/** One protocol map: its members, checked for form and repetition. */
class MapReader {
  readonly #members = new Map<string, Raw>();

  constructor(raw: Raw, readonly marks: boolean, readonly depth: number, cause: HeaderCause = "bad-value") {
    if (!(raw instanceof RawMap)) throw new HeaderError(cause);
    for (const [key, content] of raw.pairs()) {
      if (!isText(key)) throw new HeaderError("bad-map");
      if (this.#members.has(key)) throw new HeaderError("duplicate-key");
      this.#members.set(key, content);
    }
  }

  need<T>(key: string, read: Read<T>): T {
    const content = this.#members.get(key) ?? null;
    if (content === null) throw new HeaderError("missing-key");
    return read(content);
  }

  may<T, A>(key: string, read: Read<T>, absent: A): T | A {
    const content = this.#members.get(key) ?? null;
    return content === null ? absent : read(content);
  }

  readonly inner: Read<MapReader> = (raw) => new MapReader(raw, this.marks, this.depth);

  readonly value: Read<Value> = (raw) => {
    try {
      return toValue(raw, this.marks, this.depth, DEPTH_OF_MAP_VALUE);
    } catch (error) {
      if (error instanceof BadValue) throw new HeaderError("bad-value");
      throw error;
    }
  };

  readonly bytes: Read<Uint8Array> = (raw) => {
    const marked = this.marks && raw instanceof RawMap && raw.size === 1 && raw.flat[0] === "$bin";
    const bytes = marked ? this.#bytesOfMark(raw.flat[1] ?? null) : raw;
    if (!(bytes instanceof Uint8Array)) throw new HeaderError("bad-value");
    return bytes;
  };

  #bytesOfMark(content: Raw): Value {
    try {
      return readMark("$bin", content);
    } catch (error) {
      if (error instanceof BadValue) throw new HeaderError("bad-value");
      throw error;
    }
  }
}

function where<T extends Raw>(holds: (raw: Raw) => raw is T): Read<T> {
  return (raw) => {
    if (!holds(raw)) throw new HeaderError("bad-value");
    return raw;
  };
}

const integer = where((raw): raw is number => isProtocolInteger(raw));
const code = where((raw): raw is number => isCode(raw));
const text = where((raw): raw is string => isText(raw));
const identifier = where((raw): raw is string => isName(raw));
const boolean = where((raw): raw is boolean => typeof raw === "boolean");
const datagrams = where((raw): raw is Datagrams => typeof raw === "string" && DATAGRAMS.includes(raw));

function arrayOf<T>(read: Read<T>): Read<T[]> {
  return (raw) => {
    if (!Array.isArray(raw)) throw new HeaderError("bad-value");
    return raw.map(read);
  };
}

function readLimits(map: MapReader): Limits {
  const limits: Record<keyof Limits, number> = { ...DEFAULT_LIMITS };
  for (const key of LIMIT_KEYS) limits[key] = map.may(key, integer, DEFAULT_LIMITS[key]);
  return limits;
}

function readResume(map: MapReader): Resume {
  return {
    session: map.need("session", identifier),
    secret: map.need("secret", text),
    attach: map.need("attach", integer),
    received: map.need("received", integer),
    strict: map.may("strict", boolean, false),
  };
}

function readAlternative(map: MapReader): Alternative {
  return {
    transport: map.need("transport", text),
    url: map.need("url", text),
    hashes: map.may("hashes", arrayOf(map.bytes), []),
  };
}

/** The alternatives in a server's answer to a plain GET (TRN-032). Throws `HeaderError` and `NotJson`. */
export function readAlternatives(document: string): readonly Alternative[] {
  const map = new MapReader(readJson(document), true, DEFAULT_LIMITS.depth, "bad-map");
  return map.may("alternatives", arrayOf((raw) => readAlternative(map.inner(raw))), []);
}

function readHello(map: MapReader): Hello {
  return {
    kind: "HELLO",
    v: map.need("v", integer),
    agent: map.need("agent", text),
    auth: map.may("auth", map.value, null),
    resume: map.may("resume", (raw) => readResume(map.inner(raw)), null),
    features: map.may("features", arrayOf(text), []),
    limits: map.may("limits", (raw) => readLimits(map.inner(raw)), DEFAULT_LIMITS),
    ping_interval: map.may("ping_interval", integer, null),
  };
}

function readWelcome(map: MapReader): Welcome {
  return {
    kind: "WELCOME",
    v: map.need("v", integer),
    session: map.need("session", identifier),
    secret: map.may("secret", text, null),
    resumed: map.need("resumed", boolean),
    reason: map.may("reason", text, null),
    received: map.need("received", integer),
    ping_interval: map.need("ping_interval", integer),
    ping_timeout: map.need("ping_timeout", integer),
    resume_window: map.need("resume_window", integer),
    limits: map.need("limits", (raw) => readLimits(map.inner(raw))),
    features: map.need("features", arrayOf(text)),
    datagrams: map.need("datagrams", datagrams),
    alternatives: map.may("alternatives", arrayOf((raw) => readAlternative(map.inner(raw))), []),
  };
}

function readGoAway(map: MapReader): GoAway {
  return {
    kind: "GOAWAY",
    reason: map.need("reason", text),
    slot: map.need("slot", integer),
    deadline: map.need("deadline", integer),
    url: map.may("url", text, null),
  };
}

function readClose(map: MapReader): Close {
  return {
    kind: "CLOSE",
    code: map.need("code", code),
    reason: map.need("reason", text),
    retry_after: map.may("retry_after", integer, null),
    url: map.may("url", text, null),
    attach: map.may("attach", integer, null),
    data: map.may("data", map.value, null),
  };
}

function readAuth(map: MapReader): Auth {
  return {
    kind: "AUTH",
    auth: map.may("auth", map.value, null),
    wanted: map.may("wanted", boolean, false),
    expires: map.may("expires", integer, null),
  };
}

const READERS = { HELLO: readHello, WELCOME: readWelcome, GOAWAY: readGoAway, CLOSE: readClose, AUTH: readAuth };

/** The frame that a protocol map is the content of. Throws `HeaderError`. */
export function readMap(kind: MapFrame["kind"], raw: Raw, marks: boolean, depth: number): MapFrame {
  return READERS[kind](new MapReader(raw, marks, depth, "bad-map"));
}

/** A member of a protocol map that is to be written; `members` are a map within it. */
export type Member = readonly [key: string, content: { value: Value } | { members: Member[] } | { maps: Member[][] }];

const REQUIRED_ARRAYS: readonly string[] = ["WELCOME.features"];

/** The canonical members of a frame's map: absent ones, empty arrays and `false` options are left out. */
export function membersOf(frame: MapFrame): Member[] {
  const members: Member[] = [];
  for (const [key, content] of Object.entries(frame)) {
    const isEmpty = Array.isArray(content) && content.length === 0 && !REQUIRED_ARRAYS.includes(`${frame.kind}.${key}`);
    if (key === "kind" || content === null || isEmpty || (key === "wanted" && content === false)) continue;
    if (key === "limits" || key === "resume") members.push([key, { members: inner(content) }]);
    else if (key === "alternatives") members.push([key, { maps: (content as Alternative[]).map(inner) }]);
    else members.push([key, { value: content as Value }]);
  }
  return members;
}

function inner(map: object): Member[] {
  return Object.entries(map)
    .filter(([key, content]) => !(key === "strict" && content === false) && !(key === "hashes" && (content as []).length === 0))
    .map(([key, content]) => [key, { value: content as Value }]);
}
