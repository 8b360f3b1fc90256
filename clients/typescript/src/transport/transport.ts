// What a client needs of a transport.

import type { Message } from "../encoding.js";

/** What a connection tells. After `onClosed`, which comes once, nothing more is told. */
export interface Listener {
  /** The bytes of a message that are taken at most, for a transport that puts messages together itself. */
  readonly frameLimit: number;
  onOpen(): void;
  onMessage(message: Message): void;
  onDatagram?(message: Message): void;
  /** A message is larger than `frameLimit`; nothing is read after it (SES-056). */
  onTooLarge?(): void;
  /** The code is null for a connection that was cut, or could not be opened. */
  onClosed(code: number | null, reason: string): void;
}

/** One connection, open or being opened. */
export interface Transport {
  send(message: Message): void;
  /** Where the transport has datagrams. */
  sendDatagram?(message: Message): void;
  /** Bytes that were sent and have not left. */
  readonly buffered: number;
  /** Closes it once what was sent has left. */
  close(code: number, reason: string): void;
}

/** Opens a connection, and offers the name of the encoding. */
export type Open = (url: string, subprotocol: string, listener: Listener) => Transport;
