// What applications use. Whatever is not named here is the client's own, and may change.

export { TooManyPendingAcks } from "./acks.js";
export { Client, type ClientOptions, connect, type State } from "./client.js";
export { type Encoding, JSON_ENCODING, MESSAGE_PACK, type Message } from "./encoding.js";
export { DEFAULT_LIMITS, type Limits } from "./limits.js";
export { Overflow, TooLarge } from "./outbound.js";
export { NamespaceError } from "./session.js";
export { EventFailed, type Handler, NoAnswer, Socket, SocketEnded } from "./socket.js";
export type { Listener, Open, Transport } from "./transport/transport.js";
export { openWebSocket } from "./transport/websocket.js";
export { webTransport } from "./transport/webtransport.js";
export type { Value } from "./value.js";
