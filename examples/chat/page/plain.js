// A Trunkline client in one file, in plain JavaScript: WebSocket, the JSON encoding, conformance levels Core and
// Resume. The protocol needs no library; protocol/README.md is all it was written from. The page at /plain uses it;
// that at / uses the client of clients/typescript, whose interface `connect` below has as far as the page needs it.

const KIND = {
  HELLO: 0, WELCOME: 1, PING: 2, PONG: 3, RECEIVED: 4, GOAWAY: 5, CLOSE: 6,
  CONNECT: 16, CONNECTED: 17, REFUSED: 18, DISCONNECT: 19, EVENT: 20, ACK: 21, FAILED: 22, DATAGRAM: 32,
};
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;
const STOOD_MS = 10_000;
const LONGEST_ASKED_MS = 3_600_000;
const CONNECT_LIMIT_MS = 10_000;
const RECEIPT_DELAY_MS = 10_000;
const QUEUE_BYTES = 1 << 20;
const LIMIT_BYTES = 1 << 20;

const encoder = new TextEncoder();
const size = (text) => encoder.encode(text).length;

/** The session with the server at an origin, and the socket of `/`. */
export function connect(origin) {
  const trunkline = new Trunkline(`${origin.replace(/^http/, "ws")}/trunkline`);
  let state = "connecting";
  return {
    get state() { return state; },
    watch(watcher) {
      trunkline.onstate = (now) => {
        state = now;
        watcher(now);
      };
    },
    onLost(listener) {
      trunkline.onlost = (events) => listener({ events: events.map((event) => ({ ...event, sent: true })) });
    },
    socket() {
      const socket = {
        on: (event, handler) => trunkline.on(event, handler),
        emit: (event, ...args) => trunkline.emit(event, ...args),
        volatile: (event, ...args) => trunkline.volatile(event, ...args),
        emitWithAck: async (_timeout, event, ...args) => [await trunkline.ask(event, ...args)],
        onReattach(hook) {
          let isAgain = false;
          trunkline.onconnect = () => {
            if (isAgain) hook(socket);
            isAgain = true;
          };
        },
      };
      trunkline.connect();
      return socket;
    },
  };
}

class Trunkline {
  #url; #auth; #ws = null; #handlers = new Map(); #acks = new Map(); #timers = {};
  #session = null;      // { id, secret }, once WELCOME has come
  #attach = 0;          // raised at every attempt to resume
  #attempt = 0;         // dials since a connection stood for longer than 10 s
  #welcomedAt = 0;
  #received = 0;        // the highest number counted
  #confirmed = 0;       // the highest number told to the server
  #unconfirmedBytes = 0;
  #sent = 0;            // the highest number given
  #log = [];            // numbered frames without receipt: { seq, text }
  #logBytes = 0;
  #queue = [];          // frames without a number: [kind, ...fields after seq]
  #queueBytes = 0;
  #window = LIMIT_BYTES;
  #heartbeat = { interval: 25_000, timeout: 20_000 };
  #alive = 0; #probed = null; #tick = 0; #nextAck = 1;
  #welcomed = false; #connected = false; #over = false;
  #leaving = null;      // { slot, deadline }, once GOAWAY has come
  #left = null;         // the connection that is left for another one
  #answering = 0;       // handlers whose answer is still due
  #ahead = null;        // how many frames were put ahead of the queue, while that may be done

  // Called with "connecting", "connected", "reconnecting", "closed".
  onstate = () => {};
  // A session was lost: these events may or may not have arrived.
  onlost = () => {};
  // CONNECTED of a fresh session: the place to introduce oneself. What is sent from here, before
  // anything is awaited, goes ahead of what has waited.
  onconnect = () => {};

  constructor(url, auth = null) {
    this.#url = url;
    this.#auth = auth;
    addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
    addEventListener("pagehide", () => this.close());
    setInterval(() => this.#watch(), 1000);
  }

  on(event, handler) { this.#handlers.set(event, handler); }

  emit(event, ...args) { this.#push([KIND.EVENT, null, null, event, args]); }

  // Sent now, or not at all.
  volatile(event, ...args) {
    if (this.#welcomed && this.#connected && this.#queue.length === 0 && this.#ws.bufferedAmount === 0) this.#write([KIND.DATAGRAM, null, event, args]);
  }

  // Resolves with the first arg of the answer; rejects with FAILED's code and message.
  ask(event, ...args) {
    return new Promise((resolve, reject) => {
      const id = this.#nextAck++;
      this.#acks.set(id, { resolve, reject });
      try {
        this.#push([KIND.EVENT, null, id, event, args]);
      } catch (error) {
        this.#acks.delete(id);
        reject(error);
      }
    });
  }

  connect() {
    if (!this.#left) this.onstate(this.#attempt || this.#session ? "reconnecting" : "connecting");
    const ws = new WebSocket(this.#url, ["trunkline.v1.json"]);
    this.#ws = ws;
    this.#welcomed = false;
    this.#timers.connect = setTimeout(() => this.#gone(ws), CONNECT_LIMIT_MS);
    ws.onopen = () => this.#greet();
    ws.onmessage = ({ data }) => ws === this.#ws && this.#take(data);
    ws.onclose = ({ code }) => this.#gone(ws, code);
  }

  close() {
    this.#over = true;
    if (this.#ws?.readyState === WebSocket.OPEN) {
      this.#write([KIND.CLOSE, { code: 1000, reason: "" }]);
      this.#ws.close(1000);
    }
    this.onstate("closed");
  }

  #greet() {
    const hello = { v: 1, agent: "trunkline-chat-page", limits: { replay: LIMIT_BYTES, inbound: LIMIT_BYTES } };
    if (this.#session) {
      // Nothing more until WELCOME: the server alone decides what is replayed.
      hello.resume = { session: this.#session.id, secret: this.#session.secret, attach: ++this.#attach, received: this.#received };
    }
    this.#write([KIND.HELLO, hello]);
  }

  #welcome(welcome) {
    clearTimeout(this.#timers.connect);
    this.#welcomedAt = Date.now();
    this.#leaving = null;
    this.#heartbeat = { interval: welcome.ping_interval, timeout: welcome.ping_timeout };
    const left = this.#left;
    this.#left = null;
    if (left && !welcome.resumed) left.send(JSON.stringify([KIND.CLOSE, { code: 1000, reason: "" }]));
    left?.close();
    if (welcome.resumed) {
      this.#trim(welcome.received);
      for (const { text } of this.#log) this.#ws.send(text);
      if (this.#connected) this.onstate("connected");
    } else {
      this.#begin(welcome);
    }
    // Nothing new is numbered before all that is replayed has gone.
    this.#welcomed = true;
    this.#pump();
  }

  // A fresh session. What the last one had not confirmed is unknown, and is said to be.
  #begin(welcome) {
    const lost = this.#log.map(({ text }) => JSON.parse(text)).filter(([kind]) => kind === KIND.EVENT);
    const unanswered = lost.map(([, , , id]) => id);
    this.#session = { id: welcome.session, secret: welcome.secret };
    this.#window = Math.min(LIMIT_BYTES, welcome.limits?.inbound ?? LIMIT_BYTES);
    this.#attach = this.#received = this.#confirmed = this.#unconfirmedBytes = this.#sent = 0;
    this.#log = [];
    this.#logBytes = 0;
    this.#connected = false;
    for (const [id, ack] of this.#acks) {
      const queued = this.#queue.some(([kind, , queuedId]) => kind === KIND.EVENT && queuedId === id);
      if (queued && !unanswered.includes(id)) continue;
      this.#acks.delete(id);
      ack.reject(new Error("the session was lost; whether it arrived is unknown"));
    }
    if (lost.length) this.onlost(lost.map(([, , , , event, args]) => ({ event, args })));
    this.#queue = this.#queue.filter(([kind]) => kind === KIND.EVENT);
    this.#number([KIND.CONNECT, null, this.#auth]);
  }

  #take(text) {
    this.#alive = Date.now();
    this.#probed = null;
    const frame = JSON.parse(text);
    const [kind, first, ...rest] = frame;
    if (!this.#welcomed && kind !== KIND.WELCOME && kind !== KIND.CLOSE) return;
    if ((kind >= 0x10 && kind < 0x20) || (kind >= 0x60 && kind < 0x80)) return this.#count(kind, first, rest, size(text));
    switch (kind) {
      case KIND.WELCOME: return this.#welcome(first);
      case KIND.PING: this.#trim(rest[0]); this.#confirmed = this.#received; this.#unconfirmedBytes = 0; return this.#write([KIND.PONG, first, this.#received]);
      case KIND.PONG: return this.#trim(rest[0]);
      case KIND.RECEIVED: return this.#trim(first);
      case KIND.GOAWAY: return this.#leave(first);
      case KIND.DATAGRAM: if (first === null) this.#handlers.get(rest[0])?.(...rest[1]); return;
      case KIND.CLOSE: return this.#closed(first);
    }
  }

  // A sequenced frame: counted once, in order.
  #count(kind, seq, rest, bytes) {
    if (seq <= this.#received) return;
    if (seq !== this.#received + 1) {
      const reason = `sequence number ${seq} where ${this.#received + 1} was due`;
      this.#write([KIND.CLOSE, { code: 3200, reason }]);
      return this.#lose();
    }
    this.#received = seq;
    this.#unconfirmedBytes += bytes;
    if (this.#confirmed === 0 || this.#leaving || this.#unconfirmedBytes >= this.#window / 16) this.#confirm();
    else this.#timers.receipt ??= setTimeout(() => this.#confirm(), RECEIPT_DELAY_MS);
    const [ns, ...fields] = rest;
    if (ns !== null) return;
    switch (kind) {
      case KIND.CONNECTED: this.#introduce(fields[2]); break;
      case KIND.REFUSED: this.#over = true; this.onstate("closed"); break;
      case KIND.DISCONNECT: this.close(); break;
      case KIND.EVENT: this.#event(...fields); break;
      case KIND.ACK: this.#settle(fields[0], (ack) => ack.resolve(fields[1][0])); break;
      case KIND.FAILED: this.#settle(fields[0], (ack) => ack.reject(Object.assign(new Error(fields[2]), { code: fields[1], data: fields[3] }))); break;
    }
  }

  #introduce(data) {
    this.#connected = true;
    this.onstate("connected");
    this.#ahead = 0;
    this.onconnect(data);
    this.#ahead = null;
    this.#pump();
  }

  async #event(id, event, args) {
    const handler = this.#handlers.get(event);
    if (!handler) return id === null || this.#push([KIND.FAILED, null, id, 3009, "unknown event", null]);
    this.#answering += 1;
    try {
      const answer = await handler(...args);
      if (id !== null) this.#push([KIND.ACK, null, id, answer === undefined ? [] : [answer]]);
    } catch (error) {
      console.error(error);
      if (id !== null) this.#push([KIND.FAILED, null, id, 3011, "", null]);
    }
    this.#answering -= 1;
    this.#move();
  }

  #settle(id, settle) {
    const ack = this.#acks.get(id);
    this.#acks.delete(id);
    if (ack) settle(ack);
  }

  #push(frame) {
    const bytes = size(JSON.stringify(frame));
    if (this.#queueBytes + bytes > QUEUE_BYTES) throw new Error(`${this.#queueBytes} bytes wait to be sent, which is the limit`);
    if (this.#ahead === null) this.#queue.push(frame);
    else this.#queue.splice(this.#ahead++, 0, frame);
    this.#queueBytes += bytes;
    if (this.#ahead === null) this.#pump();
  }

  // Numbers and sends what the window allows. From GOAWAY on that is answers only.
  #pump() {
    while (this.#welcomed && this.#connected && (this.#log.length === 0 || this.#logBytes < this.#window)) {
      const next = this.#queue.findIndex(([kind]) => !this.#leaving || kind !== KIND.EVENT);
      if (next < 0) return;
      const [frame] = this.#queue.splice(next, 1);
      this.#queueBytes -= size(JSON.stringify(frame));
      this.#number(frame);
    }
  }

  #number([kind, ...fields]) {
    const text = JSON.stringify([kind, ++this.#sent, ...fields]);
    this.#log.push({ seq: this.#sent, text });
    this.#logBytes += size(text);
    this.#ws.send(text);
  }

  #trim(received) {
    while (this.#log.length && this.#log[0].seq <= received) this.#logBytes -= size(this.#log.shift().text);
    this.#pump();
    this.#move();
  }

  #confirm() {
    clearTimeout(this.#timers.receipt);
    this.#timers.receipt = undefined;
    if (!this.#welcomed || this.#confirmed === this.#received) return;
    this.#confirmed = this.#received;
    this.#unconfirmedBytes = 0;
    this.#write([KIND.RECEIVED, this.#received]);
  }

  #write(frame) {
    if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.send(JSON.stringify(frame));
  }

  // GOAWAY: leave in the slot, when all that was sent is confirmed and no answer is due; at the deadline
  // in any case.
  #leave({ slot, deadline }) {
    const now = Date.now();
    const wait = this.#wait();
    const [soonest, latest] = [slot, deadline].map((asked) => Math.max(wait, Math.min(asked, LONGEST_ASKED_MS)));
    this.#leaving = { slot: now + soonest, deadline: now + latest };
    this.#confirm();
    clearTimeout(this.#timers.slot);
    clearTimeout(this.#timers.deadline);
    this.#timers.slot = setTimeout(() => this.#move(), soonest);
    this.#timers.deadline = setTimeout(() => this.#move(), latest);
  }

  // How long to wait before the next dial: not at all the first time, then up to twice as long each time; what the
  // server asked for comes before that.
  #wait(retryAfter = null) {
    if (this.#welcomedAt && Date.now() - this.#welcomedAt > STOOD_MS) this.#attempt = 0;
    const attempt = this.#attempt++;
    if (attempt === 0 && retryAfter === null) return 0;
    const atMost = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.max(0, attempt - 1));
    return Math.min(retryAfter ?? 0, LONGEST_ASKED_MS) + Math.random() * atMost;
  }

  // To another connection, while this one is still there: nobody sees this page go away.
  #move() {
    if (!this.#leaving || !this.#welcomed || this.#over) return;
    const now = Date.now();
    const settled = this.#log.length === 0 && this.#answering === 0;
    if (now < this.#leaving.slot || (!settled && now < this.#leaving.deadline)) return;
    this.#left = this.#ws;
    this.#left.onclose = this.#left.onmessage = null;
    this.connect();
  }

  // The heartbeat: the server PINGs; silence for longer than interval and time-out is death. A timer
  // that fires late (the page slept) proves nothing: then the server is asked first.
  #watch() {
    const now = Date.now();
    const late = now - this.#tick > 5000;
    this.#tick = now;
    if (!this.#welcomed) return;
    const { interval, timeout } = this.#heartbeat;
    if (this.#probed !== null) return now - this.#probed > timeout && this.#gone(this.#ws);
    if (now - this.#alive > interval + timeout) return late ? this.#probe() : this.#gone(this.#ws);
  }

  #wake() {
    if (this.#welcomed) this.#probe();
    else if (this.#timers.retry) { clearTimeout(this.#timers.retry); this.#timers.retry = null; this.connect(); }
  }

  #probe() {
    this.#probed ??= Date.now();
    this.#write([KIND.PING, this.#probed % 1_000_000, this.#received]);
  }

  // The last three digits of a code say what to do.
  #closed({ code, retry_after }) {
    const digits = code >= 3000 ? code % 1000 : { 1012: 600, 1013: 600, 1014: 600, 1001: 600, 1000: 0, 1008: 0 }[code] ?? 200;
    if (digits < 200) { this.#over = true; this.onstate("closed"); }
    else if (digits < 400 || digits >= 800) this.#lose();
    this.#gone(this.#ws, code, retry_after);
  }

  // The session is over; the next connection begins a fresh one.
  #lose() {
    this.#session = null;
    this.#connected = false;
    this.#gone(this.#ws);
  }

  #gone(ws, code, retryAfter) {
    if (ws !== this.#ws || ws === null) return;
    this.#ws = null;
    this.#welcomed = false;
    clearTimeout(this.#timers.connect);
    clearTimeout(this.#timers.slot);
    clearTimeout(this.#timers.deadline);
    this.#left?.close();
    this.#left = null;
    ws.onclose = ws.onmessage = ws.onopen = null;
    ws.close();
    if (this.#over || this.#timers.retry) return;
    const wait = this.#wait(retryAfter);
    this.#welcomedAt = 0;
    this.onstate("reconnecting");
    this.#timers.retry = setTimeout(() => { this.#timers.retry = null; this.connect(); }, wait);
  }
}
