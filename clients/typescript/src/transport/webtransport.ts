// WebTransport, as browsers have it (transports.md).

import type { Message } from "../encoding.js";
import type { Listener, Open, Transport } from "./transport.js";

/** What the API takes for a close code of its own; CLOSE in band is what counts (TRN-024). */
const NORMAL = 1000;

/**
 * Opens WebTransport connections, in MessagePack alone (TRN-019). `hashes` are the SHA-256 of certificates
 * that are taken although no authority vouches for them.
 */
export function webTransport(hashes: readonly Uint8Array<ArrayBuffer>[] = []): Open {
  return (url, _subprotocol, listener) => new Connection(url.replace(/^ws/, "https").replace(/^httpss/, "https"), hashes, listener);
}

class Connection implements Transport {
  readonly #transport: WebTransport;
  readonly #listener: Listener;
  #writer: WritableStreamDefaultWriter<Uint8Array> | null = null;
  #datagrams: WritableStreamDefaultWriter<Uint8Array> | null = null;
  #isOver = false;
  buffered = 0;

  constructor(url: string, hashes: readonly Uint8Array<ArrayBuffer>[], listener: Listener) {
    this.#listener = listener;
    const serverCertificateHashes = hashes.map((value) => ({ algorithm: "sha-256", value }));
    this.#transport = new WebTransport(url, serverCertificateHashes.length > 0 ? { serverCertificateHashes } : {});
    const over = () => this.#over();
    this.#transport.closed.then(over, over);
    this.#run().then(over, over);
  }

  send(message: Message): void {
    if (typeof message === "string" || this.#writer === null) return;
    const framed = withLength(message);
    this.buffered += framed.length;
    const left = () => {
      this.buffered -= framed.length;
    };
    this.#writer.write(framed).then(left, left);
  }

  sendDatagram(message: Message): void {
    // A datagram that does not leave is lost as others are.
    if (typeof message !== "string") this.#datagrams?.write(message).catch(() => {});
  }

  /** After what was sent has left the stream. */
  close(): void {
    const end = () => this.#transport.close({ closeCode: NORMAL, reason: "" });
    if (this.#writer === null) end();
    else this.#writer.close().then(end, end);
  }

  async #run(): Promise<void> {
    await this.#transport.ready;
    const stream = await this.#transport.createBidirectionalStream();
    this.#writer = stream.writable.getWriter() as WritableStreamDefaultWriter<Uint8Array>;
    this.#datagrams = datagramsOf(this.#transport).getWriter();
    if (this.#isOver) return;
    this.#listener.onOpen();
    // TRN-026: read all the time, or some stacks keep a single one.
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
  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onClosed(null, "");
  }
}

/** The newer shape of the interface, and the older one. */
function datagramsOf({ datagrams }: WebTransport): WritableStream<Uint8Array> {
  const both = datagrams as unknown as { createWritable?(): WritableStream<Uint8Array>; writable: WritableStream<Uint8Array> };
  return both.createWritable?.() ?? both.writable;
}

/** Reads to the end, or for as long as `goesOn`. */
async function readAll(readable: ReadableStream<unknown>, goesOn: (bytes: Uint8Array) => boolean): Promise<void> {
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || !goesOn(value as Uint8Array)) return;
  }
}

/** TRN-020: a message behind its length, by RFC 9000, section 16. */
export function withLength(message: Uint8Array): Uint8Array {
  const { length } = message;
  const head = length < 64 ? [length]
    : length < 16_384 ? [0x40 | (length >> 8), length & 0xff]
      : [0x80 | (length >>> 24), (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
  const framed = new Uint8Array(head.length + length);
  framed.set(head);
  framed.set(message, head.length);
  return framed;
}

/** Cuts the channel into messages again. */
export class Messages {
  #chunks: Uint8Array[] = [];
  #size = 0;
  /** A message is longer than the limit: none is taken any more. */
  isTooLarge = false;

  constructor(readonly limit: number) {}

  push(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  *take(): Generator<Uint8Array> {
    for (;;) {
      const [first] = this.#chunks;
      if (first === undefined) return;
      const width = 1 << ((first[0] ?? 0) >> 6);
      if (this.#size < width) return;
      const head = first.length < width ? this.#join() : first;
      let length = (head[0] ?? 0) & 0x3f;
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

  #join(): Uint8Array {
    const [only] = this.#chunks;
    if (only !== undefined && this.#chunks.length === 1) return only;
    const joined = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }
}
