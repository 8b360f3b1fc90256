"""The session: what survives connections (session.md), without the connections themselves.

It numbers and counts frames, keeps the replay log, the namespaces and the pending acks, and says
what is due. `connections.py` decides which connection carries it.
"""

from __future__ import annotations

from random import Random
from typing import Any

from . import codes
from .acks import Answered, Ended, NotAnswered, PendingAcks, Unreadable
from .encoding import Encoding, array_length, kind_of
from .frames import (
    Ack,
    Connect,
    Connected,
    Disconnect,
    Event,
    Failed,
    Frame,
    NumberedIgnorable,
    Refused,
    Welcome,
)
from .limits import UNTOLD, Limits
from .namespaces import Namespace, State
from .notices import (
    AckSettled,
    EventArrived,
    SessionLost,
    SocketConnected,
    SocketGone,
    SocketRefused,
    Trouble,
    Unknown,
)
from .numbering import Count, Counter
from .values import check_value
from .window import Outgoing, QueueFull, Window


class Violation(Exception):
    """The server broke the protocol (SES-053). The text names what was wrong."""


class NotConnected(Exception):
    """The application used a namespace that it has not connected."""


class TooLarge(ValueError):
    """LIM-003: the peer does not take a frame of this size."""


class Session:
    """One session after another: `begin_again` makes room for the next."""

    def __init__(self, encoding: Encoding, limits: Limits, outputs: list[Any], random: Random) -> None:
        self.encoding = encoding
        self.limits = limits
        self.outputs = outputs
        self.random = random
        self.namespaces: dict[str, Namespace] = {}
        self.acks = PendingAcks(limits.pending_acks)
        self.window = Window(encoding, limits.queue)
        self.held = False
        self.best_effort_dropped = 0
        self._reset()

    def _reset(self) -> None:
        self.id: str | None = None
        self.secret = ""
        self.attach = 0
        self.peer = UNTOLD
        self.counter = Counter(self.limits.inbound, self.limits.frame)
        if self.held:
            self.counter.hold()
        self.answers_due: set[tuple[str, int, int]] = set()

    # Its life

    def begin(self, welcome: Welcome) -> None:
        """A fresh session begins with this WELCOME."""
        assert welcome.secret is not None
        self.id, self.secret, self.attach = welcome.session, welcome.secret, 0
        self.peer = welcome.limits.bounded()
        self.counter.window = min(self.peer.replay, self.limits.inbound)

    def lose(self, code: int | None, reason: str, renew: bool) -> None:
        """SES-047 to SES-050. With `renew` its namespaces are connected again in the next one."""
        if not renew:
            self._end_namespaces(code, reason)

        def keep(frame: Outgoing) -> bool:
            owner = self.namespaces.get(frame.ns)
            return (
                renew
                and frame.kind == Event.KIND
                and owner is not None
                and owner.state is not State.DETACHED
                and owner.generation == frame.generation
            )

        unknown, dropped = self.window.begin_again(keep)
        self.outputs.append(SessionLost(code, reason, _told(unknown), _told(dropped)))
        unsent = {frame.ack_id for frame in dropped}
        for ack_id in self.acks.take_all_but(self.window.pending_ack_ids()):
            why = "not sent" if ack_id in unsent else "session lost"
            self.outputs.append(AckSettled(ack_id, Ended(why)))
        self._reset()
        for namespace in self.namespaces.values():
            if namespace.state is not State.DETACHED:
                namespace.again()
        self.window.prepend(
            [self._connect_frame(n) for n in self.namespaces.values() if n.state is State.PENDING]
        )

    def _end_namespaces(self, code: int | None, reason: str) -> None:
        for namespace in self.namespaces.values():
            if namespace.state is not State.DETACHED:
                pending = namespace.state is State.PENDING
                namespace.detached()
                self.outputs.append(SocketGone(namespace.name, code or codes.NORMAL, reason, pending))

    # What the application does

    def connect(self, ns: str, auth: Any) -> None:
        namespace = self.namespaces.setdefault(ns, Namespace(ns))
        if namespace.state is not State.DETACHED:
            raise NotConnected(f"{ns} is {namespace.state.value} already")
        if not ns.startswith("/") or len(ns.encode()) > 255:
            raise ValueError("a namespace begins with / and has 255 bytes at most")
        check_value(auth, self._depth())
        namespace.connecting(auth)
        self.window.push(self._connect_frame(namespace))

    def disconnect(self, ns: str) -> None:
        """NSP-009, NSP-015."""
        namespace = self.namespaces.get(ns)
        if namespace is None or namespace.state is State.DETACHED:
            return
        pending = namespace.state is State.PENDING
        unsent = pending and namespace.connect is None
        generation = namespace.generation
        namespace.detached()
        self._forget_answers(ns)
        if unsent:
            self.window.drop(lambda f: f.ns == ns and f.generation == generation)
        else:
            self._push(Disconnect(0, ns, codes.DISCONNECTED, ""), generation)
        self._end_acks(ns)
        self.outputs.append(SocketGone(ns, codes.DISCONNECTED, "", pending))

    def emit(self, ns: str, event: str, args: list[Any], ack: bool) -> int | None:
        """An event; the ack's id, if one is asked for. Raises what LIM-003 and ACK-008 ask for."""
        namespace = self.namespaces.get(ns)
        if namespace is None or namespace.state is State.DETACHED:
            raise NotConnected(f"{ns} is not connected")
        if not 1 <= len(event.encode()) <= 255:
            raise ValueError("an event's name has 1 to 255 bytes")
        check_value(args, self._depth())
        ack_id = self.acks.add(ns) if ack else None
        try:
            self._push(Event(0, ns, ack_id, event, args), namespace.generation, self._frame())
        except Exception:
            if ack_id is not None:
                self.acks.give_up(ack_id)
            raise
        return ack_id

    def answer(self, ns: str, generation: int, answer: Ack | Failed) -> None:
        """ACK-003: once, and only while the socket lives."""
        if (ns, generation, answer.ack_id) not in self.answers_due:
            return
        check_value(answer.args if isinstance(answer, Ack) else answer.data, self._depth())
        self._push(answer, generation, self._frame())
        self.answers_due.discard((ns, generation, answer.ack_id))

    def numbered_noise(self) -> None:
        """FRM-003."""
        self._push(NumberedIgnorable(self.random.randint(96, 127), 1), 0)

    def _depth(self) -> int:
        return self.peer.depth

    def _frame(self) -> int:
        return self.peer.frame if self.id is not None else self.limits.frame

    def _connect_frame(self, namespace: Namespace) -> Outgoing:
        return self._outgoing(Connect(0, namespace.name, namespace.auth), namespace.generation)

    def _outgoing(self, frame: Frame, generation: int) -> Outgoing:
        return Outgoing(
            kind=kind_of(frame),
            length=array_length(frame),
            tail=self.encoding.tail(frame),
            ns=getattr(frame, "ns", "/"),
            generation=generation,
            event=getattr(frame, "event", None),
            ack_id=frame.ack_id if isinstance(frame, Event) else None,
        )

    def _push(self, frame: Frame, generation: int, largest: int | None = None) -> None:
        outgoing = self._outgoing(frame, generation)
        if largest is not None and self.encoding.size(outgoing.tail) + 12 > largest:
            raise TooLarge(f"a frame of this size is above the peer's limits.frame of {largest}")
        self.window.push(outgoing)

    # What the server does

    def confirm(self, receipt: int) -> None:
        if not self.window.confirm(receipt):
            raise Violation("a receipt for a frame that was never sent")

    def count(self, frame: Frame, size: int, now: float) -> None:
        """SES-011, and the delivery of what is next in order (SES-012)."""
        counted = self.counter.count(frame.seq, size, now)  # type: ignore[union-attr]
        if counted is Count.GAP:
            raise Violation("a gap in the numbers")
        if counted is Count.REPEAT:
            return
        if self.counter.overrun():
            raise Violation("too many unconfirmed bytes")
        deliver = {
            Connected: self._on_connected,
            Refused: self._on_refused,
            Disconnect: self._on_disconnect,
            Event: self._on_event,
            Ack: self._on_ack,
            Failed: self._on_failed,
        }.get(type(frame))
        if deliver is not None:  # a numbered ignorable frame is counted and no more (SES-013)
            deliver(frame)
        bad_body = getattr(frame, "bad_body", None)
        if bad_body is not None:
            self.outputs.append(Trouble(f"{type(frame).__name__.upper()} with a bad body: {bad_body}"))

    def _on_connected(self, frame: Connected) -> None:
        namespace = self.namespaces.get(frame.ns)
        if namespace is not None and namespace.answers(frame.connect):
            namespace.connected(frame.socket_id)
            self.outputs.append(SocketConnected(frame.ns, frame.socket_id, frame.data))

    def _on_refused(self, frame: Refused) -> None:
        """The events sent ahead are answered by the server (NSP-008); those that wait are not sent."""
        namespace = self.namespaces.get(frame.ns)
        if namespace is None or not namespace.answers(frame.connect):
            return
        self._end_waiting(namespace, "not sent")
        namespace.detached()
        self.outputs.append(SocketRefused(frame.ns, frame.code, frame.message, frame.data))

    def _on_disconnect(self, frame: Disconnect) -> None:
        """NSP-009. While Pending it is of an earlier socket, and ignored."""
        namespace = self.namespaces.get(frame.ns)
        if namespace is None or namespace.state is not State.CONNECTED:
            return
        self._end_waiting(namespace, "not sent")
        namespace.detached()
        self._forget_answers(frame.ns)
        self._end_acks(frame.ns)
        self.outputs.append(SocketGone(frame.ns, frame.code, frame.reason, False))

    def _on_event(self, frame: Event) -> None:
        namespace = self.namespaces.get(frame.ns)
        if namespace is None or namespace.state is not State.CONNECTED:
            self._refuse_event(frame, codes.NOT_CONNECTED, "not-connected")
        elif frame.bad_body is not None:
            self._refuse_event(frame, codes.BAD_ARGS, "bad-args")
        else:
            assert frame.args is not None
            if frame.ack_id is not None:
                self.answers_due.add((frame.ns, namespace.generation, frame.ack_id))
            self.outputs.append(
                EventArrived(frame.ns, namespace.generation, frame.event, frame.args, frame.ack_id)
            )

    def _refuse_event(self, frame: Event, code: int, name: str) -> None:
        """NSP-012, ENC-009, ACK-005."""
        if frame.ack_id is not None:
            self._push(Failed(0, frame.ns, frame.ack_id, code, name, None), 0)

    def _on_ack(self, frame: Ack) -> None:
        if self.acks.take(frame.ack_id, frame.ns):
            bad = frame.bad_body is not None
            outcome = Unreadable(frame.bad_body or "") if bad else Answered(frame.args or [])
            self.outputs.append(AckSettled(frame.ack_id, outcome))

    def _on_failed(self, frame: Failed) -> None:
        if self.acks.take(frame.ack_id, frame.ns):
            outcome = NotAnswered(frame.code, frame.message, frame.data)
            self.outputs.append(AckSettled(frame.ack_id, outcome))

    def _end_acks(self, ns: str, why: str = "disconnected") -> None:
        for ack_id in self.acks.take_namespace(ns):
            self.outputs.append(AckSettled(ack_id, Ended(why)))

    def _end_waiting(self, namespace: Namespace, why: str) -> None:
        """NSP-010: events of a socket that has ended do not get a number any more."""
        for frame in self.window.drop(
            lambda f: f.kind == Event.KIND and f.ns == namespace.name and f.generation == namespace.generation
        ):
            if frame.ack_id is not None and self.acks.take(frame.ack_id, frame.ns):
                self.outputs.append(AckSettled(frame.ack_id, Ended(why)))

    def _forget_answers(self, ns: str) -> None:
        self.answers_due = {due for due in self.answers_due if due[0] != ns}

    # What is due

    def hold_receipts(self, held: bool) -> None:
        """SES-015: the application is behind, or has caught up."""
        self.held = held
        if held:
            self.counter.hold()
        else:
            self.counter.release()

    def send_window(self) -> int:
        """SES-022."""
        return min(self.limits.replay, self.peer.inbound)

    def number_waiting(self, going_away: bool) -> list[Outgoing]:
        """Numbers what may be sent now. Before WELCOME that is CONNECTs alone, within what every
        server takes (SES-005), so that little is unknown should WELCOME never come (SES-049)."""
        numbered: list[Outgoing] = []

        def on_number(frame: Outgoing) -> None:
            numbered.append(frame)
            if frame.kind == Connect.KIND:
                namespace = self.namespaces[frame.ns]
                if namespace.generation == frame.generation:
                    namespace.connect = frame.seq

        def on_refused(frame: Outgoing) -> None:
            self.outputs.append(Trouble(f"not sent: above the peer's limits.frame of {self.peer.frame}"))
            if frame.ack_id is not None and self.acks.take(frame.ack_id, frame.ns):
                self.outputs.append(AckSettled(frame.ack_id, Ended("not sent")))

        self.window.pump(
            self.send_window(), self.peer.frame, going_away, on_number, on_refused, early=self.id is None
        )
        return numbered

    def settled(self) -> bool:
        """SES-058: nothing of either side's is open."""
        nothing_due = not self.answers_due and not self.window.answers
        return nothing_due and not self.window.log and self.counter.confirmed == self.counter.last


def _told(frames: list[Outgoing]) -> list[Unknown]:
    return [Unknown(f.ns, f.event or "", f.ack_id) for f in frames if f.kind == Event.KIND]


__all__ = ["NotConnected", "QueueFull", "Session", "TooLarge", "Violation"]
