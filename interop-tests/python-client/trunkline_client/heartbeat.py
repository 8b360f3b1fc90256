"""The client's watchdog and probe (heartbeat.md, "States, on the client").

The transport tells of every byte that arrives (HBT-001), so the doubling of HBT-008, which is for
clients that see whole messages only, is not needed.
"""

from __future__ import annotations

from enum import Enum

LATE = 1.0
"""HBT-007: a watchdog that fires this many seconds late was itself asleep."""


class Alarm(Enum):
    NONE = "all is well"
    PROBE = "send PING: the watchdog was late"
    DEAD = "CLOSE `ping-timeout`; a cut"


class Watchdog:
    def __init__(self, interval_ms: int, timeout_ms: int, now: float) -> None:
        self.interval = interval_ms / 1000
        self.timeout = timeout_ms / 1000
        self.probing = False
        self.deadline = now + self.interval + self.timeout

    def life(self, now: float) -> None:
        self.probing = False
        self.deadline = now + self.interval + self.timeout

    def doubt(self, now: float) -> None:
        """HBT-009: the caller sends a PING along with this."""
        self.probing = True
        self.deadline = now + self.timeout

    def check(self, now: float) -> Alarm:
        if now < self.deadline:
            return Alarm.NONE
        if not self.probing and now - self.deadline > LATE:
            return Alarm.PROBE
        return Alarm.DEAD


class RoundTrips:
    """Outstanding PINGs of ours, by their `t` (HBT-010). A few are enough."""

    KEPT = 8

    def __init__(self) -> None:
        self.latest: float | None = None
        self._sent: dict[int, float] = {}

    def ping(self, t: int, now: float) -> None:
        self._sent[t] = now
        while len(self._sent) > self.KEPT:
            del self._sent[next(iter(self._sent))]

    def pong(self, t: int, now: float) -> None:
        sent = self._sent.pop(t, None)
        if sent is not None:
            self.latest = now - sent
