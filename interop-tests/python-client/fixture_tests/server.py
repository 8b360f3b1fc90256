"""protocol/conformance.md, "What to send to a server"."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from test_vectors import VECTORS, message_of
from trunkline_client.encoding import ENCODINGS, Message
from trunkline_client.frames import (
    Close,
    Connect,
    Connected,
    Event,
    Failed,
    Hello,
    Ignorable,
    NumberedIgnorable,
    Ping,
    Pong,
    Received,
    Refused,
    Resume,
    Welcome,
)
from trunkline_client.limits import Limits

from .harness import Failure, Wire, check, same

Context = Any
Check = Callable[[Context], Awaitable[None]]
SEQ_OF_BAD_BODIES, ACK_OF_BAD_BODIES = 9, 4
FROM_SERVER = ("CONNECTED", "REFUSED")
UNHURT = ("ACK", "FAILED", "DATAGRAM", "LATEST")


async def ends_with_protocol_error(c: Context, message: Message) -> None:
    """Sent on a session of its own: CLOSE 3200, and no resume afterwards (ENC-011, SES-053)."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    await wire.raw(message)
    await wire.closed(3200)
    late = await Wire.open(c.plain.url, c.encoding)
    welcome = await late.greet(wire.asking(1))
    same((welcome.resumed, welcome.reason), (False, "unknown"), "a resume afterwards")
    late.cut()


async def bad_body(c: Context, kind: str, message: Message) -> None:
    """ENC-009, for each frame that a client may send."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    if kind not in ("DATAGRAM", "LATEST"):
        while wire.sent < SEQ_OF_BAD_BODIES - 1:
            await wire.send(NumberedIgnorable(96, wire.number()))
        wire.number()
    await wire.raw(message)
    if kind == "EVENT":
        failed = await wire.answer(ACK_OF_BAD_BODIES)
        check(isinstance(failed, Failed) and failed.code == 3007, f"the answer {failed}")
    elif kind == "CONNECT":  # to a namespace that does not exist here, so that both refusals fit
        refused = await wire.expect(Refused)
        same(refused.connect, SEQ_OF_BAD_BODIES, "the CONNECT that was refused")
        check(refused.code in (3004, 3007), f"the refusal {refused}")
    await wire.lives()
    wire.cut()
    again = await wire.resumed(c.plain.url, 1)
    assert again.welcome is not None
    same(again.welcome.received, wire.sent, "what the server counted")
    again.cut()


def negative_vectors(encoding: str) -> Iterator[tuple[str, Check]]:
    for case in json.loads((VECTORS / "negative.json").read_text())["cases"]:
        message = message_of(case, ENCODINGS[encoding])
        if message is None:
            continue
        kind = case.get("kind", "")
        if case["error"] == "protocol-error" or kind in FROM_SERVER:  # FRM-004 for the latter

            async def run(c: Context, message: Message = message) -> None:
                await ends_with_protocol_error(c, message)

        else:
            check(kind in ("EVENT", "CONNECT", *UNHURT), f"a kind of negative.json: {kind}")

            async def run(c: Context, message: Message = message, kind: str = kind) -> None:
                await bad_body(c, kind, message)

        yield f"server negative / {case['name']}", run
        if kind == "EVENT":

            async def handled(c: Context, message: Message = message) -> None:
                await bad_body(c, "EVENT", to_a_handled_event(message))

            yield f"server negative, handled event / {case['name']}", handled


def to_a_handled_event(message: Message) -> Message:
    """The same frame for `echo`, which the fixture server handles, instead of `say`."""
    if isinstance(message, bytes):
        changed: Message = message.replace(b"\xa3say", b"\xa4echo", 1)
    else:
        changed = message.replace('"say"', '"echo"', 1)
    check(changed != message, "an event of the vectors that is not called say")
    return changed


async def server_bad_body_without_ack(c: Context) -> None:
    """ACK-005: not answered."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    bad = {"msgpack": bytes.fromhex("961402c0c0a46563686fc0"), "json": '[20,2,null,null,"echo",null]'}
    wire.number()
    await wire.raw(bad[c.encoding])
    await wire.emit("echo", 1, ack=1)
    same((await wire.answer(1)).args, [1], "the first answer")
    wire.cut()


async def server_bad_auth(c: Context) -> None:
    """A CONNECT to the namespace that exists, with an auth that does not decode (ENC-009)."""
    wire = await Wire.open(c.plain.url, c.encoding)
    await wire.greet()
    bad = {"msgpack": bytes.fromhex("941001c0d40100"), "json": '[16,1,null,{"$x":1}]'}
    wire.number()
    await wire.raw(bad[c.encoding])
    refused = await wire.expect(Refused)
    same((refused.code, refused.connect), (3007, 1), "the refusal")
    await wire.send(Connect(wire.number(), "/", None))
    same((await wire.expect(Connected)).connect, 2, "the CONNECT after it")
    wire.cut()


async def server_wrong_type_of_message(c: Context) -> None:
    """ENC-004."""
    other = {"msgpack": "[2,1,0]", "json": bytes.fromhex("93020100")}
    await ends_with_protocol_error(c, other[c.encoding])


async def server_gap(c: Context) -> None:
    encoding = ENCODINGS[c.encoding]
    await ends_with_protocol_error(c, encoding.encode(Event(3, "/", None, "echo", [])))


async def server_second_hello(c: Context) -> None:
    await ends_with_protocol_error(c, ENCODINGS[c.encoding].encode(Hello(1, "checks/1.0")))


async def server_welcome_from_client(c: Context) -> None:
    welcome = Welcome(1, "s", "x", False, None, 0, 1, 1, 1, Limits(), [], "none")
    await ends_with_protocol_error(c, ENCODINGS[c.encoding].encode(welcome))


async def server_receipts_from_the_future(c: Context) -> None:
    for frame in (Received(50), Ping(1, 50), Pong(1, 50)):
        await ends_with_protocol_error(c, ENCODINGS[c.encoding].encode(frame))


async def server_frames_before_hello(c: Context) -> None:
    """FRM-002 for the ignorable ones: not as the first frame of a connection."""
    for frame in (
        Ping(1, 0), Received(0), Connect(1, "/", None), Event(1, "/", 1, "echo", []), Ignorable(64),
        NumberedIgnorable(96, 1),
    ):  # fmt: skip
        wire = await Wire.open(c.plain.url, c.encoding)
        await wire.send(frame)
        await wire.closed(3200)


async def server_bad_hello(c: Context) -> None:
    """Header errors in the first frame, and a version that is not the negotiated one (SES-003)."""
    for case in json.loads((VECTORS / "negative.json").read_text())["cases"]:
        message = message_of(case, ENCODINGS[c.encoding])
        if message is not None and case["name"].startswith("HELLO"):
            wire = await Wire.open(c.plain.url, c.encoding)
            await wire.raw(message)
            await wire.closed(3200)
    wire = await Wire.open(c.plain.url, c.encoding)
    await wire.send(Hello(2, "checks/1.0"))
    await wire.closed(3001)


async def server_no_hello(c: Context) -> None:
    wire = await Wire.open(c.plain.url, c.encoding)
    await wire.closed(3203, timeout=8)


async def server_long_hello(c: Context) -> None:
    encoding = ENCODINGS[c.encoding]
    rest = encoding.size(encoding.encode(Hello(1, ""))) + (2 if c.encoding == "msgpack" else 0)
    wire = await Wire.open(c.plain.url, c.encoding)
    fits = Hello(1, "x" * (8_192 - rest))
    same(encoding.size(encoding.encode(fits)), 8_192, "the length of the longest HELLO")
    await wire.send(fits)
    await wire.expect(Welcome)
    wire.cut()
    wire = await Wire.open(c.plain.url, c.encoding)
    await wire.send(Hello(1, "x" * (8_193 - rest)))
    await wire.closed(3205)


async def server_long_frame(c: Context) -> None:
    """SES-056."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    await wire.emit("echo", "x" * 1_048_576, ack=1)
    await wire.closed(3205)


async def server_no_namespace(c: Context) -> None:
    wire = await Wire.open(c.plain.url, c.encoding)
    await wire.greet()
    await wire.closed(3204, timeout=14)


async def server_ignorable_frames(c: Context) -> None:
    """FRM-002, SES-013: at any time after HELLO; the numbered ones count."""
    wire = await Wire.open(c.plain.url, c.encoding)
    await wire.send(Hello(1, "checks/1.0"))
    await wire.send(Ignorable(95))
    await wire.send(NumberedIgnorable(127, wire.number()))
    wire.welcome = await wire.expect(Welcome)
    wire.secret = wire.welcome.secret or ""
    await wire.send(Connect(wire.number(), "/", None))
    for case in json.loads((VECTORS / "ignorable.json").read_text())["cases"]:
        if case["kind"] == "IGNORABLE":
            message = message_of(case, ENCODINGS[c.encoding])
            assert message is not None
            await wire.raw(message)
    contents = {"msgpack": ("9360{:02x}c1", bytes.fromhex), "json": ('[96,{},{{"$x":1}}]', str)}
    template, build = contents[c.encoding]
    await wire.raw(build(template.format(wire.number())))
    same((await wire.expect(Connected)).connect, 2, "the CONNECT between them")
    await wire.send(Received(wire.last))
    await wire.lives()
    wire.cut()
    again = await wire.resumed(c.plain.url, 1)
    assert again.welcome is not None
    same(again.welcome.received, wire.sent, "what the server counted")
    again.cut()


async def server_secret_of_any_form(c: Context) -> None:
    """FRM-010: a wrong secret, whatever it looks like, is no header error."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    for secret in ("", "x" * 2_000, "\u20ac not base64"):
        other = await Wire.open(c.plain.url, c.encoding)
        asking = Resume(wire.welcome.session, secret, 1, 0)  # type: ignore[union-attr]
        welcome = await other.greet(asking)
        same((welcome.resumed, welcome.reason), (False, "unknown"), "a secret of another form")
        other.cut()
    await wire.lives()
    wire.cut()


async def server_close_of_a_client(c: Context) -> None:
    """SES-051: CLOSE is not answered by CLOSE; the transport is closed with the code that was read."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    await wire.send(Close(1000, ""))
    try:
        frame = await wire.next()
    except Failure as ended:
        check("1000" in str(ended), f"how the transport ended: {ended}")
        return
    raise Failure(f"{frame} after CLOSE")


CHECKS = [check_ for name, check_ in list(globals().items()) if name.startswith("server_")]
