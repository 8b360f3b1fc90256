// Every frame (frames.md). The fields stand in wire order and have the names used there.

import type { Limits } from "./limits.js";
import type { BadBody, Value } from "./value.js";

/** HELLO's `resume`: the session that the client wants back. */
export interface Resume {
  readonly session: string;
  readonly secret: string;
  readonly attach: number;
  readonly received: number;
  readonly strict: boolean;
}

/** Another transport of the same server. */
export interface Alternative {
  readonly transport: string;
  readonly url: string;
  readonly hashes: readonly Uint8Array[];
}

/** What becomes of best-effort frames on a connection. */
export type Datagrams = "native" | "emulated" | "none";

export interface Hello {
  readonly kind: "HELLO";
  readonly v: number;
  readonly agent: string;
  readonly auth: Value;
  readonly resume: Resume | null;
  readonly features: readonly string[];
  readonly limits: Limits;
  readonly ping_interval: number | null;
}

export interface Welcome {
  readonly kind: "WELCOME";
  readonly v: number;
  readonly session: string;
  readonly secret: string | null;
  readonly resumed: boolean;
  readonly reason: string | null;
  readonly received: number;
  readonly ping_interval: number;
  readonly ping_timeout: number;
  readonly resume_window: number;
  readonly limits: Limits;
  readonly features: readonly string[];
  readonly datagrams: Datagrams;
  readonly alternatives: readonly Alternative[];
}

export interface Ping {
  readonly kind: "PING";
  readonly t: number;
  readonly received: number;
}

export interface Pong {
  readonly kind: "PONG";
  readonly t: number;
  readonly received: number;
}

export interface Received {
  readonly kind: "RECEIVED";
  readonly received: number;
}

export interface GoAway {
  readonly kind: "GOAWAY";
  readonly reason: string;
  readonly slot: number;
  readonly deadline: number;
  readonly url: string | null;
}

export interface Close {
  readonly kind: "CLOSE";
  readonly code: number;
  readonly reason: string;
  readonly retry_after: number | null;
  readonly url: string | null;
  readonly attach: number | null;
  readonly data: Value;
}

/** From a server it asks (`wanted`) or accepts; from a client it brings `auth`. */
export interface Auth {
  readonly kind: "AUTH";
  readonly auth: Value;
  readonly wanted: boolean;
  readonly expires: number | null;
}

/** What every frame with a body has: its cause, if the body did not decode (ENC-009). */
interface WithBody {
  readonly badBody?: BadBody;
}

export interface Connect extends WithBody {
  readonly kind: "CONNECT";
  readonly seq: number;
  readonly ns: string;
  readonly auth: Value;
}

export interface Connected extends WithBody {
  readonly kind: "CONNECTED";
  readonly seq: number;
  readonly ns: string;
  readonly connect: number;
  readonly socket_id: string;
  readonly data: Value;
}

export interface Refused extends WithBody {
  readonly kind: "REFUSED";
  readonly seq: number;
  readonly ns: string;
  readonly connect: number;
  readonly code: number;
  readonly message: string;
  readonly data: Value;
}

export interface Disconnect {
  readonly kind: "DISCONNECT";
  readonly seq: number;
  readonly ns: string;
  readonly code: number;
  readonly reason: string;
}

export interface Event extends WithBody {
  readonly kind: "EVENT";
  readonly seq: number;
  readonly ns: string;
  readonly ack_id: number | null;
  readonly event: string;
  readonly args: readonly Value[];
}

export interface Ack extends WithBody {
  readonly kind: "ACK";
  readonly seq: number;
  readonly ns: string;
  readonly ack_id: number;
  readonly args: readonly Value[];
}

export interface Failed extends WithBody {
  readonly kind: "FAILED";
  readonly seq: number;
  readonly ns: string;
  readonly ack_id: number;
  readonly code: number;
  readonly message: string;
  readonly data: Value;
}

export interface Datagram extends WithBody {
  readonly kind: "DATAGRAM";
  readonly ns: string;
  readonly event: string;
  readonly args: readonly Value[];
}

export interface Latest extends WithBody {
  readonly kind: "LATEST";
  readonly ns: string;
  readonly event: string;
  readonly key: string;
  readonly version: number;
  readonly args: readonly Value[];
}

/** Kinds 64 to 95 (FRM-002): nothing but the number of the kind is looked at. */
export interface Ignorable {
  readonly kind: "IGNORABLE";
  readonly number: number;
}

/** Kinds 96 to 127 (FRM-002): the number of the kind, and that of the frame. */
export interface NumberedIgnorable {
  readonly kind: "NUMBERED_IGNORABLE";
  readonly number: number;
  readonly seq: number;
}

export type MapFrame = Hello | Welcome | GoAway | Close | Auth;
export type Sequenced = Connect | Connected | Refused | Disconnect | Event | Ack | Failed | NumberedIgnorable;
export type Frame = MapFrame | Ping | Pong | Received | Sequenced | Datagram | Latest | Ignorable;

/** What an element of a header is (the grammar of frames.md). */
export type Element = "integer" | "integer or nil" | "seq" | "ns" | "name" | "text" | "code" | "value" | "args";

/** The elements after the kind. "value" and "args" are bodies, and stand last. */
export const LAYOUTS = {
  PING: { t: "integer", received: "integer" },
  PONG: { t: "integer", received: "integer" },
  RECEIVED: { received: "integer" },
  CONNECT: { seq: "seq", ns: "ns", auth: "value" },
  CONNECTED: { seq: "seq", ns: "ns", connect: "integer", socket_id: "name", data: "value" },
  REFUSED: { seq: "seq", ns: "ns", connect: "integer", code: "code", message: "text", data: "value" },
  DISCONNECT: { seq: "seq", ns: "ns", code: "code", reason: "text" },
  EVENT: { seq: "seq", ns: "ns", ack_id: "integer or nil", event: "name", args: "args" },
  ACK: { seq: "seq", ns: "ns", ack_id: "integer", args: "args" },
  FAILED: { seq: "seq", ns: "ns", ack_id: "integer", code: "code", message: "text", data: "value" },
  DATAGRAM: { ns: "ns", event: "name", args: "args" },
  LATEST: { ns: "ns", event: "name", key: "name", version: "integer", args: "args" },
} as const satisfies Record<string, Record<string, Element>>;

export type ArrayKind = keyof typeof LAYOUTS;

/** The numbers of the kinds (frames.toml). */
export const KINDS = {
  HELLO: 0,
  WELCOME: 1,
  PING: 2,
  PONG: 3,
  RECEIVED: 4,
  GOAWAY: 5,
  CLOSE: 6,
  AUTH: 7,
  CONNECT: 16,
  CONNECTED: 17,
  REFUSED: 18,
  DISCONNECT: 19,
  EVENT: 20,
  ACK: 21,
  FAILED: 22,
  DATAGRAM: 32,
  LATEST: 33,
} as const satisfies Record<ArrayKind | MapFrame["kind"], number>;

/** Whether a frame is numbered, and replayed at a resume. */
export function isSequenced(frame: Frame): frame is Sequenced {
  return "seq" in frame;
}

/** A CLOSE that says no more. */
export function closeOf(code: number, reason: string): Close {
  return { kind: "CLOSE", code, reason, retry_after: null, url: null, attach: null, data: null };
}
