// WebSocket, as browsers and Node have it (transports.md).

import type { Message } from "../encoding.js";
import type { DialRequest, Listener, Transport } from "./transport.js";

const REASON_BYTES = 123;

/** Opens a WebSocket. A server that does not echo the name is not one of ours (TRN-008). */
export function openWebSocket({ url, subprotocol }: DialRequest, listener: Listener): Transport {
  const socket = new WebSocket(url, [subprotocol]);
  socket.binaryType = "arraybuffer";
  let isOpen = false;
  socket.onopen = () => {
    if (socket.protocol !== subprotocol) return socket.close();
    isOpen = true;
    listener.onOpen();
  };
  socket.onmessage = ({ data }) => {
    if (isOpen) listener.onMessage(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
  };
  // A page is not told why a WebSocket did not open.
  socket.onclose = ({ code, reason }) => (isOpen ? listener.onClosed(code, reason) : listener.onClosed(null, "no connection"));
  return {
    datagrams: null,
    send(message: Message) {
      if (socket.readyState === WebSocket.OPEN) socket.send(message as string);
    },
    get buffered() {
      return socket.bufferedAmount;
    },
    close(code, reason) {
      socket.close(closeCode(code), cut(reason));
    },
    abort() {
      // Without a code: with one it would end the session (TRN-017).
      socket.close();
    },
  };
}

/** TRN-016: a page may close with 1000 and 3000 to 4999 alone; CLOSE has told the code before. */
function closeCode(code: number): number {
  return code >= 3000 && code <= 4999 ? code : 1000;
}

/** TRN-015: at most 123 bytes, cut at a character boundary. */
function cut(reason: string): string {
  const bytes = new Uint8Array(REASON_BYTES);
  const { read } = new TextEncoder().encodeInto(reason, bytes);
  return reason.slice(0, read);
}
