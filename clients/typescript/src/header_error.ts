// What makes a frame undecodable (ENC-011).

/** The causes of header errors, in the words of the vectors; the last is a message of the wrong type (ENC-004). */
export type HeaderCause =
  | "empty-message"
  | "not-json"
  | "not-an-array"
  | "truncated"
  | "trailing-bytes"
  | "array-length"
  | "bad-kind"
  | "unknown-kind"
  | "bad-integer"
  | "bad-seq"
  | "bad-code"
  | "bad-string"
  | "bad-name"
  | "bad-map"
  | "missing-key"
  | "duplicate-key"
  | "bad-value"
  | "wrong-message-type";

/** A frame whose header does not decode. */
export class HeaderError extends Error {
  constructor(readonly headerCause: HeaderCause) {
    super(headerCause);
  }
}
