// Reading and writing JSON (ENC-015, ENC-020, ENC-027, ENC-028).
//
// JSON.parse would lose what the protocol asks about: a key that is there twice, and whether a number
// was written as an integer.

import { Float, narrowed, type Raw, RawMap, toBase64url, type Value } from "./value.js";

/** The text is not one well-formed JSON text. */
export class NotJson extends Error {}

/** A container whose members are still being read. */
interface Open {
  readonly items: Raw[];
  readonly isMap: boolean;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const LITERALS = new Map<string, Raw>([["true", true], ["false", false], ["null", null]]);

/** The raw tree of a message. Throws `NotJson`. */
export function read(text: string): Raw {
  return new Parser(text).parse();
}

/** Keeps its own stack, so that depth costs no call stack (ENC-012). */
class Parser {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Raw {
    const stack: Open[] = [];
    for (;;) {
      let item = this.#begin(stack);
      if (item === undefined) continue;
      for (;;) {
        const top = stack.at(-1);
        if (top === undefined) return this.#end(item);
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
  #begin(stack: Open[]): Raw | undefined {
    this.#space();
    const isMap = this.#skip("{");
    if (!isMap && !this.#skip("[")) return this.#scalar();
    const open: Open = { items: [], isMap };
    this.#space();
    if (this.#skip(isMap ? "}" : "]")) return closed(open);
    if (isMap) open.items.push(this.#key());
    stack.push(open);
    return undefined;
  }

  #end(item: Raw): Raw {
    this.#space();
    if (this.#position < this.#text.length) throw new NotJson();
    return item;
  }

  #key(): string {
    this.#space();
    const key = this.#string();
    if (key === undefined) throw new NotJson();
    this.#space();
    if (!this.#skip(":")) throw new NotJson();
    return key;
  }

  #scalar(): Raw {
    const string = this.#string();
    if (string !== undefined) return string;
    for (const [word, value] of LITERALS) if (this.#skip(word)) return value;
    NUMBER.lastIndex = this.#position;
    const found = NUMBER.exec(this.#text);
    if (found === null) throw new NotJson();
    this.#position = NUMBER.lastIndex;
    return number(found[0], found[1] === undefined && found[2] === undefined);
  }

  /** Not by a regular expression, whose stack a very long text overflows. */
  #string(): string | undefined {
    const start = this.#position;
    if (!this.#text.startsWith('"', start)) return undefined;
    let end = this.#text.indexOf('"', start + 1);
    while (end >= 0 && this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    if (end < 0) throw new NotJson();
    this.#position = end + 1;
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      throw new NotJson();
    }
  }

  /** Whether an odd number of backslashes stands ahead. */
  #isEscaped(at: number): boolean {
    let first = at;
    while (this.#text[first - 1] === "\\") first -= 1;
    return (at - first) % 2 === 1;
  }

  #skip(token: string): boolean {
    if (!this.#text.startsWith(token, this.#position)) return false;
    this.#position += token.length;
    return true;
  }

  #space(): void {
    SPACE.lastIndex = this.#position;
    SPACE.exec(this.#text);
    this.#position = SPACE.lastIndex;
  }
}

function closed(open: Open): Raw {
  return open.isMap ? new RawMap(open.items) : open.items;
}

/**
 * ENC-028: beyond 2^53 - 1 a number is a float. `-0` becomes one too: as a value it is the same, and as a
 * float it is no protocol integer, which it must not be (ENC-015).
 */
function number(digits: string, isWhole: boolean): Raw {
  const value = Number(digits);
  return isWhole && digits !== "-0" && Number.isSafeInteger(value) ? value : new Float(value);
}

/** The canonical text of a value, with marks (ENC-028 to ENC-032). */
export function write(value: Value): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return writeNumber(value);
  if (typeof value === "bigint") {
    const narrow = narrowed(value);
    return typeof narrow === "number" ? writeNumber(narrow) : `{"$int":"${value}"}`;
  }
  if (value instanceof Uint8Array) return `{"$bin":"${toBase64url(value)}"}`;
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(write).join(",")}]`;
  const members = Object.entries(value as { readonly [key: string]: Value });
  const escape = members.length === 1 && members[0]?.[0].startsWith("$") === true ? "$" : "";
  return writeMembers(members.map(([key, item]) => [escape + key, write(item)]));
}

/** An object of members that are written already: no key is escaped (ENC-020). */
export function writeMembers(members: readonly (readonly [key: string, text: string])[]): string {
  return `{${members.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`;
}

function writeNumber(number: number): string {
  if (!Number.isFinite(number)) return `{"$num":"${number}"}`;
  return Object.is(number, -0) ? "-0.0" : JSON.stringify(number);
}
