"""One connection of the client and its role (session.md, "A connection, on the client")."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .heartbeat import RoundTrips, Watchdog
from .limits import Limits

WELCOME_TIMEOUT = 20.0
CLOSING_TIMEOUT = 1.0


class Role(Enum):
    DIALLING = "being opened"
    GREETING = "HELLO was sent"
    CURRENT = "carries the session"
    OLD = "a newer one is current"
    CLOSING = "about to end"


@dataclass
class Link:
    id: int
    url: str
    role: Role = Role.DIALLING
    resume: bool = False
    strict: bool = False
    welcome_by: float = 0.0
    welcomed_at: float = 0.0
    drop_at: float = 0.0
    watchdog: Watchdog | None = None
    round_trips: RoundTrips = field(default_factory=RoundTrips)


@dataclass
class Options:
    """What an application chooses. `resume` off is a client of level Core (CNF-003)."""

    agent: str = "trunkline-python/0.1"
    auth: Any = None
    limits: Limits = field(default_factory=Limits)
    ping_interval: int | None = None
    resume: bool = True
    noise: float = 0.03
    """FRM-003: how likely a pair of ignorable frames goes along with what is sent."""
    hosts: frozenset[str] = frozenset()
    """SEC-012: other hosts that a `url` of the server may lead to."""
    welcome_timeout: float = WELCOME_TIMEOUT
