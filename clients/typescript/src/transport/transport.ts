// What a client needs of a transport.

import type { Message } from "../encoding.js";

/** The transports that there are, by the names of the protocol. */
export type TransportKind = "websocket" | "webtransport";

/** What a connection is opened with. */
export interface DialRequest {
  readonly url: string;
  /** The name of the encoding, which is offered. */
  readonly subprotocol: string;
  /** SHA-256 of certificates that are taken although no authority vouches for them; for WebTransport alone. */
  readonly hashes: readonly Uint8Array[];
}

/** What a connection tells. After `onClosed`, which comes once, nothing more is told. */
export interface Listener {
  /** The bytes of a message that are taken at most, for a transport that puts messages together itself. */
  readonly frameLimit: number;
  onOpen(): void;
  onMessage(message: Message): void;
  onDatagram(message: Message): void;
  /** A message is larger than `frameLimit`; nothing is read after it (SES-056). */
  onTooLarge(): void;
  /** Datagrams can be handed over again. */
  onDrained(): void;
  /** The code is null for a connection that was cut, or could not be opened: `reason` then says why. */
  onClosed(code: number | null, reason: string): void;
}

/** The datagrams of a transport that has them. */
export interface DatagramChannel {
  /** Whether one more is taken without waiting behind others; once it is again, `onDrained` tells. */
  readonly isReady: boolean;
  /** The largest that fits now, bytes. */
  readonly maxBytes: number;
  send(message: Message): void;
}

/** One connection, open or being opened. */
export interface Transport {
  send(message: Message): void;
  /** Null where the transport has none, or is not open yet. */
  readonly datagrams: DatagramChannel | null;
  /** Bytes that were sent and have not left. */
  readonly buffered: number;
  /** Closes it once what was sent has left, and as the binding says; who cannot wait for that ends it by `abort`. */
  close(code: number, reason: string): void;
  /** Drops it: to the server it was cut, and the session is kept. */
  abort(): void;
}

/** Opens a connection. Must not tell anything before it has returned. */
export type Open = (request: DialRequest, listener: Listener) => Transport;

/** What opens connections, for each transport that there is. */
export type Dialers = { readonly [kind in TransportKind]?: Open };
