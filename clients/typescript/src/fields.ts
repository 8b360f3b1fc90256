// The elements of headers, from raw trees (frames.md, "Fields that several frames have").

import { HeaderError } from "./header_error.js";
import { isText, type Raw } from "./value.js";
import type { Element } from "./frame.js";

const LONGEST_NAME = 255;
const HIGHEST_CODE = 65_535;
const ENCODER = new TextEncoder();

/** ENC-013 to ENC-016. */
export function isProtocolInteger(raw: unknown): raw is number {
  return typeof raw === "number" && raw >= 0;
}

/** Whether it is a string of 1 to 255 bytes (FRM-008, FRM-009). */
export function isName(raw: unknown): raw is string {
  return isText(raw) && raw !== "" && ENCODER.encode(raw).length <= LONGEST_NAME;
}

/** Whether a number may be a code (FRM-013). */
export function isCode(raw: unknown): raw is number {
  return isProtocolInteger(raw) && raw <= HIGHEST_CODE;
}

/** One element of a header. Throws `HeaderError`. */
export function readElement(element: Exclude<Element, "value" | "args">, raw: Raw): string | number | null {
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

function readInteger(raw: Raw): number {
  if (!isProtocolInteger(raw)) throw new HeaderError("bad-integer");
  return raw;
}

function readText(raw: Raw): string {
  if (!isText(raw)) throw new HeaderError("bad-string");
  return raw;
}

/** FRM-007. */
function readNamespace(text: string): string {
  if (text === "/" || !text.startsWith("/") || !isName(text)) throw new HeaderError("bad-name");
  return text;
}
