"""When to dial again, and where to (LIM-008, SES-058, SES-059, SEC-012)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit, urlunsplit

from .codes import Retry

FIRST, MOST = 0.5, 30.0
LIVED = 10.0
"""LIM-008: a connection that lived longer than this begins the count of attempts anew."""
DEFAULT_PATH = "/trunkline"
SECURE = ("wss", "https")


class BackOff:
    """Full jitter. `attempt` is the number of the next attempt in a row."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.attempt = 0

    def delay(self, retry: Retry, retry_after_ms: int | None) -> float:
        """Seconds to wait before the next attempt, which is counted."""
        attempt = self.attempt
        self.attempt += 1
        if retry is Retry.AT_ONCE and attempt == 0 and retry_after_ms is None:
            return 0.0
        jitter = self.random.uniform(0, min(MOST, FIRST * 2 ** min(attempt, 16)))
        return jitter + (retry_after_ms or 0) / 1000

    def lived(self, seconds: float) -> None:
        if seconds > LIVED:
            self.attempt = 0

    def reset(self) -> None:
        self.attempt = 0


@dataclass
class GoingAway:
    """A GOAWAY that was read, its times as moments of the clock."""

    slot: float
    deadline: float
    url: str | None


def websocket_url(url: str) -> str:
    """TRN-001, TRN-002."""
    parts = urlsplit(url)
    schemes = {"ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}
    if parts.scheme not in schemes:
        raise ValueError(f"a URL must begin with ws, wss, http or https: {parts.scheme!r} does not")
    path = DEFAULT_PATH if parts.path in ("", "/") else parts.path
    return urlunsplit((schemes[parts.scheme], parts.netloc, path, parts.query, ""))


def where_to(current: str, told: str | None, hosts: frozenset[str] = frozenset()) -> str:
    """The URL to dial when the server told one. It is followed to the same host, or to one that the
    application allows, and never from a secure scheme to an insecure one."""
    if told is None:
        return current
    try:
        target = websocket_url(told)
    except ValueError:
        return current
    old, new = urlsplit(current), urlsplit(target)
    if old.scheme in SECURE and new.scheme not in SECURE:
        return current
    if new.hostname != old.hostname and new.hostname not in hosts:
        return current
    return target
