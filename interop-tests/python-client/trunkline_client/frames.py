"""Every frame, as a dataclass (frames.md). Fields stand in wire order and have the names used there."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Union

from .limits import Limits

CLIENT, SERVER, EITHER = "client", "server", "either"


@dataclass
class Resume:
    """HELLO's `resume`: the session that the client wants back."""

    session: str
    secret: str
    attach: int
    received: int
    strict: bool = False


@dataclass
class Alternative:
    """Another transport of the same server."""

    transport: str
    url: str
    hashes: list[bytes] = field(default_factory=list)


@dataclass
class Hello:
    KIND: ClassVar[int] = 0
    SENDER: ClassVar[str] = CLIENT
    v: int
    agent: str
    auth: Any = None
    resume: Resume | None = None
    features: list[str] = field(default_factory=list)
    limits: Limits = Limits()
    ping_interval: int | None = None


@dataclass
class Welcome:
    KIND: ClassVar[int] = 1
    SENDER: ClassVar[str] = SERVER
    v: int
    session: str
    secret: str | None
    resumed: bool
    reason: str | None
    received: int
    ping_interval: int
    ping_timeout: int
    resume_window: int
    limits: Limits
    features: list[str]
    datagrams: str
    alternatives: list[Alternative] = field(default_factory=list)


@dataclass
class Ping:
    KIND: ClassVar[int] = 2
    SENDER: ClassVar[str] = EITHER
    LAYOUT: ClassVar[tuple[str, ...]] = ("integer", "integer")
    t: int
    received: int


@dataclass
class Pong:
    KIND: ClassVar[int] = 3
    SENDER: ClassVar[str] = EITHER
    LAYOUT: ClassVar[tuple[str, ...]] = ("integer", "integer")
    t: int
    received: int


@dataclass
class Received:
    KIND: ClassVar[int] = 4
    SENDER: ClassVar[str] = EITHER
    LAYOUT: ClassVar[tuple[str, ...]] = ("integer",)
    received: int


@dataclass
class GoAway:
    KIND: ClassVar[int] = 5
    SENDER: ClassVar[str] = SERVER
    reason: str
    slot: int
    deadline: int
    url: str | None = None


@dataclass
class Close:
    KIND: ClassVar[int] = 6
    SENDER: ClassVar[str] = EITHER
    code: int
    reason: str
    retry_after: int | None = None
    url: str | None = None
    attach: int | None = None
    data: Any = None


@dataclass
class Auth:
    """From a server it asks (`wanted`) or accepts; from a client it brings `auth`."""

    KIND: ClassVar[int] = 7
    SENDER: ClassVar[str] = EITHER
    auth: Any = None
    wanted: bool = False
    expires: int | None = None


@dataclass
class Connect:
    KIND: ClassVar[int] = 16
    SENDER: ClassVar[str] = CLIENT
    LAYOUT: ClassVar[tuple[str, ...]] = ("seq", "ns", "value")
    seq: int
    ns: str
    auth: Any
    bad_body: str | None = None


@dataclass
class Connected:
    KIND: ClassVar[int] = 17
    SENDER: ClassVar[str] = SERVER
    LAYOUT: ClassVar[tuple[str, ...]] = ("seq", "ns", "integer", "name", "value")
    seq: int
    ns: str
    connect: int
    socket_id: str
    data: Any
    bad_body: str | None = None


@dataclass
class Refused:
    KIND: ClassVar[int] = 18
    SENDER: ClassVar[str] = SERVER
    LAYOUT: ClassVar[tuple[str, ...]] = ("seq", "ns", "integer", "code", "text", "value")
    seq: int
    ns: str
    connect: int
    code: int
    message: str
    data: Any
    bad_body: str | None = None


@dataclass
class Disconnect:
    KIND: ClassVar[int] = 19
    SENDER: ClassVar[str] = EITHER
    LAYOUT: ClassVar[tuple[str, ...]] = ("seq", "ns", "code", "text")
    seq: int
    ns: str
    code: int
    reason: str


@dataclass
class Event:
    KIND: ClassVar[int] = 20
    SENDER: ClassVar[str] = EITHER
    LAYOUT: ClassVar[tuple[str, ...]] = ("seq", "ns", "integer or nil", "name", "args")
    seq: int
    ns: str
    ack_id: int | None
    event: str
    args: list[Any] | None
    bad_body: str | None = None


@dataclass
class Ack:
    KIND: ClassVar[int] = 21
    SENDER: ClassVar[str] = EITHER
    LAYOUT: ClassVar[tuple[str, ...]] = ("seq", "ns", "integer", "args")
    seq: int
    ns: str
    ack_id: int
    args: list[Any] | None
    bad_body: str | None = None


@dataclass
class Failed:
    KIND: ClassVar[int] = 22
    SENDER: ClassVar[str] = EITHER
    LAYOUT: ClassVar[tuple[str, ...]] = ("seq", "ns", "integer", "code", "text", "value")
    seq: int
    ns: str
    ack_id: int
    code: int
    message: str
    data: Any
    bad_body: str | None = None


@dataclass
class Datagram:
    KIND: ClassVar[int] = 32
    SENDER: ClassVar[str] = EITHER
    LAYOUT: ClassVar[tuple[str, ...]] = ("ns", "name", "args")
    ns: str
    event: str
    args: list[Any] | None
    bad_body: str | None = None


@dataclass
class Latest:
    KIND: ClassVar[int] = 33
    SENDER: ClassVar[str] = EITHER
    LAYOUT: ClassVar[tuple[str, ...]] = ("ns", "name", "name", "integer", "args")
    ns: str
    event: str
    key: str
    version: int
    args: list[Any] | None
    bad_body: str | None = None


@dataclass
class Ignorable:
    """Kinds 64 to 95 (FRM-002): nothing but the kind is looked at."""

    SENDER: ClassVar[str] = EITHER
    kind: int


@dataclass
class NumberedIgnorable:
    """Kinds 96 to 127 (FRM-002): the kind and the number."""

    SENDER: ClassVar[str] = EITHER
    kind: int
    seq: int


Frame = Union[
    Hello, Welcome, Ping, Pong, Received, GoAway, Close, Auth, Connect, Connected, Refused, Disconnect,
    Event, Ack, Failed, Datagram, Latest, Ignorable, NumberedIgnorable,
]  # fmt: skip
Sequenced = (Connect, Connected, Refused, Disconnect, Event, Ack, Failed, NumberedIgnorable)

MAP_FRAMES = {cls.KIND: cls for cls in (Hello, Welcome, GoAway, Close, Auth)}
ARRAY_FRAMES = {
    cls.KIND: cls
    for cls in (
        Ping, Pong, Received, Connect, Connected, Refused, Disconnect, Event, Ack, Failed, Datagram, Latest,
    )
}  # fmt: skip


def field_names(cls: type) -> list[str]:
    """The names of a frame's elements after the kind, in wire order."""
    return [f.name for f in fields(cls) if f.name != "bad_body"]
