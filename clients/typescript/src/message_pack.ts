// Reading and writing MessagePack (ENC-007, ENC-012, ENC-014, ENC-025, ENC-026).

import { Float, narrowed, type Raw, RawMap, Unusable, type Value } from "./value.js";

/** The message ends within an object. */
export class Truncated extends Error {}

/** A container whose members are still being read. */
class Open {
  readonly items: Raw[] = [];

  constructor(public left: number, readonly isMap: boolean) {}

  done(): Raw {
    return this.isMap ? new RawMap(this.items) : this.items;
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads raw trees off a message one object at a time.
 *
 * It keeps its own stack, so that depth costs no call stack, and appends members one by one, so that a
 * length that lies reserves nothing (ENC-012).
 */
export class Reader {
  readonly #message: Uint8Array;
  readonly #view: DataView;
  #position = 0;
  /** Whether the byte 0xc1 was met. */
  sawReserved = false;

  constructor(message: Uint8Array) {
    this.#message = message;
    this.#view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  }

  get atEnd(): boolean {
    return this.#position === this.#message.length;
  }

  /** The length of the array that begins here, or null if none does. */
  arrayHeader(): number | null {
    const opened = this.#token();
    return opened instanceof Open && !opened.isMap ? opened.left : null;
  }

  /** The next object, whatever it is. Throws `Truncated`. */
  read(): Raw {
    const stack: Open[] = [];
    for (;;) {
      const token = this.#token();
      if (token instanceof Open && token.left > 0) {
        stack.push(token);
        continue;
      }
      let item = token instanceof Open ? token.done() : token;
      for (;;) {
        const top = stack.at(-1);
        if (top === undefined) return item;
        top.items.push(item);
        top.left -= 1;
        if (top.left > 0) break;
        stack.pop();
        item = top.done();
      }
    }
  }

  #take(length: number): number {
    const start = this.#position;
    if (start + length > this.#message.length) throw new Truncated();
    this.#position = start + length;
    return start;
  }

  /** An unsigned number of 1, 2 or 4 bytes. */
  #unsigned(width: 1 | 2 | 4): number {
    const at = this.#take(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#message.slice(start, start + length);
  }

  #text(length: number): Raw {
    const start = this.#take(length);
    try {
      return UTF8.decode(this.#message.subarray(start, start + length));
    } catch {
      return new Unusable("bad-utf8");
    }
  }

  #extension(length: number): Raw {
    this.#take(1 + length);
    return new Unusable("extension-type");
  }

  #token(): Raw | Open {
    const first = this.#unsigned(1);
    if (first < 0x80) return first;
    if (first >= 0xe0) return first - 0x100;
    if (first <= 0x8f) return new Open(2 * (first & 0x0f), true);
    if (first <= 0x9f) return new Open(first & 0x0f, false);
    if (first <= 0xbf) return this.#text(first & 0x1f);
    if (first >= 0xca && first <= 0xd3) return this.#number(first);
    switch (first) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return this.#bytes(this.#unsigned(1));
      case 0xc5: return this.#bytes(this.#unsigned(2));
      case 0xc6: return this.#bytes(this.#unsigned(4));
      case 0xc7: return this.#extension(this.#unsigned(1));
      case 0xc8: return this.#extension(this.#unsigned(2));
      case 0xc9: return this.#extension(this.#unsigned(4));
      case 0xd9: return this.#text(this.#unsigned(1));
      case 0xda: return this.#text(this.#unsigned(2));
      case 0xdb: return this.#text(this.#unsigned(4));
      case 0xdc: return new Open(this.#unsigned(2), false);
      case 0xdd: return new Open(this.#unsigned(4), false);
      case 0xde: return new Open(2 * this.#unsigned(2), true);
      case 0xdf: return new Open(2 * this.#unsigned(4), true);
      case 0xc1:
        this.sawReserved = true;
        return new Unusable("reserved-byte");
      default: return this.#extension(1 << (first - 0xd4));
    }
  }

  #number(first: number): Raw {
    const view = this.#view;
    switch (first) {
      case 0xca: return new Float(view.getFloat32(this.#take(4)));
      case 0xcb: return new Float(view.getFloat64(this.#take(8)));
      case 0xcc: return this.#unsigned(1);
      case 0xcd: return this.#unsigned(2);
      case 0xce: return this.#unsigned(4);
      case 0xcf: return narrowed(view.getBigUint64(this.#take(8)));
      case 0xd0: return view.getInt8(this.#take(1));
      case 0xd1: return view.getInt16(this.#take(2));
      case 0xd2: return view.getInt32(this.#take(4));
      default: return narrowed(view.getBigInt64(this.#take(8)));
    }
  }
}

const ENCODER = new TextEncoder();

/** Writes canonical MessagePack (vectors/README.md) into a buffer that grows. */
export class Writer {
  #buffer = new Uint8Array(128);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  value(value: Value): void {
    if (value === null) this.#byte(0xc0);
    else if (typeof value === "boolean") this.#byte(value ? 0xc3 : 0xc2);
    else if (typeof value === "number") this.#numberOrFloat(value);
    else if (typeof value === "bigint") this.#integer(narrowed(value));
    else if (typeof value === "string") this.#string(value);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (Array.isArray(value)) this.#array(value as readonly Value[]);
    else this.#map(value as { readonly [key: string]: Value });
  }

  arrayHeader(length: number): void {
    this.#header(length, 0x90, 15, [0xdc, 0xdc, 0xdd]);
  }

  /** Where `length` more bytes go; the buffer and its view may be others afterwards. */
  #reserve(length: number): number {
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

  #byte(byte: number): void {
    const at = this.#reserve(1);
    this.#view.setUint8(at, byte);
  }

  #append(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  #sized(first: number, width: 1 | 2 | 4, number: number): void {
    this.#byte(first);
    const at = this.#reserve(width);
    if (width === 1) this.#view.setUint8(at, number);
    else if (width === 2) this.#view.setUint16(at, number);
    else this.#view.setUint32(at, number);
  }

  /** The shortest format: `fixed` up to `most`, then one of 8, 16 and 32 bits; arrays and maps have no 8. */
  #header(length: number, fixed: number, most: number, formats: readonly [number, number, number]): void {
    const [in8, in16, in32] = formats;
    if (length <= most) this.#byte(fixed | length);
    else if (length <= 0xff && in8 !== in16) this.#sized(in8, 1, length);
    else if (length <= 0xffff) this.#sized(in16, 2, length);
    else this.#sized(in32, 4, length);
  }

  #numberOrFloat(number: number): void {
    if (Number.isSafeInteger(number) && !Object.is(number, -0)) {
      this.#integer(number);
    } else {
      this.#byte(0xcb);
      const at = this.#reserve(8);
      this.#view.setFloat64(at, number);
    }
  }

  #integer(integer: number | bigint): void {
    if (integer >= 0) {
      if (integer < 0x80) this.#byte(Number(integer));
      else if (integer <= 0xff) this.#sized(0xcc, 1, Number(integer));
      else if (integer <= 0xffff) this.#sized(0xcd, 2, Number(integer));
      else if (integer <= 0xffff_ffff) this.#sized(0xce, 4, Number(integer));
      else this.#wide(0xcf, BigInt(integer));
    } else if (integer >= -0x20) this.#byte(0x100 + Number(integer));
    else if (integer >= -0x80) this.#sized(0xd0, 1, Number(integer));
    else if (integer >= -0x8000) this.#sized(0xd1, 2, Number(integer));
    else if (integer >= -0x8000_0000) this.#sized(0xd2, 4, Number(integer));
    else this.#wide(0xd3, BigInt(integer));
  }

  /** Two's complement makes signed and unsigned the same bytes. */
  #wide(first: number, integer: bigint): void {
    this.#byte(first);
    const at = this.#reserve(8);
    this.#view.setBigInt64(at, BigInt.asIntN(64, integer));
  }

  #string(text: string): void {
    const bytes = ENCODER.encode(text);
    this.#header(bytes.length, 0xa0, 31, [0xd9, 0xda, 0xdb]);
    this.#append(bytes);
  }

  #binary(bytes: Uint8Array): void {
    this.#header(bytes.length, 0, -1, [0xc4, 0xc5, 0xc6]);
    this.#append(bytes);
  }

  #array(items: readonly Value[]): void {
    this.arrayHeader(items.length);
    for (const item of items) this.value(item);
  }

  #map(map: { readonly [key: string]: Value }): void {
    const members = Object.entries(map);
    this.#header(members.length, 0x80, 15, [0xde, 0xde, 0xdf]);
    for (const [key, item] of members) {
      this.#string(key);
      this.value(item);
    }
  }
}
