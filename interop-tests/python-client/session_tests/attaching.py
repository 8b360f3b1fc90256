"""Which connection carries the session, and what ends it, by scripted frames."""

from __future__ import annotations

from random import Random

from trunkline_client import codes
from trunkline_client.acks import Ended
from trunkline_client.codes import Retry, disposition
from trunkline_client.frames import Ack, Auth, Close, Connect, Event, GoAway, Hello, Ping, Pong, Received
from trunkline_client.notices import (
    AckSettled,
    Dial,
    Drop,
    EventArrived,
    SessionBegan,
    SessionLost,
    SessionResumed,
    Shut,
    Stopped,
    SwitchFailed,
)
from trunkline_client.reconnect import BackOff, where_to

from .scripted import Scripted, same, welcome


def test_impossible_welcomes() -> None:
    """FRM-015, SES-018."""
    bad_version = welcome()
    bad_version.v = 2
    no_secret = welcome()
    no_secret.secret = None
    for wrong in (bad_version, no_secret, welcome(resumed=True), welcome(received=9)):
        s = Scripted()
        s.core.start()
        s.run()
        link = s.dial()
        s.give(link, wrong)
        same(s.frames(Close)[-1].code, codes.PROTOCOL_ERROR)
    for wrong in (welcome(resumed=True, session="other"), welcome(resumed=True, received=99)):
        s = Scripted()
        s.cut(s.begin())
        s.give(s.dial(), wrong)
        same(s.frames(Close)[-1].code, codes.PROTOCOL_ERROR)
        same(len(s.of(SessionLost)), 1)


def test_lost_session() -> None:
    """SES-047, SES-048."""
    s = Scripted()
    link = s.begin()
    known, unknown = s.emit(ack=True), s.emit(ack=True)
    s.give(link, Received(2))
    s.cut(link)
    waiting = s.emit("later", ack=True)
    s.give(s.dial(), welcome(reason="expired", session="t"))
    [lost] = s.of(SessionLost)
    same([u.ack_id for u in lost.unknown], [unknown])
    same([a.ack_id for a in s.of(AckSettled)], [known, unknown])
    assert all(a.outcome == Ended("session lost") for a in s.of(AckSettled))
    fresh = [f for at, f in s.sent if at == 2 and not isinstance(f, Hello)]
    same([(type(f), f.seq) for f in fresh], [(Connect, 1), (Event, 2)])
    same(fresh[1].ack_id, waiting)
    same(s.of(SessionBegan)[-1].reason, "expired")


def test_watchdog() -> None:
    """HBT-006, HBT-007."""
    s = Scripted()
    link = s.begin()
    s.tick(0.4)
    same(s.frames(Close), [])
    s.tick(0.2)
    same(s.frames(Close)[-1].code, codes.PING_TIMEOUT)
    same(s.of(Dial)[-1].delay, 0.0)
    s = Scripted()
    link = s.begin()
    s.tick(30)  # the machine slept
    same((len(s.frames(Ping)), s.frames(Close)), (1, []))
    s.give(link, Pong(s.frames(Ping)[0].t, 0))
    s.tick(0.3)
    same(s.frames(Close), [])
    s.tick(30)
    s.tick(0.3)
    same(s.frames(Close)[-1].code, codes.PING_TIMEOUT)


def test_superseded_by_a_twin() -> None:
    """SES-040."""
    s = Scripted()
    link = s.begin()
    s.give(link, Close(3400, "", attach=5))
    same(len(s.of(SessionLost)), 1)
    s = Scripted()
    link = s.begin()
    s.core.switch()
    s.run()
    second = s.dial()
    s.give(link, Close(3400, "", attach=1))
    same(s.of(SessionLost), [])
    s.give(second, welcome(resumed=True, received=1))
    same(len(s.of(SessionResumed)), 1)


def test_switch() -> None:
    """SES-037: the old connection serves until WELCOME; then both are read."""
    s = Scripted()
    link = s.begin()
    s.core.switch()
    s.run()
    second = s.dial()
    assert s.frames(Hello)[-1].resume.strict
    s.emit("on the old one")
    same(len(s.frames(Event, link)), 1)
    s.give(second, welcome(resumed=True, received=2))
    s.give(second, Event(2, "/", None, "e", [2]))
    s.give(link, Event(2, "/", None, "e", [2]))
    s.give(link, Event(3, "/", None, "e", [3]))
    same([e.args[0] for e in s.of(EventArrived)], [2, 3])
    s.give(link, Event(9, "/", None, "e", []))  # SES-036
    same(s.of(SessionLost), [])
    s.emit("on the new one")
    same(len(s.frames(Event, second)), 1)


def test_switch_that_fails() -> None:
    s = Scripted()
    link = s.begin()
    s.core.switch()
    s.run()
    s.give(s.dial(), Close(3202, ""))
    same((len(s.of(SwitchFailed)), s.of(SessionLost)), (1, []))
    s.emit("goes on")
    same(len(s.frames(Event, link)), 1)


def test_stale_attach() -> None:
    """SES-041, SES-029."""
    s = Scripted()
    s.cut(s.begin())
    s.give(s.dial(), Close(3401, "", attach=8))
    s.dial()
    same([h.resume.attach for h in s.frames(Hello) if h.resume], [1, 9])
    same(s.of(SessionLost), [])


def test_goaway() -> None:
    """SES-057 to SES-059."""
    s = Scripted()
    link = s.begin()
    s.give(link, Received(1))
    s.give(link, GoAway("restart", 200, 10_000))
    s.emit("waits")
    same(s.frames(Event), [])
    s.give(link, Event(s.number(), "/", 5, "ask", []))
    same(s.frames(Received)[-1], Received(2))  # everything that was received is confirmed at once
    s.tick(0.25)
    same(len(s.of(Dial)), 1)  # an answer is still due
    s.core.session.answer("/", 1, Ack(0, "/", 5, []))
    s.run()
    same(len(s.frames(Ack)), 1)
    s.give(link, Received(2))
    s.tick(0.0)
    same(len(s.of(Dial)), 2)
    second = s.dial()
    assert not s.frames(Hello)[-1].resume.strict
    s.give(second, welcome(resumed=True, received=2))
    same(len(s.frames(Event, second)), 1)


def test_credentials_are_refreshed_when_asked_for() -> None:
    """SES-065, SES-067."""
    s = Scripted(auth="t0ken")
    link = s.begin()
    s.give(link, Auth(expires=60_000))
    same(s.frames(Auth), [])
    s.give(link, Auth(wanted=True, expires=30_000))
    same(s.frames(Auth), [Auth("t0ken")])
    s.cut(link)
    second = s.dial()
    s.give(second, welcome(resumed=True, received=1))
    same(len(s.frames(Auth)), 1)
    s.give(second, Auth(wanted=True))
    same(s.frames(Auth, second), [Auth("t0ken")])


def test_goaway_deadline_and_lost_session() -> None:
    s = Scripted()
    link = s.begin()
    s.give(link, GoAway("restart", 0, 300))
    s.tick(0.1)
    same(len(s.of(Dial)), 1)  # CONNECT has no receipt yet
    s.tick(0.25)
    second = s.dial()
    s.give(second, welcome(reason="unknown", session="t"))
    same(s.frames(Close, link)[-1].code, 1000)
    same(len(s.of(SessionLost)), 1)


def test_dispositions() -> None:
    """codes.md, both tables."""
    expected = {
        1000: (False, Retry.NEVER), 1001: (True, Retry.BACK_OFF), 1006: (True, Retry.AT_ONCE),
        1008: (False, Retry.NEVER), 1011: (False, Retry.BACK_OFF), 1012: (True, Retry.BACK_OFF),
        3000: (False, Retry.NEVER), 3199: (False, Retry.NEVER), 3200: (False, Retry.BACK_OFF),
        3399: (False, Retry.BACK_OFF), 3400: (True, Retry.AT_ONCE), 4599: (True, Retry.AT_ONCE),
        4600: (True, Retry.BACK_OFF), 4799: (True, Retry.BACK_OFF), 4800: (False, Retry.BACK_OFF),
        999: (False, Retry.BACK_OFF), 5000: (False, Retry.BACK_OFF), 2000: (False, Retry.BACK_OFF),
    }  # fmt: skip
    for code, (kept, retry) in expected.items():
        told = disposition(code)
        same((code, told.session_kept, told.retry), (code, kept, retry))


def test_no_retry_ends_everything() -> None:
    s = Scripted()
    link = s.begin()
    ack_id = s.emit(ack=True)
    s.give(link, Close(4001, "enough", data=[1]))
    same(s.of(Stopped), [Stopped(4001, "enough", [1])])
    same(s.of(AckSettled), [AckSettled(ack_id, Ended("session lost"))])
    same((len(s.of(Dial)), s.of(Shut)[-1].code), (1, 4001))


def test_transport_codes() -> None:
    """TRN-017."""
    s = Scripted()
    link = s.begin()
    s.core.lost(link, 1000, "", s.now)
    s.run()
    same(len(s.of(Stopped)), 1)
    s = Scripted()
    link = s.begin()
    s.core.lost(link, 1012, "", s.now)
    s.run()
    same(s.of(SessionLost), [])
    assert s.of(Dial)[-1].delay > 0


def test_back_off() -> None:
    """LIM-008."""
    back_off = BackOff(Random(3))
    same(back_off.delay(Retry.AT_ONCE, None), 0.0)
    for n in range(1, 12):
        for _ in range(50):
            back_off.attempt = n
            assert 0 <= back_off.delay(Retry.AT_ONCE, None) <= min(30.0, 0.5 * 2**n)
    back_off.attempt = 0
    assert 2.0 <= back_off.delay(Retry.BACK_OFF, 2000) <= 2.5
    back_off.lived(9.0)
    same(back_off.attempt, 1)
    back_off.lived(11.0)
    same(back_off.attempt, 0)


def test_urls_of_the_server() -> None:
    """SES-059, SEC-012."""
    here = "wss://a.example/trunkline"
    same(where_to(here, None), here)
    same(where_to(here, "https://a.example:444"), "wss://a.example:444/trunkline")
    same(where_to(here, "ws://a.example/trunkline"), here)
    same(where_to(here, "wss://b.example/x"), here)
    same(where_to(here, "wss://b.example/x?t=1", frozenset({"b.example"})), "wss://b.example/x?t=1")
    same(where_to(here, "ftp://a.example"), here)


def test_welcome_timeout_and_unknown_connects() -> None:
    """SES-008, SES-049."""
    s = Scripted()
    s.core.start()
    s.core.session.connect("/", None)
    s.run()
    link = s.dial()
    s.tick(20.5)
    same(s.of(Drop), [Drop(link)])
    s.dial()
    same([f.seq for f in s.frames(Connect)], [1, 1])


def test_level_core_never_resumes() -> None:
    """CNF-003."""
    s = Scripted(resume=False)
    s.cut(s.begin())
    s.dial()
    same([h.resume for h in s.frames(Hello)], [None, None])
    same(len(s.of(SessionLost)), 1)


def test_end_while_a_hello_is_unanswered() -> None:
    """SES-039."""
    s = Scripted()
    link = s.begin()
    s.core.switch()
    s.run()
    second = s.dial()
    s.core.end()
    s.run()
    same([c.code for c in s.frames(Close, link) + s.frames(Close, second)], [1000, 1000])
    same(s.core.deadline(), None)
