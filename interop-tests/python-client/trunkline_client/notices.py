"""What the core asks of the shell that moves bytes, and what it tells the application.

The core does no input or output of its own: every call leaves its wishes, in order, in a list of
these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .acks import Outcome
from .encoding import Message

# To the shell. `link` names a connection, from its dial on.


@dataclass(frozen=True)
class Dial:
    """Open a connection to `url` in `delay` seconds, and tell `opened` or `dial_failed`."""

    link: int
    url: str
    delay: float


@dataclass(frozen=True)
class Send:
    """`urgent`: ahead of what waits to be written (HBT-004)."""

    link: int
    message: Message
    urgent: bool = False


@dataclass(frozen=True)
class Shut:
    """Close the transport with this code, and drop it if that takes longer than 1 s (SES-051)."""

    link: int
    code: int
    reason: str


@dataclass(frozen=True)
class Drop:
    """Drop the transport without a word; or give up its dial."""

    link: int


# To the application.


@dataclass(frozen=True)
class SessionBegan:
    """A fresh session. `reason` tells why a resume was refused, if one was (SES-033)."""

    session: str
    reason: str | None


@dataclass(frozen=True)
class SessionResumed:
    """Nothing changed but the connection."""

    session: str
    attach: int


@dataclass(frozen=True)
class Unknown:
    """An event that was numbered and not confirmed: it may or may not have arrived."""

    ns: str
    event: str
    ack_id: int | None


@dataclass(frozen=True)
class SessionLost:
    """SES-047. `code` is that of the CLOSE, if there was one; `reason` is for people, or a word of
    SES-033. `unsent` are events that leave the queue with the session, without a number."""

    code: int | None
    reason: str
    unknown: list[Unknown] = field(default_factory=list)
    unsent: list[Unknown] = field(default_factory=list)


@dataclass(frozen=True)
class Stopped:
    """The client does not dial again by itself (COD-006). `data` is that of the CLOSE."""

    code: int
    reason: str
    data: Any = None


@dataclass(frozen=True)
class SwitchFailed:
    """A switch was given up; the session goes on where it was (SES-037)."""

    code: int | None


@dataclass(frozen=True)
class ConnectionClosed:
    """A connection ended; `code` is None for a cut. `attach` is that of CLOSE."""

    link: int
    code: int | None
    reason: str
    attach: int | None = None


@dataclass(frozen=True)
class SocketConnected:
    ns: str
    socket_id: str
    data: Any


@dataclass(frozen=True)
class SocketRefused:
    ns: str
    code: int
    message: str
    data: Any


@dataclass(frozen=True)
class SocketGone:
    """The socket ended: by DISCONNECT, or with a session that the client does not renew."""

    ns: str
    code: int
    reason: str
    pending: bool


@dataclass(frozen=True)
class EventArrived:
    """Run its handler, and answer it with `generation` and `ack_id` if that is not None."""

    ns: str
    generation: int
    event: str
    args: list[Any]
    ack_id: int | None


@dataclass(frozen=True)
class AckSettled:
    ack_id: int
    outcome: Outcome


@dataclass(frozen=True)
class Trouble:
    """Something that is reported locally and ends nothing (ENC-009, LIM-003)."""

    text: str
