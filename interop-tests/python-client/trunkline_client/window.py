"""The replay log, which is the send window, and the queue before it (session.md, "The window")."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .encoding import Encoding, Message
from .frames import Ack, Connect, Event, Failed

ANSWERS = (Ack.KIND, Failed.KIND)
HELD_BY_GOAWAY = (Connect.KIND, Event.KIND)
LONGEST_NUMBER = 9
"""Bytes that the number of a waiting frame is taken to need in MessagePack; JSON is taken alike."""


@dataclass
class Outgoing:
    """A sequenced frame of ours, before and after it gets its number."""

    kind: int
    length: int
    tail: Message
    ns: str = "/"
    generation: int = 0
    event: str | None = None
    ack_id: int | None = None
    seq: int = 0
    message: Message = b""
    size: int = 0


class QueueFull(Exception):
    """The client's own queue takes no more (SES-025: a client bounds its queue as it likes)."""


class Window:
    """SES-019: two stores per session. `peer_frame` is the peer's `limits.frame`, as far as known."""

    def __init__(self, encoding: Encoding, queue_bound: int) -> None:
        self.encoding = encoding
        self.queue_bound = queue_bound
        self.sent = 0
        self.confirmed = 0
        self.log: deque[Outgoing] = deque()
        self.log_bytes = 0
        self.waiting: deque[Outgoing] = deque()
        self.answers: deque[Outgoing] = deque()
        self.waiting_bytes = 0
        self.answer_bytes = 0

    def push(self, frame: Outgoing) -> None:
        """Puts a frame at the end of the queue. Answers have a queue of their own, since they may
        be numbered ahead of what waits (SES-023)."""
        frame.size = self.encoding.size(frame.tail) + 2 + LONGEST_NUMBER
        if frame.kind in ANSWERS:
            if self.answer_bytes + frame.size > 2 * self.queue_bound and self.answers:
                raise QueueFull(f"answers of more than {2 * self.queue_bound} bytes wait")
            self.answers.append(frame)
            self.answer_bytes += frame.size
            return
        if frame.kind == Event.KIND and self.waiting_bytes + frame.size > self.queue_bound:
            raise QueueFull(f"more than {self.queue_bound} bytes wait to be sent")
        self.waiting.append(frame)
        self.waiting_bytes += frame.size

    def pump(
        self,
        window: int,
        largest: int,
        going_away: bool,
        numbered: Callable[[Outgoing], None],
        refused: Callable[[Outgoing], None],
        early: bool,
    ) -> None:
        """Numbers what may be numbered, in order (SES-009, SES-021 to SES-024, SES-057). `early` is
        the time before WELCOME, when CONNECTs alone go out, within `window` (SES-005)."""
        while self.answers and self._has_room(2 * window):
            frame = self.answers.popleft()
            self.answer_bytes -= frame.size
            self._number(frame, numbered, largest, refused)
        while self.waiting:
            frame = self.waiting[0]
            if early and (frame.kind != Connect.KIND or self.log_bytes + frame.size > window):
                return
            if (going_away and frame.kind in HELD_BY_GOAWAY) or not self._has_room(window):
                return
            self.waiting.popleft()
            self.waiting_bytes -= frame.size
            self._number(frame, numbered, largest, refused)

    def _has_room(self, window: int) -> bool:
        """SES-021: the log may exceed the window by less than one frame."""
        return not self.log or self.log_bytes < window

    def _number(
        self,
        frame: Outgoing,
        numbered: Callable[[Outgoing], None],
        largest: int,
        refused: Callable[[Outgoing], None],
    ) -> None:
        message = self.encoding.numbered(frame.kind, frame.length, self.sent + 1, frame.tail)
        size = self.encoding.size(message)
        if size > largest:  # LIM-003, for frames that were emitted before the limit was known
            refused(frame)
            return
        self.sent += 1
        frame.seq, frame.message, frame.size = self.sent, message, size
        self.log.append(frame)
        self.log_bytes += size
        numbered(frame)

    def confirm(self, receipt: int) -> bool:
        """SES-018. False: the receipt is for a number that was never sent."""
        if receipt > self.sent:
            return False
        self.confirmed = max(self.confirmed, receipt)
        while self.log and self.log[0].seq <= receipt:
            self.log_bytes -= self.log.popleft().size
        return True

    def drop(self, unwanted: Callable[[Outgoing], bool]) -> list[Outgoing]:
        """Takes frames without a number out of the queue."""
        dropped = [frame for frame in self.waiting if unwanted(frame)]
        self._refill(frame for frame in self.waiting if not unwanted(frame))
        return dropped

    def _refill(self, frames: Iterable[Outgoing]) -> None:
        self.waiting = deque(frames)
        self.waiting_bytes = sum(frame.size for frame in self.waiting)

    def begin_again(self, keep: Callable[[Outgoing], bool]) -> tuple[list[Outgoing], list[Outgoing]]:
        """The session is lost. Returns what was numbered and not confirmed, and what of the queue
        goes with it; what `keep` takes stays for the next session (SES-047, SES-048)."""
        unknown = list(self.log)
        dropped = [frame for frame in self.waiting if not keep(frame)]
        kept = [frame for frame in self.waiting if keep(frame)]
        bound = self.queue_bound
        self.__init__(self.encoding, bound)  # type: ignore[misc]
        self._refill(kept)
        return unknown, dropped

    def prepend(self, frames: list[Outgoing]) -> None:
        """CONNECTs of a fresh session stand before the events that waited."""
        for frame in frames:
            frame.size = self.encoding.size(frame.tail) + 2 + LONGEST_NUMBER
        self._refill([*frames, *self.waiting])

    def pending_ack_ids(self) -> set[int]:
        """The ids of events that were never sent."""
        return {frame.ack_id for frame in self.waiting if frame.ack_id is not None}
