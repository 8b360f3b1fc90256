"""Numbers, receipts, the window, namespaces and acks, by scripted frames."""

from __future__ import annotations

from typing import Any

from trunkline_client import codes
from trunkline_client.acks import Answered, Ended, Unreadable
from trunkline_client.encoding import JSON, MESSAGEPACK
from trunkline_client.frames import (
    Ack,
    Close,
    Connect,
    Connected,
    Disconnect,
    Event,
    Failed,
    Hello,
    NumberedIgnorable,
    Ping,
    Pong,
    Received,
)
from trunkline_client.limits import Limits
from trunkline_client.notices import AckSettled, Dial, EventArrived, Send, SessionLost
from trunkline_client.session import TooLarge
from trunkline_client.window import QueueFull

from .scripted import Scripted, same, welcome


def test_connect_follows_hello_and_first_frame_is_confirmed() -> None:
    """SES-005, SES-017."""
    s = Scripted()
    s.core.start()
    s.core.session.connect("/", {"a": 1})
    s.core.session.emit("/", "early", [], False)
    s.run()
    link = s.dial()
    same([type(f) for _, f in s.sent], [Hello, Connect])
    s.give(link, welcome())
    same([type(f) for _, f in s.sent], [Hello, Connect, Event])
    s.give(link, Connected(1, "/", 1, "x", None))
    same(s.frames(Received), [Received(1)])


def test_receipts_by_bytes_and_by_time() -> None:
    """SES-016: a quarter of the window, or 10 s."""
    s = Scripted()
    link = s.begin(Limits(replay=16_384))
    for _ in range(3):
        s.give(link, Event(s.number(), "/", None, "e", ["x" * 1500]))
    same(s.frames(Received)[-1], Received(4))
    s.give(link, Event(s.number(), "/", None, "e", []))
    same(len(s.frames(Received)), 2)
    for _ in range(45):
        s.tick(0.25)
        s.give(link, Ping(1, 0)) if _ == 50 else s.core.life(link, s.now)
    same(s.frames(Received)[-1], Received(5))


def test_gap_and_repeat() -> None:
    """SES-011."""
    s = Scripted()
    link = s.begin()
    s.give(link, Event(1, "/", None, "e", []))
    same(s.of(EventArrived), [])
    s.give(link, Event(3, "/", None, "e", []))
    same(s.frames(Close)[-1].code, codes.PROTOCOL_ERROR)
    same(len(s.of(SessionLost)), 1)
    assert s.of(Dial)[-1].delay > 0, "a violation is followed by back-off"


def test_held_receipts() -> None:
    """SES-015: frames are counted, receipts tell the old number, acks go on."""
    s = Scripted()
    link = s.begin()
    s.core.session.hold_receipts(True)
    ack_id = s.emit(ack=True)
    s.give(link, Event(s.number(), "/", None, "e", ["x" * 300_000]))
    s.give(link, Ack(s.number(), "/", ack_id, [1]))
    s.give(link, Ping(9, 0))
    same(s.frames(Pong)[-1], Pong(9, 1))
    same(s.of(AckSettled)[-1].outcome, Answered([1]))
    s.cut(link)
    s.dial()
    same(s.frames(Hello)[-1].resume.received, 1)
    s.core.session.hold_receipts(False)
    s.give(s.of(Dial)[-1].link, welcome(resumed=True, received=2))
    same(s.frames(Received)[-1], Received(3))


def test_window_closes_and_answers_pass() -> None:
    """SES-021 to SES-024."""
    s = Scripted()
    link = s.begin(Limits(inbound=16_384))
    s.give(link, Received(1))
    for _ in range(5):
        s.emit("x" * 5000)
    same(len(s.frames(Event)), 4)
    for n in range(8):
        s.give(link, Event(s.number(), "/", n, "ask", []))
        arrived = s.of(EventArrived)[-1]
        s.core.session.answer("/", arrived.generation, Ack(0, "/", n, ["y" * 3000]))
        s.run()
    same(len(s.frames(Ack)), 5)  # 20,0xx of events and four answers of 3,0xx stay below 32,768
    assert 2 * 16_384 <= s.core.session.window.log_bytes < 2 * 16_384 + 3100
    s.give(link, Received(5))
    same((len(s.frames(Event)), len(s.frames(Ack))), (4, 8))
    s.give(link, Received(13))
    same(len(s.frames(Event)), 5)
    numbers = [f.seq for _, f in s.sent if hasattr(f, "seq")]
    same(numbers, list(range(1, len(numbers) + 1)))


def test_an_empty_log_admits_one_frame() -> None:
    """SES-021."""
    s = Scripted()
    link = s.begin(Limits(inbound=16_384))
    s.give(link, Received(1))
    s.emit("x" * 100_000)
    s.emit("y")
    same(len(s.frames(Event)), 1)
    s.give(link, Received(2))
    same(len(s.frames(Event)), 2)


def test_local_refusals() -> None:
    """LIM-003, ACK-008, SES-025."""
    s = Scripted(limits=Limits(pending_acks=1, queue=20_000))
    s.begin(Limits(frame=16_384))
    deep: Any = []
    for _ in range(63):
        deep = [deep]
    for wrong in (["x" * 17_000], [deep], [2**64], [object()], ["\ud800"], [{1: 2}]):
        try:
            s.emit(*wrong)
        except (TooLarge, ValueError, TypeError):
            continue
        raise AssertionError(f"{wrong!r} was taken"[:100])
    s.emit(ack=True)
    try:
        s.emit(ack=True)
        raise AssertionError("a second pending ack was taken")
    except Exception as error:
        same(type(error).__name__, "TooManyPendingAcks")
    same(len(s.frames(Event)), 1)


def test_bounded_queue() -> None:
    s = Scripted(limits=Limits(queue=20_000))
    link = s.begin()
    s.cut(link)
    s.emit("x" * 15_000)
    try:
        s.emit("x" * 15_000)
        raise AssertionError("the queue has no bound")
    except QueueFull:
        pass


def test_replay_is_the_same_bytes() -> None:
    """SES-010, SES-032."""
    s = Scripted()
    link = s.begin()
    for n in range(3):
        s.emit(n)
    before = [o.message for o in s.of(Send)]
    s.cut(link)
    s.emit("while away")
    again = s.dial()
    same(len(s.frames(Event, again)), 0)  # nothing before WELCOME (SES-005)
    s.outputs.clear()
    s.give(again, welcome(resumed=True, received=2))
    replayed = [o.message for o in s.of(Send)]
    same(replayed[:2], before[-2:])
    same([f.seq for f in s.frames(Event, again)], [3, 4, 5])


def test_bad_bodies() -> None:
    """ENC-009 on the client."""
    s = Scripted()
    link = s.begin()
    ack_id = s.emit(ack=True)
    bad = '{"$x":1}'
    for text in (
        f'[20,2,null,3,"e",[{bad}]]',
        f"[21,3,null,{ack_id},[{bad}]]",
        '[20,4,"/no",4,"e",[{"$x":1}]]',
    ):
        s.core.received(link, text, s.now)
        s.run()
    same([(f.ack_id, f.code) for f in s.frames(Failed)], [(3, codes.BAD_ARGS), (4, codes.NOT_CONNECTED)])
    same(s.of(AckSettled)[-1].outcome, Unreadable("bad-mark"))
    same(s.of(SessionLost), [])


def test_disconnect() -> None:
    """NSP-009, NSP-010, ACK-009."""
    s = Scripted()
    link = s.begin(Limits(inbound=16_384))
    sent = s.emit("x" * 16_400, ack=True)
    waiting = s.emit("x" * 16_000, ack=True)
    s.give(link, Disconnect(s.number(), "/", 3013, ""))
    outcomes = {a.ack_id: a.outcome for a in s.of(AckSettled)}
    same(outcomes, {sent: Ended("disconnected"), waiting: Ended("not sent")})
    s.give(link, Received(2))
    same(len(s.frames(Event)), 1)
    s.core.session.connect("/", None)
    s.run()
    newest = s.frames(Connect)[-1].seq
    s.give(link, Connected(s.number(), "/", 1, "old", None))
    same(s.core.session.namespaces["/"].socket_id, None)
    s.give(link, Connected(s.number(), "/", newest, "new", None))
    same(s.core.session.namespaces["/"].socket_id, "new")


def test_numbered_noise_counts() -> None:
    """FRM-003, SES-013."""
    s = Scripted()
    link = s.begin()
    s.core.options.noise = 1.0
    s.emit(1)
    s.core.options.noise = 0.0
    s.run()
    same([f.seq for f in s.frames(NumberedIgnorable)], [3])
    s.give(link, NumberedIgnorable(96, s.number()))
    s.give(link, Event(s.number(), "/", None, "e", []))
    same(len(s.of(EventArrived)), 1)


def test_both_encodings_say_the_same() -> None:
    frame = Event(7, "/a", None, "e", [b"\x00", {"$bin": "x"}, 2**60, float("inf"), "\u20ac"])
    for encoding in (JSON, MESSAGEPACK):
        same(encoding.decode(encoding.encode(frame)), frame)
