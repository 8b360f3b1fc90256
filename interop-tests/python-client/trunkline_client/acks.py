"""Pending acks (acks.md). An ack is the application's answer to an event, and no receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answered:
    """The handler answered (ACK-004)."""

    args: list[Any]


@dataclass(frozen=True)
class Unreadable:
    """Answered, but the answer's body does not decode (ENC-009): the event has run."""

    cause: str


@dataclass(frozen=True)
class NotAnswered:
    """FAILED: there is no answer, for the reason that the code tells (ACK-004)."""

    code: int
    message: str
    data: Any


@dataclass(frozen=True)
class Ended:
    """The ack will never come. `why` is `disconnected`, `session lost` or `not sent`.

    Except for `not sent`, the event may have run (ACK-009).
    """

    why: str


Outcome = Answered | Unreadable | NotAnswered | Ended


class TooManyPendingAcks(Exception):
    """ACK-008: more answers are awaited than `limits.pending_acks` allows."""


class PendingAcks:
    """The table of ids that this side sent, each with its namespace (ACK-006)."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.ignored = 0
        self._next = 1
        self._namespaces: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._namespaces)

    def add(self, ns: str) -> int:
        """ACK-001: a new id, never used before. It is not used again in later sessions either."""
        if len(self._namespaces) >= self.bound:
            raise TooManyPendingAcks(f"{self.bound} acks are pending, as many as limits.pending_acks allows")
        ack_id = self._next
        self._next += 1
        self._namespaces[ack_id] = ns
        return ack_id

    def take(self, ack_id: int, ns: str) -> bool:
        """Removes the id if an answer in this namespace counts; else counts it as ignored."""
        if self._namespaces.get(ack_id) != ns:
            self.ignored += 1
            return False
        del self._namespaces[ack_id]
        return True

    def give_up(self, ack_id: int) -> None:
        """ACK-007: a time-out, or a caller that went away. A late answer is ignored."""
        self._namespaces.pop(ack_id, None)

    def take_namespace(self, ns: str) -> list[int]:
        """ACK-009: a DISCONNECT ends all ids of its namespace."""
        gone = [ack_id for ack_id, owner in self._namespaces.items() if owner == ns]
        for ack_id in gone:
            del self._namespaces[ack_id]
        return gone

    def take_all_but(self, kept: set[int]) -> list[int]:
        """The session's end takes every id that was sent; `kept` are those that never were."""
        gone = [ack_id for ack_id in self._namespaces if ack_id not in kept]
        for ack_id in gone:
            del self._namespaces[ack_id]
        return gone
