"""protocol/conformance.md, "What a client of level Resume should be seen doing"."""

from __future__ import annotations

import asyncio
from typing import Any

from trunkline_client.client import AckLost
from trunkline_client.frames import Ack, Close, Connect, Event, Hello, Received
from trunkline_client.notices import (
    ConnectionClosed,
    EventArrived,
    SessionBegan,
    SessionLost,
    SessionResumed,
    SocketConnected,
)

from .harness import Failure, Wire, check, connected, same, soon

Context = Any


async def resume_01_cut_and_back(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    socket = client.of(SocketConnected)[0].socket_id
    client.cut()
    resumed = await client.until(SessionResumed)
    same(resumed.session, client.of(SessionBegan)[0].session, "the session")
    [me] = await client.call("whoami")
    same((me["socket_id"], me["resumed"]), (socket, True), "whoami")
    same(len(client.frames(Connect)), 1, "CONNECTs that were sent")
    same(client.of(SessionLost), [], "sessions that were lost")
    same(client.quick.jitters, [], "the first attempt is at once")
    await client.close()


async def resume_02_cut_three_times(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    done = client.request("count", 200, 10)

    def tick(n: int) -> None:
        if n in (40, 90, 140):
            client.cut()

    client.on("tick", tick)
    await soon(done, 30)
    same([e.args[0] for e in client.of(EventArrived)], list(range(1, 201)), "the ticks")
    same([r.attach for r in client.of(SessionResumed)], [1, 2, 3], "the attaches")
    await client.close()


async def resume_03_pending_ack(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    await client.call("echo")
    answer = client.request("slow", 500)
    await asyncio.sleep(0.1)
    client.cut()
    same(await soon(answer), [], "the answer of slow")
    same(len(client.of(SessionResumed)), 1, "resumes")
    same(client.core.session.acks.ignored, 0, "answers that came twice")
    await client.close()


async def resume_04_emits_around_a_cut(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    client.may_dial.clear()
    answers = [client.request("echo", n) for n in range(1, 101)]
    client.cut()
    await client.until(ConnectionClosed)
    answers += [client.request("echo", n) for n in range(101, 151)]
    client.may_dial.set()
    result = await soon(asyncio.gather(*answers))
    same(result, [[n] for n in range(1, 151)], "the answers")
    same(client.core.session.acks.ignored, 0, "answers that came twice")
    await client.close()


async def resume_04_sent_but_not_read(c: Context) -> None:
    """The same with a wire that was flushed, so that the server has counted some or all."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    for n in range(1, 101):
        await wire.emit("echo", n, ack=n)
    wire.cut()
    again = await wire.resumed(c.plain.url, 1)
    assert again.welcome is not None
    check(1 <= again.welcome.received <= 101, f"the server's receipt {again.welcome.received}")
    for seq in range(again.welcome.received + 1, 102):
        await again.send(Event(seq, "/", seq - 1, "echo", [seq - 1]))
    for n in range(1, 101):
        answer = await again.answer(n)
        check(isinstance(answer, Ack) and answer.args == [n], f"the answer to {n}: {answer}")
    await again.lives()
    again.cut()


async def resume_05_cut_before_welcome(c: Context) -> None:
    wire = await Wire.begin(c.plain.url, c.encoding)
    wire.cut()
    unread = await Wire.open(c.plain.url, c.encoding)
    await unread.send(Hello(1, "checks/1.0", resume=wire.asking(1)))
    unread.cut()
    again = await wire.resumed(c.plain.url, 2)
    await again.lives()
    again.cut()
    client = await connected(c.plain.url, c.encoding)
    client.cut_after = lambda frame: isinstance(frame, Hello) and frame.resume is not None
    client.cut()
    resumed = await client.until(SessionResumed)
    same(resumed.attach, 2, "the attach that won")
    attaches = [hello.resume.attach for hello in client.frames(Hello) if hello.resume]
    same(attaches, [1, 2], "the attaches that were tried")
    await client.close()


async def resume_06_live_switch(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    client.on("tick", lambda n: client.switch() if n in (50, 120) else None)
    await client.call("count", 200, 5, timeout=20)
    same([e.args[0] for e in client.of(EventArrived)], list(range(1, 201)), "the ticks")
    same([r.attach for r in client.of(SessionResumed)], [1, 2], "the attaches")
    await client.until(ConnectionClosed, 2)
    ends = [(closed.code, closed.attach) for closed in client.of(ConnectionClosed)]
    same(ends, [(3400, 1), (3400, 2)], "how the older connections ended")
    strict = [hello.resume.strict for hello in client.frames(Hello) if hello.resume]
    same(strict, [True, True], "whether the switches were strict")
    same((await client.call("whoami"))[0]["resumed"], True, "whoami")
    await client.close()


async def resume_06_superseded_wire(c: Context) -> None:
    """Frames on the superseded connection still count (SES-034), and it is closed (SES-051)."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    again = await wire.resumed(c.plain.url, 7)
    closed = await wire.closed(3400)
    same(closed.attach, 7, "the attach in CLOSE")
    await again.lives()
    again.cut()


async def resume_07_too_late(c: Context) -> None:
    client = await connected(c.short.url, c.encoding)
    first = client.of(SocketConnected)[0].socket_id
    await client.call("echo")
    pending = client.request("never")
    client.may_dial.clear()
    client.cut()
    await client.until(ConnectionClosed)
    await asyncio.sleep(1.5)
    client.may_dial.set()
    began = await client.until(SessionBegan, 2)
    check(began.reason in ("expired", "unknown"), f"the reason {began.reason}")
    same(len(client.of(SessionLost)), 1, "how often the application was told")
    check(isinstance(pending.exception(), AckLost), "the pending ack did not end")
    same(str(pending.exception()), "session lost", "how the pending ack ended")
    await client.until(SocketConnected, 2)
    check(client.of(SocketConnected)[1].socket_id != first, "the socket id is an old one")
    same(await client.call("echo", 1), [1], "the fresh session")
    await client.close()


async def resume_07_wrong_session_on_the_way(c: Context) -> None:
    """Events that never had a number are sent in the fresh session (SES-048)."""
    client = await connected(c.short.url, c.encoding)
    client.may_dial.clear()
    client.cut()
    await client.until(ConnectionClosed)
    waiting = client.request("echo", "later")
    await asyncio.sleep(1.5)
    client.may_dial.set()
    same(await soon(waiting), ["later"], "the event that waited")
    same(len(client.of(SessionLost)), 1, "sessions that were lost")
    await client.close()


async def resume_08_wrong_secret(c: Context) -> None:
    wire = await Wire.begin(c.plain.url, c.encoding)
    thief = await Wire.open(c.plain.url, c.encoding)
    welcome = await thief.greet(wire.asking(1, secret="AAAAAAAAAAAAAAAAAAAAAA"))
    same((welcome.resumed, welcome.reason, welcome.received), (False, "unknown", 0), "the wrong secret")
    check(welcome.secret is not None, "a fresh session without a secret")
    strict = await Wire.open(c.plain.url, c.encoding)
    asking = wire.asking(1, secret="AAAAAAAAAAAAAAAAAAAAAA", strict=True)
    await strict.send(Hello(1, "checks/1.0", resume=asking))
    await strict.closed(3202)
    await wire.lives()
    wire.cut()
    again = await wire.resumed(c.plain.url, 1)
    await again.lives()
    again.cut()
    thief.cut()


async def resume_09_stale_attach(c: Context) -> None:
    wire = await Wire.begin(c.plain.url, c.encoding)
    wire.cut()
    again = await wire.resumed(c.plain.url, 3)
    for attach in (3, 2):
        stale = await Wire.open(c.plain.url, c.encoding)
        await stale.send(Hello(1, "checks/1.0", resume=again.asking(attach)))
        closed = await stale.closed(3401)
        same(closed.attach, 3, "the attach in CLOSE")
    await again.lives()
    again.cut()
    third = await again.resumed(c.plain.url, 4)
    await third.lives()
    third.cut()


async def resume_10_other_encoding(c: Context) -> None:
    other = {"json": "msgpack", "msgpack": "json"}[c.encoding]
    wire = await Wire.begin(c.plain.url, c.encoding)
    wire.cut()
    foreign = await Wire.open(c.plain.url, other)
    welcome = await foreign.greet(wire.asking(1))
    same((welcome.resumed, welcome.reason), (False, "encoding"), "a resume in the other encoding")
    again = await wire.resumed(c.plain.url, 1)  # left as it was: its attach is still 0
    await again.lives()
    again.cut()
    foreign.cut()


async def resume_11_receipt_from_the_future(c: Context) -> None:
    wire = await Wire.begin(c.plain.url, c.encoding)
    await wire.send(Received(wire.last + 1))
    await wire.closed(3200)
    await _is_gone(c, wire, 1)
    wire = await Wire.begin(c.plain.url, c.encoding)
    wire.cut()
    liar = await Wire.open(c.plain.url, c.encoding)
    await liar.send(Hello(1, "checks/1.0", resume=wire.asking(1, received=wire.last + 1)))
    await liar.closed(3200)
    await _is_gone(c, wire, 2)


async def _is_gone(c: Context, wire: Wire, attach: int) -> None:
    """SES-030, row 4: it ended with a code of the range 200 to 399."""
    late = await Wire.open(c.plain.url, c.encoding)
    welcome = await late.greet(wire.asking(attach))
    same((welcome.resumed, welcome.reason), (False, "unknown"), "a resume of a session that ended")
    late.cut()


async def resume_12_withheld_receipts(c: Context) -> None:
    size, count, window = 100_000, 18, 1_048_576
    reader = await Wire.begin(c.plain.url, c.encoding)
    room = f"flood-{id(reader)}"
    await reader.emit("join", room, ack=1)
    same((await reader.answer(1)).args, [True], "joined")
    await reader.send(Received(reader.last))
    writer = await connected(c.plain.url, c.encoding)
    for n in range(count):
        await writer.call("to", room, "flood", n, "x" * size)
    arrived: list[int] = []
    await reader.emit("echo", "meanwhile", ack=2)
    while True:
        frame = await reader.next()
        if isinstance(frame, Event):
            assert frame.args is not None
            arrived.append(frame.args[0])
        elif isinstance(frame, Ack):
            break
    same(frame.args, ["meanwhile"], "an ack while the window is closed")
    # The last of them was numbered while there was any room (SES-021).
    check(0 < (len(arrived) - 1) * size < window, f"{len(arrived)} events of {size} bytes without a receipt")
    await reader.emit("echo", "still closed", ack=3)
    same((await reader.next()).args, ["still closed"], "what comes while the window is closed")  # type: ignore[union-attr]
    while len(arrived) < count:
        await reader.send(Received(reader.last))
        frame = await reader.next()
        check(isinstance(frame, Event), f"{frame} instead of an event"[:200])
        arrived.append(frame.args[0])  # type: ignore[union-attr, index]
    same(arrived, list(range(count)), "the events")
    reader.cut()
    await writer.close()


async def resume_13_no_namespace_is_not_kept(c: Context) -> None:
    """SES-044: without a receipt of the client the session ends with its connection."""
    wire = await Wire.begin(c.plain.url, c.encoding, confirm=False)
    wire.cut()
    await wire.socket.wait_closed()
    late = await Wire.open(c.plain.url, c.encoding)
    welcome = await late.greet(wire.asking(1, received=0))
    if welcome.resumed:
        raise Failure("a session of which no frame was confirmed was kept")
    same(welcome.reason, "unknown", "the reason")
    late.cut()


async def resume_14_close_frames_decide(c: Context) -> None:
    """SES-052: a client's own CLOSE keeps or ends the session by its range; TRN-017 for 1001."""
    for code, kept in [(4450, True), (3402, True), (1000, False), (4250, False), (1001, False)]:
        wire = await Wire.begin(c.plain.url, c.encoding)
        await wire.send(Close(code, "test"))
        await wire.socket.close(code)
        late = await Wire.open(c.plain.url, c.encoding)
        await late.send(Hello(1, "checks/1.0", resume=wire.asking(1)))
        frame = await late.next()
        if kept:
            check(getattr(frame, "resumed", None) is True, f"after CLOSE {code}: {frame}")
        elif code == 1001:  # row 4 of SES-030 asks for CLOSE 1001, which to a client means "kept"
            check(getattr(frame, "resumed", None) is not True, f"after CLOSE {code}: {frame}")
        elif code % 1000 < 200:  # SES-030, row 4: the client is not to retry
            check(isinstance(frame, Close) and frame.code == code, f"after CLOSE {code}: {frame}")
        else:
            check(getattr(frame, "resumed", None) is False, f"after CLOSE {code}: {frame}")
        late.cut()


CHECKS = [check_ for name, check_ in list(globals().items()) if name.startswith("resume_")]
