"""Counting the peer's frames, and the receipts for them (session.md, "Numbering", "Receipts")."""

from __future__ import annotations

from collections import deque
from enum import Enum

RECEIPT_AFTER = 10.0
"""SES-016: seconds after the first unconfirmed frame."""


class Count(Enum):
    REPEAT = "drop it"
    NEXT = "counted: deliver it"
    GAP = "a violation"


class Counter:
    """What this side has counted of the other's frames, and what of it is confirmed.

    While `held` is set the application is behind: frames are read and counted, but receipts tell
    the number from before (SES-015).
    """

    def __init__(self, inbound: int, largest_frame: int) -> None:
        self.last = 0
        self.confirmed = 0
        self.window = inbound
        self.bound = 2 * inbound + largest_frame
        self.held = False
        self._unconfirmed: deque[tuple[int, int]] = deque()
        self._bytes = 0
        self._since: float | None = None
        self._ready = 0

    def count(self, seq: int, size: int, now: float) -> Count:
        """SES-011."""
        if seq <= self.last:
            return Count.REPEAT
        if seq > self.last + 1:
            return Count.GAP
        self.last = seq
        self._unconfirmed.append((seq, size))
        self._bytes += size
        if self._since is None:
            self._since = now
        return Count.NEXT

    def delivered(self) -> None:
        """What was counted is with the application, which has room for more (SES-015)."""
        if not self.held:
            self._ready = self.last

    def hold(self) -> None:
        """The application's queue has no more room: later frames are not confirmed."""
        self.held = True

    def release(self) -> None:
        self.held = False
        self.delivered()

    def overrun(self) -> bool:
        """SES-026: more is unconfirmed than any conforming sender would have sent."""
        return self._bytes > self.bound

    def ready(self) -> int:
        """The receipt for a HELLO. It may never arrive, so that it confirms nothing yet."""
        return max(self.confirmed, self._ready)

    def receipt_waits(self) -> bool:
        return self._ready > self.confirmed

    def receipt(self) -> int:
        """The number to put into a receipt that is sent now (SES-014)."""
        self.confirmed = max(self.confirmed, self._ready)
        while self._unconfirmed and self._unconfirmed[0][0] <= self.confirmed:
            self._bytes -= self._unconfirmed.popleft()[1]
        if not self._unconfirmed:
            self._since = None
        return self.confirmed

    def due(self, now: float) -> bool:
        """Whether a RECEIVED is due (SES-016, SES-017)."""
        if self._ready <= self.confirmed:
            return False
        if self.confirmed == 0 or (self._since is not None and now >= self._since + RECEIPT_AFTER):
            return True
        return self._bytes >= self.window // 4

    def deadline(self) -> float | None:
        if self._since is None or self._ready <= self.confirmed:
            return None
        return self._since + RECEIPT_AFTER
