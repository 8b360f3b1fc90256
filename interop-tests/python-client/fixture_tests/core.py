"""protocol/conformance.md, "What a client of level Core should be seen doing"."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from test_vectors import VECTORS, from_vector
from trunkline_client.client import AckLost, EventFailed, Refused
from trunkline_client.frames import (
    Auth,
    Close,
    Connect,
    Connected,
    Disconnect,
    Failed,
    Pong,
    Received,
)
from trunkline_client.frames import Refused as RefusedFrame
from trunkline_client.notices import (
    ConnectionClosed,
    EventArrived,
    SessionBegan,
    SessionLost,
    SessionResumed,
    SocketConnected,
    Stopped,
)
from trunkline_client.values import equal

from .harness import WAIT, Failure, Fixture, Wire, check, connected, same, soon

Context = Any


async def core_01_connect_and_whoami(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding, auth={"name": "x"})
    [me] = await client.call("whoami")
    socket = client.of(SocketConnected)[0]
    expected = {
        "socket_id": socket.socket_id,
        "namespace": "/",
        "transport": "websocket",
        "encoding": {"msgpack": "messagepack", "json": "json"}[c.encoding],
        "resumed": False,
        "auth": {"name": "x"},
    }
    same(me, expected, "whoami")
    await client.close()


async def core_02_echo_of_every_value(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    samples: list[list[Any]] = [[], [1, "two", [3], {"four": 4}, None, True], [b"\x00\xff"], [2**53]]
    samples += [[float("nan")], [{"$bin": 1}], [-(2**63), 2**64 - 1], [float("inf"), -0.0]]
    for case in json.loads((VECTORS / "values.json").read_text())["cases"]:
        if case["kind"] == "EVENT":
            samples.append([from_vector(item) for item in case["frame"]["args"]])
    check(len(samples) > 50, "values.json holds hardly any case")
    answers = await soon(asyncio.gather(*(client.request("echo", *args) for args in samples)))
    for args, answer in zip(samples, answers):
        check(equal(answer, args), f"echo of {args!r} was {answer!r}"[:300])
        check(_types(answer) == _types(args), f"echo of {args!r} changed strings or bytes")
    await client.close()


def _types(value: Any) -> Any:
    """ENC-023: where strings and bytes stand in a value."""
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_types(item) for item in value]
    return type(value) if isinstance(value, (str, bytes)) else None


async def core_03_many(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    answers = await soon(asyncio.gather(*(client.request("echo", n) for n in range(1000))))
    same(answers, [[n] for n in range(1000)], "the answers to 1,000 echoes")
    ticks: list[int] = []
    client.on("tick", ticks.append)
    await client.call("count", 10_000, 0, timeout=30)
    await client.call("echo")
    arrived = [e.args[0] for e in client.of(EventArrived)]
    same(arrived, list(range(1, 10_001)), "the ticks that arrived")
    await _until(lambda: len(ticks) == 10_000)
    same(ticks, list(range(1, 10_001)), "the ticks that the handler saw")
    await client.close()


async def core_03_receipts_in_time(c: Context) -> None:
    """4 MiB each way, which is four windows: without receipts in time both sides would stop."""
    client = await connected(c.plain.url, c.encoding)
    blob, rounds, together = b"\x5a" * 65_536, 8, 8
    for n in range(rounds):
        answers = await soon(asyncio.gather(*(client.request("echo", n, blob) for _ in range(together))))
        same([answer[0] for answer in answers], [n] * together, f"the answers of round {n}")
    due = rounds * together * len(blob) // (1_048_576 // 4)
    sent = len(client.frames(Received))
    check(due // 2 <= sent <= 2 * due, f"{sent} receipts where about {due} were due (SES-016)")
    check(client.core.session.window.log_bytes <= 1_048_576, "the replay log is above the window")
    await client.close()


async def _until(holds: Any, timeout: float = 10.0) -> None:
    """Lets other tasks run until something holds."""
    async with asyncio.timeout(timeout):
        while not holds():
            await asyncio.sleep(0)


async def core_04_ask(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    client.on("sum", lambda *numbers: sum(numbers))
    same(await client.call("ask", "sum", 2, 3), [5], "the answer that came back")
    try:
        answer = await client.call("ask", "nobody handles this")
        raise Failure(f"asked for an unknown event, and got {answer}")
    except EventFailed:
        pass
    answered = client.frames(Failed)[-1]
    same((answered.code, answered.message), (3009, "unknown-event"), "what the client answered")
    await client.close()


async def core_04_ask_room(c: Context) -> None:
    fixture = await Fixture.start(c.program)
    try:
        one, two, silent, none = [await connected(fixture.url, c.encoding) for _ in range(4)]
        one.on("sum", lambda *numbers: sum(numbers))
        two.on("sum", lambda *numbers: -sum(numbers))
        silent.on("sum", lambda *_: asyncio.sleep(WAIT))
        answers, missing = await one.call("ask-room", "room", "sum", 500, 2, 3)
        same((sorted(answers), missing), ([[-5], [5]], 2), "the answers of the room")
        failed = none.frames(Failed)[-1]
        same((failed.code, failed.message), (3009, "unknown-event"), "who does not handle it")
        same(await one.call("ask-room", "nobody", "sum", 500), [[], 0], "an empty room")
        [stats] = await one.call("stats")
        expected = {"sessions": 4, "namespaces": 2, "sockets": 4, "rooms": 1, "pending_acks": 0}
        same(stats, expected, "stats")
        same(await one.call("laggards"), [[]], "laggards")
        for client in (one, two, silent, none):
            await client.close()
    finally:
        await fixture.stop()


async def core_05_failures(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    for event, args, code, message in [
        ("fail", (4042, "no such room"), 4042, "no such room"),
        ("panic", (), 3011, None),
        ("an event that does not exist", (), 3009, None),
        ("slow", ("soon",), 3007, None),
        ("join", (7,), 3007, None),
    ]:
        try:
            answer = await client.call(event, *args)
            raise Failure(f"{event}: {answer}")
        except EventFailed as failed:
            same(failed.code, code, f"the code of {event}")
            if message is not None:
                same((failed.message, failed.data), (message, None), f"the rest of {event}")
    same(await client.call("echo", 1), [1], "the connection afterwards")
    same(client.of(ConnectionClosed), [], "connections that ended")
    await client.close()


async def core_06_never(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    try:
        await client.call("never", timeout=0.2)
        raise Failure("never was answered")
    except TimeoutError:
        pass
    same(len(client.core.session.acks), 0, "ids that are still pending")
    same(await client.call("echo", 1), [1], "the connection afterwards")
    await client.close()


async def core_07_refusals(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    try:
        await soon(client.connect("/nowhere"))
        raise Failure("/nowhere was connected")
    except Refused as refused:
        same(refused.code, 3004, "the code of the refusal")
    for auth in (None, {"token": "wrong"}, "secret"):
        try:
            await soon(client.connect("/auth", auth))
            raise Failure(f"/auth was connected with {auth!r}")
        except Refused as refused:
            same((refused.code, refused.data), (3002, {"needs": "token"}), "the refusal by /auth")
    await soon(client.connect("/auth", {"token": "secret"}))
    same(await soon(client.request("echo", 2, ns="/auth")), [2], "the namespace /auth")
    same(await client.call("echo", 1), [1], "the namespace / afterwards")
    await client.close()
    wire = await Wire.begin(c.plain.url, c.encoding)
    await wire.send(Connect(wire.number(), "/", None))
    again = await wire.expect(RefusedFrame)
    same((again.ns, again.code, again.connect), ("/", 3005, 2), "the second CONNECT to /")
    await wire.lives()
    wire.cut()


async def core_12_credentials(c: Context) -> None:
    """SES-064 to SES-068."""
    fixture = await Fixture.start(c.program, "--credentials-valid", "3000")
    try:
        client = await connected(fixture.url, c.encoding)
        silent = await Wire.begin(fixture.url, c.encoding)
        question = await silent.expect(Auth)
        check(question.wanted and 0 < question.expires <= 1500, f"{question} asks for nothing")
        same((await silent.expect(Close)).code, 3207, "the end of one that does not answer")
        eager = await Wire.begin(fixture.url, c.encoding)
        await eager.send(Auth("unasked"))
        same((await eager.expect(Close)).code, 3200, "the end of one that was not asked")
        await client.until_sent(Auth, 3)
        same(await client.call("echo", 1), [1], "the session that answers")
        same(len(client.of(SessionBegan)), 1, "the sessions of one that answers")
        await client.close()
    finally:
        await fixture.stop()


async def core_07_namespaces_by_pattern(c: Context) -> None:
    fixture = await Fixture.start(c.program)
    try:
        client = await connected(fixture.url, c.encoding)
        await soon(client.connect("/org/7"))
        same(await client.call("which", ns="/org/7"), ["7"], "the part of the name")
        [stats] = await client.call("stats")
        same(stats["namespaces"], 3, "namespaces while one is in it")
        client.disconnect("/org/7")
        [stats] = await client.call("stats")
        same(stats["namespaces"], 2, "namespaces afterwards")
        for name in ("/org", "/org/", "/org/7/8"):
            try:
                await soon(client.connect(name))
                raise Failure(f"{name} was connected")
            except Refused as refused:
                same(refused.code, 3004, f"the refusal of {name}")
        await client.close()
    finally:
        await fixture.stop()


async def core_08_rooms(c: Context) -> None:
    fixture = await Fixture.start(c.program)
    try:
        one, two = [await connected(fixture.url, c.encoding) for _ in range(2)]

        async def seen(*clients: Any) -> list[list[Any]]:
            """The args of what arrived at each since the last look; an echo goes before it as a fence."""
            result = []
            for client in clients:
                await client.call("echo")
                result.append([(e.event, *e.args) for e in client.of(EventArrived)])
                client.notices.clear()
            return result

        await one.call("bcast", "hi")
        same(await seen(one, two), [[("msg", "hi")], [("msg", "hi")]], "a broadcast")
        await one.call("to", "room", "note", 1, b"2")
        same(await seen(one, two), [[], [("note", 1, b"2")]], "an event to the room")
        same(await two.call("leave", "room"), [True], "the answer to leave")
        await one.call("bcast", "again")
        await one.call("to", "room", "note", 3)
        same(await seen(one, two), [[("msg", "again")], []], "after the other left")
        same(await two.call("join", "other"), [True], "the answer to join")
        await one.call("to", "other", "note", 4)
        same(await seen(one, two), [[], [("note", 4)]], "an event to another room")
        await one.close()
        await two.close()
    finally:
        await fixture.stop()


async def core_09_disconnect(c: Context) -> None:
    wire = await Wire.begin(c.plain.url, c.encoding)
    await wire.send(Disconnect(wire.number(), "/", 3013, ""))
    await wire.emit("echo", 1, ack=1)
    answer = await wire.answer(1)
    check(isinstance(answer, Failed) and answer.code == 3010, f"an event after DISCONNECT: {answer}")
    await wire.emit("echo", 1)
    await wire.send(Connect(wire.number(), "/", None))
    await wire.expect(Connected)
    wire.cut()
    client = await connected(c.plain.url, c.encoding)
    pending = client.request("never")
    client.disconnect("/")
    try:
        await soon(pending)
        raise Failure("the ack of a namespace that was left")
    except AckLost as lost:
        same(str(lost), "disconnected", "how the ack ended")
    first = client.of(SocketConnected)[0].socket_id
    second = await soon(client.connect("/"))
    check(first != second, "the socket id is the same after CONNECT")
    same((await client.call("whoami"))[0]["socket_id"], second, "the new socket id")
    await client.close()


async def core_10_heartbeat(c: Context) -> None:
    client = await connected(c.beating.url, c.encoding)
    try:
        closed = await client.until(ConnectionClosed, timeout=3.0)
    except Failure:
        closed = None
    same(closed, None, "an idle client's connection")
    check(len(client.frames(Pong)) >= 5, f"{len(client.frames(Pong))} PONGs in 3 s")
    same(await client.call("echo", 1), [1], "the connection after 3 s")
    await client.close()


async def core_10_silence(c: Context) -> None:
    wire = await Wire.begin(c.beating.url, c.encoding)
    while not isinstance(frame := await wire.next(5), Close):
        pass
    same(frame.code, 3402, "how a silent client is closed")


async def core_11_close_and_stay_away(c: Context) -> None:
    for code, reason in [(1000, ""), (4001, "x")]:
        client = await connected(c.plain.url, c.encoding)
        pending = client.request("never")
        client.emit("close", code, reason)
        stopped = await client.until(Stopped)
        same((stopped.code, stopped.reason), (code, reason), "why the client stopped")
        same(len(client.dials), 1, f"dials after close {code}")
        same(client.core.deadline(), None, "what is still planned")
        check(isinstance(pending.exception(), AckLost), "the pending ack did not end")
        await client.close()


async def core_11_close_and_begin_anew(c: Context) -> None:
    client = await connected(c.plain.url, c.encoding)
    client.emit("close", 4250, "x")
    lost = await client.until(SessionLost)
    same(lost.code, 4250, "the code of the loss")
    began = await client.until(SessionBegan, 2)
    check(began.session != client.of(SessionBegan)[0].session, "the same session came back")
    same(len(client.quick.jitters), 1, "back-offs")
    await client.until(SocketConnected, 2)
    same(await client.call("echo", 1), [1], "the fresh session")
    await client.close()


async def core_11_close_and_resume(c: Context) -> None:
    for code, jitters in [(4450, 0), (4650, 1)]:
        client = await connected(c.plain.url, c.encoding)
        client.emit("close", code, "x")
        resumed = await client.until(SessionResumed)
        same(resumed.session, client.of(SessionBegan)[0].session, "the session")
        same(client.of(ConnectionClosed)[0].code, code, "the code")
        same(len(client.quick.jitters), jitters, f"back-offs after close {code}")
        same((await client.call("whoami"))[0]["resumed"], True, "whoami after the resume")
        await client.close()


CHECKS = [check_ for name, check_ in list(globals().items()) if name.startswith("core_")]
