// What a session asks of its shell, and what it tells the application.

import type { Occasion } from "./credentials.js";
import type { Message } from "./encoding.js";
import type { Datagram, Latest } from "./frame.js";
import type { TransportKind } from "./transport/transport.js";
import type { Value } from "./value.js";

/** How the wait for an ack ended. After `ended` the event may have run, unless it was not sent. */
export type Outcome =
  | { readonly kind: "answered"; readonly args: readonly Value[] }
  | { readonly kind: "failed"; readonly code: number; readonly message: string; readonly data: Value }
  | { readonly kind: "unreadable"; readonly cause: string }
  | { readonly kind: "ended"; readonly why: "disconnected" | "session lost" | "not sent" };

/** What is to be done with a connection; `link` is its number. */
export type Order =
  /** To be dialled after `delayMs`, of which the server asked for `leastMs`; over one transport, if it is named. `cause` is why, for people. */
  | { readonly kind: "dial"; readonly link: number; readonly url: string; readonly delayMs: number; readonly leastMs: number; readonly over: TransportKind | null; readonly cause: string }
  /** The application is to be asked for credentials. */
  | { readonly kind: "ask"; readonly question: number; readonly occasion: Occasion }
  /** It has its credentials: the dial may begin. */
  | { readonly kind: "prepared"; readonly link: number }
  /** Nobody took its packets any more: what it went over may be dead. */
  | { readonly kind: "silent"; readonly link: number; readonly cause: string }
  | { readonly kind: "send"; readonly link: number; readonly message: Message }
  /** Close it with this code once what was sent has left; what comes from it is ignored. */
  | { readonly kind: "shut"; readonly link: number; readonly code: number; readonly reason: string }
  /** It is of no use any more, whatever state it is in. */
  | { readonly kind: "drop"; readonly link: number };

/** An event of a lost session, or one that was dropped. */
export interface LostEvent {
  readonly ns: string;
  readonly event: string;
  readonly args: readonly Value[];
  readonly askedAck: boolean;
  /** Whether it had left: then it may have arrived. */
  readonly sent: boolean;
  /** Whether the client sends it again by itself, as `resendLost` asked. */
  readonly resent: boolean;
}

export type Notice =
  | { readonly kind: "began"; readonly session: string; readonly reason: string | null }
  | { readonly kind: "resumed"; readonly session: string }
  /** Nothing is dialled, since no namespace is wanted. */
  | { readonly kind: "idle" }
  | { readonly kind: "detached"; readonly code: number; readonly reason: string }
  | { readonly kind: "switch failed"; readonly code: number | null; readonly cause: string }
  | { readonly kind: "round trip"; readonly ms: number }
  | { readonly kind: "lost"; readonly code: number | null; readonly reason: string; readonly events: readonly LostEvent[] }
  | { readonly kind: "dropped"; readonly reason: "refused" | "disconnected" | "not taken"; readonly events: readonly LostEvent[] }
  /** `hasGivenUp`: the limit of attempts or of time was reached. */
  | { readonly kind: "stopped"; readonly code: number; readonly reason: string; readonly data: Value; readonly hasGivenUp: boolean }
  | { readonly kind: "connected"; readonly ns: string; readonly socketId: string; readonly data: Value; readonly session: string; readonly isAgain: boolean }
  | { readonly kind: "refused"; readonly ns: string; readonly code: number; readonly message: string; readonly data: Value }
  | { readonly kind: "disconnected"; readonly ns: string; readonly code: number; readonly reason: string }
  /** `bytes` is what it counts for until `Session.handled` is told. */
  | { readonly kind: "event"; readonly ns: string; readonly event: string; readonly args: readonly Value[]; readonly due: AnswerDue | null; readonly bytes: number }
  | { readonly kind: "settled"; readonly ackId: number; readonly outcome: Outcome }
  | { readonly kind: "best effort"; readonly frame: Datagram | Latest; readonly size: number };

/** An answer that the peer waits for. It is good for one socket alone. */
export interface AnswerDue {
  readonly ns: string;
  readonly ackId: number;
}

export type Output = Order | Notice;
