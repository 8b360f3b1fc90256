// The Trunkline client for browsers, in one file: made from clients/typescript/src by `npm run bundle`.

// src/acks.ts
var TooManyPendingAcks = class extends Error {
  constructor(limit) {
    super(`${limit} acks are pending, as many as limits.pending_acks allows`);
    this.limit = limit;
  }
  limit;
};
var PendingAcks = class {
  #limit;
  #namespaces = /* @__PURE__ */ new Map();
  #last = 0;
  /** Answers that were late, came again, or were never asked for. */
  ignored = 0;
  constructor(limit) {
    this.#limit = limit;
  }
  /** ACK-001: an id that was never used before, in an earlier session neither. Throws `TooManyPendingAcks`. */
  add(ns) {
    if (this.#namespaces.size >= this.#limit) throw new TooManyPendingAcks(this.#limit);
    this.#last += 1;
    this.#namespaces.set(this.#last, ns);
    return this.#last;
  }
  /** Whether an answer in this namespace counts; its id is then gone. */
  take(ackId, ns) {
    if (this.#namespaces.get(ackId) === ns) return this.#namespaces.delete(ackId);
    this.ignored += 1;
    return false;
  }
  /** ACK-007: a time-out, or a caller that went away. */
  giveUp(ackId) {
    this.#namespaces.delete(ackId);
  }
  /** ACK-009: takes all ids of a namespace, or all there are. */
  takeAll(ns) {
    const gone = [...this.#namespaces].filter(([, owner]) => ns === void 0 || owner === ns).map(([ackId]) => ackId);
    for (const ackId of gone) this.#namespaces.delete(ackId);
    return gone;
  }
};

// src/address.ts
var SCHEMES = /* @__PURE__ */ new Map([["ws:", "ws:"], ["http:", "ws:"], ["wss:", "wss:"], ["https:", "wss:"]]);
function webSocketUrl(url) {
  const parsed = new URL(url);
  const scheme = SCHEMES.get(parsed.protocol);
  if (scheme === void 0) throw new TypeError("a URL begins with ws, wss, http or https");
  const path = parsed.pathname === "/" ? "/trunkline" : parsed.pathname;
  return `${scheme}//${parsed.host}${path}${parsed.search}`;
}
function followed(current, told) {
  if (told === null) return current;
  try {
    const target = webSocketUrl(told);
    const isSafe = target.startsWith("wss:") || current.startsWith("ws:");
    return isSafe && new URL(target).hostname === new URL(current).hostname ? target : current;
  } catch {
    return current;
  }
}

// src/back_off.ts
var BASE_MS = 500;
var CAP_MS = 3e4;
var RETRY_AFTER_MAX_MS = 36e5;
var BackOff = class {
  #attempts = 0;
  #waits = 0;
  /** How many attempts were granted since the last connection that stood. */
  get attempts() {
    return this.#attempts;
  }
  /** The wait in milliseconds; `random` is from 0 to 1. "At once" holds for the first attempt in a row only. */
  next(atOnce, retryAfterMs, random) {
    this.#attempts += 1;
    if (atOnce && this.#attempts === 1 && retryAfterMs === null) return 0;
    const atMost = Math.min(CAP_MS, BASE_MS * 2 ** this.#waits);
    this.#waits += 1;
    return Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS) + random * atMost;
  }
  /** A connection lived for longer than 10 s after WELCOME: the next trouble is a new one. */
  reset() {
    this.#attempts = 0;
    this.#waits = 0;
  }
};

// src/code.ts
var OVER = { sessionKept: false, retry: "never" };
var FRESH = { sessionKept: false, retry: "back-off" };
var RESUME_AT_ONCE = { sessionKept: true, retry: "at once" };
var RESUME_LATER = { sessionKept: true, retry: "back-off" };
var OF_WEBSOCKET = /* @__PURE__ */ new Map([
  [1e3, OVER],
  [1008, OVER],
  [1010, OVER],
  [1001, RESUME_LATER],
  [1012, RESUME_LATER],
  [1013, RESUME_LATER],
  [1014, RESUME_LATER],
  [1005, RESUME_AT_ONCE],
  [1006, RESUME_AT_ONCE],
  [1015, RESUME_AT_ONCE]
]);
function dispositionOf(code2) {
  if (code2 < 3e3 || code2 > 4999) return OF_WEBSOCKET.get(code2) ?? FRESH;
  const lastDigits = code2 % 1e3;
  if (lastDigits < 200) return OVER;
  if (lastDigits < 400 || lastDigits >= 800) return FRESH;
  return lastDigits < 600 ? RESUME_AT_ONCE : RESUME_LATER;
}

// src/header_error.ts
var HeaderError = class extends Error {
  constructor(headerCause) {
    super(headerCause);
    this.headerCause = headerCause;
  }
  headerCause;
};

// src/value.ts
var Float = class {
  constructor(value) {
    this.value = value;
  }
  value;
};
var RawMap = class {
  constructor(flat) {
    this.flat = flat;
  }
  flat;
  get size() {
    return this.flat.length / 2;
  }
  *pairs() {
    for (let at = 0; at < this.flat.length; at += 2) yield [this.flat[at] ?? null, this.flat[at + 1] ?? null];
  }
};
var Unusable = class {
  constructor(cause) {
    this.cause = cause;
  }
  cause;
};
var BadValue = class extends Error {
  constructor(badBody) {
    super(badBody);
    this.badBody = badBody;
  }
  badBody;
};
var DEPTH_OF_BODY = 2;
var LONE_SURROGATE = /[\ud800-\udfff]/u;
function isText(raw) {
  return typeof raw === "string" && !LONE_SURROGATE.test(raw);
}
function toValue(raw, marks, limit, depth = DEPTH_OF_BODY) {
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
function mapToValue(raw, marks, limit, depth) {
  const [only, content] = raw.flat;
  let escaped = false;
  if (marks && raw.size === 1 && typeof only === "string" && only.startsWith("$")) {
    if (!only.startsWith("$$")) return readMark(only, content ?? null);
    escaped = true;
  }
  if (depth > limit) throw new BadValue("too-deep");
  const members = /* @__PURE__ */ new Map();
  for (const [key, item] of raw.pairs()) {
    if (key instanceof Unusable && key.cause === "bad-utf8") throw new BadValue("bad-utf8");
    if (typeof key !== "string") throw new BadValue("key-not-string");
    if (!isText(key)) throw new BadValue("bad-utf8");
    if (members.has(key)) throw new BadValue("duplicate-key");
    members.set(escaped ? key.slice(1) : key, toValue(item, marks, limit, depth + 1));
  }
  return Object.fromEntries(members);
}
var INTEGER = /^(?:0|-?[1-9][0-9]{0,19})$/;
var BASE64URL = /^[A-Za-z0-9_-]*$/;
var NUMBERS = /* @__PURE__ */ new Map([["NaN", NaN], ["Infinity", Infinity], ["-Infinity", -Infinity]]);
function readMark(key, content) {
  if (typeof content === "string") {
    if (key === "$bin") return readBase64url(content);
    const number2 = NUMBERS.get(content);
    if (key === "$num" && number2 !== void 0) return number2;
    if (key === "$int" && INTEGER.test(content)) {
      const integer2 = BigInt(content);
      if (isProtocolInteger(integer2)) return narrowed(integer2);
    }
  }
  throw new BadValue("bad-mark");
}
function isProtocolInteger(integer2) {
  return integer2 >= -(1n << 63n) && integer2 < 1n << 64n;
}
function narrowed(integer2) {
  const number2 = Number(integer2);
  return Number.isSafeInteger(number2) ? number2 : integer2;
}
function readBase64url(text2) {
  if (!BASE64URL.test(text2) || text2.length % 4 === 1) throw new BadValue("bad-mark");
  const characters = atob(text2.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(characters, (character) => character.charCodeAt(0));
  if (toBase64url(bytes) !== text2) throw new BadValue("bad-mark");
  return bytes;
}
function toBase64url(bytes) {
  let characters = "";
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return btoa(characters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
function checkValue(value, limit, depth = DEPTH_OF_BODY) {
  if (value === null || typeof value === "boolean" || typeof value === "number" || value instanceof Uint8Array) return;
  if (typeof value === "string") {
    if (!isText(value)) throw new RangeError("a string holds a lone surrogate, which cannot be sent");
    return;
  }
  if (typeof value === "bigint") {
    if (!isProtocolInteger(value)) throw new RangeError("an integer lies beyond -2^63 to 2^64 - 1");
    return;
  }
  if (typeof value !== "object") throw new TypeError(`${typeof value} is no value of the protocol`);
  if (depth > limit) throw new RangeError(`containers are nested deeper than the peer's limit of ${limit}`);
  if (Array.isArray(value)) {
    for (const item of value) checkValue(item, limit, depth + 1);
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) throw new TypeError("an object of a class is no value of the protocol");
  for (const [key, item] of Object.entries(value)) {
    if (!isText(key)) throw new RangeError("a key holds a lone surrogate, which cannot be sent");
    checkValue(item, limit, depth + 1);
  }
}

// src/fields.ts
var LONGEST_NAME = 255;
var HIGHEST_CODE = 65535;
var ENCODER = new TextEncoder();
function isProtocolInteger2(raw) {
  return typeof raw === "number" && raw >= 0;
}
function isName(text2) {
  return text2 !== "" && ENCODER.encode(text2).length <= LONGEST_NAME;
}
function isCode(raw) {
  return isProtocolInteger2(raw) && raw <= HIGHEST_CODE;
}
function readElement(element, raw) {
  switch (element) {
    case "integer or nil":
      return raw === null ? null : readInteger(raw);
    case "integer":
      return readInteger(raw);
    case "seq":
      if (readInteger(raw) === 0) throw new HeaderError("bad-seq");
      return readInteger(raw);
    case "code":
      if (readInteger(raw) > HIGHEST_CODE) throw new HeaderError("bad-code");
      return readInteger(raw);
    case "ns":
      return raw === null ? "/" : readNamespace(readText(raw));
    case "name":
      if (!isName(readText(raw))) throw new HeaderError("bad-name");
      return readText(raw);
    case "text":
      return readText(raw);
  }
}
function readInteger(raw) {
  if (!isProtocolInteger2(raw)) throw new HeaderError("bad-integer");
  return raw;
}
function readText(raw) {
  if (!isText(raw)) throw new HeaderError("bad-string");
  return raw;
}
function readNamespace(text2) {
  if (text2 === "/" || !text2.startsWith("/") || !isName(text2)) throw new HeaderError("bad-name");
  return text2;
}

// src/frame.ts
var LAYOUTS = {
  PING: { t: "integer", received: "integer" },
  PONG: { t: "integer", received: "integer" },
  RECEIVED: { received: "integer" },
  CONNECT: { seq: "seq", ns: "ns", auth: "value" },
  CONNECTED: { seq: "seq", ns: "ns", connect: "integer", socket_id: "name", data: "value" },
  REFUSED: { seq: "seq", ns: "ns", connect: "integer", code: "code", message: "text", data: "value" },
  DISCONNECT: { seq: "seq", ns: "ns", code: "code", reason: "text" },
  EVENT: { seq: "seq", ns: "ns", ack_id: "integer or nil", event: "name", args: "args" },
  ACK: { seq: "seq", ns: "ns", ack_id: "integer", args: "args" },
  FAILED: { seq: "seq", ns: "ns", ack_id: "integer", code: "code", message: "text", data: "value" },
  DATAGRAM: { ns: "ns", event: "name", args: "args" },
  LATEST: { ns: "ns", event: "name", key: "name", version: "integer", args: "args" }
};
var KINDS = {
  HELLO: 0,
  WELCOME: 1,
  PING: 2,
  PONG: 3,
  RECEIVED: 4,
  GOAWAY: 5,
  CLOSE: 6,
  AUTH: 7,
  CONNECT: 16,
  CONNECTED: 17,
  REFUSED: 18,
  DISCONNECT: 19,
  EVENT: 20,
  ACK: 21,
  FAILED: 22,
  DATAGRAM: 32,
  LATEST: 33
};
function isSequenced(frame) {
  return "seq" in frame;
}

// src/json.ts
var NotJson = class extends Error {
};
var NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
var STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
var SPACE = /[ \t\n\r]*/y;
var LITERALS = /* @__PURE__ */ new Map([["true", true], ["false", false], ["null", null]]);
function read(text2) {
  return new Parser(text2).parse();
}
var Parser = class {
  #text;
  #position = 0;
  constructor(text2) {
    this.#text = text2;
  }
  parse() {
    const stack = [];
    for (; ; ) {
      let item = this.#begin(stack);
      if (item === void 0) continue;
      for (; ; ) {
        const top = stack.at(-1);
        if (top === void 0) return this.#end(item);
        top.items.push(item);
        this.#space();
        if (this.#skip(",")) {
          if (top.isMap) top.items.push(this.#key());
          break;
        }
        if (!this.#skip(top.isMap ? "}" : "]")) throw new NotJson();
        stack.pop();
        item = closed(top);
      }
    }
  }
  /** A whole value, or undefined if a container with members was opened. */
  #begin(stack) {
    this.#space();
    const isMap = this.#skip("{");
    if (!isMap && !this.#skip("[")) return this.#scalar();
    const open = { items: [], isMap };
    this.#space();
    if (this.#skip(isMap ? "}" : "]")) return closed(open);
    if (isMap) open.items.push(this.#key());
    stack.push(open);
    return void 0;
  }
  #end(item) {
    this.#space();
    if (this.#position < this.#text.length) throw new NotJson();
    return item;
  }
  #key() {
    this.#space();
    const key = this.#string();
    if (key === void 0) throw new NotJson();
    this.#space();
    if (!this.#skip(":")) throw new NotJson();
    return key;
  }
  #scalar() {
    const string = this.#string();
    if (string !== void 0) return string;
    for (const [word, value] of LITERALS) if (this.#skip(word)) return value;
    NUMBER.lastIndex = this.#position;
    const found = NUMBER.exec(this.#text);
    if (found === null) throw new NotJson();
    this.#position = NUMBER.lastIndex;
    return number(found[0], found[1] === void 0 && found[2] === void 0);
  }
  #string() {
    STRING.lastIndex = this.#position;
    const found = STRING.exec(this.#text);
    if (found === null) return void 0;
    this.#position = STRING.lastIndex;
    return JSON.parse(found[0]);
  }
  #skip(token) {
    if (!this.#text.startsWith(token, this.#position)) return false;
    this.#position += token.length;
    return true;
  }
  #space() {
    SPACE.lastIndex = this.#position;
    SPACE.exec(this.#text);
    this.#position = SPACE.lastIndex;
  }
};
function closed(open) {
  return open.isMap ? new RawMap(open.items) : open.items;
}
function number(digits, isWhole) {
  const value = Number(digits);
  return isWhole && digits !== "-0" && Number.isSafeInteger(value) ? value : new Float(value);
}
function write(value) {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return writeNumber(value);
  if (typeof value === "bigint") {
    const narrow = narrowed(value);
    return typeof narrow === "number" ? writeNumber(narrow) : `{"$int":"${value}"}`;
  }
  if (value instanceof Uint8Array) return `{"$bin":"${toBase64url(value)}"}`;
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  const members = Object.entries(value);
  const escape = members.length === 1 && members[0]?.[0].startsWith("$") === true ? "$" : "";
  return writeMembers(members.map(([key, item]) => [escape + key, write(item)]));
}
function writeMembers(members) {
  return `{${members.map(([key, text2]) => `${JSON.stringify(key)}:${text2}`).join(",")}}`;
}
function writeNumber(number2) {
  if (!Number.isFinite(number2)) return `{"$num":"${number2}"}`;
  return Object.is(number2, -0) ? "-0.0" : JSON.stringify(number2);
}

// src/limits.ts
var DEFAULT_LIMITS = {
  frame: 1048576,
  datagram: 1e3,
  replay: 1048576,
  inbound: 1048576,
  queue: 1048576,
  name: 255,
  depth: 64,
  namespaces: 64,
  rooms: 1024,
  pending_acks: 1024,
  latest_keys: 1024
};
var LEAST = {
  frame: 16384,
  datagram: 1e3,
  replay: 16384,
  inbound: 16384,
  queue: 0,
  name: 255,
  depth: 64,
  namespaces: 1,
  rooms: 0,
  pending_acks: 0,
  latest_keys: 1
};
var MOST = 4294967295;
var LIMIT_KEYS = Object.keys(DEFAULT_LIMITS);
function bounded(limits) {
  const within = { ...limits };
  for (const key of LIMIT_KEYS) within[key] = Math.min(Math.max(limits[key], LEAST[key]), MOST);
  return within;
}

// src/map.ts
var DEPTH_OF_MAP_VALUE = 3;
var DATAGRAMS = ["native", "emulated", "none"];
var MapReader = class _MapReader {
  constructor(raw, marks, depth, cause = "bad-value") {
    this.marks = marks;
    this.depth = depth;
    if (!(raw instanceof RawMap)) throw new HeaderError(cause);
    for (const [key, content] of raw.pairs()) {
      if (!isText(key)) throw new HeaderError("bad-map");
      if (this.#members.has(key)) throw new HeaderError("duplicate-key");
      this.#members.set(key, content);
    }
  }
  marks;
  depth;
  #members = /* @__PURE__ */ new Map();
  need(key, read2) {
    const content = this.#members.get(key) ?? null;
    if (content === null) throw new HeaderError("missing-key");
    return read2(content);
  }
  may(key, read2, absent) {
    const content = this.#members.get(key) ?? null;
    return content === null ? absent : read2(content);
  }
  inner = (raw) => new _MapReader(raw, this.marks, this.depth);
  value = (raw) => {
    try {
      return toValue(raw, this.marks, this.depth, DEPTH_OF_MAP_VALUE);
    } catch (error) {
      if (error instanceof BadValue) throw new HeaderError("bad-value");
      throw error;
    }
  };
  bytes = (raw) => {
    const marked = this.marks && raw instanceof RawMap && raw.size === 1 && raw.flat[0] === "$bin";
    const bytes = marked ? this.#bytesOfMark(raw.flat[1] ?? null) : raw;
    if (!(bytes instanceof Uint8Array)) throw new HeaderError("bad-value");
    return bytes;
  };
  #bytesOfMark(content) {
    try {
      return readMark("$bin", content);
    } catch (error) {
      if (error instanceof BadValue) throw new HeaderError("bad-value");
      throw error;
    }
  }
};
function where(holds) {
  return (raw) => {
    if (!holds(raw)) throw new HeaderError("bad-value");
    return raw;
  };
}
var integer = where((raw) => isProtocolInteger2(raw));
var code = where((raw) => isCode(raw));
var text = where((raw) => isText(raw));
var identifier = where((raw) => isText(raw) && isName(raw));
var boolean = where((raw) => typeof raw === "boolean");
var datagrams = where((raw) => typeof raw === "string" && DATAGRAMS.includes(raw));
function arrayOf(read2) {
  return (raw) => {
    if (!Array.isArray(raw)) throw new HeaderError("bad-value");
    return raw.map(read2);
  };
}
function readLimits(map) {
  const limits = { ...DEFAULT_LIMITS };
  for (const key of LIMIT_KEYS) limits[key] = map.may(key, integer, DEFAULT_LIMITS[key]);
  return limits;
}
function readResume(map) {
  return {
    session: map.need("session", identifier),
    secret: map.need("secret", text),
    attach: map.need("attach", integer),
    received: map.need("received", integer),
    strict: map.may("strict", boolean, false)
  };
}
function readAlternative(map) {
  return {
    transport: map.need("transport", text),
    url: map.need("url", text),
    hashes: map.may("hashes", arrayOf(map.bytes), [])
  };
}
function readHello(map) {
  return {
    kind: "HELLO",
    v: map.need("v", integer),
    agent: map.need("agent", text),
    auth: map.may("auth", map.value, null),
    resume: map.may("resume", (raw) => readResume(map.inner(raw)), null),
    features: map.may("features", arrayOf(text), []),
    limits: map.may("limits", (raw) => readLimits(map.inner(raw)), DEFAULT_LIMITS),
    ping_interval: map.may("ping_interval", integer, null)
  };
}
function readWelcome(map) {
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
    alternatives: map.may("alternatives", arrayOf((raw) => readAlternative(map.inner(raw))), [])
  };
}
function readGoAway(map) {
  return {
    kind: "GOAWAY",
    reason: map.need("reason", text),
    slot: map.need("slot", integer),
    deadline: map.need("deadline", integer),
    url: map.may("url", text, null)
  };
}
function readClose(map) {
  return {
    kind: "CLOSE",
    code: map.need("code", code),
    reason: map.need("reason", text),
    retry_after: map.may("retry_after", integer, null),
    url: map.may("url", text, null),
    attach: map.may("attach", integer, null),
    data: map.may("data", map.value, null)
  };
}
function readAuth(map) {
  return {
    kind: "AUTH",
    auth: map.may("auth", map.value, null),
    wanted: map.may("wanted", boolean, false),
    expires: map.may("expires", integer, null)
  };
}
var READERS = { HELLO: readHello, WELCOME: readWelcome, GOAWAY: readGoAway, CLOSE: readClose, AUTH: readAuth };
function readMap(kind, raw, marks, depth) {
  return READERS[kind](new MapReader(raw, marks, depth, "bad-map"));
}
var REQUIRED_ARRAYS = ["WELCOME.features"];
function membersOf(frame) {
  const members = [];
  for (const [key, content] of Object.entries(frame)) {
    const isEmpty = Array.isArray(content) && content.length === 0 && !REQUIRED_ARRAYS.includes(`${frame.kind}.${key}`);
    if (key === "kind" || content === null || isEmpty || key === "wanted" && content === false) continue;
    if (key === "limits" || key === "resume") members.push([key, { members: inner(content) }]);
    else if (key === "alternatives") members.push([key, { maps: content.map(inner) }]);
    else members.push([key, { value: content }]);
  }
  return members;
}
function inner(map) {
  return Object.entries(map).filter(([key, content]) => !(key === "strict" && content === false) && !(key === "hashes" && content.length === 0)).map(([key, content]) => [key, { value: content }]);
}

// src/message_pack.ts
var Truncated = class extends Error {
};
var Open = class {
  constructor(left, isMap) {
    this.left = left;
    this.isMap = isMap;
  }
  left;
  isMap;
  items = [];
  done() {
    return this.isMap ? new RawMap(this.items) : this.items;
  }
};
var UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
var Reader = class {
  #message;
  #view;
  #position = 0;
  /** Whether the byte 0xc1 was met. */
  sawReserved = false;
  constructor(message) {
    this.#message = message;
    this.#view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  }
  get atEnd() {
    return this.#position === this.#message.length;
  }
  /** The length of the array that begins here, or null if none does. */
  arrayHeader() {
    const opened = this.#token();
    return opened instanceof Open && !opened.isMap ? opened.left : null;
  }
  /** The next object, whatever it is. Throws `Truncated`. */
  read() {
    const stack = [];
    for (; ; ) {
      const token = this.#token();
      if (token instanceof Open && token.left > 0) {
        stack.push(token);
        continue;
      }
      let item = token instanceof Open ? token.done() : token;
      for (; ; ) {
        const top = stack.at(-1);
        if (top === void 0) return item;
        top.items.push(item);
        top.left -= 1;
        if (top.left > 0) break;
        stack.pop();
        item = top.done();
      }
    }
  }
  #take(length) {
    const start = this.#position;
    if (start + length > this.#message.length) throw new Truncated();
    this.#position = start + length;
    return start;
  }
  /** An unsigned number of 1, 2 or 4 bytes. */
  #unsigned(width) {
    const at = this.#take(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }
  #bytes(length) {
    const start = this.#take(length);
    return this.#message.slice(start, start + length);
  }
  #text(length) {
    const start = this.#take(length);
    try {
      return UTF8.decode(this.#message.subarray(start, start + length));
    } catch {
      return new Unusable("bad-utf8");
    }
  }
  #extension(length) {
    this.#take(1 + length);
    return new Unusable("extension-type");
  }
  #token() {
    const first = this.#unsigned(1);
    if (first < 128) return first;
    if (first >= 224) return first - 256;
    if (first <= 143) return new Open(2 * (first & 15), true);
    if (first <= 159) return new Open(first & 15, false);
    if (first <= 191) return this.#text(first & 31);
    if (first >= 202 && first <= 211) return this.#number(first);
    switch (first) {
      case 192:
        return null;
      case 194:
        return false;
      case 195:
        return true;
      case 196:
        return this.#bytes(this.#unsigned(1));
      case 197:
        return this.#bytes(this.#unsigned(2));
      case 198:
        return this.#bytes(this.#unsigned(4));
      case 199:
        return this.#extension(this.#unsigned(1));
      case 200:
        return this.#extension(this.#unsigned(2));
      case 201:
        return this.#extension(this.#unsigned(4));
      case 217:
        return this.#text(this.#unsigned(1));
      case 218:
        return this.#text(this.#unsigned(2));
      case 219:
        return this.#text(this.#unsigned(4));
      case 220:
        return new Open(this.#unsigned(2), false);
      case 221:
        return new Open(this.#unsigned(4), false);
      case 222:
        return new Open(2 * this.#unsigned(2), true);
      case 223:
        return new Open(2 * this.#unsigned(4), true);
      case 193:
        this.sawReserved = true;
        return new Unusable("reserved-byte");
      default:
        return this.#extension(1 << first - 212);
    }
  }
  #number(first) {
    const view = this.#view;
    switch (first) {
      case 202:
        return new Float(view.getFloat32(this.#take(4)));
      case 203:
        return new Float(view.getFloat64(this.#take(8)));
      case 204:
        return this.#unsigned(1);
      case 205:
        return this.#unsigned(2);
      case 206:
        return this.#unsigned(4);
      case 207:
        return narrowed(view.getBigUint64(this.#take(8)));
      case 208:
        return view.getInt8(this.#take(1));
      case 209:
        return view.getInt16(this.#take(2));
      case 210:
        return view.getInt32(this.#take(4));
      default:
        return narrowed(view.getBigInt64(this.#take(8)));
    }
  }
};
var ENCODER2 = new TextEncoder();
var Writer = class {
  #buffer = new Uint8Array(128);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;
  finish() {
    return this.#buffer.slice(0, this.#length);
  }
  value(value) {
    if (value === null) this.#byte(192);
    else if (typeof value === "boolean") this.#byte(value ? 195 : 194);
    else if (typeof value === "number") this.#numberOrFloat(value);
    else if (typeof value === "bigint") this.#integer(narrowed(value));
    else if (typeof value === "string") this.#string(value);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (Array.isArray(value)) this.#array(value);
    else this.#map(value);
  }
  arrayHeader(length) {
    this.#header(length, 144, 15, [220, 220, 221]);
  }
  /** Where `length` more bytes go; the buffer and its view may be others afterwards. */
  #reserve(length) {
    const start = this.#length;
    this.#length += length;
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#buffer.length));
      grown.set(this.#buffer);
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    return start;
  }
  #byte(byte) {
    const at = this.#reserve(1);
    this.#view.setUint8(at, byte);
  }
  #append(bytes) {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }
  #sized(first, width, number2) {
    this.#byte(first);
    const at = this.#reserve(width);
    if (width === 1) this.#view.setUint8(at, number2);
    else if (width === 2) this.#view.setUint16(at, number2);
    else this.#view.setUint32(at, number2);
  }
  /** The shortest format: `fixed` up to `most`, then one of 8, 16 and 32 bits; arrays and maps have no 8. */
  #header(length, fixed, most, formats) {
    const [in8, in16, in32] = formats;
    if (length <= most) this.#byte(fixed | length);
    else if (length <= 255 && in8 !== in16) this.#sized(in8, 1, length);
    else if (length <= 65535) this.#sized(in16, 2, length);
    else this.#sized(in32, 4, length);
  }
  #numberOrFloat(number2) {
    if (Number.isSafeInteger(number2) && !Object.is(number2, -0)) {
      this.#integer(number2);
    } else {
      this.#byte(203);
      const at = this.#reserve(8);
      this.#view.setFloat64(at, number2);
    }
  }
  #integer(integer2) {
    if (integer2 >= 0) {
      if (integer2 < 128) this.#byte(Number(integer2));
      else if (integer2 <= 255) this.#sized(204, 1, Number(integer2));
      else if (integer2 <= 65535) this.#sized(205, 2, Number(integer2));
      else if (integer2 <= 4294967295) this.#sized(206, 4, Number(integer2));
      else this.#wide(207, BigInt(integer2));
    } else if (integer2 >= -32) this.#byte(256 + Number(integer2));
    else if (integer2 >= -128) this.#sized(208, 1, Number(integer2));
    else if (integer2 >= -32768) this.#sized(209, 2, Number(integer2));
    else if (integer2 >= -2147483648) this.#sized(210, 4, Number(integer2));
    else this.#wide(211, BigInt(integer2));
  }
  /** Two's complement makes signed and unsigned the same bytes. */
  #wide(first, integer2) {
    this.#byte(first);
    const at = this.#reserve(8);
    this.#view.setBigInt64(at, BigInt.asIntN(64, integer2));
  }
  #string(text2) {
    const bytes = ENCODER2.encode(text2);
    this.#header(bytes.length, 160, 31, [217, 218, 219]);
    this.#append(bytes);
  }
  #binary(bytes) {
    this.#header(bytes.length, 0, -1, [196, 197, 198]);
    this.#append(bytes);
  }
  #array(items) {
    this.arrayHeader(items.length);
    for (const item of items) this.value(item);
  }
  #map(map) {
    const members = Object.entries(map);
    this.#header(members.length, 128, 15, [222, 222, 223]);
    for (const [key, item] of members) {
      this.#string(key);
      this.value(item);
    }
  }
};

// src/encoding.ts
var DEFAULT_DEPTH = 64;
var ENCODER3 = new TextEncoder();
var NAMES = new Map(
  Object.keys(KINDS).map((name) => [KINDS[name], name])
);
function sizeOf(message) {
  return typeof message === "string" ? ENCODER3.encode(message).length : message.length;
}
var MESSAGE_PACK = {
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
  }
};
var JSON_ENCODING = {
  name: "json",
  subprotocol: "trunkline.v1.json",
  decode(message, depth = DEFAULT_DEPTH) {
    if (typeof message !== "string") throw new HeaderError("wrong-message-type");
    if (message === "") throw new HeaderError("empty-message");
    return readFrame(new JsonElements(message), depth);
  },
  encode(frame) {
    return `[${elementsOf(frame).map((element) => "value" in element ? write(element.value) : writeJsonMap(element.members)).join(",")}]`;
  }
};
var MessagePackElements = class {
  marks = false;
  length;
  #reader;
  constructor(message) {
    this.#reader = new Reader(message);
    const length = this.#orTruncated(() => this.#reader.arrayHeader());
    if (length === null) throw new HeaderError("not-an-array");
    this.length = length;
  }
  next() {
    return this.#orTruncated(() => this.#reader.read());
  }
  map() {
    const raw = this.next();
    if (this.#reader.sawReserved) throw new HeaderError("bad-map");
    return raw;
  }
  /** ENC-007: every byte that is left. */
  body() {
    let raw;
    try {
      raw = this.#reader.read();
    } catch (error) {
      throw error instanceof Truncated ? new BadValue("truncated") : error;
    }
    if (!this.#reader.atEnd) throw new BadValue("trailing-bytes");
    return raw;
  }
  finish() {
    if (!this.#reader.atEnd) throw new HeaderError("trailing-bytes");
  }
  #orTruncated(read2) {
    try {
      return read2();
    } catch (error) {
      throw error instanceof Truncated ? new HeaderError("truncated") : error;
    }
  }
};
var JsonElements = class {
  marks = true;
  #items;
  #position = 0;
  constructor(message) {
    this.#items = arrayOf2(message);
  }
  get length() {
    return this.#items.length;
  }
  next() {
    return this.#items[this.#position++] ?? null;
  }
  map() {
    return this.next();
  }
  body() {
    return this.next();
  }
  finish() {
  }
};
function arrayOf2(message) {
  let raw;
  try {
    raw = read(message);
  } catch (error) {
    throw error instanceof NotJson ? new HeaderError("not-json") : error;
  }
  if (!Array.isArray(raw)) throw new HeaderError("not-an-array");
  return raw;
}
function readFrame(elements, depth) {
  if (elements.length === 0) throw new HeaderError("array-length");
  const number2 = elements.next();
  if (!isProtocolInteger2(number2)) throw new HeaderError("bad-kind");
  if (number2 >= 64 && number2 <= 95) return { kind: "IGNORABLE", number: number2 };
  if (number2 >= 96 && number2 <= 127) {
    if (elements.length < 2) throw new HeaderError("array-length");
    return { kind: "NUMBERED_IGNORABLE", number: number2, seq: readElement("seq", elements.next()) };
  }
  const kind = NAMES.get(number2);
  if (kind === void 0) throw new HeaderError("unknown-kind");
  if (isArrayKind(kind)) return readArrayFrame(kind, elements, depth);
  if (elements.length !== 2) throw new HeaderError("array-length");
  const frame = readMap(kind, elements.map(), elements.marks, depth);
  elements.finish();
  return frame;
}
function isArrayKind(kind) {
  return kind in LAYOUTS;
}
function readArrayFrame(kind, elements, depth) {
  const layout = Object.entries(LAYOUTS[kind]);
  if (elements.length !== 1 + layout.length) throw new HeaderError("array-length");
  const fields = { kind };
  let hasBody = false;
  for (const [name, element] of layout) {
    if (element === "value" || element === "args") {
      hasBody = true;
      const { body, badBody } = readBody(elements, element, depth);
      fields[name] = body;
      if (badBody !== void 0) fields["badBody"] = badBody;
    } else {
      fields[name] = readElement(element, elements.next());
    }
  }
  if (!hasBody) elements.finish();
  return fields;
}
function readBody(elements, element, depth) {
  try {
    const raw = elements.body();
    if (element === "args" && !Array.isArray(raw)) throw new BadValue("not-an-array");
    return { body: toValue(raw, elements.marks, depth) };
  } catch (error) {
    if (error instanceof BadValue) return { body: element === "args" ? [] : null, badBody: error.badBody };
    throw error;
  }
}
function elementsOf(frame) {
  if (frame.kind === "IGNORABLE") return [{ value: frame.number }];
  if (frame.kind === "NUMBERED_IGNORABLE") return [{ value: frame.number }, { value: frame.seq }];
  const kind = { value: KINDS[frame.kind] };
  if (!isArrayKind(frame.kind)) return [kind, { members: membersOf(frame) }];
  const fields = frame;
  const written = Object.keys(LAYOUTS[frame.kind]).map((name) => {
    const value = fields[name] ?? null;
    return { value: name === "ns" && value === "/" ? null : value };
  });
  return [kind, ...written];
}
function toObject(members) {
  return Object.fromEntries(
    members.map(([key, content]) => {
      if ("value" in content) return [key, content.value];
      return [key, "maps" in content ? content.maps.map(toObject) : toObject(content.members)];
    })
  );
}
function writeJsonMap(members) {
  return writeMembers(
    members.map(([key, content]) => {
      if ("value" in content) return [key, write(content.value)];
      return [key, "maps" in content ? `[${content.maps.map(writeJsonMap).join(",")}]` : writeJsonMap(content.members)];
    })
  );
}

// src/heartbeat.ts
var LATE_MS = 1e3;
var MOST_PATIENCE = 8;
var Heartbeat = class {
  #watchdogMs;
  #timeoutMs;
  #deadline;
  #probing = false;
  constructor(pingIntervalMs, pingTimeoutMs, patience, now) {
    this.#watchdogMs = (pingIntervalMs + pingTimeoutMs) * patience;
    this.#timeoutMs = pingTimeoutMs;
    this.#deadline = now + this.#watchdogMs;
  }
  /** When `check` is to be called next. */
  get deadline() {
    return this.#deadline;
  }
  /** A message came; a datagram is no life (HBT-001). */
  life(now) {
    this.#probing = false;
    this.#deadline = now + this.#watchdogMs;
  }
  /** The machine woke, the network came back, the page became visible: whether a PING is to be sent (HBT-009). */
  doubt(now) {
    if (this.#probing) return false;
    this.#probe(now);
    return true;
  }
  /** Called when a timer fired, early or late. */
  check(now) {
    if (now < this.#deadline) return "nothing";
    if (this.#probing || now - this.#deadline <= LATE_MS) return "dead";
    this.#probe(now);
    return "ping";
  }
  #probe(now) {
    this.#probing = true;
    this.#deadline = now + this.#timeoutMs;
  }
};
var Patience = class {
  #times = 1;
  get times() {
    return this.#times;
  }
  /** The watchdog ended a connection on which no new sequenced frame was counted. */
  ranOut() {
    this.#times = Math.min(2 * this.#times, MOST_PATIENCE);
  }
  /** A new sequenced frame was counted. */
  counted() {
    this.#times = 1;
  }
};

// src/latest.ts
var LatestVersions = class {
  #limit;
  // A Map keeps the order of insertion: the first entry is the one that was used longest ago.
  #versions = /* @__PURE__ */ new Map();
  constructor(limit) {
    this.#limit = limit;
  }
  /** Whether the frame is newer than the last one taken for its key; it is then the last one. */
  take({ ns, event, key, version }) {
    const name = JSON.stringify([ns, event, key]);
    const last = this.#versions.get(name);
    if (last !== void 0 && version <= last) return false;
    this.#versions.delete(name);
    this.#versions.set(name, version);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > this.#limit && oldest !== void 0) this.#versions.delete(oldest);
    return true;
  }
};

// src/violation.ts
var Violation = class extends Error {
  constructor(code2, message) {
    super(message);
    this.code = code2;
  }
  code;
};
var PROTOCOL_ERROR = 3200;

// src/inbound.ts
var RECEIPT_SHARE = 64;
var RECEIPT_DELAY_MS = 1e4;
function windowOf(sender, receiver) {
  return Math.min(sender.replay, receiver.inbound);
}
var Inbound = class {
  #dueBytes;
  #limitBytes;
  #counted = 0;
  #confirmed = 0;
  #unconfirmedBytes = 0;
  #repeatedBytes = 0;
  #unconfirmedSince = null;
  constructor(own, peers) {
    this.#dueBytes = windowOf(peers, own) / RECEIPT_SHARE;
    this.#limitBytes = 2 * own.inbound + own.frame;
  }
  /** The receipt that RECEIVED, PING, PONG and a resume tell. */
  get receipt() {
    return this.#counted;
  }
  /** Whether a sequenced frame is to be handled, and not one that came again (SES-011). Throws `Violation`. */
  accept(seq, size, now) {
    if (seq > this.#counted + 1) {
      throw new Violation(PROTOCOL_ERROR, `sequence number ${seq} where ${this.#counted + 1} was due`);
    }
    this.#unconfirmedSince ??= now;
    if (seq <= this.#counted) {
      this.#repeatedBytes += size;
      return false;
    }
    if (this.#unconfirmedBytes + size > this.#limitBytes) {
      throw new Violation(PROTOCOL_ERROR, `more than ${this.#limitBytes} bytes without a receipt`);
    }
    this.#counted = seq;
    this.#unconfirmedBytes += size;
    return true;
  }
  /** SES-016, SES-017: at once for a session's first frame, else by bytes or by time. */
  isReceiptDue(now) {
    if (this.#unconfirmedSince === null) return false;
    if (this.#confirmed === 0 || this.#unconfirmedBytes + this.#repeatedBytes >= this.#dueBytes) return true;
    return now - this.#unconfirmedSince >= RECEIPT_DELAY_MS;
  }
  /** Whether everything that was counted is confirmed. */
  get isConfirmed() {
    return this.#unconfirmedSince === null;
  }
  /** When a receipt becomes due by time alone; null while nothing waits for one. */
  get receiptDueAt() {
    return this.#unconfirmedSince === null ? null : this.#unconfirmedSince + RECEIPT_DELAY_MS;
  }
  /** A receipt was told, in whichever frame. */
  told() {
    this.#confirmed = this.#counted;
    this.#unconfirmedBytes = 0;
    this.#repeatedBytes = 0;
    this.#unconfirmedSince = null;
  }
};

// src/outbound.ts
var Overflow = class extends Error {
  constructor(size, queued, limit) {
    super(`a frame of ${size} bytes, where ${queued} of ${limit} wait already`);
    this.size = size;
    this.queued = queued;
    this.limit = limit;
  }
  size;
  queued;
  limit;
};
var TooLarge = class extends Error {
  constructor(size, limit) {
    super(`a frame of ${size} bytes, where the peer takes ${limit}`);
    this.size = size;
    this.limit = limit;
  }
  size;
  limit;
};
var NUMBER_BYTES = 15;
var Outbound = class {
  #encoding;
  #own;
  #queueLimit;
  #window;
  #frameLimit;
  #queue = [];
  #queuedBytes = 0;
  #log = [];
  #logBytes = 0;
  #confirmed = 0;
  #numbered = 0;
  /** How many frames of the log have not been handed to the present connection. */
  #toReplay = 0;
  /** Told each frame as it gets its number, and the object that was pushed. */
  onNumbered = () => {
  };
  constructor(encoding, own, peers) {
    this.#encoding = encoding;
    this.#own = own;
    this.#window = windowOf(own, peers);
    this.#frameLimit = peers.frame;
    this.#queueLimit = own.queue;
  }
  /** WELCOME told the peer's limits, which must not be below those that were assumed until then. */
  begin(peers) {
    this.#window = windowOf(this.#own, peers);
    this.#frameLimit = peers.frame;
  }
  /** Takes a frame. Throws `TooLarge` and `Overflow`, and then has not taken it. */
  push(frame) {
    const size = sizeOf(this.#encoding.encode({ ...frame, seq: 1 })) + NUMBER_BYTES;
    if (size > this.#frameLimit) throw new TooLarge(size, this.#frameLimit);
    if (this.#queuedBytes + size > this.#queueLimit) throw new Overflow(size, this.#queuedBytes, this.#queueLimit);
    this.#queue.push({ frame, size });
    this.#queuedBytes += size;
  }
  /**
   * The next message for the connection: first what is replayed, then what the window allows. From GOAWAY on
   * (`leaving`) no EVENT and no CONNECT gets a number (SES-057).
   */
  transmit(leaving = false) {
    if (this.#toReplay > 0) {
      const replayed = this.#log[this.#log.length - this.#toReplay];
      this.#toReplay -= 1;
      return replayed?.message ?? null;
    }
    const at = this.#nextToNumber(leaving);
    const [waiting] = at < 0 ? [] : this.#queue.splice(at, 1);
    if (waiting === void 0) return null;
    this.#queuedBytes -= waiting.size;
    this.#numbered += 1;
    const frame = { ...waiting.frame, seq: this.#numbered };
    const message = this.#encoding.encode(frame);
    const size = sizeOf(message);
    this.#log.push({ frame, message, size, isAnswered: false });
    this.#logBytes += size;
    this.onNumbered(frame, waiting.frame);
    return message;
  }
  /** SES-018: a receipt trims the log. Throws `Violation` for a frame that was never sent. */
  receipt(received) {
    if (received > this.#numbered) {
      throw new Violation(PROTOCOL_ERROR, `a receipt for ${received}, where ${this.#numbered} were sent`);
    }
    if (received <= this.#confirmed) return;
    const confirmed = this.#log.splice(0, received - this.#confirmed);
    this.#confirmed = received;
    for (const { size } of confirmed) this.#logBytes -= size;
    this.#toReplay = Math.min(this.#toReplay, this.#log.length);
  }
  /** A resume was accepted: all that the receipt of WELCOME does not cover goes again (SES-032). */
  resume(received) {
    this.receipt(received);
    this.#toReplay = this.#log.length;
  }
  /** Whether every frame that has a number is confirmed. */
  get isConfirmed() {
    return this.#log.length === 0;
  }
  /** Whether an answer waits for its number. */
  get owesAnswer() {
    return this.#queue.some(({ frame }) => isAnswer(frame));
  }
  /** Takes the events of a namespace that wait without a number out of the queue (NSP-010, NSP-017). */
  withdrawEvents(ns) {
    const isOfNamespace = ({ frame }) => frame.kind === "EVENT" && frame.ns === ns;
    const withdrawn = this.#queue.filter(isOfNamespace);
    this.#queue = this.#queue.filter((waiting) => !isOfNamespace(waiting));
    for (const { size } of withdrawn) this.#queuedBytes -= size;
    return withdrawn.map(({ frame }) => frame);
  }
  /** The answer to an event has come: whether the event arrived is known, with or without a receipt (SES-047). */
  answered(ackId) {
    const logged = this.#log.find(({ frame }) => frame.kind === "EVENT" && frame.ack_id === ackId);
    if (logged !== void 0) logged.isAnswered = true;
  }
  /** The session is over. */
  end() {
    const unconfirmed = this.#log.filter(({ isAnswered }) => !isAnswered).map(({ frame }) => frame);
    const lost = { unconfirmed, queued: this.#queue.map(({ frame }) => frame) };
    this.#log = [];
    this.#queue = [];
    this.#logBytes = this.#queuedBytes = this.#toReplay = 0;
    return lost;
  }
  /** SES-021 to SES-024: with the window closed answers alone go ahead, up to twice the window. */
  #nextToNumber(leaving) {
    const isOpen = this.#log.length === 0 || this.#logBytes < this.#window;
    const first = this.#queue[0]?.frame.kind;
    const isHeldBack = leaving && (first === "EVENT" || first === "CONNECT");
    if (isOpen && !isHeldBack) return first === void 0 ? -1 : 0;
    if (this.#log.length > 0 && this.#logBytes >= 2 * this.#window) return -1;
    return this.#queue.findIndex(({ frame }) => isAnswer(frame));
  }
};
function isAnswer(frame) {
  return frame.kind === "ACK" || frame.kind === "FAILED";
}

// src/session.ts
var NOT_CONNECTED = 3010;
var BAD_ARGS = 3007;
var DISCONNECTED = 3013;
var NamespaceError = class extends Error {
};
var Session = class {
  constructor(encoding, limits, outputs) {
    this.encoding = encoding;
    this.limits = limits;
    this.outputs = outputs;
    this.acks = new PendingAcks(limits.pending_acks);
    this.outbound = this.#freshOutbound();
  }
  encoding;
  limits;
  outputs;
  acks;
  #attachments = /* @__PURE__ */ new Map();
  #due = /* @__PURE__ */ new Set();
  begun = null;
  /** SES-029: the number of the newest attempt to resume. */
  attach = 0;
  outbound;
  /** A fresh session begins with this WELCOME, whose `secret` is there. */
  begin(welcome, secret) {
    const peers = bounded(welcome.limits);
    this.outbound.begin(peers);
    this.attach = 0;
    this.begun = { id: welcome.session, secret, peers, inbound: new Inbound(this.limits, peers) };
  }
  /**
   * SES-047 to SES-050. Without `renew` its sockets end with it. What waited without a number is not sent in
   * the next session, but told to the application like what is unknown.
   */
  lose(code2, reason, renew) {
    const lost = this.outbound.end();
    const unsent = new Set(lost.queued.map((frame) => frame.kind === "EVENT" ? frame.ack_id : null));
    if (this.begun !== null || lost.queued.length > 0) this.outputs.push({ kind: "lost", code: code2, reason, lost });
    for (const ackId of this.acks.takeAll()) this.#settle(ackId, { kind: "ended", why: unsent.has(ackId) ? "not sent" : "session lost" });
    this.#due.clear();
    this.begun = null;
    this.attach = 0;
    this.outbound = this.#freshOutbound();
    for (const [ns, attachment] of [...this.#attachments]) {
      if (renew) this.#renew(attachment);
      else this.#end(ns, code2 ?? DISCONNECTED, reason);
    }
  }
  /** Whether a socket of this namespace is connected. */
  isConnected(ns) {
    return this.#attachments.get(ns)?.state === "connected";
  }
  /** Throws `NamespaceError`, and what `Outbound.push` and `checkValue` throw. */
  connect(ns, auth) {
    if (!ns.startsWith("/") || !isName(ns)) throw new NamespaceError("a namespace begins with / and has 255 bytes at most");
    if (this.#attachments.has(ns)) throw new NamespaceError(`${ns} is connected already, or being connected`);
    checkValue(auth, this.#depth);
    const asked = { kind: "CONNECT", ns, auth };
    this.outbound.push(asked);
    this.#attachments.set(ns, { asked, state: "pending", connect: null });
  }
  /** NSP-009. Events that were emitted before go ahead. */
  disconnect(ns) {
    if (!this.#attachments.has(ns)) return;
    this.outbound.push({ kind: "DISCONNECT", ns, code: DISCONNECTED, reason: "" });
    this.#end(ns, DISCONNECTED, "");
    this.#endAcks(ns);
  }
  /** The id of the ack, if one is asked for. Throws what `connect` throws, and `TooManyPendingAcks`. */
  emit(ns, event, args, asks) {
    if (!this.#attachments.has(ns)) throw new NamespaceError(`${ns} is not connected`);
    this.check(event, args);
    const ack_id = asks ? this.acks.add(ns) : null;
    try {
      this.outbound.push({ kind: "EVENT", ns, ack_id, event, args });
    } catch (error) {
      if (ack_id !== null) this.acks.giveUp(ack_id);
      throw error;
    }
    return ack_id;
  }
  /** ACK-003: once, and only while the socket lives; else nothing happens. Throws what `emit` throws. */
  answer(due, answer) {
    if (!this.#due.has(due)) return;
    checkValue("args" in answer ? answer.args : answer.data, this.#depth);
    const { ns, ackId: ack_id } = due;
    this.outbound.push("args" in answer ? { kind: "ACK", ns, ack_id, args: answer.args } : { kind: "FAILED", ns, ack_id, ...answer });
    this.#due.delete(due);
  }
  /** LIM-003: refuses a name or args that no peer may be sent. Throws `RangeError` or `TypeError`. */
  check(event, args) {
    if (!isName(event)) throw new RangeError("the name of an event has 1 to 255 bytes");
    checkValue(args, this.#depth);
  }
  /** A new frame of the peer, in order (SES-012). */
  deliver(frame) {
    switch (frame.kind) {
      case "CONNECTED":
        return this.#onConnected(frame);
      case "REFUSED":
        return this.#onRefused(frame);
      case "DISCONNECT":
        return this.#onDisconnect(frame);
      case "EVENT":
        return this.#onEvent(frame);
      case "ACK":
      case "FAILED":
        return this.#onAnswer(frame);
    }
  }
  /** SES-058: nothing of either side is open. */
  get isSettled() {
    const isConfirmed = this.outbound.isConfirmed && (this.begun?.inbound.isConfirmed ?? true);
    return isConfirmed && this.#due.size === 0 && !this.outbound.owesAnswer;
  }
  get #depth() {
    return this.begun?.peers.depth ?? LEAST.depth;
  }
  /** Until WELCOME has come, the peer is taken to take the least that every peer takes. */
  #freshOutbound() {
    const outbound = new Outbound(this.encoding, this.limits, LEAST);
    outbound.onNumbered = (frame, pushed) => {
      const attachment = frame.kind === "CONNECT" ? this.#attachments.get(frame.ns) : void 0;
      if (attachment?.asked === pushed) attachment.connect = frame.seq;
    };
    return outbound;
  }
  /** SES-048. */
  #renew(attachment) {
    attachment.state = "pending";
    attachment.connect = null;
    try {
      this.outbound.push(attachment.asked);
    } catch (error) {
      if (!(error instanceof TooLarge || error instanceof Overflow)) throw error;
      this.#end(attachment.asked.ns, DISCONNECTED, error.message);
    }
  }
  #onConnected(frame) {
    const attachment = this.#attachments.get(frame.ns);
    if (attachment?.state !== "pending" || attachment.connect !== frame.connect) return;
    attachment.state = "connected";
    this.outputs.push({ kind: "connected", ns: frame.ns, socketId: frame.socket_id, data: frame.data });
  }
  /** The server answers the events that were sent ahead (NSP-008); those that wait are not sent (NSP-017). */
  #onRefused({ ns, connect: connect2, code: code2, message, data }) {
    const attachment = this.#attachments.get(ns);
    if (attachment?.state !== "pending" || attachment.connect !== connect2) return;
    this.#attachments.delete(ns);
    this.#withdraw(ns);
    this.outputs.push({ kind: "refused", ns, code: code2, message, data });
  }
  /** NSP-009. While pending it is of an earlier socket. */
  #onDisconnect({ ns, code: code2, reason }) {
    if (!this.isConnected(ns)) return;
    this.#withdraw(ns);
    this.#endAcks(ns);
    this.#end(ns, code2, reason);
  }
  /** ACK-011. */
  #onEvent({ ns, ack_id, event, args, badBody }) {
    const refusal = !this.isConnected(ns) ? [NOT_CONNECTED, "not-connected"] : badBody !== void 0 ? [BAD_ARGS, "bad-args"] : null;
    if (refusal === null) {
      const due = ack_id === null ? null : { ns, ackId: ack_id };
      if (due !== null) this.#due.add(due);
      this.outputs.push({ kind: "event", ns, event, args, due });
    } else if (ack_id !== null) {
      this.outbound.push({ kind: "FAILED", ns, ack_id, code: refusal[0], message: refusal[1], data: null });
    }
  }
  #onAnswer(frame) {
    this.outbound.answered(frame.ack_id);
    if (!this.acks.take(frame.ack_id, frame.ns)) return;
    const { badBody } = frame;
    if (frame.kind === "FAILED") this.#settle(frame.ack_id, { kind: "failed", code: frame.code, message: frame.message, data: frame.data });
    else this.#settle(frame.ack_id, badBody === void 0 ? { kind: "answered", args: frame.args } : { kind: "unreadable", cause: badBody });
  }
  #end(ns, code2, reason) {
    this.#attachments.delete(ns);
    this.#due = new Set([...this.#due].filter((due) => due.ns !== ns));
    this.outputs.push({ kind: "disconnected", ns, code: code2, reason });
  }
  #endAcks(ns) {
    for (const ackId of this.acks.takeAll(ns)) this.#settle(ackId, { kind: "ended", why: "disconnected" });
  }
  #withdraw(ns) {
    for (const frame of this.outbound.withdrawEvents(ns)) this.#endUnsent(frame);
  }
  #endUnsent(frame) {
    if (frame.kind !== "EVENT" || frame.ack_id === null) return;
    if (this.acks.take(frame.ack_id, frame.ns)) this.#settle(frame.ack_id, { kind: "ended", why: "not sent" });
  }
  #settle(ackId, outcome) {
    this.outputs.push({ kind: "settled", ackId, outcome });
  }
};

// src/connections.ts
var VERSION = 1;
var NORMAL = 1e3;
var CUT = 1006;
var SUPERSEDED = 3400;
var STALE_ATTACH = 3401;
var PING_TIMEOUT = 3402;
var FRAME_TOO_LARGE = 3205;
var WELCOME_TIMEOUT_MS = 2e4;
var LIVED_MS = 1e4;
var CLOSING_MS = 1e3;
var CUTS = [1005, 1006, 1015];
var Connections = class {
  outputs = [];
  session;
  #encoding;
  #options;
  #backOff = new BackOff();
  #patience = new Patience();
  #links = /* @__PURE__ */ new Map();
  #lastLink = 0;
  #current = null;
  /** The link that is being dialled, or awaits WELCOME. */
  #attempt = null;
  #leaving = null;
  #switchWanted = false;
  #isStopped = true;
  #target;
  /** Best-effort frames that were dropped, since no socket of theirs was connected, or they were stale or bad. */
  dropped = 0;
  constructor(encoding, options) {
    this.#encoding = encoding;
    this.#options = options;
    this.#target = options.url;
    this.session = new Session(encoding, options.limits, this.outputs);
  }
  /** The WELCOME of the current connection. */
  get welcome() {
    return this.#current?.welcome ?? null;
  }
  /** The current connection. */
  get currentLink() {
    return this.#current?.id ?? null;
  }
  /** Dials, unless something is under way (COD-006: after the client stopped, too). */
  start() {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#backOff.reset();
    this.#target = this.#options.url;
    this.#dial(0);
  }
  /** SES-037: goes over to another connection, while this one goes on. */
  switch() {
    if (this.#current === null || this.#attempt !== null) return;
    this.#switchWanted = true;
    this.#dial(0);
  }
  /** The application ends the session; on a connection that awaits WELCOME too (SES-039). */
  end() {
    if (this.#isStopped) return;
    this.#closeAll(NORMAL, "");
    this.session.lose(NORMAL, "ended", false);
    this.#stop(NORMAL, "ended", null);
  }
  /** HBT-009: the network came back, the page became visible. */
  doubt(now) {
    if (this.#current?.watchdog?.doubt(now) === true) this.#ping(this.#current, now);
  }
  /** The transport is open. */
  opened(id, now) {
    const link = this.#links.get(id);
    if (link === void 0 || link !== this.#attempt || link.role !== "dialling") {
      this.outputs.push({ kind: "drop", link: id });
      return;
    }
    if (this.session.begun !== null) {
      this.session.attach += 1;
      link.resumes = true;
      link.strict = this.#current !== null && this.#leaving === null;
    }
    link.role = "greeting";
    link.since = now;
    this.#write(link, this.#hello(link));
  }
  /** The transport ended, or could not be opened. With a code of its own it is a CLOSE (TRN-017), else a cut. */
  closed(id, code2, reason, now) {
    const link = this.#links.get(id);
    if (link === void 0) return;
    this.#links.delete(id);
    if (link.role === "closing") return;
    if (link.role === "dialling") this.#dialFailed(link);
    else if (code2 !== null && !CUTS.includes(code2)) this.#onClose(link, closeOf(code2, reason), now);
    else this.#cut(link, now);
  }
  /** A message is coming that is larger than `limits.frame` (SES-056). */
  tooLarge(id, now) {
    const link = this.#links.get(id);
    if (link !== void 0 && link.role !== "closing") this.#violation(link, FRAME_TOO_LARGE, "frame-too-large", now);
  }
  /** A datagram came. What is no best-effort frame, or comes on another connection, is dropped (ENC-011). */
  datagram(id, message) {
    const link = this.#links.get(id);
    try {
      const frame = this.#encoding.decode(message, this.#options.limits.depth);
      if (link !== void 0 && (frame.kind === "DATAGRAM" || frame.kind === "LATEST")) return this.#onBestEffort(link, frame);
    } catch (error) {
      if (!(error instanceof HeaderError)) throw error;
    }
    this.dropped += 1;
  }
  /** A message came. */
  received(id, message, now) {
    const link = this.#links.get(id);
    if (link === void 0 || link.role === "closing") return;
    link.watchdog?.life(now);
    try {
      if (sizeOf(message) > this.#options.limits.frame) throw new Violation(FRAME_TOO_LARGE, "frame-too-large");
      this.#dispatch(link, this.#encoding.decode(message, this.#options.limits.depth), sizeOf(message), now);
    } catch (error) {
      if (error instanceof HeaderError) this.#violation(link, PROTOCOL_ERROR, error.headerCause, now);
      else if (error instanceof Violation) this.#violation(link, error.code, error.message, now);
      else throw error;
    }
  }
  /** Sends what may be sent, and the receipts that are due. To be called after every other input. */
  pump(now) {
    const link = this.#current;
    const inbound = this.session.begun?.inbound;
    if (link === null || inbound === void 0) return;
    const { outbound } = this.session;
    const isLeaving = this.#leaving !== null;
    for (let message = outbound.transmit(isLeaving); message !== null; message = outbound.transmit(isLeaving)) {
      this.outputs.push({ kind: "send", link: link.id, message });
    }
    if (inbound.isReceiptDue(now) || isLeaving && !inbound.isConfirmed) {
      this.#write(link, { kind: "RECEIVED", received: inbound.receipt });
      inbound.told();
    }
  }
  /** To be called when `deadline` has come, or at any other time. */
  tick(now) {
    const attempt = this.#attempt;
    if (attempt?.role === "greeting" && now >= attempt.since + WELCOME_TIMEOUT_MS) {
      this.#forget(attempt);
      this.#cut(attempt, now);
    }
    for (const link of [...this.#links.values()]) {
      if (link.role === "old" && now >= link.since + CLOSING_MS) this.#forget(link);
    }
    this.#watch(now);
    this.#leaveWhenAsked(now);
  }
  /** When `tick` is to be called next. */
  get deadline() {
    const times = [...this.#links.values()].filter(({ role }) => role === "old").map(({ since }) => since + CLOSING_MS);
    if (this.#attempt?.role === "greeting") times.push(this.#attempt.since + WELCOME_TIMEOUT_MS);
    if (this.#current?.watchdog) times.push(this.#current.watchdog.deadline);
    const receiptDueAt = this.#current && this.session.begun?.inbound.receiptDueAt;
    if (typeof receiptDueAt === "number") times.push(receiptDueAt);
    const leaving = this.#attempt === null ? this.#leaving : null;
    if (leaving !== null) times.push(this.session.isSettled ? leaving.slot : leaving.deadline);
    return times.length === 0 ? null : Math.min(...times);
  }
  #dispatch(link, frame, size, now) {
    if (frame.kind === "CLOSE") return this.#onClose(link, frame, now);
    if (frame.kind === "WELCOME") return this.#onWelcome(link, frame, now);
    if (link.role === "greeting") throw new Violation(PROTOCOL_ERROR, `${frame.kind} ahead of WELCOME`);
    const { session } = this;
    const inbound = session.begun?.inbound;
    if (inbound === void 0) return;
    if (isSequenced(frame)) {
      if (frame.kind === "CONNECT") throw new Violation(PROTOCOL_ERROR, "CONNECT from a server");
      if (!inbound.accept(frame.seq, size, now)) return;
      this.#patience.counted();
      return session.deliver(frame);
    }
    switch (frame.kind) {
      case "RECEIVED":
      case "PONG":
        return session.outbound.receipt(frame.received);
      case "PING":
        session.outbound.receipt(frame.received);
        if (link.role !== "current") return;
        this.#write(link, { kind: "PONG", t: frame.t, received: inbound.receipt });
        return inbound.told();
      case "GOAWAY":
        return this.#onGoAway(link, frame, now);
      case "AUTH":
        if (!frame.wanted || link.role !== "current") return;
        return this.#write(link, { kind: "AUTH", auth: this.#options.auth(), wanted: false, expires: null });
      case "DATAGRAM":
      case "LATEST":
        return this.#onBestEffort(link, frame);
      case "HELLO":
        throw new Violation(PROTOCOL_ERROR, "HELLO from a server");
    }
  }
  /** BEF-002, BEF-007. */
  #onBestEffort(link, frame) {
    const isTaken = link.role === "current" && this.session.isConnected(frame.ns) && frame.badBody === void 0;
    if (isTaken && (frame.kind === "DATAGRAM" || link.versions.take(frame))) this.outputs.push({ kind: "best effort", frame });
    else this.dropped += 1;
  }
  #onWelcome(link, welcome, now) {
    const { session } = this;
    if (link.role !== "greeting") throw new Violation(PROTOCOL_ERROR, "a second WELCOME");
    if (welcome.v !== VERSION) throw new Violation(PROTOCOL_ERROR, "another version");
    const { secret } = welcome;
    if (welcome.resumed && (!link.resumes || welcome.session !== session.begun?.id)) {
      throw new Violation(PROTOCOL_ERROR, "a session that was not asked for");
    }
    if (!welcome.resumed && (secret === null || link.strict)) {
      throw new Violation(PROTOCOL_ERROR, "no secret, or a fresh session for a strict resume");
    }
    const old = this.#current;
    if (welcome.resumed) {
      session.outbound.resume(welcome.received);
      session.begun?.inbound.told();
      if (old !== null) Object.assign(old, { role: "old", since: now });
      this.outputs.push({ kind: "resumed", session: welcome.session });
    } else {
      if (old !== null) this.#close(old, NORMAL, "");
      if (link.resumes) session.lose(null, welcome.reason ?? "unknown", true);
      session.begin(welcome, secret ?? "");
      this.outputs.push({ kind: "began", session: welcome.session, reason: welcome.reason });
    }
    this.#attempt = null;
    this.#current = link;
    this.#leaving = null;
    this.#switchWanted = false;
    link.role = "current";
    link.since = now;
    link.welcome = welcome;
    link.watchdog = new Heartbeat(welcome.ping_interval, welcome.ping_timeout, this.#patience.times, now);
  }
  /** SES-057, SES-061. */
  #onGoAway(link, { slot, deadline, url }, now) {
    if (link.role === "current") this.#leaving = { slot: now + slot, deadline: now + deadline, url };
  }
  /** The code decides (SES-052). */
  #onClose(link, close, now) {
    const { role } = link;
    this.#shut(link, close.code, close.reason);
    if (role === "greeting") return this.#attemptClosed(link, close);
    const isTwin = close.attach === null ? this.#attempt?.role !== "greeting" : close.attach > this.session.attach;
    if (role === "current") {
      this.#leaveCurrent(now);
      this.outputs.push({ kind: "detached", code: close.code, reason: close.reason });
      if (close.code !== SUPERSEDED) return this.#act(close);
      if (!isTwin) return this.#redial("at once", null);
    }
    if (close.code === SUPERSEDED && isTwin && (role === "current" || close.attach !== null)) {
      this.#closeAll(NORMAL, "");
      this.session.lose(close.code, "superseded by somebody else", true);
      this.#redial("back-off", null);
    }
  }
  #attemptClosed(link, close) {
    this.#attempt = null;
    const { session } = this;
    if (close.code === STALE_ATTACH && link.resumes) session.attach = Math.max(session.attach, close.attach ?? 0);
    if (this.#current === null) return this.#act(close);
    const { sessionKept } = dispositionOf(close.code);
    if (this.#leaving !== null || sessionKept) return this.#redial("back-off", close.retry_after);
    this.#switchWanted = false;
    this.outputs.push({ kind: "switch failed", code: close.code });
  }
  /** What a code says, once no connection carries the session. */
  #act(close) {
    const { sessionKept, retry } = dispositionOf(close.code);
    this.#target = followed(this.#options.url, close.url);
    const isKept = sessionKept && retry !== "never";
    if (!isKept && (this.session.begun !== null || retry === "never")) {
      this.#closeAll(NORMAL, "");
      this.session.lose(close.code, close.reason, retry !== "never");
    }
    if (retry === "never") this.#stop(close.code, close.reason, close.data);
    else this.#redial(retry, close.retry_after);
  }
  /** A connection is gone, and nobody said why (SES-054). */
  #cut(link, now) {
    if (link.role === "current") {
      this.#leaveCurrent(now);
      this.outputs.push({ kind: "detached", code: CUT, reason: "cut" });
      this.#act(closeOf(CUT, "cut"));
    } else if (link === this.#attempt) {
      this.#attempt = null;
      this.#redial("back-off", null);
    }
  }
  #dialFailed(link) {
    if (link !== this.#attempt) return;
    this.#attempt = null;
    this.#target = this.#options.url;
    this.#redial("back-off", null);
  }
  /** SES-053; on an old connection it ends that connection and nothing else (SES-036). */
  #violation(link, code2, reason, now) {
    if (link.role === "old") return this.#shut(link, SUPERSEDED, "");
    this.#leaveCurrent(now);
    this.#closeAll(code2, reason);
    if (this.session.begun !== null) this.session.lose(code2, reason, true);
    this.#redial("back-off", null);
  }
  #watch(now) {
    const link = this.#current;
    const verdict = link?.watchdog?.check(now) ?? "nothing";
    if (link === null || verdict === "nothing") return;
    if (verdict === "ping") return this.#ping(link, now);
    this.#patience.ranOut();
    this.#close(link, PING_TIMEOUT, "ping-timeout");
    this.#leaveCurrent(now);
    this.outputs.push({ kind: "detached", code: PING_TIMEOUT, reason: "ping-timeout" });
    this.#act(closeOf(CUT, "ping-timeout"));
  }
  /** SES-058: not before the slot; then as soon as all is settled; at the latest at the deadline. */
  #leaveWhenAsked(now) {
    const leaving = this.#leaving;
    if (leaving === null || this.#attempt !== null) return;
    if (now < leaving.deadline && (now < leaving.slot || !this.session.isSettled)) return;
    this.#target = followed(this.#options.url, leaving.url);
    this.#dial(0);
  }
  #hello(link) {
    const { begun, attach } = this.session;
    const resume = begun && link.resumes ? { session: begun.id, secret: begun.secret, attach, received: begun.inbound.receipt, strict: link.strict } : null;
    const { agent, auth, limits } = this.#options;
    return { kind: "HELLO", v: VERSION, agent, auth: auth(), resume, features: [], limits, ping_interval: null };
  }
  #dial(delayMs) {
    this.#lastLink += 1;
    const versions = new LatestVersions(this.#options.limits.latest_keys);
    const link = { id: this.#lastLink, role: "dialling", resumes: false, strict: false, since: 0, watchdog: null, versions, welcome: null };
    this.#links.set(link.id, link);
    this.#attempt = link;
    this.outputs.push({ kind: "dial", link: link.id, url: this.#target, delayMs });
  }
  /** Dials again, unless an attempt is under way, or nothing asks for one. */
  #redial(retry, retryAfterMs) {
    const isWanted = this.#current === null || this.#switchWanted || this.#leaving !== null;
    if (this.#isStopped || this.#attempt !== null || !isWanted) return;
    this.#dial(this.#backOff.next(retry === "at once", retryAfterMs, this.#options.random()));
  }
  /** The session has no connection any more. */
  #leaveCurrent(now) {
    if (this.#current !== null && now - this.#current.since > LIVED_MS) this.#backOff.reset();
    this.#current = null;
    this.#leaving = null;
    this.#switchWanted = false;
  }
  /** CLOSE wherever HELLO was sent; other connections are shut, and dials given up. */
  #closeAll(code2, reason) {
    for (const link of [...this.#links.values()]) {
      if (link.role === "current" || link.role === "greeting") this.#close(link, code2, reason);
      else if (link.role === "old") this.#shut(link, SUPERSEDED, "");
      else if (link.role === "dialling") this.#forget(link);
    }
    this.#current = null;
    this.#attempt = null;
    this.#leaving = null;
    this.#switchWanted = false;
  }
  #stop(code2, reason, data) {
    this.#isStopped = true;
    this.outputs.push({ kind: "stopped", code: code2, reason, data });
  }
  #close(link, code2, reason) {
    this.#write(link, closeOf(code2, reason));
    this.#shut(link, code2, reason);
  }
  #shut(link, code2, reason) {
    link.role = "closing";
    this.outputs.push({ kind: "shut", link: link.id, code: code2, reason });
  }
  #forget(link) {
    this.#links.delete(link.id);
    this.outputs.push({ kind: "drop", link: link.id });
  }
  #ping(link, now) {
    const received = this.session.begun?.inbound.receipt ?? 0;
    this.#write(link, { kind: "PING", t: Math.floor(now), received });
    this.session.begun?.inbound.told();
  }
  #write(link, frame) {
    this.outputs.push({ kind: "send", link: link.id, message: this.#encoding.encode(frame) });
  }
};
function closeOf(code2, reason) {
  return { kind: "CLOSE", code: code2, reason, retry_after: null, url: null, attach: null, data: null };
}

// src/emulation.ts
var Emulation = class {
  #limit;
  // By (ns, event, key) for a LATEST, by a number of its own for a DATAGRAM; in the order they were put in.
  #waiting = /* @__PURE__ */ new Map();
  #count = 0;
  /** DATAGRAMs that a full queue dropped (`queue-full`). */
  queueFull = 0;
  /** LATESTs that a newer one replaced (`conflated`). */
  conflated = 0;
  constructor(limit) {
    this.#limit = limit;
  }
  /** A LATEST takes the place of the one that waits for its key; in a full queue the oldest DATAGRAM goes. */
  push(frame) {
    const key = frame.kind === "LATEST" ? JSON.stringify([frame.ns, frame.event, frame.key]) : this.#count += 1;
    if (this.#waiting.has(key)) this.conflated += 1;
    else if (this.#waiting.size >= this.#limit) this.#dropOldest();
    this.#waiting.set(key, frame);
  }
  get isEmpty() {
    return this.#waiting.size === 0;
  }
  /** The next frame to hand over, in the order they were put in. */
  take() {
    for (const [key, frame] of this.#waiting) {
      this.#waiting.delete(key);
      return frame;
    }
    return null;
  }
  /** BEF-004: nothing is kept across a change of connection. */
  clear() {
    this.#waiting.clear();
  }
  /** The oldest DATAGRAM, or the oldest frame where no DATAGRAM waits: the queue is bounded in any case. */
  #dropOldest() {
    const keys = [...this.#waiting.keys()];
    const oldest = keys.find((key) => typeof key === "number") ?? keys[0];
    if (oldest === void 0) return;
    this.#waiting.delete(oldest);
    this.queueFull += 1;
  }
};

// src/socket.ts
var UNKNOWN_EVENT = 3009;
var INTERNAL = 3011;
var EventFailed = class extends Error {
  constructor(code2, message, data = null) {
    super(message);
    this.code = code2;
    this.data = data;
  }
  code;
  data;
};
var NoAnswer = class extends Error {
  constructor(why) {
    super(`no answer: ${why}`);
    this.why = why;
  }
  why;
};
var SocketEnded = class extends Error {
  constructor(code2, reason) {
    super(reason);
    this.code = code2;
  }
  code;
};
var Socket = class {
  /** Use `Client.socket`. */
  constructor(ns, session, act, bestEffort) {
    this.ns = ns;
    this.#session = session;
    this.#act = act;
    this.#bestEffort = bestEffort;
    this.#ready = deferred();
  }
  ns;
  #session;
  #act;
  #bestEffort;
  #handlers = /* @__PURE__ */ new Map();
  #waiting = /* @__PURE__ */ new Map();
  #ready;
  /** The public id, once the socket is connected; it changes with the session. */
  id = null;
  /** The id of the socket when it is connected. Rejects with `SocketEnded`. */
  get ready() {
    return this.#ready.promise;
  }
  /** Calls `handler` for every such event, the best-effort ones too. */
  on(event, handler) {
    const handlers = this.#handlers.get(event) ?? /* @__PURE__ */ new Set();
    this.#handlers.set(event, handlers.add(handler));
    return this;
  }
  /** As `on`, for the next such event alone. */
  once(event, handler) {
    const only = (...args) => {
      this.off(event, only);
      return handler(...args);
    };
    return this.on(event, only);
  }
  off(event, handler) {
    const handlers = this.#handlers.get(event);
    handlers?.delete(handler);
    if (handlers?.size === 0) this.#handlers.delete(event);
    return this;
  }
  /** Exactly once and in order. Throws `Overflow`, `TooLarge`, `NamespaceError`, `RangeError` or `TypeError`. */
  emit(event, ...args) {
    this.#session.emit(this.ns, event, args, false);
    this.#act();
  }
  /** The args of the answer. Rejects with `EventFailed`, `NoAnswer`, `TooManyPendingAcks` and what `emit` throws. */
  async emitWithAck(timeoutMs, event, ...args) {
    const ackId = this.#session.emit(this.ns, event, args, true) ?? 0;
    const answer = new Promise((resolve, reject) => this.#waiting.set(ackId, { resolve, reject }));
    const timer = setTimeout(() => this.#giveUp(ackId), timeoutMs);
    this.#act();
    return answer.finally(() => clearTimeout(timer));
  }
  /** Sent only if nothing waits for the connection, and lost with it. Whether it was sent (BEF-012). */
  volatile(event, ...args) {
    return this.#bestEffort({ kind: "DATAGRAM", ns: this.ns, event, args }, "volatile");
  }
  /** Best effort. Whether it was taken; throws `TooLarge` above the server's `limits.datagram`. */
  datagram(event, ...args) {
    return this.#bestEffort({ kind: "DATAGRAM", ns: this.ns, event, args }, "datagram");
  }
  /** The newest value of `key`, best effort: a newer one replaces one that waits. As `datagram` otherwise. */
  latest(key, event, ...args) {
    return this.#bestEffort({ kind: "LATEST", ns: this.ns, event, key, args }, "datagram");
  }
  /** Leaves the namespace; what was emitted before is sent. */
  disconnect() {
    this.#session.disconnect(this.ns);
    this.#act();
  }
  /** For the client: the socket is connected. */
  connected(id) {
    this.id = id;
    this.#ready.resolve(id);
  }
  /** For the client: the socket has ended. */
  ended(code2, reason) {
    const error = new SocketEnded(code2, reason);
    this.id = null;
    this.#ready.reject(error);
    this.#ready = deferred();
    this.#ready.reject(error);
  }
  /** For the client: an ack has ended. */
  settle(ackId, outcome) {
    const waiting = this.#waiting.get(ackId);
    this.#waiting.delete(ackId);
    if (outcome.kind === "answered") waiting?.resolve(outcome.args);
    else if (outcome.kind === "failed") waiting?.reject(new EventFailed(outcome.code, outcome.message, outcome.data));
    else waiting?.reject(new NoAnswer(outcome.kind === "ended" ? outcome.why : "unreadable"));
  }
  /** For the client: an event has come. */
  take(event, args, due) {
    const handlers = [...this.#handlers.get(event) ?? []];
    if (handlers.length === 0 && due !== null) this.#fail(due, new EventFailed(UNKNOWN_EVENT, "unknown-event"));
    for (const handler of handlers) void this.#run(handler, args, due);
  }
  /** The first handler that ends gives the answer. An error that is not meant for the server stays here. */
  async #run(handler, args, due) {
    try {
      const answer = await handler(...args);
      if (due !== null) this.#session.answer(due, { args: answer === void 0 ? [] : [answer] });
      this.#act();
    } catch (error) {
      if (due !== null) this.#fail(due, error instanceof EventFailed ? error : new EventFailed(INTERNAL, "internal"));
      if (!(error instanceof EventFailed)) console.error(`a handler in ${this.ns} failed`, error);
    }
  }
  #fail(due, { code: code2, message, data }) {
    this.#session.answer(due, { code: code2, message, data });
    this.#act();
  }
  #giveUp(ackId) {
    this.#session.acks.giveUp(ackId);
    this.#waiting.get(ackId)?.reject(new NoAnswer("timeout"));
    this.#waiting.delete(ackId);
  }
};
function deferred() {
  let resolve = () => {
  };
  let reject = () => {
  };
  const promise = new Promise((onId, onError) => {
    resolve = onId;
    reject = onError;
  });
  promise.catch(() => {
  });
  return { promise, resolve, reject };
}

// src/transport/websocket.ts
var REASON_BYTES = 123;
function openWebSocket(url, subprotocol, listener) {
  const socket = new WebSocket(url, [subprotocol]);
  socket.binaryType = "arraybuffer";
  let isOpen = false;
  socket.onopen = () => {
    if (socket.protocol !== subprotocol) return socket.close();
    isOpen = true;
    listener.onOpen();
  };
  socket.onmessage = ({ data }) => {
    if (isOpen) listener.onMessage(typeof data === "string" ? data : new Uint8Array(data));
  };
  socket.onclose = ({ code: code2, reason }) => listener.onClosed(isOpen ? code2 : null, reason);
  return {
    send(message) {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    get buffered() {
      return socket.bufferedAmount;
    },
    close(code2, reason) {
      socket.close(closeCode(code2), cut(reason));
    }
  };
}
function closeCode(code2) {
  return code2 >= 3e3 && code2 <= 4999 ? code2 : 1e3;
}
function cut(reason) {
  const bytes = new Uint8Array(REASON_BYTES);
  const { read: read2 } = new TextEncoder().encodeInto(reason, bytes);
  return reason.slice(0, read2);
}

// src/client.ts
var CLOSING_MS2 = 1e3;
var EMULATED_QUEUE = 256;
var DRAIN_POLL_MS = 10;
function connect(url, options = {}) {
  return new Client(url, options);
}
var Client = class {
  #core;
  #open;
  #encoding;
  #limits;
  #transports = /* @__PURE__ */ new Map();
  #timers = /* @__PURE__ */ new Map();
  #sockets = /* @__PURE__ */ new Map();
  #watchers = /* @__PURE__ */ new Set();
  #lostListeners = /* @__PURE__ */ new Set();
  #bestEffort = new Emulation(EMULATED_QUEUE);
  #isActing = false;
  #tickTimer;
  #drainTimer;
  #state = "connecting";
  #version = 0;
  /** Use `connect`. */
  constructor(url, options) {
    const { auth = null, agent = "trunkline-typescript" } = options;
    this.#encoding = options.encoding ?? MESSAGE_PACK;
    this.#open = options.open ?? openWebSocket;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#core = new Connections(this.#encoding, {
      url: webSocketUrl(url),
      agent,
      auth: typeof auth === "function" ? auth : () => auth,
      limits: this.#limits,
      random: Math.random
    });
    this.#core.start();
    this.#act();
  }
  get state() {
    return this.#state;
  }
  /** Calls `watcher` at every change of the state; what is returned ends that. */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
  /** Calls `listener` when a session is lost, with the events that may not have arrived (SES-047). */
  onLost(listener) {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }
  /** The socket of a namespace; it connects at the first call, and again after it ended. */
  socket(ns = "/", auth = null) {
    const known = this.#sockets.get(ns);
    if (known !== void 0) return known;
    this.#core.session.connect(ns, auth);
    const socket = new Socket(ns, this.#core.session, () => this.#act(), (frame, delivery) => this.#sendBestEffort(frame, delivery));
    this.#sockets.set(ns, socket);
    this.#act();
    return socket;
  }
  /**
   * Goes over to another connection of the same server, while the present one goes on (SES-037). With `open`,
   * that one and all that follow are opened by it.
   */
  switch(open = this.#open) {
    this.#open = open;
    this.#core.switch();
    this.#act();
  }
  /** To be called when the network came back or the page became visible: asks for a sign of life (HBT-009). */
  doubt() {
    this.#core.doubt(performance.now());
    this.#act();
  }
  /** Begins again after the client stopped; else nothing happens. */
  start() {
    this.#core.start();
    if (this.#state === "stopped") this.#become("connecting");
    this.#act();
  }
  /** Ends the session. */
  close() {
    this.#core.end();
    this.#act();
  }
  /** Does what the core asks for, until it asks for nothing more. What happens meanwhile joins. */
  #act() {
    if (this.#isActing) return;
    this.#isActing = true;
    try {
      const { outputs } = this.#core;
      do {
        for (let output = outputs.shift(); output !== void 0; output = outputs.shift()) this.#do(output);
        this.#core.pump(performance.now());
      } while (outputs.length > 0);
      this.#drain();
    } finally {
      this.#isActing = false;
    }
    clearTimeout(this.#tickTimer);
    const { deadline } = this.#core;
    if (deadline === null) return;
    this.#tickTimer = setTimeout(() => {
      this.#core.tick(performance.now());
      this.#act();
    }, Math.max(0, deadline - performance.now()));
  }
  #do(output) {
    switch (output.kind) {
      case "dial":
        this.#timers.set(output.link, setTimeout(() => this.#dial(output.link, output.url), output.delayMs));
        return;
      case "send":
        return this.#transports.get(output.link)?.send(output.message);
      case "shut":
        this.#transports.get(output.link)?.close(output.code, output.reason);
        this.#timers.set(output.link, setTimeout(() => this.#forget(output.link), CLOSING_MS2));
        return;
      case "drop":
        this.#transports.get(output.link)?.close(1e3, "");
        return this.#forget(output.link);
      default:
        return this.#tell(output);
    }
  }
  #dial(link, url) {
    const ifKnown = (then) => () => {
      if (!this.#transports.has(link)) return;
      then(performance.now());
      this.#act();
    };
    const transport = this.#open(url, this.#encoding.subprotocol, {
      frameLimit: this.#limits.frame,
      onOpen: ifKnown((now) => this.#core.opened(link, now)),
      onMessage: (message) => ifKnown((now) => this.#core.received(link, message, now))(),
      onDatagram: (message) => ifKnown(() => this.#core.datagram(link, message))(),
      onTooLarge: ifKnown((now) => this.#core.tooLarge(link, now)),
      onClosed: (code2, reason) => ifKnown((now) => {
        this.#core.closed(link, code2, reason, now);
        this.#forget(link);
      })()
    });
    this.#transports.set(link, transport);
  }
  /** Its timer goes with it, and nothing that it tells is heard. */
  #forget(link) {
    clearTimeout(this.#timers.get(link));
    this.#timers.delete(link);
    this.#transports.delete(link);
    this.#core.closed(link, null, "", performance.now());
  }
  #tell(notice) {
    switch (notice.kind) {
      case "began":
      case "resumed":
        this.#bestEffort.clear();
        return this.#become("connected");
      case "detached":
        return this.#become("connecting");
      case "stopped":
        return this.#become("stopped");
      case "lost":
        for (const listener of this.#lostListeners) listener(notice);
        return this.#core.currentLink === null ? this.#become("connecting") : void 0;
      case "switch failed":
        return;
      case "settled":
        for (const socket of this.#sockets.values()) socket.settle(notice.ackId, notice.outcome);
        return;
      case "best effort":
        return this.#sockets.get(notice.frame.ns)?.take(notice.frame.event, notice.frame.args, null);
      case "event":
        return this.#sockets.get(notice.ns)?.take(notice.event, notice.args, notice.due);
      case "connected":
        return this.#sockets.get(notice.ns)?.connected(notice.socketId);
      case "refused":
      case "disconnected": {
        const socket = this.#sockets.get(notice.ns);
        this.#sockets.delete(notice.ns);
        return socket?.ended(notice.code, notice.kind === "refused" ? notice.message : notice.reason);
      }
    }
  }
  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    for (const watcher of this.#watchers) watcher(state);
  }
  /** Whether the frame was taken. Throws `TooLarge` (BEF-005) and `NamespaceError`. */
  #sendBestEffort(frame, delivery) {
    const { welcome, session, currentLink } = this.#core;
    if (welcome === null || currentLink === null || !session.isConnected(frame.ns)) return false;
    if (welcome.datagrams === "none") throw new NamespaceError("the server takes no best-effort frames");
    session.check(frame.event, frame.args);
    this.#version += 1;
    const sent = frame.kind === "LATEST" ? { ...frame, version: this.#version } : frame;
    const message = this.#encoding.encode(sent);
    const limit = delivery === "volatile" ? welcome.limits.frame : welcome.limits.datagram;
    if (sizeOf(message) > limit) throw new TooLarge(sizeOf(message), limit);
    const transport = this.#transports.get(currentLink);
    if (delivery === "volatile") {
      if (transport === void 0 || transport.buffered > 0) return false;
      transport.send(message);
    } else if (welcome.datagrams === "native" && transport?.sendDatagram !== void 0) {
      transport.sendDatagram(message);
    } else {
      this.#bestEffort.push(sent);
      this.#drain();
    }
    return true;
  }
  /** BEF-011: hands best-effort frames over while the channel is drained. */
  #drain() {
    clearTimeout(this.#drainTimer);
    const transport = this.#transports.get(this.#core.currentLink ?? 0);
    if (transport === void 0) return;
    while (transport.buffered === 0) {
      const frame = this.#bestEffort.take();
      if (frame === null) return;
      transport.send(this.#encoding.encode(frame));
    }
    if (this.#bestEffort.isEmpty) return;
    this.#drainTimer = setTimeout(() => this.#drain(), DRAIN_POLL_MS);
  }
};

// src/transport/webtransport.ts
var NORMAL2 = 1e3;
function webTransport(hashes = []) {
  return (url, _subprotocol, listener) => new Connection(url.replace(/^ws/, "https").replace(/^httpss/, "https"), hashes, listener);
}
var Connection = class {
  #transport;
  #listener;
  #writer = null;
  #datagrams = null;
  #isOver = false;
  buffered = 0;
  constructor(url, hashes, listener) {
    this.#listener = listener;
    const serverCertificateHashes = hashes.map((value) => ({ algorithm: "sha-256", value }));
    this.#transport = new WebTransport(url, serverCertificateHashes.length > 0 ? { serverCertificateHashes } : {});
    const over = () => this.#over();
    this.#transport.closed.then(over, over);
    this.#run().then(over, over);
  }
  send(message) {
    if (typeof message === "string" || this.#writer === null) return;
    const framed = withLength(message);
    this.buffered += framed.length;
    const left = () => {
      this.buffered -= framed.length;
    };
    this.#writer.write(framed).then(left, left);
  }
  sendDatagram(message) {
    if (typeof message !== "string") this.#datagrams?.write(message).catch(() => {
    });
  }
  /** After what was sent has left the stream. */
  close() {
    const end = () => this.#transport.close({ closeCode: NORMAL2, reason: "" });
    if (this.#writer === null) end();
    else this.#writer.close().then(end, end);
  }
  async #run() {
    await this.#transport.ready;
    const stream = await this.#transport.createBidirectionalStream();
    this.#writer = stream.writable.getWriter();
    this.#datagrams = datagramsOf(this.#transport).getWriter();
    if (this.#isOver) return;
    this.#listener.onOpen();
    readAll(this.#transport.datagrams.readable, (datagram) => {
      if (!this.#isOver) this.#listener.onDatagram?.(datagram);
      return true;
    }).catch(() => this.#over());
    const messages = new Messages(this.#listener.frameLimit);
    await readAll(stream.readable, (chunk) => {
      messages.push(chunk);
      for (const message of messages.take()) if (!this.#isOver) this.#listener.onMessage(message);
      if (messages.isTooLarge && !this.#isOver) this.#listener.onTooLarge?.();
      return !messages.isTooLarge;
    });
  }
  /** TRN-023: the end of the channel is a cut, whatever the stack says. */
  #over() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onClosed(null, "");
  }
};
function datagramsOf({ datagrams: datagrams2 }) {
  const both = datagrams2;
  return both.createWritable?.() ?? both.writable;
}
async function readAll(readable, goesOn) {
  const reader = readable.getReader();
  for (; ; ) {
    const { done, value } = await reader.read();
    if (done || !goesOn(value)) return;
  }
}
function withLength(message) {
  const { length } = message;
  const head = length < 64 ? [length] : length < 16384 ? [64 | length >> 8, length & 255] : [128 | length >>> 24, length >> 16 & 255, length >> 8 & 255, length & 255];
  const framed = new Uint8Array(head.length + length);
  framed.set(head);
  framed.set(message, head.length);
  return framed;
}
var Messages = class {
  constructor(limit) {
    this.limit = limit;
  }
  limit;
  #chunks = [];
  #size = 0;
  /** A message is longer than the limit: none is taken any more. */
  isTooLarge = false;
  push(chunk) {
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#size += chunk.length;
  }
  *take() {
    for (; ; ) {
      const [first] = this.#chunks;
      if (first === void 0) return;
      const width = 1 << ((first[0] ?? 0) >> 6);
      if (this.#size < width) return;
      const head = first.length < width ? this.#join() : first;
      let length = (head[0] ?? 0) & 63;
      for (let at = 1; at < width; at += 1) length = length * 256 + (head[at] ?? 0);
      this.isTooLarge ||= length > this.limit;
      if (this.isTooLarge || this.#size < width + length) return;
      const bytes = this.#join();
      this.#chunks = [];
      this.#size = 0;
      this.push(bytes.subarray(width + length));
      yield bytes.slice(width, width + length);
    }
  }
  #join() {
    const [only] = this.#chunks;
    if (only !== void 0 && this.#chunks.length === 1) return only;
    const joined = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }
};
export {
  Client,
  DEFAULT_LIMITS,
  EventFailed,
  JSON_ENCODING,
  MESSAGE_PACK,
  NamespaceError,
  NoAnswer,
  Overflow,
  Socket,
  SocketEnded,
  TooLarge,
  TooManyPendingAcks,
  connect,
  openWebSocket,
  webTransport
};
