// The Trunkline client for browsers, in one file: made from clients/typescript/src by `npm run bundle`.

// src/acks.ts
var TooManyAcks = class extends Error {
  constructor(limit) {
    super(`${limit} acks are pending, as many as limits.pending_acks allows`);
    this.limit = limit;
  }
  limit;
  name = "TooManyAcks";
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
  /** ACK-001: an id that was never used before, in an earlier session neither. Throws `TooManyAcks`. */
  add(ns) {
    if (this.#namespaces.size >= this.#limit) throw new TooManyAcks(this.#limit);
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
  /** How many are awaited. */
  get size() {
    return this.#namespaces.size;
  }
  /** ACK-009: takes those that are over. */
  takeAll(isOver) {
    const gone = [...this.#namespaces].filter(([ackId, ns]) => isOver(ackId, ns)).map(([ackId]) => ackId);
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
function dialled(url, transport) {
  return transport === "webtransport" ? url.replace(/^wss?:/, "https:") : url;
}
function hostOf(url) {
  return new URL(url).hostname;
}
function serverOf(url) {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || protocol}`;
}
function isSecure(url) {
  return url.startsWith("wss:");
}
function movedTo(current, told2) {
  try {
    const target = webSocketUrl(told2);
    const isSafe = isSecure(target) || !isSecure(current);
    return isSafe && hostOf(target) === hostOf(current) ? target : null;
  } catch {
    return null;
  }
}
function followed(current, told2) {
  return (told2 === null ? null : movedTo(current, told2)) ?? current;
}

// src/dial.ts
var HEAD_START_MS = 300;
var DIAL_TIMEOUT_MS = 1e4;
var Race = class {
  orders = [];
  #runners;
  #timeoutMs;
  outcome = null;
  constructor(candidates, timeoutMs, now) {
    this.#timeoutMs = timeoutMs;
    this.#runners = candidates.map((candidate) => ({ candidate, state: "waiting", since: now, cause: "" }));
    if (candidates.length === 0) this.outcome = { kind: "lost", cause: "no transport to dial with" };
    else this.#begin(0, now);
  }
  /** When `tick` is to be called next. */
  get deadline() {
    if (this.outcome !== null) return null;
    const dialling = this.#runners.filter(({ state }) => state === "dialling").map(({ since }) => since);
    const times = dialling.map((since) => since + this.#timeoutMs);
    if (this.#runners.some(({ state }) => state === "waiting")) times.push(Math.max(...dialling) + HEAD_START_MS);
    return Math.min(...times);
  }
  tick(now) {
    for (const [at, runner] of this.#runners.entries()) {
      if (this.outcome !== null) return;
      if (runner.state !== "dialling" || now < runner.since + this.#timeoutMs) continue;
      this.orders.push({ kind: "give up", runner: at });
      this.failed(at, `no connection within ${this.#timeoutMs} ms`, now);
    }
    const newest = Math.max(...this.#runners.filter(({ state }) => state === "dialling").map(({ since }) => since));
    if (this.outcome === null && now >= newest + HEAD_START_MS) this.#beginNext(now);
  }
  /** A transport is open. The others are given up without a word. */
  opened(at) {
    const runner = this.#runners[at];
    if (this.outcome !== null || runner?.state !== "dialling") return;
    this.giveUp(at);
    const [first] = this.#runners;
    const passedOver = first === runner || first === void 0 ? null : told(first, first.state === "failed" ? first.cause : `no connection within ${HEAD_START_MS} ms`);
    this.outcome = { kind: "won", runner: at, candidate: runner.candidate, passedOver };
  }
  /** A transport could not be opened. */
  failed(at, cause, now) {
    const runner = this.#runners[at];
    if (this.outcome !== null || runner?.state !== "dialling") return;
    Object.assign(runner, { state: "failed", cause });
    if (this.#runners.some(({ state }) => state === "dialling") || this.#beginNext(now)) return;
    this.outcome = { kind: "lost", cause: this.#runners.map((each) => told(each, each.cause)).join("; ") };
  }
  /** All dials are given up, but this one. */
  giveUp(but = -1) {
    for (const [at, { state }] of this.#runners.entries()) {
      if (at !== but && state === "dialling") this.orders.push({ kind: "give up", runner: at });
    }
  }
  /** Whether there was one to begin. */
  #beginNext(now) {
    const next = this.#runners.findIndex(({ state }) => state === "waiting");
    if (next >= 0) this.#begin(next, now);
    return next >= 0;
  }
  #begin(at, now) {
    const runner = this.#runners[at];
    if (runner === void 0) return;
    Object.assign(runner, { state: "dialling", since: now });
    this.orders.push({ kind: "open", runner: at, candidate: runner.candidate });
  }
};
function told({ candidate }, cause) {
  return cause === "" ? `${candidate.transport}: no connection` : `${candidate.transport}: ${cause}`;
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
function copied(value, limit, depth = DEPTH_OF_BODY) {
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
  if (Array.isArray(value)) return Array.from(value, (item) => copied(item, limit, depth + 1));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) throw new TypeError("an object of a class is no value of the protocol");
  return Object.fromEntries(Object.entries(value).map(([key, item]) => {
    if (!isText(key)) throw new RangeError("a key holds a lone surrogate, which cannot be sent");
    return [key, copied(item, limit, depth + 1)];
  }));
}

// src/fields.ts
var LONGEST_NAME = 255;
var HIGHEST_CODE = 65535;
var ENCODER = new TextEncoder();
function isProtocolInteger2(raw) {
  return typeof raw === "number" && raw >= 0;
}
function isName(raw) {
  return isText(raw) && raw !== "" && ENCODER.encode(raw).length <= LONGEST_NAME;
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

// src/json.ts
var NotJson = class extends Error {
};
var NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
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
  /** Not by a regular expression, whose stack a very long text overflows. */
  #string() {
    const start = this.#position;
    if (!this.#text.startsWith('"', start)) return void 0;
    let end = this.#text.indexOf('"', start + 1);
    while (end >= 0 && this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    if (end < 0) throw new NotJson();
    this.#position = end + 1;
    try {
      return JSON.parse(this.#text.slice(start, end + 1));
    } catch {
      throw new NotJson();
    }
  }
  /** Whether an odd number of backslashes stands ahead. */
  #isEscaped(at) {
    let first = at;
    while (this.#text[first - 1] === "\\") first -= 1;
    return (at - first) % 2 === 1;
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
var DEEPEST = 1e3;
var LIMIT_KEYS = Object.keys(DEFAULT_LIMITS);
function bounded(limits) {
  const within2 = { ...limits };
  for (const key of LIMIT_KEYS) within2[key] = Math.min(Math.max(limits[key], LEAST[key]), MOST);
  return within2;
}
function ownLimits(told2 = {}) {
  const limits = { ...DEFAULT_LIMITS };
  for (const key of LIMIT_KEYS) {
    limits[key] = within(`limits.${key}`, told2[key] ?? DEFAULT_LIMITS[key], LEAST[key], key === "depth" ? DEEPEST : MOST);
  }
  return limits;
}
function within(name, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(`${name} is ${value}, and may be ${least} to ${most}`);
  return value;
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
  need(key, read3) {
    const content = this.#members.get(key) ?? null;
    if (content === null) throw new HeaderError("missing-key");
    return read3(content);
  }
  may(key, read3, absent) {
    const content = this.#members.get(key) ?? null;
    return content === null ? absent : read3(content);
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
var identifier = where((raw) => isName(raw));
var boolean = where((raw) => typeof raw === "boolean");
var datagrams = where((raw) => typeof raw === "string" && DATAGRAMS.includes(raw));
function arrayOf(read3) {
  return (raw) => {
    if (!Array.isArray(raw)) throw new HeaderError("bad-value");
    return raw.map(read3);
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
function readAlternatives(document2) {
  const map = new MapReader(read(document2), true, DEFAULT_LIMITS.depth, "bad-map");
  return map.may("alternatives", arrayOf((raw) => readAlternative(map.inner(raw))), []);
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

// src/alternatives.ts
var ANSWER_BYTES = 65536;
async function fetchAlternatives(url) {
  const asked2 = webSocketUrl(url).replace(/^ws/, "http");
  const answer = await fetch(asked2, { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return readAlternatives(await textOf(answer));
}
async function textOf({ body }) {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text2 = "";
  let size = 0;
  for (; ; ) {
    const { done, value } = await reader.read();
    if (done) return text2;
    size += value.length;
    if (size > ANSWER_BYTES) {
      await reader.cancel();
      throw new Error(`the server's answer has more than ${ANSWER_BYTES} bytes`);
    }
    text2 += decoder.decode(value, { stream: true });
  }
}

// src/timer.ts
var LONGEST_TIMER_MS = 2 ** 31 - 1;

// src/answers.ts
var EventFailed = class extends Error {
  constructor(code2, message, data = null) {
    super(message);
    this.code = code2;
    this.data = data;
  }
  code;
  data;
  name = "EventFailed";
};
var NoAnswer = class extends Error {
  constructor(why) {
    super(`no answer: ${why}`);
    this.why = why;
  }
  why;
  name = "NoAnswer";
};
var Answers = class {
  #waiting = /* @__PURE__ */ new Map();
  /** The args of the answer; `giveUp` is called when it has not come in time (ACK-007). */
  wait(ackId, timeoutMs, giveUp) {
    return new Promise((resolve, reject) => {
      const isBounded = timeoutMs <= LONGEST_TIMER_MS;
      const timer = isBounded ? setTimeout(() => {
        giveUp();
        this.#take(ackId)?.reject(new NoAnswer("timeout"));
      }, timeoutMs) : void 0;
      this.#waiting.set(ackId, { resolve, reject, timer });
    });
  }
  /** The wait has ended. */
  settle(ackId, outcome) {
    const waiting = this.#take(ackId);
    if (outcome.kind === "answered") waiting?.resolve(outcome.args);
    else if (outcome.kind === "failed") waiting?.reject(new EventFailed(outcome.code, outcome.message, outcome.data));
    else waiting?.reject(new NoAnswer(outcome.kind === "ended" ? outcome.why : "unreadable"));
  }
  #take(ackId) {
    const waiting = this.#waiting.get(ackId);
    this.#waiting.delete(ackId);
    clearTimeout(waiting?.timer);
    return waiting;
  }
};

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
function closeOf(code2, reason) {
  return { kind: "CLOSE", code: code2, reason, retry_after: null, url: null, attach: null, data: null };
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
  #orTruncated(read3) {
    try {
      return read3();
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
  /** The application is behind: receipts tell the old number until it has caught up (SES-015). */
  isHeld = false;
  constructor(own, peers) {
    this.#dueBytes = windowOf(peers, own) / RECEIPT_SHARE;
    this.#limitBytes = 2 * own.inbound + own.frame;
  }
  /** The receipt that RECEIVED, PING, PONG and a resume tell. */
  get receipt() {
    return this.isHeld ? this.#confirmed : this.#counted;
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
    if (this.isHeld || this.#unconfirmedSince === null) return false;
    if (this.#confirmed === 0 || this.#unconfirmedBytes + this.#repeatedBytes >= this.#dueBytes) return true;
    return now - this.#unconfirmedSince >= RECEIPT_DELAY_MS;
  }
  /** Whether everything that was counted is confirmed. */
  get isConfirmed() {
    return this.#unconfirmedSince === null;
  }
  /** When a receipt becomes due by time alone; null while nothing waits for one, or receipts are withheld. */
  get receiptDueAt() {
    return this.isHeld || this.#unconfirmedSince === null ? null : this.#unconfirmedSince + RECEIPT_DELAY_MS;
  }
  /** A receipt was told, in whichever frame: for all that was counted, unless receipts are withheld. */
  told() {
    if (this.isHeld) return;
    this.#confirmed = this.#counted;
    this.#unconfirmedBytes = 0;
    this.#repeatedBytes = 0;
    this.#unconfirmedSince = null;
  }
};

// src/outbound.ts
var QueueFull = class extends Error {
  constructor(size, queued, limit) {
    super(`a frame of ${size} bytes, where ${queued} of ${limit} wait already`);
    this.size = size;
    this.queued = queued;
    this.limit = limit;
  }
  size;
  queued;
  limit;
  name = "QueueFull";
};
var QueueLong = class extends Error {
  constructor(queued, limit) {
    super(`${queued} events wait, as many as may`);
    this.queued = queued;
    this.limit = limit;
  }
  queued;
  limit;
  name = "QueueLong";
};
var TooLarge = class extends Error {
  constructor(size, limit) {
    super(`a frame of ${size} bytes, where the peer takes ${limit}`);
    this.size = size;
    this.limit = limit;
  }
  size;
  limit;
  name = "TooLarge";
};
var NUMBER_BYTES = 15;
var QUEUE_EVENTS = 1e4;
var Outbound = class {
  #encoding;
  #own;
  #queueLimit;
  #queueEvents;
  #window;
  #frameLimit;
  #queue = [];
  #queuedBytes = 0;
  /** Namespaces whose events wait aside. */
  #held = /* @__PURE__ */ new Set();
  #log = [];
  #logBytes = 0;
  #confirmed = 0;
  #numbered = 0;
  /** How many frames of the log have not been handed to the present connection. */
  #toReplay = 0;
  /** Told each frame as it gets its number, and the object that was pushed. */
  onNumbered = () => {
  };
  constructor(encoding, own, peers, queueEvents = QUEUE_EVENTS) {
    this.#encoding = encoding;
    this.#own = own;
    this.#window = windowOf(own, peers);
    this.#frameLimit = peers.frame;
    this.#queueLimit = own.queue;
    this.#queueEvents = queueEvents;
  }
  /**
   * WELCOME told the peer's limits, which must not be below those that were assumed until then. Gives what was put
   * back, and turned out to be more than the peer takes.
   */
  begin(peers) {
    this.#window = windowOf(this.#own, peers);
    this.#frameLimit = peers.frame;
    return this.#withdraw(({ size }) => size > peers.frame);
  }
  /**
   * Takes a frame; `ahead` of the events of its namespace that wait aside, which then do not count. What is no event
   * may go up to twice the bound, and into an empty queue in any case, so that no event keeps an answer out. Throws
   * `TooLarge`, `QueueFull` and `QueueLong`, and then has not taken it.
   */
  push(frame, ahead = false) {
    const size = this.#sizeOf(frame);
    if (size > this.#frameLimit) throw new TooLarge(size, this.#frameLimit);
    const counted = ahead ? this.#queue.filter((waiting) => !this.#isAside(waiting)) : this.#queue;
    const bytes = ahead ? counted.reduce((sum, waiting) => sum + waiting.size, 0) : this.#queuedBytes;
    const limit = frame.kind === "EVENT" ? this.#queueLimit : 2 * this.#queueLimit;
    const isFull = bytes + size > limit && (frame.kind === "EVENT" || this.#queue.length > 0);
    if (isFull) throw new QueueFull(size, bytes, limit);
    if (frame.kind === "EVENT" && counted.length >= this.#queueEvents) throw new QueueLong(counted.length, this.#queueEvents);
    const first = ahead ? this.#queue.findIndex((waiting) => this.#isAside(waiting)) : -1;
    this.#queue.splice(first < 0 ? this.#queue.length : first, 0, { frame, size, isAhead: ahead });
    this.#queuedBytes += size;
  }
  /** SES-048: events that waited in an earlier session wait on, within bounds that they have passed already. */
  putBack(frames) {
    for (const frame of frames) {
      const size = this.#sizeOf(frame);
      this.#queue.push({ frame, size, isAhead: false });
      this.#queuedBytes += size;
    }
  }
  /** The events of a namespace wait aside from now on, unless they are put ahead. Others pass them. */
  hold(ns) {
    this.#held.add(ns);
  }
  isHeld(ns) {
    return this.#held.has(ns);
  }
  /** They are in line again, in their order. */
  release(ns) {
    this.#held.delete(ns);
  }
  /** Bytes that wait without a number, and how many frames they are. */
  get queued() {
    return { bytes: this.#queuedBytes, frames: this.#queue.length };
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
    this.#log.push({ frame, message, size, isKnown: false });
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
  /** Whether nothing waits for its number, or for its receipt. */
  get isEmpty() {
    return this.#queue.length === 0 && this.isConfirmed;
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
    return this.#withdraw(({ frame }) => frame.kind === "EVENT" && frame.ns === ns);
  }
  /** The events of a namespace that left and were not confirmed. They are unknown, and not given a second time. */
  takeUnknown(ns) {
    const unknown = this.#log.filter(({ frame, isKnown }) => !isKnown && frame.kind === "EVENT" && frame.ns === ns);
    for (const logged of unknown) logged.isKnown = true;
    return unknown.map(({ frame }) => frame);
  }
  /** The answer to an event has come: whether the event arrived is known, with or without a receipt (SES-047). */
  answered(ackId) {
    const logged = this.#log.find(({ frame }) => frame.kind === "EVENT" && frame.ack_id === ackId);
    if (logged !== void 0) logged.isKnown = true;
  }
  /** The session is over. */
  end() {
    const unconfirmed = this.#log.filter(({ isKnown }) => !isKnown).map(({ frame }) => frame);
    const lost = { unconfirmed, queued: this.#queue.map(({ frame }) => frame) };
    this.#log = [];
    this.#queue = [];
    this.#logBytes = this.#queuedBytes = this.#toReplay = 0;
    return lost;
  }
  /** SES-021 to SES-024: with the window closed answers alone go ahead, up to twice the window. */
  #nextToNumber(leaving) {
    const isOpen = this.#log.length === 0 || this.#logBytes < this.#window;
    const first = this.#queue.findIndex((waiting) => !this.#isAside(waiting));
    const kind = this.#queue[first]?.frame.kind;
    const isHeldBack = leaving && (kind === "EVENT" || kind === "CONNECT");
    if (isOpen && !isHeldBack) return first;
    if (this.#log.length > 0 && this.#logBytes >= 2 * this.#window) return -1;
    return this.#queue.findIndex(({ frame }) => isAnswer(frame));
  }
  #isAside({ frame, isAhead }) {
    return frame.kind === "EVENT" && !isAhead && this.#held.has(frame.ns);
  }
  #withdraw(isTaken) {
    const withdrawn = this.#queue.filter(isTaken);
    if (withdrawn.length > 0) this.#queue = this.#queue.filter((waiting) => !isTaken(waiting));
    for (const { size } of withdrawn) this.#queuedBytes -= size;
    return withdrawn.map(({ frame }) => frame);
  }
  #sizeOf(frame) {
    return sizeOf(this.#encoding.encode({ ...frame, seq: 1 })) + NUMBER_BYTES;
  }
};
function isAnswer(frame) {
  return frame.kind === "ACK" || frame.kind === "FAILED";
}

// src/best_effort.ts
var QUEUE_FRAMES = 256;
var NoDatagrams = class extends Error {
  name = "NoDatagrams";
  constructor() {
    super("the server takes no best-effort events");
  }
};
var BestEffortQueue = class {
  #limit;
  // By (ns, event, key) for a LATEST, by a number of its own for a DATAGRAM; in the order they were put in.
  #waiting = /* @__PURE__ */ new Map();
  #drops = { notConnected: 0, busy: 0, queueFull: 0, conflated: 0, expired: 0, tooLarge: 0 };
  #count = 0;
  constructor(limit = QUEUE_FRAMES) {
    this.#limit = limit;
  }
  get drops() {
    return { ...this.#drops };
  }
  get isEmpty() {
    return this.#waiting.size === 0;
  }
  /** One was not taken. */
  count(cause) {
    this.#drops[cause] += 1;
  }
  /** A LATEST takes the place of the one that waits for its key; in a full queue the oldest DATAGRAM goes. */
  push(frame, until = Infinity) {
    const key = frame.kind === "LATEST" ? JSON.stringify([frame.ns, frame.event, frame.key]) : this.#count += 1;
    if (this.#waiting.has(key)) this.#drops.conflated += 1;
    else if (this.#waiting.size >= this.#limit) this.#dropOldest();
    this.#waiting.set(key, { frame, until });
  }
  /** The next frame to hand over, in the order they were put in. */
  take(now) {
    for (const [key, { frame, until }] of this.#waiting) {
      this.#waiting.delete(key);
      if (now < until) return frame;
      this.#drops.expired += 1;
    }
    return null;
  }
  /** BEF-004: nothing is kept across a change of connection. */
  clear() {
    this.#drops.notConnected += this.#waiting.size;
    this.#waiting.clear();
  }
  /** The oldest DATAGRAM, or the oldest frame where no DATAGRAM waits: the queue is bounded in any case. */
  #dropOldest() {
    const keys = [...this.#waiting.keys()];
    const oldest = keys.find((key) => typeof key === "number") ?? keys[0];
    if (oldest === void 0) return;
    this.#waiting.delete(oldest);
    this.#drops.queueFull += 1;
  }
};
var BestEffort = class {
  #encoding;
  queue = new BestEffortQueue();
  /** BEF-008. */
  #version = 0;
  constructor(encoding) {
    this.#encoding = encoding;
  }
  /** Whether the frame was taken. Throws `TooLarge` (BEF-005) and `NoDatagrams`. */
  send(frame, delivery, welcome, transport, now) {
    if (welcome.datagrams === "none") throw new NoDatagrams();
    this.#version += 1;
    const sent2 = frame.kind === "LATEST" ? { ...frame, version: this.#version } : frame;
    const message = this.#encoding.encode(sent2);
    const limit = delivery === "volatile" ? welcome.limits.frame : datagramBytes(welcome, transport);
    if (sizeOf(message) > limit) throw new TooLarge(sizeOf(message), limit);
    if (delivery !== "volatile") {
      this.queue.push(sent2, now + delivery.maxAgeMs);
      this.drain(welcome, transport, now);
    } else if (transport.buffered > 0) {
      this.queue.count("busy");
      return false;
    } else transport.send(message);
    return true;
  }
  /** Hands over what the transport takes. Whether nothing waits any more. */
  drain(welcome, transport, now) {
    const datagrams2 = welcome.datagrams === "native" ? transport.datagrams : null;
    const isReady = () => datagrams2?.isReady ?? transport.buffered === 0;
    while (!this.queue.isEmpty && isReady()) {
      const frame = this.queue.take(now);
      if (frame === null) break;
      const message = this.#encoding.encode(frame);
      if (datagrams2 !== null && sizeOf(message) > datagrams2.maxBytes) this.queue.count("tooLarge");
      else (datagrams2 ?? transport).send(message);
    }
    return this.queue.isEmpty;
  }
};
function datagramBytes(welcome, transport) {
  if (welcome.datagrams === "none") return 0;
  const native = welcome.datagrams === "native" ? transport?.datagrams?.maxBytes : void 0;
  return Math.min(native ?? Infinity, welcome.limits.datagram);
}

// src/back_off.ts
var BASE_MS = 500;
var CAP_MS = 3e4;
var RETRY_AFTER_MAX_MS = 36e5;
var BackOff = class {
  #baseMs;
  #capMs;
  #attempts = 0;
  #waits = 0;
  constructor(baseMs = BASE_MS, capMs = CAP_MS) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
  }
  /** How many attempts were granted since the last connection that stood. */
  get attempts() {
    return this.#attempts;
  }
  /** The wait in milliseconds; `random` is from 0 to 1. "At once" holds for the first attempt in a row only. */
  next(atOnce, retryAfterMs, random) {
    this.#attempts += 1;
    if (atOnce && this.#attempts === 1 && retryAfterMs === null) return 0;
    const atMost = Math.min(this.#capMs, this.#baseMs * 2 ** this.#waits);
    this.#waits += 1;
    return asked(retryAfterMs) + random * atMost;
  }
  /** A connection lived for longer than 10 s after WELCOME: the next trouble is a new one. */
  reset() {
    this.#attempts = 0;
    this.#waits = 0;
  }
};
function asked(retryAfterMs) {
  return Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
}

// src/attempts.ts
var LIVED_MS = 1e4;
function checkEndurance({ attemptsMax = 1, giveUpAfterMs = 1 }) {
  within("attemptsMax", attemptsMax, 1, Number.MAX_SAFE_INTEGER);
  within("giveUpAfterMs", giveUpAfterMs, 1, Number.MAX_SAFE_INTEGER);
}
var Attempts = class {
  #backOff = new BackOff();
  #endurance;
  #random;
  /** Those in a row that came to nothing. */
  #failed = 0;
  /** Since when there is no connection; null while there is one. */
  #downSince = null;
  constructor(endurance, random) {
    this.#endurance = endurance;
    this.#random = random;
  }
  /** How many were granted since a connection last stood. */
  get granted() {
    return this.#backOff.attempts;
  }
  /** The application begins, or begins anew. */
  begin(now) {
    this.#backOff.reset();
    this.#failed = 0;
    this.#downSince = now;
  }
  /** There is no connection from now on. */
  down(now) {
    this.#downSince = now;
  }
  /** One came to its WELCOME. */
  connected() {
    this.#failed = 0;
    this.#downSince = null;
  }
  /** A connection has lived for so long: the next trouble may be a new one. */
  lived(milliseconds) {
    if (milliseconds > LIVED_MS) this.#backOff.reset();
  }
  /** One came to nothing, while there is no connection. */
  failed() {
    this.#failed += 1;
  }
  /** The wait before the next one, milliseconds. */
  next(atOnce, retryAfterMs) {
    return this.#backOff.next(atOnce, retryAfterMs, this.#random());
  }
  /** Whether there is no next one, which would come after so long. */
  isOver(delayMs, now) {
    const { attemptsMax = Infinity } = this.#endurance;
    return this.#failed >= attemptsMax || now + delayMs >= (this.deadline ?? Infinity);
  }
  /** When the one that is under way ends. */
  get deadline() {
    const { giveUpAfterMs } = this.#endurance;
    return giveUpAfterMs === void 0 || this.#downSince === null ? null : this.#downSince + giveUpAfterMs;
  }
  /** What is told of the end, for people. */
  gaveUp(cause) {
    return `gave up after ${this.#failed} attempts: ${cause}`;
  }
};

// src/promised.ts
function isPromised(given) {
  return typeof given?.then === "function";
}

// src/credentials.ts
var HELLO_BYTES = 8192;
var CREDENTIALS_TIMEOUT_MS = 1e4;
var NoCredentials = class extends Error {
  name = "NoCredentials";
};
function credentialsOf(auth) {
  if (typeof auth !== "function") {
    const checked = { auth: copied(auth, LEAST.depth) };
    return (_, tell2) => tell2(checked);
  }
  return (occasion, tell2) => {
    const given = attempt(() => auth(occasion));
    if (!("auth" in given)) return tell2(given);
    const checked = (value) => attempt(() => copied(value, LEAST.depth));
    if (isPromised(given.auth)) Promise.resolve(given.auth).then(checked, failed).then(tell2);
    else tell2(checked(given.auth));
  };
}
function tooLong(bytes) {
  return { problem: `the credentials make a frame of ${bytes} bytes where ${HELLO_BYTES} may be`, isFinal: true };
}
function attempt(give) {
  try {
    return { auth: give() };
  } catch (error) {
    return failed(error);
  }
}
function failed(error) {
  console.error("no credentials", error);
  return { problem: error instanceof Error ? error.message : String(error), isFinal: error instanceof NoCredentials };
}

// src/admission.ts
var REFRESH_LEAST_MS = 1e3;
var PATIENCE_MS = 3e5;
var Admission = class {
  #outputs;
  #timeoutMs;
  #random;
  #last = 0;
  #dial = null;
  #refresh = null;
  #refreshedAt = -Infinity;
  constructor(outputs, timeoutMs = CREDENTIALS_TIMEOUT_MS, random) {
    this.#outputs = outputs;
    this.#timeoutMs = timeoutMs;
    this.#random = random;
  }
  /** A link is to be dialled. */
  dial(link, now) {
    this.#dial = { link, ...this.#ask({ kind: "dial" }, now) };
  }
  /** The server asks for fresh ones on this link. */
  refresh(link, expiresMs, now) {
    const until = now + Math.min(expiresMs ?? PATIENCE_MS, PATIENCE_MS);
    const due = Math.max(now, this.#refreshedAt + REFRESH_LEAST_MS);
    this.#refresh = { link, occasion: { kind: "refresh", expiresMs }, until, backOff: new BackOff(), due, question: null };
    this.#askAgain(now);
  }
  /** The application has told. Null if nobody waits for that any more. */
  answered(question, credentials, now) {
    this.#forget();
    const dial = this.#dial;
    if (dial?.number === question) {
      this.#dial = null;
      return { kind: "dial", link: dial.link, credentials };
    }
    const refresh = this.#refresh;
    if (refresh?.question?.number !== question) return null;
    if (!("auth" in credentials)) {
      this.#retry(refresh, credentials.isFinal, now);
      return null;
    }
    this.#refresh = null;
    return { kind: "refresh", link: refresh.link, credentials };
  }
  /** Ends what took too long, and asks what is due. */
  tick(now) {
    this.#forget();
    const refresh = this.#refresh;
    if (refresh !== null && refresh.question !== null && now >= refresh.question.until) this.#retry(refresh, false, now);
    this.#askAgain(now);
    const dial = this.#dial;
    if (dial === null || now < dial.until) return null;
    this.#dial = null;
    const problem = `the callback for credentials took longer than ${this.#timeoutMs} ms`;
    return { kind: "dial", link: dial.link, credentials: { problem, isFinal: false } };
  }
  /** When `tick` is to be called next. */
  get deadline() {
    this.#forget();
    const times = [this.#dial?.until, this.#refresh?.due, this.#refresh?.question?.until].filter((time) => typeof time === "number");
    return times.length === 0 ? null : Math.min(...times);
  }
  #ask(occasion, now) {
    this.#last += 1;
    this.#outputs.push({ kind: "ask", question: this.#last, occasion });
    return { number: this.#last, until: now + this.#timeoutMs };
  }
  #askAgain(now) {
    const refresh = this.#refresh;
    if (refresh === null || refresh.due === null || now < refresh.due) return;
    refresh.due = null;
    this.#refreshedAt = now;
    refresh.question = this.#ask(refresh.occasion, now);
  }
  /** While those before hold: after that the server ends the session with its own code. */
  #retry(refresh, isFinal, now) {
    const wait = refresh.backOff.next(false, null, this.#random());
    refresh.question = null;
    refresh.due = now + wait;
    if (isFinal || refresh.due >= refresh.until) this.#refresh = null;
  }
  /** A link that is gone needs none, and another connection has brought its own. */
  #forget() {
    if (this.#dial?.link.role !== "dialling") this.#dial = null;
    if (this.#refresh?.link.role !== "current") this.#refresh = null;
  }
};

// src/code.ts
var NORMAL = 1e3;
var GOING_AWAY = 1001;
var CUT = 1006;
var OVERFLOW = 3201;
var FRAME_TOO_LARGE = 3205;
var SUPERSEDED = 3400;
var STALE_ATTACH = 3401;
var PING_TIMEOUT = 3402;
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
function isCut(code2) {
  return [1005, CUT, 1015].includes(code2);
}

// src/hello.ts
var VERSION = 1;
var WELCOME_TIMEOUT_MS = 2e4;
function helloOf(link, { begun, attach }, { agent, limits, pingIntervalMs }) {
  const resume = begun && link.resumes ? { session: begun.id, secret: begun.secret, attach, received: begun.inbound.receipt, strict: link.strict } : null;
  return { kind: "HELLO", v: VERSION, agent, auth: link.auth, resume, features: [], limits, ping_interval: pingIntervalMs ?? null };
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
  #hasCounted = false;
  /** A connection begins that waits so many times over. */
  begin() {
    this.#hasCounted = false;
    return this.#times;
  }
  /** The watchdog ended the connection. */
  ranOut() {
    if (!this.#hasCounted) this.#times = Math.min(2 * this.#times, MOST_PATIENCE);
  }
  /** A new sequenced frame was counted. */
  counted() {
    this.#times = 1;
    this.#hasCounted = true;
  }
};

// src/incoming.ts
var IncomingBestEffort = class {
  #encoding;
  #session;
  #outputs;
  /** What was dropped, by cause. */
  dropped = { notConnected: 0, stale: 0, malformed: 0, busy: 0, conflated: 0 };
  constructor(encoding, session, outputs) {
    this.#encoding = encoding;
    this.#session = session;
    this.#outputs = outputs;
  }
  /** `size` is that of its message. */
  take(link, frame, size) {
    if (link.role !== "current") this.dropped.stale += 1;
    else if (!this.#session.isConnected(frame.ns)) this.dropped.notConnected += 1;
    else if (frame.badBody !== void 0) this.dropped.malformed += 1;
    else if (frame.kind === "LATEST" && !link.versions.take(frame)) this.dropped.stale += 1;
    else this.#outputs.push({ kind: "best effort", frame, size });
  }
  /** A datagram came. What is no best-effort frame, or comes on another connection, is dropped (ENC-011). */
  datagram(link, message) {
    try {
      const frame = this.#encoding.decode(message, this.#session.limits.depth);
      if (link !== void 0 && (frame.kind === "DATAGRAM" || frame.kind === "LATEST")) return this.take(link, frame, sizeOf(message));
    } catch (error) {
      if (!(error instanceof HeaderError)) throw error;
    }
    this.dropped.malformed += 1;
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

// src/link.ts
var GO_AWAY_MAX_MS = 36e5;
function leavingOf({ slot, deadline, url }, former, now) {
  const since = former?.since ?? now;
  const latest = Math.min(now + deadline, since + GO_AWAY_MAX_MS);
  return { slot: Math.min(now + slot, latest), deadline: latest, url, since };
}
function newLink(id, over, limits) {
  const versions = new LatestVersions(limits.latest_keys);
  return { id, role: "dialling", auth: null, resumes: false, strict: false, over, since: 0, watchdog: null, pinged: null, versions, welcome: null };
}
var REFUSALS = ["unknown", "expired", "overflow", "encoding", "moved"];
function refusalOf({ reason }) {
  return reason !== null && REFUSALS.includes(reason) ? reason : "unknown";
}

// src/links.ts
var CLOSING_MS = 1e3;
var Links = class {
  #encoding;
  #limits;
  #outputs;
  #links = /* @__PURE__ */ new Map();
  #last = 0;
  constructor(encoding, limits, outputs) {
    this.#encoding = encoding;
    this.#limits = limits;
    this.#outputs = outputs;
  }
  /** One that is to be dialled, over one transport alone if it is named. */
  add(over) {
    this.#last += 1;
    const link = newLink(this.#last, over, this.#limits);
    this.#links.set(link.id, link);
    return link;
  }
  get(id) {
    return this.#links.get(id);
  }
  /** Its transport has ended by itself. */
  ended(link) {
    this.#links.delete(link.id);
  }
  write(link, frame) {
    this.#outputs.push({ kind: "send", link: link.id, message: this.#encoding.encode(frame) });
  }
  /** The size of the frame, in place of sending it, if it has more bytes than `limit`. */
  writeWithin(link, frame, limit) {
    const message = this.#encoding.encode(frame);
    const size = sizeOf(message);
    if (size > limit) return size;
    this.#outputs.push({ kind: "send", link: link.id, message });
    return null;
  }
  /** Asks for a sign of life, which measures the round trip too. */
  ping(link, received, now) {
    link.pinged = { t: Math.floor(now), at: now };
    this.write(link, { kind: "PING", t: link.pinged.t, received });
  }
  /** HBT-010. */
  measure(link, t, now) {
    if (link.role !== "current" || link.pinged?.t !== t) return;
    this.#outputs.push({ kind: "round trip", ms: now - link.pinged.at });
    link.pinged = null;
  }
  /** Says CLOSE, and shuts it. */
  close(link, code2, reason) {
    this.write(link, closeOf(code2, reason));
    this.shut(link, code2, reason);
  }
  shut(link, code2, reason) {
    link.role = "closing";
    this.#outputs.push({ kind: "shut", link: link.id, code: code2, reason });
  }
  /** Nothing that it brings is heard any more. */
  forget(link) {
    link.role = "closing";
    this.#links.delete(link.id);
    this.#outputs.push({ kind: "drop", link: link.id });
  }
  forgetAll() {
    for (const link of [...this.#links.values()]) this.forget(link);
  }
  /** CLOSE wherever HELLO was sent; other connections are shut, and dials given up. */
  closeAll(code2, reason) {
    for (const link of [...this.#links.values()]) {
      if (link.role === "current" || link.role === "greeting") this.close(link, code2, reason);
      else if (link.role === "old") this.shut(link, SUPERSEDED, "");
      else if (link.role === "dialling") this.forget(link);
    }
  }
  /** Older connections are read for a while. */
  tick(now) {
    for (const link of this.#old()) if (now >= link.since + CLOSING_MS) this.forget(link);
  }
  /** When `tick` is to be called next. */
  get deadline() {
    const times = this.#old().map(({ since }) => since + CLOSING_MS);
    return times.length === 0 ? null : Math.min(...times);
  }
  #old() {
    return [...this.#links.values()].filter(({ role }) => role === "old");
  }
};

// src/session.ts
var NOT_CONNECTED = 3010;
var BAD_ARGS = 3007;
var DISCONNECTED = 3013;
var HOLDING_BYTES = 64;
var LOWEST_CODE = 1e3;
var HIGHEST_CODE2 = 4999;
var NamespaceError = class extends Error {
  name = "NamespaceError";
};
var Offline = class extends Error {
  name = "Offline";
  constructor() {
    super("the socket has no connection, and the client does not queue");
  }
};
var AHEAD_EVENTS = 64;
var Session = class {
  constructor(encoding, limits, outputs, queueing = {}) {
    this.encoding = encoding;
    this.limits = limits;
    this.outputs = outputs;
    this.queueing = queueing;
    this.acks = new PendingAcks(limits.pending_acks);
    this.outbound = this.#freshOutbound();
  }
  encoding;
  limits;
  outputs;
  queueing;
  acks;
  #attachments = /* @__PURE__ */ new Map();
  #due = /* @__PURE__ */ new Set();
  begun = null;
  /** Why it cannot go on: its queue does not hold the answers that are due. */
  overflow = null;
  /** SES-029: the number of the newest attempt to resume. */
  attach = 0;
  outbound;
  /** The application closes the client: nothing more is taken. */
  isClosing = false;
  /** Whether a connection carries it. */
  hasConnection = () => false;
  /** Sessions that were lost, emits that a bound refused, and events that were taken and then not sent. */
  counts = { lost: 0, refused: 0, dropped: 0 };
  #backlog = 0;
  /** A fresh session begins with this WELCOME, whose `secret` is there. */
  begin(welcome, secret) {
    const peers = bounded(welcome.limits);
    const tooLarge = this.outbound.begin(peers);
    this.attach = 0;
    this.#giveUp("not taken", tooLarge);
    this.begun = { id: welcome.session, secret, peers, inbound: new Inbound(this.limits, peers) };
    this.#hold();
  }
  /**
   * SES-047 to SES-050. Unless another one follows, its sockets end with it. Else what waited without a number waits on,
   * for `release` in the next session, and so does what is to be sent again.
   */
  lose(code2, reason, then) {
    const { unconfirmed, queued } = this.outbound.end();
    const goesOn = (frame) => then === "renew" && frame.kind === "EVENT" && this.#attachments.has(frame.ns);
    const again = this.queueing.resendLost === true ? unconfirmed.flatMap((frame) => goesOn(frame) ? [frame] : []) : [];
    const kept = [...again.map(withoutNumber), ...queued.filter(goesOn)];
    const gone = queued.filter((frame) => !goesOn(frame));
    const unknown = unconfirmed.map((frame) => lostEvent(frame, true, again.some((event) => event === frame)));
    const events = [...unknown, ...gone.map(unsent)].filter((event) => event !== null);
    const isLost = this.begun !== null && then !== "ended here";
    if (isLost) this.counts.lost += 1;
    if (isLost || events.length > 0) this.outputs.push({ kind: "lost", code: code2, reason, events });
    const waiting = new Set(kept.map(askedBy));
    const unsentIds = new Set(gone.map(askedBy));
    const why = then === "ended here" ? "disconnected" : "session lost";
    for (const ackId of this.acks.takeAll((id) => !waiting.has(id))) {
      this.#settle(ackId, { kind: "ended", why: unsentIds.has(ackId) ? "not sent" : why });
    }
    this.#due.clear();
    this.begun = null;
    this.overflow = null;
    this.attach = 0;
    this.outbound = this.#freshOutbound();
    for (const [ns, attachment] of [...this.#attachments]) {
      if (then === "renew") this.#renew(attachment);
      else this.#end(ns, code2 ?? DISCONNECTED, reason);
    }
    const lostTheirs = kept.filter((frame) => !this.#attachments.has(frame.ns));
    this.outbound.putBack(kept.filter((frame) => !lostTheirs.includes(frame)));
    this.#giveUp("not taken", lostTheirs);
  }
  /** SES-048: what waited in an earlier session leaves. Nothing happens in another one than `session`. */
  release(ns, session) {
    if (this.begun?.id === session) this.outbound.release(ns);
  }
  /** No namespace is wanted, and nothing of either side is open: a connection has nothing to carry. */
  get isIdle() {
    return this.#attachments.size === 0 && this.outbound.isEmpty && this.isSettled;
  }
  /** Whether a socket of this namespace is connected. */
  isConnected(ns) {
    return this.#attachments.get(ns)?.state === "connected";
  }
  /** Throws `NamespaceError`, and what `Outbound.push` and `copied` throw. */
  connect(ns, auth) {
    if (this.isClosing) throw new NamespaceError("the client is being closed");
    if (!isName(ns) || !ns.startsWith("/")) throw new NamespaceError("a namespace begins with / and has 255 bytes at most");
    if (this.#attachments.has(ns)) throw new NamespaceError(`${ns} is connected already, or being connected`);
    const asked2 = { kind: "CONNECT", ns, auth: copied(auth, this.#depth) };
    this.outbound.push(asked2);
    this.outbound.release(ns);
    this.#attachments.set(ns, { asked: asked2, state: "pending", connect: null, isAgain: false, ahead: [] });
  }
  /** NSP-009. Events that were emitted before go ahead, save those that wait for a fresh session's hooks. */
  disconnect(ns) {
    const attachment = this.#attachments.get(ns);
    if (attachment === void 0) return;
    if (attachment.isAgain && this.outbound.isHeld(ns)) this.#giveUp("disconnected", this.outbound.withdrawEvents(ns));
    this.outbound.release(ns);
    this.outbound.push({ kind: "DISCONNECT", ns, code: DISCONNECTED, reason: "" });
    this.#end(ns, DISCONNECTED, "");
    this.#endAcks(ns);
  }
  /**
   * The id of the ack, if one is asked for; in the session `ahead` of what waited in an earlier one. Throws what
   * `connect` throws, `TooManyAcks` and `Offline`.
   */
  emit(ns, event, args, asks, ahead = null) {
    if (this.isClosing || !this.#attachments.has(ns)) throw new NamespaceError(`${ns} is not connected`);
    const copy = this.checked(event, args);
    let ack_id = null;
    try {
      if (this.queueing.queueOffline === false && !this.hasConnection()) throw new Offline();
      ack_id = asks ? this.acks.add(ns) : null;
      this.outbound.push({ kind: "EVENT", ns, ack_id, event, args: copy }, ahead !== null && ahead === this.begun?.id);
    } catch (error) {
      if (ack_id !== null) this.acks.giveUp(ack_id);
      if (isBound(error)) this.counts.refused += 1;
      throw error;
    }
    return ack_id;
  }
  /**
   * ACK-003: once, and only while the socket lives; else nothing happens. Throws `TooLarge` and what `copied` throws,
   * and `RangeError` for what is no code.
   */
  answer(due, answer) {
    if (!this.#due.has(due)) return;
    const { ns, ackId: ack_id } = due;
    if ("args" in answer) this.#push({ kind: "ACK", ns, ack_id, args: copied(answer.args, this.#depth) });
    else {
      const { code: code2, message, data } = answer;
      if (!Number.isInteger(code2) || code2 < LOWEST_CODE || code2 > HIGHEST_CODE2) {
        throw new RangeError(`a code is from ${LOWEST_CODE} to ${HIGHEST_CODE2}, and not ${code2}`);
      }
      if (!isText(message)) throw new RangeError("a message holds a lone surrogate, which cannot be sent");
      this.#push({ kind: "FAILED", ns, ack_id, code: code2, message, data: copied(data, this.#depth) });
    }
    this.#due.delete(due);
  }
  /** LIM-003: a copy of the args. Refuses a name or args that no peer may be sent: throws `RangeError` or `TypeError`. */
  checked(event, args) {
    if (!isName(event)) throw new RangeError("the name of an event has 1 to 255 bytes");
    return copied(args, this.#depth);
  }
  /** A new frame of the peer, in order (SES-012); `size` is that of its message. */
  deliver(frame, size) {
    switch (frame.kind) {
      case "CONNECTED":
        return this.#onConnected(frame);
      case "REFUSED":
        return this.#onRefused(frame);
      case "DISCONNECT":
        return this.#onDisconnect(frame);
      case "EVENT":
        return this.#onEvent(frame, size);
      case "ACK":
      case "FAILED":
        return this.#onAnswer(frame);
    }
  }
  /** Bytes of events that wait for their handlers, or are being handled. */
  get backlog() {
    return this.#backlog;
  }
  /** An event that was told waits no longer, whatever became of it. */
  handled(bytes) {
    this.#backlog -= bytes;
    this.#hold();
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
    const outbound = new Outbound(this.encoding, this.limits, LEAST, this.queueing.queueEvents ?? QUEUE_EVENTS);
    outbound.onNumbered = (frame, pushed) => this.#onNumbered(frame, pushed);
    return outbound;
  }
  /** While more waits than `limits.inbound`, receipts are withheld (SES-015). */
  #hold() {
    if (this.begun !== null) this.begun.inbound.isHeld = this.#backlog > this.limits.inbound;
  }
  #onNumbered(frame, pushed) {
    const attachment = "ns" in frame ? this.#attachments.get(frame.ns) : void 0;
    if (attachment === void 0 || attachment.state === "connected") return;
    if (attachment.asked === pushed) attachment.connect = frame.seq;
    if (frame.kind !== "EVENT" || frame.ack_id !== null) return;
    attachment.ahead.push(frame);
    if (attachment.ahead.length >= AHEAD_EVENTS) this.outbound.hold(frame.ns);
  }
  /** SES-048. */
  #renew(attachment) {
    const { ns } = attachment.asked;
    attachment.isAgain ||= attachment.connect !== null;
    attachment.state = "pending";
    attachment.connect = null;
    attachment.ahead = [];
    try {
      this.outbound.push(attachment.asked);
      this.outbound.hold(ns);
    } catch (error) {
      if (!(error instanceof TooLarge || error instanceof QueueFull)) throw error;
      this.#end(ns, DISCONNECTED, error.message);
    }
  }
  #onConnected(frame) {
    const attachment = this.#attachments.get(frame.ns);
    if (attachment?.state !== "pending" || attachment.connect !== frame.connect) return;
    attachment.state = "connected";
    attachment.ahead = [];
    const { isAgain } = attachment;
    if (!isAgain) this.outbound.release(frame.ns);
    this.outputs.push({ kind: "connected", ns: frame.ns, socketId: frame.socket_id, data: frame.data, session: this.begun?.id ?? "", isAgain });
  }
  /** The server answers the events that were sent ahead (NSP-008); those that wait are not sent (NSP-017). */
  #onRefused({ ns, connect: connect2, code: code2, message, data }) {
    const attachment = this.#attachments.get(ns);
    if (attachment?.state !== "pending" || attachment.connect !== connect2) return;
    this.#attachments.delete(ns);
    this.#withdraw(ns, "refused", attachment.ahead);
    this.outputs.push({ kind: "refused", ns, code: code2, message, data });
  }
  /** NSP-009. While pending it is of an earlier socket. */
  #onDisconnect({ ns, code: code2, reason }) {
    if (!this.isConnected(ns)) return;
    this.#withdraw(ns, "disconnected");
    this.#endAcks(ns);
    this.#end(ns, code2, reason);
  }
  /** ACK-011. */
  #onEvent({ ns, ack_id, event, args, badBody }, size) {
    const refusal = !this.isConnected(ns) ? [NOT_CONNECTED, "not-connected"] : badBody !== void 0 ? [BAD_ARGS, "bad-args"] : null;
    if (refusal === null) {
      const due = ack_id === null ? null : { ns, ackId: ack_id };
      if (due !== null) this.#due.add(due);
      const bytes = size + HOLDING_BYTES;
      this.#backlog += bytes;
      this.#hold();
      this.outputs.push({ kind: "event", ns, event, args, due, bytes });
    } else if (ack_id !== null) {
      this.#push({ kind: "FAILED", ns, ack_id, code: refusal[0], message: refusal[1], data: null });
    }
  }
  #onAnswer(frame) {
    this.outbound.answered(frame.ack_id);
    if (!this.acks.take(frame.ack_id, frame.ns)) return;
    const { badBody } = frame;
    if (frame.kind === "FAILED") this.#settle(frame.ack_id, { kind: "failed", code: frame.code, message: frame.message, data: frame.data });
    else this.#settle(frame.ack_id, badBody === void 0 ? { kind: "answered", args: frame.args } : { kind: "unreadable", cause: badBody });
  }
  /** Takes an answer: a session whose queue cannot hold what its peer waits for is broken. Throws `TooLarge`. */
  #push(answer) {
    try {
      this.outbound.push(answer);
    } catch (error) {
      if (!(error instanceof QueueFull)) throw error;
      this.overflow ??= error.message;
    }
  }
  #end(ns, code2, reason) {
    this.#attachments.delete(ns);
    this.#due = new Set([...this.#due].filter((due) => due.ns !== ns));
    this.outputs.push({ kind: "disconnected", ns, code: code2, reason });
  }
  #endAcks(ns) {
    for (const ackId of this.acks.takeAll((_, owner) => owner === ns)) this.#settle(ackId, { kind: "ended", why: "disconnected" });
  }
  /** The events that the socket had, or has not had. Those that left `ahead` of a refusal and ask for an ack are answered. */
  #withdraw(ns, reason, ahead = []) {
    const unknown = this.outbound.takeUnknown(ns);
    const left = reason === "disconnected" ? unknown : ahead;
    const withdrawn = this.outbound.withdrawEvents(ns);
    this.#drop(reason, [...left.map(sent), ...withdrawn.map(unsent)]);
    for (const frame of withdrawn) this.#endUnsent(frame);
  }
  /** Events that waited for this session are not for it after all. */
  #giveUp(reason, frames) {
    this.#drop(reason, frames.map(unsent));
    for (const frame of frames) this.#endUnsent(frame);
  }
  #drop(reason, dropped) {
    const events = dropped.filter((event) => event !== null);
    if (events.length === 0) return;
    this.counts.dropped += events.length;
    this.outputs.push({ kind: "dropped", reason, events });
  }
  #endUnsent(frame) {
    if (frame.kind !== "EVENT" || frame.ack_id === null) return;
    if (this.acks.take(frame.ack_id, frame.ns)) this.#settle(frame.ack_id, { kind: "ended", why: "not sent" });
  }
  #settle(ackId, outcome) {
    this.outputs.push({ kind: "settled", ackId, outcome });
  }
};
function sent(frame) {
  return lostEvent(frame, true, false);
}
function unsent(frame) {
  return lostEvent(frame, false, false);
}
function lostEvent(frame, isSent, isResent) {
  if (frame.kind !== "EVENT") return null;
  const { ns, event, args, ack_id } = frame;
  return { ns, event, args, askedAck: ack_id !== null, sent: isSent, resent: isResent };
}
function withoutNumber(frame) {
  const { ns, ack_id, event, args } = frame;
  return { kind: "EVENT", ns, ack_id, event, args };
}
function askedBy(frame) {
  return frame.kind === "EVENT" ? frame.ack_id : null;
}
function isBound(error) {
  return error instanceof QueueFull || error instanceof QueueLong || error instanceof TooManyAcks || error instanceof Offline;
}

// src/connections.ts
var CLOSE_WAIT_MS = 2e3;
var ENDED = "ended";
var TWIN = "superseded by somebody else";
var Connections = class {
  outputs = [];
  session;
  #encoding;
  #options;
  #attempts;
  #admission;
  #patience = new Patience();
  #links;
  #current = null;
  /** The link that is being dialled, or awaits WELCOME. */
  #attempt = null;
  #leaving = null;
  #isStopped = true;
  /** There is no connection since none is wanted. */
  #isIdle = false;
  /** The page is kept without a connection. */
  #isPaused = false;
  /** Where the next dial goes. */
  #target;
  /** Until when the application's close waits for what is queued. */
  #closingUntil = null;
  bestEffort;
  /** Connections that WELCOME was read on, and those of them that resumed the session. */
  counts = { connections: 0, resumed: 0 };
  constructor(encoding, options) {
    this.#encoding = encoding;
    this.#options = options;
    this.#target = options.url;
    this.#links = new Links(encoding, options.limits, this.outputs);
    this.session = new Session(encoding, options.limits, this.outputs, options);
    this.session.hasConnection = () => this.#current !== null;
    this.bestEffort = new IncomingBestEffort(encoding, this.session, this.outputs);
    this.#attempts = new Attempts(options, options.random);
    this.#admission = new Admission(this.outputs, options.credentialsTimeoutMs, options.random);
  }
  /** The WELCOME of the current connection. */
  get welcome() {
    return this.#current?.welcome ?? null;
  }
  /** The current connection. */
  get currentLink() {
    return this.#current?.id ?? null;
  }
  /** The link that is being dialled, or awaits WELCOME. */
  get attemptLink() {
    return this.#attempt?.id ?? null;
  }
  /** Attempts since a connection last stood. */
  get attempts() {
    return this.#attempts.granted;
  }
  get isStopped() {
    return this.#isStopped;
  }
  /** The server asked the client to leave, which it is about to do. */
  get isLeaving() {
    return this.#leaving !== null;
  }
  /** Dials, unless something is under way (COD-006: after the client stopped, too). What is being closed is closed at once. */
  start(now) {
    if (this.#closingUntil !== null) this.#finish(NORMAL, ENDED);
    if (!this.#isStopped) return;
    this.#isStopped = this.#isIdle = false;
    this.#attempts.begin(now);
    if (!this.#isPaused) this.#dial(0, "");
  }
  /**
   * SES-037: goes over to another connection, while this one goes on; over one transport alone, if it is named. What
   * fails is not tried again. Gives the link; null if there is nothing to leave, or an attempt under way.
   */
  switch(over = null) {
    if (this.#current === null || this.#attempt !== null || this.#closingUntil !== null) return null;
    this.#dial(0, "", null, over);
    return this.attemptLink;
  }
  /** A namespace is wanted: dials, if the client went idle. */
  wanted(now) {
    if (!this.#isIdle || this.#isPaused) return;
    this.#isIdle = false;
    this.#attempts.down(now);
    this.#redial("at once", null, "", now);
  }
  /**
   * The application ends the session; on a connection that awaits WELCOME too (SES-039). What waits for the server
   * leaves first, if there is a connection and it takes no longer than `CLOSE_WAIT_MS`.
   */
  end(now) {
    if (this.#isStopped || this.#closingUntil !== null) return;
    const attempt2 = this.#attempt;
    this.#attempt = null;
    if (attempt2?.role === "greeting") this.#links.close(attempt2, NORMAL, "");
    else if (attempt2 !== null) this.#links.forget(attempt2);
    if (this.#current === null) return this.#finish(NORMAL, ENDED);
    this.#closingUntil = now + CLOSE_WAIT_MS;
    this.session.isClosing = true;
  }
  /** The page is left for good (HBT-009). */
  leave() {
    if (!this.#isStopped) this.#finish(GOING_AWAY, "the page was left");
  }
  /** The page is put away, and may come back: it has no connection meanwhile, and keeps its session. */
  pause(now) {
    this.#isPaused = true;
    const hadConnection = this.#current !== null;
    this.#links.forgetAll();
    this.#attempt = null;
    this.#leaveCurrent(now);
    if (this.#closingUntil !== null) return this.#finish(NORMAL, ENDED);
    if (hadConnection) this.outputs.push({ kind: "detached", code: CUT, reason: "the page was put away" });
  }
  /** The page is back. */
  resume(now) {
    this.#isPaused = false;
    if (this.#current === null) this.#attempts.down(now);
    this.#redial("at once", null, "", now);
  }
  /** HBT-009: the network came back, the page became visible. */
  doubt(now) {
    if (this.#current?.watchdog?.doubt(now) === true) this.#ping(this.#current, now);
  }
  /** The time of a link has come: its credentials are asked for, ahead of the dial (decision 45). `prepared` follows. */
  prepare(id, now) {
    const link = this.#links.get(id);
    if (link !== void 0 && link === this.#attempt) this.#admission.dial(link, now);
  }
  /** The application has answered a question for credentials. */
  answered(question, credentials, now) {
    this.#admit(this.#admission.answered(question, credentials, now), now);
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
    const size = this.#links.writeWithin(link, helloOf(link, this.session, this.#options), HELLO_BYTES);
    if (size !== null) return this.#refuse(link, tooLong(size), now);
    link.role = "greeting";
    link.since = now;
  }
  /** The transport ended, or could not be opened. With a code of its own it is a CLOSE (TRN-017), else a cut. */
  closed(id, code2, reason, now) {
    const link = this.#links.get(id);
    if (link === void 0) return;
    this.#links.ended(link);
    if (link.role === "closing") return;
    if (link.role === "dialling") this.#attemptEnded(link, reason, now);
    else if (code2 !== null && !isCut(code2)) this.#onClose(link, closeOf(code2, reason), now);
    else this.#cut(link, now);
  }
  /** A message is coming that is larger than `limits.frame` (SES-056). */
  tooLarge(id, now) {
    const link = this.#links.get(id);
    if (link !== void 0 && link.role !== "closing") this.#violation(link, FRAME_TOO_LARGE, "frame-too-large", now);
  }
  /** A datagram came. */
  datagram(id, message) {
    this.bestEffort.datagram(this.#links.get(id), message);
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
    if (this.session.overflow !== null) this.#endSession(OVERFLOW, this.session.overflow, now);
    const link = this.#current;
    const inbound = this.session.begun?.inbound;
    if (link === null || inbound === void 0) return;
    const { outbound } = this.session;
    const isLeaving = this.#leaving !== null;
    for (let message = outbound.transmit(isLeaving); message !== null; message = outbound.transmit(isLeaving)) {
      this.outputs.push({ kind: "send", link: link.id, message });
    }
    if (inbound.isReceiptDue(now) || isLeaving && !inbound.isConfirmed && !inbound.isHeld) {
      this.#links.write(link, { kind: "RECEIVED", received: inbound.receipt });
      inbound.told();
    }
    if (this.#closingUntil !== null && (outbound.queued.frames === 0 || now >= this.#closingUntil)) this.#finish(NORMAL, ENDED);
  }
  /** To be called when `deadline` has come, or at any other time. */
  tick(now) {
    const attempt2 = this.#attempt;
    if (attempt2?.role === "greeting" && now >= attempt2.since + WELCOME_TIMEOUT_MS) {
      this.outputs.push({ kind: "silent", link: attempt2.id, cause: "no WELCOME in time" });
      this.#links.forget(attempt2);
      this.#cut(attempt2, now);
    }
    this.#links.tick(now);
    this.#admit(this.#admission.tick(now), now);
    this.#watch(now);
    this.#leaveWhenAsked(now);
    if (this.#attempt === null || this.#current !== null || now < (this.#attempts.deadline ?? Infinity)) return;
    this.#attempts.failed();
    this.#giveUp("an attempt was under way for too long");
  }
  /** When `tick` is to be called next. */
  get deadline() {
    const outlasted = this.#attempt !== null && this.#current === null ? this.#attempts.deadline : null;
    const times = [this.#links.deadline, this.#admission.deadline, this.#closingUntil, outlasted].filter((time) => time !== null);
    if (this.#attempt?.role === "greeting") times.push(this.#attempt.since + WELCOME_TIMEOUT_MS);
    if (this.#current?.watchdog) times.push(this.#current.watchdog.deadline);
    const receiptDueAt = this.#current && this.session.begun?.inbound.receiptDueAt;
    if (typeof receiptDueAt === "number") times.push(receiptDueAt);
    const leaving = this.#attempt === null && this.#closingUntil === null ? this.#leaving : null;
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
      return session.deliver(frame, size);
    }
    switch (frame.kind) {
      case "PONG":
        this.#links.measure(link, frame.t, now);
        return session.outbound.receipt(frame.received);
      case "RECEIVED":
        return session.outbound.receipt(frame.received);
      case "PING":
        session.outbound.receipt(frame.received);
        if (link.role !== "current") return;
        this.#links.write(link, { kind: "PONG", t: frame.t, received: inbound.receipt });
        return inbound.told();
      case "GOAWAY":
        return this.#onGoAway(link, frame, now);
      case "AUTH":
        if (frame.wanted && link.role === "current") this.#admission.refresh(link, frame.expires, now);
        return;
      case "DATAGRAM":
      case "LATEST":
        return this.bestEffort.take(link, frame, size);
      case "HELLO":
        throw new Violation(PROTOCOL_ERROR, "HELLO from a server");
    }
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
    this.#noteLife(now);
    if (welcome.resumed) {
      session.outbound.resume(welcome.received);
      session.begun?.inbound.told();
      if (old !== null) Object.assign(old, { role: "old", since: now });
      this.outputs.push({ kind: "resumed", session: welcome.session });
    } else {
      if (old !== null) this.#links.close(old, NORMAL, "");
      if (link.resumes) session.lose(null, refusalOf(welcome), "renew");
      session.begin(welcome, secret ?? "");
      this.outputs.push({ kind: "began", session: welcome.session, reason: welcome.reason });
    }
    this.#attempt = null;
    this.#current = link;
    this.#leaving = null;
    this.#attempts.connected();
    this.counts.connections += 1;
    if (welcome.resumed) this.counts.resumed += 1;
    link.role = "current";
    link.since = now;
    link.welcome = welcome;
    link.watchdog = new Heartbeat(welcome.ping_interval, welcome.ping_timeout, this.#patience.begin(), now);
    this.#ping(link, now);
  }
  /** SES-057, SES-061. */
  #onGoAway(link, goAway, now) {
    if (link.role !== "current") return;
    this.#leaving = leavingOf(goAway, this.#leaving, now);
    this.#giveUpSwitch("the server is going away");
  }
  /** The code decides (SES-052). */
  #onClose(link, close, now) {
    const { role } = link;
    this.#links.shut(link, close.code, close.reason);
    if (role === "greeting") return this.#attemptClosed(link, close, now);
    const isTwin = close.attach === null ? this.#attempt?.role !== "greeting" : close.attach > this.session.attach;
    if (role === "current") {
      this.#leaveCurrent(now);
      this.outputs.push({ kind: "detached", code: close.code, reason: close.reason });
      if (close.code !== SUPERSEDED) return this.#act(close, now);
      if (!isTwin) return this.#redial("at once", null, close.reason, now);
    }
    if (close.code === SUPERSEDED && isTwin && (role === "current" || close.attach !== null)) {
      if (this.#current !== null) this.#leaveCurrent(now);
      this.#closeAll(NORMAL, "");
      this.session.lose(close.code, TWIN, "renew");
      this.#redial("back-off", null, TWIN, now);
    }
  }
  #attemptClosed(link, close, now) {
    this.#attempt = null;
    const { session } = this;
    if (close.code === STALE_ATTACH && link.resumes) session.attach = Math.max(session.attach, close.attach ?? 0);
    if (this.#current !== null) return this.#stay(close.code, causeOf(close), close.retry_after, now);
    this.#attempts.failed();
    this.#act(close, now);
  }
  /** An attempt beside the current connection failed: the session goes on there. */
  #stay(code2, cause, retryAfterMs, now) {
    if (this.#leaving !== null) this.#redial("back-off", retryAfterMs, cause, now);
    else this.outputs.push({ kind: "switch failed", code: code2, cause });
  }
  /** A dial over one transport alone, on which nothing was said yet, is no way for what comes now. */
  #giveUpSwitch(cause) {
    const attempt2 = this.#attempt;
    if (attempt2?.role !== "dialling" || attempt2.over === null) return;
    this.#attempt = null;
    this.#links.forget(attempt2);
    this.outputs.push({ kind: "switch failed", code: null, cause });
  }
  /** What a code says, once no connection carries the session. */
  #act(close, now) {
    if (this.#closingUntil !== null) return this.#finish(NORMAL, ENDED);
    const { sessionKept, retry } = dispositionOf(close.code);
    this.#target = followed(this.#options.url, close.url);
    const isKept = sessionKept && retry !== "never";
    if (!isKept && (this.session.begun !== null || retry === "never")) {
      this.#closeAll(NORMAL, "");
      this.session.lose(close.code, close.reason, retry === "never" ? "over" : "renew");
    }
    if (retry === "never") this.#stop(close.code, close.reason, close.data);
    else this.#redial(retry, close.retry_after, causeOf(close), now);
  }
  /** A connection is gone, and nobody said why (SES-054). */
  #cut(link, now) {
    const { role } = link;
    link.role = "closing";
    if (role === "current") {
      this.outputs.push({ kind: "silent", link: link.id, cause: "the connection was cut" });
      this.#leaveCurrent(now);
      this.outputs.push({ kind: "detached", code: CUT, reason: "cut" });
      this.#act(closeOf(CUT, "cut"), now);
    } else this.#attemptEnded(link, "cut", now);
  }
  #attemptEnded(link, cause, now) {
    if (link !== this.#attempt) return;
    this.#attempt = null;
    this.#attemptFailed(cause, now);
  }
  /** `last` is what is told of it if it was the last one. */
  #attemptFailed(cause, now, last = cause) {
    if (this.#current !== null) return this.#stay(null, cause, null, now);
    this.#attempts.failed();
    this.#redial("back-off", null, cause, now, last);
  }
  /** SES-053; on an old connection it ends that connection and nothing else (SES-036). */
  #violation(link, code2, reason, now) {
    if (link.role === "old") return this.#links.shut(link, SUPERSEDED, "");
    this.#endSession(code2, reason, now);
  }
  /** This side ends the session, and begins another one. */
  #endSession(code2, reason, now) {
    if (this.#current === null && this.#attempt?.role === "greeting") this.#attempts.failed();
    this.#leaveCurrent(now);
    this.#closeAll(code2, reason);
    if (this.session.begun !== null) this.session.lose(code2, reason, "renew");
    this.#redial("back-off", null, reason, now);
  }
  #watch(now) {
    const link = this.#current;
    const verdict = link?.watchdog?.check(now) ?? "nothing";
    if (link === null || verdict === "nothing") return;
    if (verdict === "ping") return this.#ping(link, now);
    this.#patience.ranOut();
    this.outputs.push({ kind: "silent", link: link.id, cause: "ping-timeout" });
    this.#links.close(link, PING_TIMEOUT, "ping-timeout");
    this.#leaveCurrent(now);
    this.outputs.push({ kind: "detached", code: PING_TIMEOUT, reason: "ping-timeout" });
    this.#act(closeOf(CUT, "ping-timeout"), now);
  }
  /**
   * SES-058: not before the slot; then as soon as all is settled; at the latest at the deadline. A server that asks
   * each connection to leave is dialled no faster than one that closes each (LIM-016).
   */
  #leaveWhenAsked(now) {
    const leaving = this.#leaving;
    if (leaving === null || this.#attempt !== null || this.#closingUntil !== null) return;
    if (now < leaving.deadline && (now < leaving.slot || !this.session.isSettled)) return;
    this.#target = followed(this.#options.url, leaving.url);
    this.#noteLife(now);
    this.#redial("at once", null, "", now);
  }
  /** What the application says to a question for credentials. Of fresh ones, too long ones are not sent. */
  #admit(answer, now) {
    if (answer === null) return;
    const { link, credentials } = answer;
    if (!("auth" in credentials)) return this.#refuse(link, credentials, now);
    if (answer.kind === "refresh") {
      this.#links.writeWithin(link, { kind: "AUTH", auth: credentials.auth, wanted: false, expires: null }, HELLO_BYTES);
      return;
    }
    link.auth = credentials.auth;
    this.outputs.push({ kind: "prepared", link: link.id });
  }
  /** An attempt has no credentials to say HELLO with. */
  #refuse(link, { problem, isFinal }, now) {
    this.#attempt = null;
    this.#links.forget(link);
    const [shown, last] = ["no credentials", `no credentials: ${problem}`];
    if (isFinal && this.#current === null) this.#end(CUT, last, "over");
    else this.#attemptFailed(shown, now, last);
  }
  #dial(delayMs, cause, retryAfterMs = null, over = null) {
    const link = this.#links.add(over);
    this.#attempt = link;
    this.outputs.push({ kind: "dial", link: link.id, url: this.#target, delayMs, leastMs: asked(retryAfterMs), over, cause });
    this.#target = this.#options.url;
  }
  /** Dials again, unless an attempt is under way, or nothing asks for one, or the limit of attempts or of time is reached. */
  #redial(retry, retryAfterMs, cause, now, last = cause) {
    const isWanted = this.#current === null || this.#leaving !== null;
    if (this.#isStopped || this.#isPaused || this.#attempt !== null || !isWanted) return;
    if (this.#closingUntil !== null) return this.#current === null ? this.#finish(NORMAL, ENDED) : void 0;
    if (this.#current === null && this.session.isIdle) {
      this.#isIdle = true;
      this.outputs.push({ kind: "idle" });
      return;
    }
    const delayMs = this.#attempts.next(retry === "at once", retryAfterMs);
    if (this.#current === null && this.#attempts.isOver(delayMs, now)) this.#giveUp(last);
    else this.#dial(delayMs, cause, retryAfterMs);
  }
  /** The session has no connection any more. */
  #leaveCurrent(now) {
    this.#noteLife(now);
    if (this.#current !== null) this.#attempts.down(now);
    this.#current = null;
    this.#leaving = null;
    this.#giveUpSwitch("the connection ended");
  }
  /** LIM-008: a connection that has stood makes the attempts before it forgotten. */
  #noteLife(now) {
    if (this.#current !== null) this.#attempts.lived(now - this.#current.since);
  }
  #closeAll(code2, reason) {
    this.#links.closeAll(code2, reason);
    this.#current = null;
    this.#attempt = null;
    this.#leaving = null;
  }
  /** The limit of attempts or of time was reached. */
  #giveUp(cause) {
    this.#end(CUT, this.#attempts.gaveUp(cause), "over", true);
  }
  /** This side ends it all. */
  #finish(code2, reason) {
    this.#end(code2, reason, "ended here");
  }
  #end(code2, reason, then, hasGivenUp = false) {
    this.#closeAll(then === "over" ? NORMAL : code2, "");
    this.session.lose(code2, reason, then);
    this.#stop(code2, reason, null, hasGivenUp);
  }
  #stop(code2, reason, data, hasGivenUp = false) {
    this.#isStopped = true;
    this.#isPaused = false;
    this.#closingUntil = null;
    this.session.isClosing = false;
    this.outputs.push({ kind: "stopped", code: code2, reason, data, hasGivenUp });
  }
  #ping(link, now) {
    this.#links.ping(link, this.session.begun?.inbound.receipt ?? 0, now);
    this.session.begun?.inbound.told();
  }
};
function causeOf({ code: code2, reason }) {
  return reason === "" ? `CLOSE ${code2}` : reason;
}

// src/switch.ts
var UPGRADE_BASE_MS = 1e3;
var UPGRADE_CAP_MS = 3e5;
var UPGRADE_STANDING_MS = 12e4;
var SwitchError = class extends Error {
  constructor(transport, why, cause) {
    super(cause === "" ? `no switch to ${transport}: ${why}` : `no switch to ${transport}: ${cause}`);
    this.transport = transport;
    this.why = why;
  }
  transport;
  why;
  name = "SwitchError";
};
var Upgrades = class {
  #backOff = new BackOff(UPGRADE_BASE_MS, UPGRADE_CAP_MS);
  #isChosen = false;
  /** When to try, if at all. */
  due = null;
  /** After a connection was made, or a try has failed: `isWanted` if another is to follow. */
  plan(isWanted, random, now) {
    this.due = isWanted && !this.#isChosen ? now + this.#backOff.next(false, null, random) : null;
  }
  /** The application chose the transport of the present connection: it is not left by itself. */
  chosen() {
    this.#isChosen = true;
    this.due = null;
  }
  /** The connection whose transport was chosen is over, or is to be. */
  forgetChoice() {
    this.#isChosen = false;
  }
  /** A connection over `transport` is over that stood for so long. */
  stood(transport, stoodMs) {
    if (transport === "webtransport" && stoodMs >= UPGRADE_STANDING_MS) this.#backOff.reset();
  }
};

// src/transports.ts
var WINNER_REMEMBERED_MS = 6e5;
var HOSTS_MAX = 8;
var ALTERNATIVES_MAX = 8;
var HASHES_MAX = 8;
var HASH_BYTES = 32;
var RANKED = ["webtransport", "websocket"];
var Hosts = class {
  /** Those that can be dialled at all, by the client's settings and the platform. */
  #kinds;
  #hosts = [];
  constructor(kinds) {
    this.#kinds = RANKED.filter((kind) => kinds.includes(kind));
  }
  /** What can be dialled for this URL, in the order in which it is begun. */
  candidates(url, now) {
    const first = this.#host(url)?.first;
    const known = first && now - first.since < WINNER_REMEMBERED_MS ? first.transport : null;
    const found = this.#kinds.flatMap((kind) => this.candidate(url, kind) ?? []);
    return [...found.filter(({ transport }) => transport === known), ...found.filter(({ transport }) => transport !== known)];
  }
  /** Where one transport is dialled for this URL; null where it cannot be. */
  candidate(url, transport) {
    if (!this.#kinds.includes(transport)) return null;
    const told2 = this.#host(url)?.told.find((other) => other.transport === transport);
    const isPossible = transport !== "webtransport" || this.#kinds.length === 1 || isSecure(told2?.url ?? url);
    return isPossible ? { transport, url: dialled(told2?.url ?? url, transport), hashes: told2?.hashes ?? [] } : null;
  }
  /** Notes which transport connected, and why another did not, if that is known; gives what is known of that now. */
  connected(url, transport, passedOver, now) {
    const host = this.#renewed(url);
    host.first = { transport, since: now };
    if (transport === "webtransport") host.why = null;
    host.why = passedOver ?? host.why;
    return host.why;
  }
  /** Notes that a connection over WebTransport died without a word: UDP may be dead. */
  died(url, cause, now) {
    this.connected(url, "websocket", `webtransport: ${cause}`, now);
  }
  /**
   * Notes where a server says that its other transports are. What leads to another host, or from a secure scheme to
   * an insecure one, is passed over (SEC-012).
   */
  told(url, over, alternatives) {
    if (alternatives.length === 0 && over === "webtransport") return;
    const host = this.#renewed(url);
    host.told = host.told.filter(({ transport }) => transport === over);
    for (const alternative of alternatives.slice(0, ALTERNATIVES_MAX)) {
      const told2 = read2(url, alternative);
      if (told2 === null) continue;
      host.told = [...host.told.filter(({ transport }) => transport !== told2.transport), told2];
    }
  }
  /**
   * Forgets where servers said that their other transports are: who asks to be left told it, and behind a load
   * balancer that leads back to the very same server.
   */
  forgetTold() {
    for (const host of this.#hosts) host.told = [];
  }
  #host(url) {
    const name = serverOf(url);
    return this.#hosts.find((host) => host.name === name);
  }
  /** The newest stands first, and the one at the end goes. */
  #renewed(url) {
    const name = serverOf(url);
    const host = this.#host(url) ?? { name, first: null, why: null, told: [] };
    this.#hosts = [host, ...this.#hosts.filter((other) => other !== host)].slice(0, HOSTS_MAX);
    return host;
  }
};
function read2(from, { transport: name, url: told2, hashes }) {
  const transport = RANKED.find((kind) => kind === name);
  const url = movedTo(from, told2);
  if (transport === void 0 || url === null) return null;
  const read3 = hashes.slice(0, HASHES_MAX);
  const isDialled = read3.length === 0 || transport === "webtransport";
  return isDialled && read3.every(({ length }) => length === HASH_BYTES) ? { transport, url, hashes: read3 } : null;
}

// src/run.ts
var Run = class {
  outputs = [];
  core;
  #options;
  #hosts;
  #upgrades = new Upgrades();
  #lines = /* @__PURE__ */ new Map();
  #attempt = null;
  #link = null;
  #carrier = null;
  #wish = null;
  #switching = null;
  #lastDial = 0;
  #lastWish = 0;
  /** Dials begun: in a race, one for each that was. */
  dials = 0;
  constructor(encoding, options) {
    this.#options = options;
    this.core = new Connections(encoding, options);
    const wanted = options.transports ?? "auto";
    const kinds = options.dialers.filter((kind) => wanted === "auto" || wanted === `${kind}-only`);
    this.#hosts = new Hosts(kinds.filter((kind) => kind !== "webtransport" || encoding.name === "messagepack"));
    if (options.alternatives !== void 0) this.#hosts.told(options.url, "websocket", options.alternatives);
  }
  /** What carries the session now. */
  get carrier() {
    return this.#carrier;
  }
  start(now) {
    this.core.start(now);
    this.after(now);
  }
  end(now) {
    this.core.end(now);
    this.after(now);
  }
  /**
   * Asks for a sign of life (HBT-009). While the client waits for its next attempt, that begins at once instead, but
   * no sooner than the server asked for.
   */
  probe(now) {
    this.core.doubt(now);
    const attempt2 = this.#attempt;
    if (attempt2?.stage === "waiting") attempt2.startAt = Math.min(attempt2.startAt, Math.max(now, attempt2.leastAt));
    this.after(now);
  }
  /** What happened to the page or the machine. */
  wake(event, now) {
    if (event === "left") this.core.leave();
    else if (event === "put away") this.core.pause(now);
    else if (event === "back") this.core.resume(now);
    else if (event === "offline") this.core.doubt(now);
    this.after(now);
    if (event !== "left" && event !== "put away" && event !== "offline") this.probe(now);
  }
  /** Moves the session to a transport while it goes on. `switched` tells what came of the wish, whose number is given. */
  switchTo(transport, now) {
    this.#lastWish += 1;
    const former = this.#wish;
    this.#wish = { number: this.#lastWish, transport };
    if (former !== null) this.#tell(former, "replaced");
    if (this.#link === null) this.#dropWish();
    this.after(now);
    return this.#lastWish;
  }
  /** A transport is open. */
  opened(dial, now) {
    const runner = this.#attempt?.dials.indexOf(dial) ?? -1;
    if (runner < 0) this.outputs.push({ kind: "drop", dial });
    else this.#attempt?.race?.opened(runner);
    this.after(now);
  }
  /** A transport ended, or could not be opened. */
  closed(dial, code2, reason, now) {
    const runner = this.#attempt?.dials.indexOf(dial) ?? -1;
    const link = this.#linkOf(dial);
    if (link !== null) {
      this.core.closed(link, code2, reason, now);
      this.after(now);
      this.#lines.delete(link);
    } else if (runner >= 0) {
      this.#attempt?.race?.failed(runner, reason, now);
      this.after(now);
    }
  }
  /** The application has answered a question for credentials. */
  answered(question, credentials, now) {
    this.core.answered(question, credentials, now);
    this.after(now);
  }
  received(dial, message, now) {
    const link = this.#linkOf(dial);
    if (link !== null) this.core.received(link, message, now);
    this.after(now);
  }
  datagram(dial, message, now) {
    const link = this.#linkOf(dial);
    if (link !== null) this.core.datagram(link, message);
    this.after(now);
  }
  tooLarge(dial, now) {
    const link = this.#linkOf(dial);
    if (link !== null) this.core.tooLarge(link, now);
    this.after(now);
  }
  /** When `tick` is to be called next. */
  get deadline() {
    const attempt2 = this.#attempt;
    const times = [this.core.deadline, attempt2?.race?.deadline ?? null, attempt2?.stage === "waiting" ? attempt2.startAt : null];
    if (this.#maySwitch) times.push(this.#upgrades.due);
    const known = times.filter((time) => time !== null);
    return known.length === 0 ? null : Math.min(...known);
  }
  /** To be called when `deadline` has come, or at any other time. */
  tick(now) {
    this.core.tick(now);
    this.#attempt?.race?.tick(now);
    this.after(now);
  }
  /** To be called after every input to the session, which the other inputs here do themselves. */
  after(now) {
    do {
      this.#sort(now);
      this.#follow(now);
      this.#grant(now);
      this.#dial(now);
      this.core.pump(now);
    } while (this.core.outputs.length > 0);
  }
  /** What the core asks for, and tells. */
  #sort(now) {
    for (let output = this.core.outputs.shift(); output !== void 0; output = this.core.outputs.shift()) this.#take(output, now);
  }
  #take(output, now) {
    switch (output.kind) {
      case "dial": {
        const { link, url, delayMs, leastMs, over, cause } = output;
        this.#attempt = { link, url, over, stage: "waiting", startAt: now + delayMs, leastAt: now + leastMs, race: null, dials: [] };
        if (this.core.currentLink === null && delayMs > 0) {
          this.outputs.push({ kind: "waiting", attempt: this.core.attempts, delayMs, cause });
        }
        return;
      }
      case "send":
      case "shut": {
        const line = this.#lines.get(output.link);
        if (line !== void 0) this.outputs.push({ ...output, dial: line.dial });
        return;
      }
      case "drop": {
        const line = this.#lines.get(output.link);
        this.#lines.delete(output.link);
        if (line !== void 0) this.outputs.push({ kind: "drop", dial: line.dial });
        if (this.#attempt?.link === output.link) this.#giveUp(this.#attempt);
        return;
      }
      case "silent": {
        const line = this.#lines.get(output.link);
        if (line?.transport === "webtransport") this.#hosts.died(line.url, output.cause, now);
        return;
      }
      case "prepared":
        if (this.#attempt?.link === output.link) this.#attempt.stage = "prepared";
        return;
      case "switch failed":
        if (this.#switching !== null) this.#switching.cause = output.cause;
    }
    this.outputs.push(output);
  }
  #giveUp(attempt2) {
    attempt2.race?.giveUp();
    this.#race(attempt2);
    this.#attempt = null;
  }
  /** Has the attempt prepared when its time has come, dials, and tells the core what came of it. */
  #dial(now) {
    const attempt2 = this.#attempt;
    if (attempt2 === null) return;
    if (attempt2.stage === "waiting" && now >= attempt2.startAt) {
      attempt2.stage = "asking";
      this.core.prepare(attempt2.link, now);
    }
    if (attempt2.stage !== "prepared") return;
    if (attempt2.race === null) {
      const { url, over } = attempt2;
      if (this.core.isLeaving) this.#hosts.forgetTold();
      const candidates = over === null ? this.#hosts.candidates(url, now) : [this.#hosts.candidate(url, over)].filter((known) => known !== null);
      attempt2.race = new Race(candidates, this.#options.dialTimeoutMs ?? DIAL_TIMEOUT_MS, now);
    }
    this.#race(attempt2);
    const { outcome } = attempt2.race;
    if (outcome === null) return;
    this.#attempt = null;
    if (outcome.kind === "lost") return this.core.closed(attempt2.link, null, outcome.cause, now);
    const { candidate, passedOver } = outcome;
    this.#lines.set(attempt2.link, { dial: attempt2.dials[outcome.runner] ?? 0, url: attempt2.url, transport: candidate.transport, passedOver });
    this.core.opened(attempt2.link, now);
  }
  /** Does what the race asks for. */
  #race({ race, dials }) {
    for (let order = race?.orders.shift(); order !== void 0; order = race?.orders.shift()) {
      if (order.kind === "give up") {
        this.outputs.push({ kind: "drop", dial: dials[order.runner] ?? 0 });
        continue;
      }
      this.#lastDial += 1;
      this.dials += 1;
      dials[order.runner] = this.#lastDial;
      this.outputs.push({ kind: "open", dial: this.#lastDial, candidate: order.candidate });
    }
  }
  /** Whether another connection carries the session now. */
  #follow(now) {
    const link = this.core.currentLink;
    if (link === this.#link) return;
    if (this.#carrier !== null) this.#upgrades.stood(this.#carrier.transport, now - this.#carrier.since);
    this.#link = link;
    this.#carrier = null;
    if (link === null) {
      this.#upgrades.forgetChoice();
      this.#upgrades.due = null;
      this.#dropWish();
    } else this.#attached(link, now);
    this.outputs.push({ kind: "moved" });
  }
  #attached(link, now) {
    const line = this.#lines.get(link);
    if (line === void 0) return;
    const { url, transport, dial } = line;
    const passedOver = this.#hosts.connected(url, transport, line.passedOver, now);
    this.#hosts.told(url, transport, this.core.welcome?.alternatives ?? []);
    this.#carrier = { dial, transport, passedOver, since: now };
    const switching = this.#switching?.link === link ? this.#switching : null;
    if (switching === null) this.#upgrades.forgetChoice();
    this.#plan(now);
    if (switching === null) return;
    this.#switching = null;
    if (switching.wish === null) return;
    this.#upgrades.chosen();
    this.outputs.push({ kind: "switched", wish: switching.wish.number, error: null });
  }
  /** Whether the session is to move to WebTransport by itself, and when it tries that. */
  #plan(now) {
    const { transports = "auto", random } = this.#options;
    const line = this.#link === null ? void 0 : this.#lines.get(this.#link);
    const isOnWebSocket = line?.transport === "websocket" && transports === "auto";
    this.#upgrades.plan(isOnWebSocket && this.#hosts.candidate(line.url, "webtransport") !== null, random(), now);
  }
  /** Ends the switch that failed, and begins the one that is wished for, or due. */
  #grant(now) {
    const switching = this.#switching;
    if (switching !== null && this.core.attemptLink !== switching.link) {
      this.#switching = null;
      if (switching.wish !== null) this.#tell(switching.wish, this.#link === null ? "not connected" : "failed", switching.cause);
      else if (this.#link !== null) this.#plan(now);
    }
    const line = this.#link === null ? void 0 : this.#lines.get(this.#link);
    if (line === void 0 || !this.#maySwitch) return;
    const wish = this.#wish;
    this.#wish = null;
    if (wish?.transport === line.transport) {
      this.#upgrades.chosen();
      return void this.outputs.push({ kind: "switched", wish: wish.number, error: null });
    }
    const isDue = this.#upgrades.due !== null && now >= this.#upgrades.due;
    const transport = wish?.transport ?? (isDue ? "webtransport" : null);
    if (transport === null) return;
    if (wish === null) this.#upgrades.due = null;
    if (this.#hosts.candidate(line.url, transport) === null) {
      if (wish !== null) this.#tell(wish, "unavailable");
      return;
    }
    const link = this.core.switch(transport);
    if (link !== null) this.#switching = { link, transport, wish, cause: "" };
    this.#sort(now);
  }
  /** A server that wants its clients to leave is left first, and no sooner than it asked for (SES-058). */
  get #maySwitch() {
    return this.#link !== null && this.core.attemptLink === null && !this.core.isLeaving;
  }
  #dropWish() {
    if (this.#wish !== null) this.#tell(this.#wish, "not connected");
    this.#wish = null;
  }
  #tell({ number: number2, transport }, why, cause = "") {
    this.outputs.push({ kind: "switched", wish: number2, error: new SwitchError(transport, why, cause) });
  }
  #linkOf(dial) {
    for (const [link, line] of this.#lines) if (line.dial === dial) return link;
    return null;
  }
};

// src/lane.ts
var Lane = class {
  #limit;
  #work;
  #waiting = [];
  #running = 0;
  /** Calls `work` for each item, for at most `limit` at once: one is done when its promise has ended, or at once without one. */
  constructor(limit, work) {
    this.#limit = limit;
    this.#work = work;
  }
  push(item) {
    this.#waiting.push(item);
    this.#go();
  }
  /** Gives what waits, which is not begun any more. */
  clear() {
    return this.#waiting.splice(0);
  }
  #go() {
    while (this.#running < this.#limit) {
      const [item] = this.#waiting.splice(0, 1);
      if (item === void 0) return;
      this.#running += 1;
      const end = () => {
        this.#running -= 1;
      };
      const pending = this.#work(item);
      if (pending === null) end();
      else void pending.then(end).then(() => this.#go());
    }
  }
};

// src/newest.ts
var WAITING_BYTES = 262144;
var Newest = class {
  #limit;
  #handle;
  #drop;
  /** By event whose handlers are under way: what waits for them, by key. */
  #busy = /* @__PURE__ */ new Map();
  #keys = 0;
  #bytes = 0;
  /** Calls `handle` for each event, for one of a name at a time: it is done when its promise has ended, or at once without one. At most `limit` keys wait, of all events together. */
  constructor(limit, handle, drop) {
    this.#limit = limit;
    this.#handle = handle;
    this.#drop = drop;
  }
  /** `size` is that of its message. */
  take(frame, size) {
    const waiting = this.#busy.get(frame.event);
    if (waiting === void 0) return this.#begin(frame);
    if (frame.kind === "DATAGRAM") return this.#drop("busy");
    const older = waiting.get(frame.key);
    const keys = this.#keys + (older === void 0 ? 1 : 0);
    const bytes = this.#bytes - (older?.size ?? 0) + size;
    if (keys > this.#limit || bytes > WAITING_BYTES) return this.#drop("busy");
    if (older !== void 0) this.#drop("conflated");
    waiting.set(frame.key, { frame, size });
    this.#keys = keys;
    this.#bytes = bytes;
  }
  /** What waits is not begun any more. */
  clear() {
    for (const waiting of this.#busy.values()) {
      for (let at = 0; at < waiting.size; at += 1) this.#drop("notConnected");
      waiting.clear();
    }
    this.#keys = this.#bytes = 0;
  }
  #begin(frame) {
    const pending = this.#handle(frame);
    if (pending === null) return;
    this.#busy.set(frame.event, /* @__PURE__ */ new Map());
    void pending.then(() => this.#goOn(frame.event));
  }
  /** Those whose keys came first are handled first. */
  #goOn(event) {
    const waiting = this.#busy.get(event) ?? /* @__PURE__ */ new Map();
    for (const [key, { frame, size }] of waiting) {
      waiting.delete(key);
      this.#keys -= 1;
      this.#bytes -= size;
      const pending = this.#handle(frame);
      if (pending !== null) return void pending.then(() => this.#goOn(event));
    }
    this.#busy.delete(event);
  }
};

// src/socket.ts
var UNKNOWN_EVENT = { code: 3009, message: "unknown-event", data: null };
var INTERNAL = { code: 3011, message: "internal", data: null };
var SocketEnded = class extends Error {
  constructor(code2, reason) {
    super(reason === "" ? `the socket ended with code ${code2}` : reason);
    this.code = code2;
  }
  code;
  name = "SocketEnded";
};
var Socket = class {
  /** Use `Client.socket`. */
  constructor(ns, session, answers, act, bestEffort) {
    this.ns = ns;
    this.#session = session;
    this.#answers = answers;
    this.#act = act;
    this.#bestEffort = bestEffort;
    this.#newest = new Newest(session.limits.latest_keys, (frame) => this.#handleBestEffort(frame), (why) => bestEffort.unhandled(why));
    this.#ready = deferred();
  }
  ns;
  #session;
  #act;
  #bestEffort;
  /** By event. */
  #handlers = /* @__PURE__ */ new Map();
  /** One event after the other. */
  #inbox = new Lane(1, (incoming) => this.#handle(incoming));
  /** Best-effort events. */
  #newest;
  #isLeft = false;
  #answers;
  #ready;
  #onReattach = null;
  /** The public id while the socket is connected; it changes with the session. */
  id = null;
  /** The id of the socket when it is connected, in the next session if its last one was lost. Rejects with `SocketEnded`. */
  get ready() {
    return this.#ready.promise;
  }
  /**
   * Calls `handler` for every such event, the best-effort ones too. Events of a socket are handled in their order, one
   * at a time: a handler that returns a promise holds the next event up until that has ended, and past
   * `limits.inbound` (1 MiB) the server's events wait there (decision 49). So it must not wait for a later event of
   * its socket; what needs no order is `concurrent`, or begun without being returned. Best-effort
   * events pass. While one of their name is being handled, of each key of `latest` the newest value waits, up to
   * `limits.latest_keys` and 256 KiB a socket; others are dropped. Throws `RangeError` for `concurrent` below 1.
   */
  on(event, handler, { concurrent } = {}) {
    const limit = concurrent === void 0 ? null : within("concurrent", concurrent, 1, Number.MAX_SAFE_INTEGER);
    const lane = limit === null ? null : new Lane(limit, (incoming) => this.#handleBeside(handler, incoming));
    return this.#listen(event, handler, { isOnce: false, lane });
  }
  /** As `on`, for the next such event alone. */
  once(event, handler) {
    return this.#listen(event, handler, { isOnce: true, lane: null });
  }
  /** Ends `on` and `once`. */
  off(event, handler) {
    const handlers = this.#handlers.get(event);
    handlers?.delete(handler);
    if (handlers?.size === 0) this.#handlers.delete(event);
    return this;
  }
  /**
   * Sets what runs when the socket is connected again in a fresh session, instead of an earlier one: the place to
   * introduce oneself anew. What waited in the lost session leaves when it has ended, so it must end.
   */
  onReattach(hook) {
    this.#onReattach = hook;
    return this;
  }
  /** Exactly once and in order. Throws `QueueFull`, `QueueLong`, `Offline`, `TooLarge`, `NamespaceError`, `RangeError` or `TypeError`. */
  emit(event, ...args) {
    this.#emit(null, event, args);
  }
  /** The args of the answer, within a time; one of more than 24 days, such as `Infinity`, does not end. Rejects with `EventFailed`, `NoAnswer`, `TooManyAcks` and what `emit` throws. */
  emitWithAck(timeoutMs, event, ...args) {
    return this.#ask(null, timeoutMs, event, args);
  }
  /** Sent only if nothing waits for the connection, and lost with it. Whether it was sent (BEF-012). */
  volatile(event, ...args) {
    return this.#bestEffort.send({ kind: "DATAGRAM", ns: this.ns, event, args }, "volatile");
  }
  datagram(event, ...args) {
    return this.maxAge(Infinity).datagram(event, ...args);
  }
  latest(key, event, ...args) {
    return this.maxAge(Infinity).latest(key, event, ...args);
  }
  /** Best-effort events that are dropped if they have waited for the connection for so long. */
  maxAge(maxAgeMs) {
    const { ns } = this;
    return {
      datagram: (event, ...args) => this.#bestEffort.send({ kind: "DATAGRAM", ns, event, args }, { maxAgeMs }),
      latest: (key, event, ...args) => this.#bestEffort.send({ kind: "LATEST", ns, event, key, args }, { maxAgeMs })
    };
  }
  /** Leaves the namespace; what was emitted before is sent. Events that wait for a handler are dropped; a handler under way goes on. */
  disconnect() {
    this.leave();
    this.#session.disconnect(this.ns);
    this.#act();
  }
  /** For the client: the socket is connected. */
  connected(id) {
    this.id = id;
    this.#ready.resolve(id);
  }
  /** For the client: its session was lost. It is connected again in the next one, unless it is told that it has ended. */
  sessionLost() {
    if (this.id === null) return;
    this.id = null;
    this.#ready = deferred();
  }
  /** For the client: the socket is connected again, in this session. Ends when its hook has. */
  async reattached(session) {
    try {
      await this.#onReattach?.({
        emit: (event, ...args) => this.#emit(session, event, args),
        emitWithAck: (timeoutMs, event, ...args) => this.#ask(session, timeoutMs, event, args)
      });
    } catch (error) {
      console.error(`the hook of ${this.ns} failed`, error);
    }
  }
  /** For the client: the socket has ended. */
  ended(code2, reason) {
    const error = new SocketEnded(code2, reason);
    this.id = null;
    this.#ready.reject(error);
    this.#ready = deferred();
    this.#ready.reject(error);
  }
  /** For the client: nothing is handled any more. */
  leave() {
    this.#isLeft = true;
    this.#newest.clear();
    const lanes = [...this.#handlers.values()].flatMap((registered) => [...registered.values()].map(({ lane }) => lane));
    for (const lane of [this.#inbox, ...lanes]) for (const { end } of lane?.clear() ?? []) end();
  }
  /** For the client: an event has come. `done` is called when it waits no longer, whatever became of it. */
  take(event, args, due, done) {
    if (this.#isLeft) return done();
    const registered = [...this.#handlers.get(event)?.values() ?? []];
    const lanes = registered.map(({ lane }) => lane).filter((lane) => lane !== null);
    const isTaken = lanes.length > 0;
    const waits = isTaken && lanes.length === registered.length ? lanes : [...lanes, this.#inbox];
    let open = waits.length;
    const end = () => {
      open -= 1;
      if (open === 0) done();
    };
    for (const lane of waits) lane.push({ event, args, due, isTaken, end });
  }
  /** For the client: a best-effort event has come, in a message of `size` bytes. */
  takeBestEffort(frame, size) {
    if (this.#isLeft) this.#bestEffort.unhandled("notConnected");
    else this.#newest.take(frame, size);
  }
  #listen(event, handler, registered) {
    const handlers = this.#handlers.get(event) ?? /* @__PURE__ */ new Map();
    this.#handlers.set(event, handlers.set(handler, registered));
    return this;
  }
  /** An event whose turn has come. Who handles it is seen now, so that `off` holds for events that waited too. */
  #handle({ event, args, due, isTaken, end }) {
    const handlers = [...this.#handlers.get(event) ?? []].flatMap(([handler, { lane }]) => lane === null ? [handler] : []);
    if (handlers.length === 0 && !isTaken && due !== null) this.#session.answer(due, UNKNOWN_EVENT);
    return ended(this.#callAll(event, handlers, args, due), end);
  }
  #handleBeside(handler, { event, args, due, end }) {
    const isThere = this.#handlers.get(event)?.has(handler) === true;
    if (!isThere && due !== null) this.#session.answer(due, UNKNOWN_EVENT);
    return ended(isThere ? this.#call(handler, args, due) : null, end);
  }
  #handleBestEffort({ event, args }) {
    return this.#callAll(event, [...this.#handlers.get(event)?.keys() ?? []], args, null);
  }
  /** Null if all have ended already. */
  #callAll(event, handlers, args, due) {
    const pending = handlers.map((handler) => {
      if (this.#handlers.get(event)?.get(handler)?.isOnce === true) this.off(event, handler);
      return this.#call(handler, args, due);
    });
    const open = pending.filter((each) => each !== null);
    return open.length === 0 ? null : Promise.all(open).then(() => {
    });
  }
  /** The first handler that ends gives the answer. An error that is not meant for the server stays here. Null if it has ended. */
  #call(handler, args, due) {
    const answer = (given) => {
      if (due !== null) this.#session.answer(due, { args: given === void 0 ? [] : [given] });
    };
    try {
      const given = handler(...args);
      if (isPromised(given)) return Promise.resolve(given).then(answer).catch((error) => this.#failed(error, due)).then(this.#act);
      answer(given);
    } catch (error) {
      this.#failed(error, due);
    }
    return null;
  }
  #failed(error, due) {
    try {
      if (!(error instanceof EventFailed)) throw error;
      if (due !== null) this.#session.answer(due, error);
    } catch (problem) {
      console.error(`a handler in ${this.ns} failed`, problem);
      if (due !== null) this.#session.answer(due, INTERNAL);
    }
  }
  #emit(ahead, event, args) {
    this.#session.emit(this.ns, event, args, false, ahead);
    this.#act();
  }
  async #ask(ahead, timeoutMs, event, args) {
    const ackId = this.#session.emit(this.ns, event, args, true, ahead) ?? 0;
    const answer = this.#answers.wait(ackId, timeoutMs, () => this.#session.acks.giveUp(ackId));
    this.#act();
    return answer;
  }
};
function ended(pending, end) {
  if (pending !== null) return pending.then(end);
  end();
  return null;
}
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

// src/stats.ts
function statsOf({ core, dials }, unsentBestEffort) {
  const { session, counts } = core;
  const { bytes, frames } = session.outbound.queued;
  return {
    dials,
    connections: counts.connections,
    resumed: counts.resumed,
    sessionsLost: session.counts.lost,
    emitsRefused: session.counts.refused,
    eventsDropped: session.counts.dropped,
    unsentBestEffort,
    ignoredBestEffort: { ...core.bestEffort.dropped },
    acksIgnored: session.acks.ignored,
    queuedBytes: bytes,
    queuedFrames: frames,
    waitingBytes: session.backlog,
    pendingAcks: session.acks.size
  };
}

// src/transport/websocket.ts
var REASON_BYTES = 123;
function openWebSocket({ url, subprotocol }, listener) {
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
  socket.onclose = ({ code: code2, reason }) => isOpen ? listener.onClosed(code2, reason) : listener.onClosed(null, "no connection");
  return {
    datagrams: null,
    send(message) {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    get buffered() {
      return socket.bufferedAmount;
    },
    close(code2, reason) {
      socket.close(closeCode(code2), cut(reason));
    },
    abort() {
      socket.close();
    }
  };
}
function closeCode(code2) {
  return code2 >= 3e3 && code2 <= 4999 ? code2 : 1e3;
}
function cut(reason) {
  const bytes = new Uint8Array(REASON_BYTES);
  const { read: read3 } = new TextEncoder().encodeInto(reason, bytes);
  return reason.slice(0, read3);
}

// src/transport/webtransport.ts
var CODE_WAIT_MS = 1e3;
function openWebTransport(request, listener) {
  return new Connection(request, listener);
}
var Connection = class {
  #transport;
  #listener;
  /** Ends with the server's direction of the channel. */
  #channel;
  #writer = null;
  #isOver = false;
  #closeCode = 0;
  #codeTimer;
  datagrams = null;
  buffered = 0;
  constructor({ url, hashes }, listener) {
    this.#listener = listener;
    const serverCertificateHashes = hashes.map((value) => ({ algorithm: "sha-256", value: Uint8Array.from(value) }));
    this.#transport = new WebTransport(url, serverCertificateHashes.length > 0 ? { serverCertificateHashes } : {});
    this.#transport.closed.then(({ closeCode: closeCode2 = 0, reason = "" }) => this.#over(codeOf(closeCode2), reason), (cause) => this.#over(null, textOf2(cause)));
    const ended2 = (cause) => this.#channelEnded(cause);
    this.#channel = this.#run().then(ended2, ended2);
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
  /** TRN-024: closing throws away what is under way, so the server is waited for, which ends its direction once it has read CLOSE. */
  close(code2) {
    this.#closeCode = code2;
    if (this.#writer === null) this.#end();
    else void Promise.allSettled([this.#writer.close(), this.#channel]).then(() => this.#end());
  }
  /** Without a code unless `close` has named one: a server may take it for CLOSE. */
  abort() {
    this.#end();
  }
  /** Nothing happens to one that has ended already. */
  #end() {
    this.#transport.close({ closeCode: this.#closeCode, reason: "" });
  }
  async #run() {
    await this.#transport.ready;
    const stream = await this.#transport.createBidirectionalStream();
    this.#writer = stream.writable.getWriter();
    this.#writer.closed.catch((cause) => this.#channelEnded(cause));
    this.datagrams = new Datagrams(this.#transport, () => {
      if (!this.#isOver) this.#listener.onDrained();
    });
    if (this.#isOver) return;
    this.#listener.onOpen();
    readAll(this.#transport.datagrams.readable, (datagram) => {
      if (!this.#isOver) this.#listener.onDatagram(datagram);
      return true;
    }).catch((cause) => this.#channelEnded(cause));
    const messages = new Messages(this.#listener.frameLimit);
    await readAll(stream.readable, (chunk) => {
      messages.push(chunk);
      for (const message of messages.take()) if (!this.#isOver) this.#listener.onMessage(message);
      if (messages.isTooLarge && !this.#isOver) this.#listener.onTooLarge();
      return !messages.isTooLarge;
    });
    if (messages.isTooLarge) await this.#transport.closed;
  }
  /** TRN-023: a cut, unless the session ends with a code, of which stacks may tell a little later. */
  #channelEnded(cause) {
    if (this.#writer === null) return this.#over(null, textOf2(cause));
    if (!this.#isOver) this.#codeTimer ??= setTimeout(() => this.#over(null, textOf2(cause)), CODE_WAIT_MS);
  }
  /** The rest of the connection ends with it. */
  #over(code2, reason) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#codeTimer);
    this.#end();
    this.#listener.onClosed(code2, reason);
  }
};
function codeOf(closeCode2) {
  return closeCode2 >= 1e3 && closeCode2 <= 4999 ? closeCode2 : null;
}
function textOf2(cause) {
  return cause instanceof Error ? cause.message : "";
}
var Datagrams = class {
  #transport;
  #writer;
  #onDrained;
  #isWaiting = false;
  constructor(transport, onDrained) {
    this.#transport = transport;
    this.#writer = datagramsOf(transport).getWriter();
    this.#onDrained = onDrained;
  }
  get isReady() {
    const isReady = (this.#writer.desiredSize ?? 1) > 0;
    if (!isReady) this.#tellWhenReady();
    return isReady;
  }
  get maxBytes() {
    return this.#transport.datagrams.maxDatagramSize || Infinity;
  }
  send(message) {
    if (typeof message !== "string") this.#writer.write(message).catch(() => {
    });
  }
  #tellWhenReady() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const told2 = () => {
      this.#isWaiting = false;
      this.#onDrained();
    };
    this.#writer.ready.then(told2, told2);
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

// src/wake.ts
var LOOK_MS = 5e3;
var SLEPT_MS = 1e4;
var pageWakes = (listener) => {
  if (typeof window === "undefined" || typeof document === "undefined") return () => {
  };
  return wakesOf({
    window,
    document,
    clock: Date.now,
    every(milliseconds, look) {
      const timer = setInterval(look, milliseconds);
      return () => clearInterval(timer);
    }
  })(listener);
};
function wakesOf({ window: window2, document: document2, clock, every }) {
  return (listener) => {
    const isVisible = () => document2.visibilityState === "visible";
    const isKept = (event) => event.persisted;
    const heard = [
      [window2, "online", () => listener("online")],
      [window2, "offline", () => listener("offline")],
      [window2, "pagehide", (event) => listener(isKept(event) ? "put away" : "left")],
      [window2, "pageshow", (event) => isKept(event) && listener("back")],
      [document2, "visibilitychange", () => isVisible() && listener("visible")],
      // Of a page that was frozen, where the browser tells.
      [document2, "resume", () => listener("woke")]
    ];
    for (const [target, name, hear] of heard) target.addEventListener(name, hear);
    let looked = clock();
    const endLooking = every(LOOK_MS, () => {
      const sinceLooked = clock() - looked;
      looked = clock();
      if (sinceLooked > SLEPT_MS && isVisible()) listener("woke");
    });
    return () => {
      endLooking();
      for (const [target, name, hear] of heard) target.removeEventListener(name, hear);
    };
  };
}

// src/watched.ts
function tell(listeners, value) {
  return [...listeners].map((listener) => {
    try {
      return listener(value);
    } catch (error) {
      console.error("a listener failed", error);
      return void 0;
    }
  });
}
var Watched = class {
  #watchers = /* @__PURE__ */ new Set();
  #value;
  constructor(value) {
    this.#value = value;
  }
  get value() {
    return this.#value;
  }
  /** Calls `watcher` at every change; what is returned ends that. */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
  set(value) {
    if (value === this.#value) return;
    this.#value = value;
    tell(this.#watchers, value);
  }
};

// src/client.ts
var CLOSING_MS2 = 1e3;
var DRAIN_POLL_MS = 10;
function connect(url, options = {}) {
  return new Client(url, options);
}
var Client = class {
  #run;
  #ask;
  #encoding;
  #limits;
  #dialers;
  #wakes;
  #transports = /* @__PURE__ */ new Map();
  #closing = /* @__PURE__ */ new Map();
  #sockets = /* @__PURE__ */ new Map();
  #answers = new Answers();
  #state = new Watched("connecting");
  #transport = new Watched(null);
  #roundTrip = new Watched(null);
  #nextAttempt = new Watched(null);
  #closed = null;
  #lostListeners = /* @__PURE__ */ new Set();
  #droppedListeners = /* @__PURE__ */ new Set();
  /** What the listeners of lost sessions are still doing. */
  #hooks = /* @__PURE__ */ new Set();
  #wishes = /* @__PURE__ */ new Map();
  #bestEffort;
  #isActing = false;
  #tickTimer;
  #drainTimer;
  #endWakes = null;
  /** Use `connect`. */
  constructor(url, options) {
    const { auth = null, agent = "trunkline-typescript", encoding = MESSAGE_PACK } = options;
    this.#encoding = encoding;
    this.#bestEffort = new BestEffort(encoding);
    this.#dialers = options.dialers ?? platformDialers();
    this.#wakes = options.wakes ?? pageWakes;
    this.#limits = ownLimits(options.limits);
    within("pingIntervalMs", options.pingIntervalMs ?? 1, 1, Number.MAX_SAFE_INTEGER);
    checkEndurance(options);
    this.#ask = credentialsOf(auth);
    this.#run = new Run(encoding, {
      ...options,
      credentialsTimeoutMs: within("credentialsTimeoutMs", options.credentialsTimeoutMs ?? CREDENTIALS_TIMEOUT_MS, 1, LONGEST_TIMER_MS),
      queueEvents: within("queueEvents", options.queueEvents ?? QUEUE_EVENTS, 0, Number.MAX_SAFE_INTEGER),
      dialTimeoutMs: within("dialTimeoutMs", options.dialTimeoutMs ?? DIAL_TIMEOUT_MS, 1, LONGEST_TIMER_MS),
      url: webSocketUrl(url),
      agent,
      limits: this.#limits,
      random: Math.random,
      dialers: Object.keys(this.#dialers)
    });
    this.start();
  }
  get state() {
    return this.#state.value;
  }
  /** Calls `watcher` at every change of the state; what is returned ends that. */
  watch(watcher) {
    return this.#state.watch(watcher);
  }
  /** Why the client was closed, the last time it was; null before. */
  get closed() {
    return this.#closed;
  }
  /** The next attempt to connect, while the client waits for it; null while it does not. */
  get nextAttempt() {
    return this.#nextAttempt.value;
  }
  /** As `watch`, for `nextAttempt`. */
  watchNextAttempt(watcher) {
    return this.#nextAttempt.watch(watcher);
  }
  /** What the client is connected over; null while it has no connection. */
  get transport() {
    return this.#transport.value;
  }
  /** As `watch`, for `transport`. */
  watchTransport(watcher) {
    return this.#transport.watch(watcher);
  }
  /** How long the server took to answer the last PING, milliseconds; null before. Each connection begins with one. */
  get roundTrip() {
    return this.#roundTrip.value;
  }
  /** As `watch`, for `roundTrip`. */
  watchRoundTrip(watcher) {
    return this.#roundTrip.watch(watcher);
  }
  /** What was counted, and what waits. */
  stats() {
    return statsOf(this.#run, this.#bestEffort.queue.drops);
  }
  /**
   * Calls `listener` when a session is lost, with the events that may not have arrived (SES-047). What had not left
   * waits for the fresh session, and until the promise that a listener returned has ended. What is returned ends that.
   */
  onLost(listener) {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }
  /** Calls `listener` when the server did not let a socket in, or ended it, with the events that it may not have had. */
  onEventsDropped(listener) {
    this.#droppedListeners.add(listener);
    return () => this.#droppedListeners.delete(listener);
  }
  /** The socket of a namespace; it connects at the first call, and again after it ended. */
  socket(ns = "/", auth = null) {
    const known = this.#sockets.get(ns);
    if (known !== void 0) return known;
    const { session, bestEffort: { dropped } } = this.#run.core;
    session.connect(ns, auth);
    const socket = new Socket(ns, session, this.#answers, () => this.#act(), {
      send: (frame, delivery) => this.#sendBestEffort(frame, delivery),
      unhandled: (why) => void (dropped[why] += 1)
    });
    this.#sockets.set(ns, socket);
    if (this.state === "idle") this.#state.set("connecting");
    this.#run.core.wanted(performance.now());
    this.#act();
    return socket;
  }
  /**
   * Moves the session to another transport while it goes on: nothing is lost, repeated or reordered (SES-037). It
   * stays there until its connection ends; then the client dials by its settings again. A later call replaces one that
   * has not begun. Rejects with `SwitchError`; the session then goes on where it was.
   */
  switchTo(transport) {
    const ended2 = new Promise((resolve, reject) => {
      const wish = this.#run.switchTo(transport, performance.now());
      this.#wishes.set(wish, (error) => error === null ? resolve() : reject(error));
    });
    this.#act();
    return ended2;
  }
  /**
   * Asks the server for a sign of life (HBT-009), which also measures the round trip. While the client waits for its
   * next attempt, that begins at once instead, but no sooner than the server asked for.
   */
  probe() {
    this.#run.probe(performance.now());
    this.#act();
  }
  /** Begins again after the client was closed or gave up, with attempts and time counted from here; else nothing happens. */
  start() {
    this.#endWakes ??= this.#wakes((event) => {
      this.#run.wake(event, performance.now());
      this.#act();
    });
    if (this.#isOver) this.#state.set("connecting");
    this.#run.start(performance.now());
    this.#act();
  }
  /**
   * Closes: what waits for the server is sent, for 2 s at most, and then the session ends. Nothing is emitted or handled
   * from now on: events that wait for a handler are dropped, and a handler under way goes on. Without a connection
   * nothing more is sent. `onLost` has what was not sent or not confirmed, if anything, with code 1000; whoever waits for an
   * answer is told `disconnected`. Resolves when the client is closed; at once if it is.
   */
  close() {
    const { core } = this.#run;
    if (!core.isStopped) for (const socket of this.#sockets.values()) socket.leave();
    this.#run.end(performance.now());
    this.#act();
    if (core.isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const end = this.#state.watch((state) => {
        if (state !== "closed") return;
        end();
        resolve();
      });
    });
  }
  get #isOver() {
    return this.state === "closed" || this.state === "gave up";
  }
  /** Does what the core asks for, until it asks for nothing more. What happens meanwhile joins. */
  #act() {
    if (this.#isActing) return;
    this.#isActing = true;
    try {
      const { outputs } = this.#run;
      this.#run.after(performance.now());
      while (outputs.length > 0) {
        for (let output = outputs.shift(); output !== void 0; output = outputs.shift()) this.#do(output);
        this.#run.after(performance.now());
      }
      this.#drain();
    } finally {
      this.#isActing = false;
    }
    clearTimeout(this.#tickTimer);
    const { deadline } = this.#run;
    if (deadline === null) return;
    this.#tickTimer = setTimeout(() => {
      this.#run.tick(performance.now());
      this.#act();
    }, Math.min(Math.max(0, deadline - performance.now()), LONGEST_TIMER_MS));
  }
  #do(output) {
    switch (output.kind) {
      case "open":
        return this.#open(output.dial, output.candidate);
      case "send":
        return this.#send(output.dial, output.message);
      case "shut":
        if (!this.#transports.has(output.dial)) return;
        this.#transports.get(output.dial)?.close(output.code, output.reason);
        this.#closing.set(output.dial, setTimeout(() => this.#cut(output.dial, "it did not close in time"), CLOSING_MS2));
        return;
      case "drop":
        this.#transports.get(output.dial)?.abort();
        return this.#forget(output.dial);
      case "ask":
        if (output.occasion.kind === "dial") this.#nextAttempt.set(null);
        return this.#ask(output.occasion, (credentials) => {
          this.#run.answered(output.question, credentials, performance.now());
          this.#act();
        });
      default:
        return this.#hear(output);
    }
  }
  #open(dial, { transport: kind, url, hashes }) {
    const ifKnown = (then) => () => {
      if (!this.#transports.has(dial)) return;
      then(performance.now());
      this.#act();
    };
    const closed2 = (code2, reason) => ifKnown((now) => {
      this.#forget(dial);
      this.#run.closed(dial, code2, reason, now);
    });
    const listener = {
      frameLimit: this.#limits.frame,
      onOpen: ifKnown((now) => this.#run.opened(dial, now)),
      onMessage: (message) => ifKnown((now) => this.#run.received(dial, message, now))(),
      onDatagram: (message) => ifKnown((now) => this.#run.datagram(dial, message, now))(),
      onTooLarge: ifKnown((now) => this.#run.tooLarge(dial, now)),
      onDrained: ifKnown(() => {
      }),
      onClosed: (code2, reason) => closed2(code2, reason)()
    };
    try {
      const open = this.#dialers[kind];
      if (open === void 0) throw new Error(`no dialer for ${kind}`);
      this.#transports.set(dial, open({ url, subprotocol: this.#encoding.subprotocol, hashes }, listener));
    } catch (error) {
      this.#transports.set(dial, UNOPENED);
      queueMicrotask(closed2(null, error instanceof Error ? error.message : String(error)));
    }
  }
  /** A connection that nobody reads must not keep what is answered to its PINGs, for one, without bound (LIM-006). */
  #send(dial, message) {
    const transport = this.#transports.get(dial);
    transport?.send(message);
    const { replay, frame } = this.#limits;
    const most = 4 * replay + frame;
    if (transport !== void 0 && transport.buffered > most) this.#cut(dial, `the server does not read: more than ${most} bytes wait for it`);
  }
  /** Given up, as if it had been cut. */
  #cut(dial, cause) {
    this.#transports.get(dial)?.abort();
    this.#forget(dial);
    this.#run.closed(dial, null, cause, performance.now());
    this.#act();
  }
  /** Its timer goes with it, and nothing that it tells is heard. */
  #forget(dial) {
    clearTimeout(this.#closing.get(dial));
    this.#closing.delete(dial);
    this.#transports.delete(dial);
  }
  #hear(notice) {
    switch (notice.kind) {
      case "began":
      case "resumed":
        return this.#state.set("connected");
      case "detached":
        return this.#state.set("reconnecting");
      case "idle":
        this.#nextAttempt.set(null);
        return this.#state.set("idle");
      case "waiting":
        this.#nextAttempt.set({ attempt: notice.attempt, delayMs: notice.delayMs, cause: notice.cause });
        return this.#state.set(this.#run.core.counts.connections > 0 ? "reconnecting" : "connecting");
      case "stopped":
        return this.#stopped(notice);
      case "moved":
        this.#bestEffort.queue.clear();
        return this.#show();
      case "round trip":
        this.#roundTrip.set(notice.ms);
        return this.#show();
      case "switched":
        this.#wishes.get(notice.wish)?.(notice.error);
        this.#wishes.delete(notice.wish);
        return;
      case "switch failed":
        return;
      case "lost":
        return this.#lost(notice);
      case "dropped":
        return void tell(this.#droppedListeners, notice);
      default:
        return this.#hearSocket(notice);
    }
  }
  /** A handler may have begun anew what it has closed, before this is heard. */
  #stopped({ code: code2, reason, data, hasGivenUp }) {
    const { core } = this.#run;
    if (core.isStopped) {
      this.#endWakes?.();
      this.#endWakes = null;
    }
    this.#nextAttempt.set(null);
    this.#closed = { code: code2, reason, data };
    this.#state.set(hasGivenUp ? "gave up" : "closed");
    if (!core.isStopped && this.#isOver) this.#state.set("connecting");
  }
  #hearSocket(notice) {
    switch (notice.kind) {
      case "settled":
        return this.#answers.settle(notice.ackId, notice.outcome);
      case "best effort":
        return this.#sockets.get(notice.frame.ns)?.takeBestEffort(notice.frame, notice.size);
      case "event":
        return this.#event(notice);
      case "connected": {
        const socket = this.#sockets.get(notice.ns);
        socket?.connected(notice.socketId);
        if (socket !== void 0) void this.#reattach(socket, notice);
        return;
      }
      case "refused":
      case "disconnected": {
        const socket = this.#sockets.get(notice.ns);
        this.#sockets.delete(notice.ns);
        return socket?.ended(notice.code, notice.kind === "refused" ? notice.message : notice.reason);
      }
    }
  }
  #event({ ns, event, args, due, bytes }) {
    const done = () => {
      this.#run.core.session.handled(bytes);
      this.#act();
    };
    const socket = this.#sockets.get(ns);
    if (socket === void 0) done();
    else socket.take(event, args, due, done);
  }
  #lost(lost) {
    for (const socket of this.#sockets.values()) socket.sessionLost();
    for (const ended2 of tell(this.#lostListeners, lost)) {
      if (!isPromised(ended2)) continue;
      const hook = Promise.resolve(ended2).catch((error) => console.error("a listener failed", error)).finally(() => this.#hooks.delete(hook));
      this.#hooks.add(hook);
    }
    const { currentLink, isStopped } = this.#run.core;
    if (currentLink === null && !isStopped) this.#state.set("reconnecting");
  }
  /** SES-048: what waits leaves after the application had its chance to act. */
  async #reattach(socket, { session, isAgain }) {
    if (this.#hooks.size > 0) await Promise.all(this.#hooks);
    if (isAgain) await socket.reattached(session);
    this.#run.core.session.release(socket.ns, session);
    this.#act();
  }
  /** Tells who watches what the client is connected over. */
  #show() {
    const { carrier, core: { welcome } } = this.#run;
    if (carrier === null || welcome === null) return this.#transport.set(null);
    const shown = {
      kind: carrier.transport,
      datagrams: welcome.datagrams,
      datagramBytes: datagramBytes(welcome, this.#transports.get(carrier.dial) ?? null),
      passedOver: carrier.passedOver
    };
    const present = this.#transport.value;
    const isSame = present !== null && Object.keys(shown).every((key) => shown[key] === present[key]);
    if (!isSame) this.#transport.set(shown);
  }
  /** Whether the frame was taken. */
  #sendBestEffort(frame, delivery) {
    const { core: { session, welcome }, carrier } = this.#run;
    if (frame.kind === "LATEST" && !isName(frame.key)) throw new RangeError("a key has 1 to 255 bytes");
    const args = session.checked(frame.event, frame.args);
    const transport = carrier === null ? void 0 : this.#transports.get(carrier.dial);
    if (welcome === null || transport === void 0 || !session.isConnected(frame.ns)) {
      this.#bestEffort.queue.count("notConnected");
      return false;
    }
    const isTaken = this.#bestEffort.send({ ...frame, args }, delivery, welcome, transport, performance.now());
    this.#drain();
    return isTaken;
  }
  /** Hands best-effort frames over, and looks again while some wait. */
  #drain() {
    clearTimeout(this.#drainTimer);
    const { core: { welcome }, carrier } = this.#run;
    const transport = carrier === null ? void 0 : this.#transports.get(carrier.dial);
    if (welcome === null || transport === void 0) return;
    if (this.#bestEffort.drain(welcome, transport, performance.now())) return;
    const isTold = welcome.datagrams === "native" && transport.datagrams !== null;
    if (!isTold) this.#drainTimer = setTimeout(() => this.#drain(), DRAIN_POLL_MS);
  }
};
var UNOPENED = { datagrams: null, buffered: 0, send() {
}, close() {
}, abort() {
} };
function platformDialers() {
  const hasWebTransport = typeof WebTransport !== "undefined";
  return hasWebTransport ? { webtransport: openWebTransport, websocket: openWebSocket } : { websocket: openWebSocket };
}
export {
  Client,
  DEFAULT_LIMITS,
  EventFailed,
  JSON_ENCODING,
  MESSAGE_PACK,
  NamespaceError,
  NoAnswer,
  NoCredentials,
  NoDatagrams,
  Offline,
  QueueFull,
  QueueLong,
  Socket,
  SocketEnded,
  SwitchError,
  TooLarge,
  TooManyAcks,
  connect,
  fetchAlternatives,
  openWebSocket,
  openWebTransport
};
