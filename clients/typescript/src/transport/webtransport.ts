// WebTransport, as browsers have it (transports.md).

import type { Message } from "../encoding.js";
import type { DatagramChannel, DialRequest, Listener, Transport } from "./transport.js";

/** How long after its channel's end a session may still say why. */
export const CODE_WAIT_MS = 1_000;

/** Opens WebTransport, in MessagePack alone (TRN-019). */
export function openWebTransport(request: DialRequest, listener: Listener): Transport {
  return new Connection(request, listener);
}

class Connection implements Transport {
  readonly #transport: WebTransport;
  readonly #listener: Listener;
  /** Ends with the server's direction of the channel. */
  readonly #channel: Promise<void>;
  #writer: WritableStreamDefaultWriter<Uint8Array> | null = null;
  #isOver = false;
  #closeCode = 0;
  #codeTimer: ReturnType<typeof setTimeout> | undefined;
  datagrams: DatagramChannel | null = null;
  buffered = 0;

  constructor({ url, hashes }: DialRequest, listener: Listener) {
    this.#listener = listener;
    const serverCertificateHashes = hashes.map((value) => ({ algorithm: "sha-256", value: Uint8Array.from(value) }));
    this.#transport = new WebTransport(url, serverCertificateHashes.length > 0 ? { serverCertificateHashes } : {});
    this.#transport.closed.then(({ closeCode = 0, reason = "" }) => this.#over(codeOf(closeCode), reason), (cause) => this.#over(null, textOf(cause)));
    const ended = (cause: unknown) => this.#channelEnded(cause);
    this.#channel = this.#run().then(ended, ended);
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

  /** TRN-024: closing throws away what is under way, so the server is waited for, which ends its direction once it has read CLOSE. */
  close(code: number): void {
    this.#closeCode = code;
    if (this.#writer === null) this.#end();
    else void Promise.allSettled([this.#writer.close(), this.#channel]).then(() => this.#end());
  }

  /** Without a code unless `close` has named one: a server may take it for CLOSE. */
  abort(): void {
    this.#end();
  }

  /** Nothing happens to one that has ended already. */
  #end(): void {
    this.#transport.close({ closeCode: this.#closeCode, reason: "" });
  }

  async #run(): Promise<void> {
    await this.#transport.ready;
    const stream = await this.#transport.createBidirectionalStream();
    this.#writer = stream.writable.getWriter() as WritableStreamDefaultWriter<Uint8Array>;
    this.#writer.closed.catch((cause: unknown) => this.#channelEnded(cause));
    this.datagrams = new Datagrams(this.#transport, () => {
      if (!this.#isOver) this.#listener.onDrained();
    });
    if (this.#isOver) return;
    this.#listener.onOpen();
    // TRN-026: read all the time, or some stacks keep a single one.
    readAll(this.#transport.datagrams.readable, (datagram) => {
      if (!this.#isOver) this.#listener.onDatagram(datagram);
      return true;
    }).catch((cause: unknown) => this.#channelEnded(cause));
    const messages = new Messages(this.#listener.frameLimit);
    await readAll(stream.readable, (chunk) => {
      messages.push(chunk);
      for (const message of messages.take()) if (!this.#isOver) this.#listener.onMessage(message);
      if (messages.isTooLarge && !this.#isOver) this.#listener.onTooLarge();
      return !messages.isTooLarge;
    });
    // It has not ended, and is only read no more.
    if (messages.isTooLarge) await this.#transport.closed;
  }

  /** TRN-023: a cut, unless the session ends with a code, of which stacks may tell a little later. */
  #channelEnded(cause: unknown): void {
    if (this.#writer === null) return this.#over(null, textOf(cause));
    if (!this.#isOver) this.#codeTimer ??= setTimeout(() => this.#over(null, textOf(cause)), CODE_WAIT_MS);
  }

  /** The rest of the connection ends with it. */
  #over(code: number | null, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#codeTimer);
    this.#end();
    this.#listener.onClosed(code, reason);
  }
}

/** TRN-023: the code that a session ended with, if it is one that counts. */
function codeOf(closeCode: number): number | null {
  return closeCode >= 1_000 && closeCode <= 4_999 ? closeCode : null;
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : "";
}

/** What leaves in datagrams: no more than the browser wants to have, or the oldest would wait behind each other. */
class Datagrams implements DatagramChannel {
  readonly #transport: WebTransport;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #onDrained: () => void;
  #isWaiting = false;

  constructor(transport: WebTransport, onDrained: () => void) {
    this.#transport = transport;
    this.#writer = datagramsOf(transport).getWriter();
    this.#onDrained = onDrained;
  }

  get isReady(): boolean {
    // Null once the stream has failed: what is sent then is lost, as any datagram may be.
    const isReady = (this.#writer.desiredSize ?? 1) > 0;
    if (!isReady) this.#tellWhenReady();
    return isReady;
  }

  get maxBytes(): number {
    // Zero, or nothing, until the browser knows.
    return this.#transport.datagrams.maxDatagramSize || Infinity;
  }

  send(message: Message): void {
    // A datagram that does not leave is lost as others are.
    if (typeof message !== "string") this.#writer.write(message).catch(() => {});
  }

  #tellWhenReady(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const told = () => {
      this.#isWaiting = false;
      this.#onDrained();
    };
    this.#writer.ready.then(told, told);
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
