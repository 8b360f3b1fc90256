// A client as an application has it, without a network and without time.

import { type ClientOptions, connect } from "../src/client.js";
import type { Message } from "../src/encoding.js";
import type { Listener, Open } from "../src/transport/transport.js";
import type { WakeEvent } from "../src/wake.js";
import { ModelServer } from "./model_server.js";

/** A server, and dialers that reach it at once. */
export class Net {
  readonly listeners: Listener[] = [];
  readonly closed: string[] = [];
  /** Bytes that wait for whoever reads a connection. */
  buffered = 0;
  readonly server = new ModelServer((dial, message) => queueMicrotask(() => this.listeners[dial - 1]?.onMessage(message)));

  readonly open: Open = (_request, listener) => {
    const dial = this.listeners.push(listener);
    queueMicrotask(() => listener.onOpen());
    const net = this;
    return {
      datagrams: null,
      get buffered() {
        return net.buffered;
      },
      send: (message: Message) => this.server.receive(dial, message),
      close: (code) => void this.closed.push(`close ${code}`),
      abort: () => void this.closed.push("abort"),
    };
  };

  connect(options: ClientOptions = {}) {
    return connect("https://host.example", { dialers: { webtransport: this.open, websocket: this.open }, ...options });
  }
}

/** A client, and the events of its page. */
export function withPage(net: Net) {
  const ears = new Set<(event: WakeEvent) => void>();
  const client = net.connect({
    wakes(listener) {
      ears.add(listener);
      return () => ears.delete(listener);
    },
  });
  return { client, ears, hear: (event: WakeEvent) => ears.forEach((listener) => listener(event)) };
}
