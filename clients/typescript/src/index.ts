// What applications use. Whatever is not named here is the client's own, and may change.

export { TooManyAcks } from "./acks.js";
export { fetchAlternatives } from "./alternatives.js";
export { EventFailed, NoAnswer } from "./answers.js";
export { type Drops, NoDatagrams } from "./best_effort.js";
export { type Attempt, Client, type ClientOptions, type Closed, connect, type CurrentTransport, type EventsDropped, type SessionLost, type State } from "./client.js";
export { type Auth, NoCredentials, type Occasion } from "./credentials.js";
export { type Encoding, JSON_ENCODING, MESSAGE_PACK, type Message } from "./encoding.js";
export type { Alternative } from "./frame.js";
export { DEFAULT_LIMITS, type Limits } from "./limits.js";
export type { LostEvent } from "./notices.js";
export { QueueFull, QueueLong, TooLarge } from "./outbound.js";
export { NamespaceError, Offline } from "./session.js";
export { type BestEffortEmitter, type Emitter, type Handler, type HandlerOptions, type ReattachHook, Socket, SocketEnded } from "./socket.js";
export type { Ignored, Stats } from "./stats.js";
export { SwitchError, type SwitchFailure } from "./switch.js";
export type { DatagramChannel, Dialers, DialRequest, Listener, Open, Transport, TransportKind } from "./transport/transport.js";
export { openWebSocket } from "./transport/websocket.js";
export { openWebTransport } from "./transport/webtransport.js";
export type { Transports } from "./transports.js";
export type { Value } from "./value.js";
export type { WakeEvent, Wakes } from "./wake.js";
