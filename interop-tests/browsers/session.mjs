// A session in a page, over WebTransport and WebSocket, written from the specification alone: enough of
// a client to show what a browser's WebTransport and this server make of each other.

import { decode, encode } from "/msgpack/index.mjs";

const KIND = {
  hello: 0, welcome: 1, ping: 2, pong: 3, received: 4, close: 6,
  connect: 16, connected: 17, event: 20, ack: 21, failed: 22, datagram: 32, latest: 33,
};
const RECEIPT_EVERY = 64;

// TRN-020: each message behind its length.
function withLength(bytes) {
  const { length } = bytes;
  const head = length < 64 ? [length] : length < 16_384 ? [0x40 | (length >> 8), length & 0xff]
    : [0x80 | (length >>> 24), (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
  const message = new Uint8Array(head.length + length);
  message.set(head);
  message.set(bytes, head.length);
  return message;
}

class Messages {
  #arrived = new Uint8Array(0);

  push(chunk) {
    const joined = new Uint8Array(this.#arrived.length + chunk.length);
    joined.set(this.#arrived);
    joined.set(chunk, this.#arrived.length);
    this.#arrived = joined;
  }

  *take() {
    for (;;) {
      const bytes = this.#arrived;
      if (bytes.length === 0) return;
      const width = 1 << (bytes[0] >> 6);
      if (bytes.length < width) return;
      let length = bytes[0] & 0x3f;
      for (let at = 1; at < width; at++) length = length * 256 + bytes[at];
      if (bytes.length < width + length) return;
      this.#arrived = bytes.slice(width + length);
      yield bytes.slice(width, width + length);
    }
  }
}

async function openWebTransport(url, hash, onMessage, onDatagram) {
  const value = Uint8Array.from(hash);
  const transport = new WebTransport(url, {
    serverCertificateHashes: [{ algorithm: "sha-256", value }],
  });
  await transport.ready;
  const stream = await transport.createBidirectionalStream();
  const writer = stream.writable.getWriter();
  // The older and the newer shape of the interface.
  const datagrams = transport.datagrams.createWritable?.() ?? transport.datagrams.writable;
  const datagramWriter = datagrams.getWriter();
  const reading = async () => {
    const messages = new Messages();
    const reader = stream.readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      messages.push(value);
      for (const message of messages.take()) onMessage(message);
    }
  };
  // TRN-026: read all the time, or some stacks keep a single one.
  const readingDatagrams = async () => {
    const reader = transport.datagrams.readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onDatagram(value);
    }
  };
  // How a transport ends is told in band; what is left is its own affair.
  reading().catch(() => {});
  readingDatagrams().catch(() => {});
  return {
    name: "webtransport",
    send: (bytes) => void writer.write(withLength(bytes)).catch(() => {}),
    sendDatagram: (bytes) => datagramWriter.write(bytes),
    close: () => transport.close({ closeCode: 1000, reason: "" }),
  };
}

async function openWebSocket(url, onMessage) {
  const socket = new WebSocket(url, ["trunkline.v1.msgpack"]);
  socket.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("no WebSocket"));
  });
  socket.onmessage = ({ data }) => onMessage(new Uint8Array(data));
  const send = (bytes) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
  };
  return { name: "websocket", send, sendDatagram: send, close: () => socket.close(1000) };
}

export class Session {
  #attach = 0;
  #sent = 0;
  // Numbered frames without a receipt.
  #log = [];
  #link = null;
  #welcome = null;
  #waiting = new Map();
  received = 0;
  repeated = 0;
  events = [];
  bestEffort = [];
  closes = [];

  constructor(address) {
    this.address = address;
  }

  get transport() {
    return this.#link.name;
  }

  get datagrams() {
    return this.#welcome.datagrams;
  }

  // A fresh session, or a strict resume of it while the link before goes on (session.md, "Switching").
  async attach(transport) {
    let greeted;
    const welcome = new Promise((resolve, reject) => {
      greeted = { resolve, reject };
    });
    const links = {};
    const onMessage = (bytes) => this.#take(decode(bytes), links, greeted);
    const onDatagram = (bytes) => this.#take(decode(bytes), links, greeted);
    const { port, hash } = this.address;
    const link = transport === "webtransport"
      ? await openWebTransport(`https://127.0.0.1:${port}/trunkline`, hash, onMessage, onDatagram)
      : await openWebSocket(`ws://127.0.0.1:${port}/trunkline`, onMessage);
    links.own = link;
    const hello = { v: 1, agent: "page" };
    if (this.#welcome) {
      const { session, secret } = this.#welcome;
      const attach = ++this.#attach;
      hello.resume = { session, secret, attach, received: this.received, strict: true };
    }
    link.send(encode([KIND.hello, hello]));
    const told = await welcome;
    if (hello.resume && !told.resumed) throw new Error("a strict resume gave a fresh session");
    this.#welcome = { ...told, secret: told.secret ?? this.#welcome.secret };
    const former = this.#link;
    this.#link = link;
    this.#confirm(told.received);
    for (const { bytes } of this.#log) link.send(bytes);
    if (!former) await this.#connect();
    return told;
  }

  async #connect() {
    const connected = new Promise((resolve) => this.#waiting.set("connected", resolve));
    this.#sendNumbered((seq) => [KIND.connect, seq, null, null]);
    await connected;
  }

  emit(event, ...args) {
    this.#sendNumbered((seq) => [KIND.event, seq, null, null, event, args]);
  }

  // Resolves with the answer's args.
  ask(event, ...args) {
    const ackId = this.#sent + 1;
    const answer = new Promise((resolve, reject) => this.#waiting.set(ackId, { resolve, reject }));
    this.#sendNumbered((seq) => [KIND.event, seq, null, ackId, event, args]);
    return answer;
  }

  emitDatagram(event, ...args) {
    return this.#link.sendDatagram(encode([KIND.datagram, null, event, args]));
  }

  close() {
    this.#link.send(encode([KIND.close, { code: 1000, reason: "" }]));
  }

  #sendNumbered(frame) {
    const seq = ++this.#sent;
    const bytes = encode(frame(seq));
    this.#log.push({ seq, bytes });
    this.#link.send(bytes);
  }

  #confirm(received) {
    this.#log = this.#log.filter(({ seq }) => seq > received);
  }

  #take(frame, links, greeted) {
    const [kind, first] = frame;
    switch (kind) {
      case KIND.welcome:
        return greeted.resolve(first);
      case KIND.close:
        this.closes.push(first.code);
        greeted.reject(new Error(`CLOSE ${first.code} ${first.reason}`));
        return links.own.close();
      case KIND.ping:
        this.#confirm(frame[2]);
        return links.own.send(encode([KIND.pong, first, this.received]));
      case KIND.pong:
        return this.#confirm(frame[2]);
      case KIND.received:
        return this.#confirm(first);
      case KIND.datagram:
        return this.bestEffort.push({ event: frame[2], args: frame[3] });
      case KIND.latest:
        return this.bestEffort.push({ event: frame[2], key: frame[3], version: frame[4], args: frame[5] });
      default:
        return this.#takeNumbered(frame, links);
    }
  }

  #takeNumbered(frame, links) {
    const [kind, seq] = frame;
    // 64 to 95 are ignorable and have no number.
    if (kind >= 64 && kind < 96) return;
    if (seq <= this.received) {
      this.repeated++;
      return;
    }
    if (seq !== this.received + 1) throw new Error(`a gap: ${seq} after ${this.received}`);
    this.received = seq;
    if (seq % RECEIPT_EVERY === 0) links.own.send(encode([KIND.received, seq]));
    if (kind === KIND.connected) {
      this.#waiting.get("connected")(frame);
      // Only a session whose client has confirmed something is kept.
      links.own.send(encode([KIND.received, seq]));
    }
    if (kind === KIND.event) this.events.push({ event: frame[4], args: frame[5] });
    if (kind === KIND.ack || kind === KIND.failed) {
      const waiting = this.#waiting.get(frame[3]);
      this.#waiting.delete(frame[3]);
      if (kind === KIND.ack) waiting?.resolve(frame[4]);
      else waiting?.reject(new Error(`FAILED ${frame[4]}: ${frame[5]}`));
    }
  }
}
