// What a peer did wrong, with the code that its session ends with (codes.md).

/** A breach of the protocol: the session ends with CLOSE `code`. */
export class Violation extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

export const PROTOCOL_ERROR = 3200;
