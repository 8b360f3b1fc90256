"""The handshake, fragments and single frames, seen on a raw wire (transports.md, and what conformance.md
asks of level Core there)."""

from __future__ import annotations

import json
import re
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed as Closed
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from test_vectors import VECTORS
from trunkline_client.encoding import ENCODINGS
from trunkline_client.frames import (
    Ack,
    Close,
    Connect,
    Event,
    Hello,
    Received,
    Welcome,
)

from .harness import Failure, Wire, check, same, soon

Context = Any


async def core_12_unknown_version(c: Context) -> None:
    name = {"json": "trunkline.v9.json", "msgpack": "trunkline.v9.msgpack"}[c.encoding]
    socket = await connect(c.plain.url, subprotocols=[Subprotocol(name)], compression=None, proxy=None)
    same(socket.subprotocol, name, "the echoed name")
    close = ENCODINGS[c.encoding].decode(await soon(socket.recv()))
    check(isinstance(close, Close), f"{close} instead of CLOSE")
    same(close.code, 3001, "the code")
    same(sorted(close.data), ["trunkline.v1.json", "trunkline.v1.msgpack"], "the names in data")
    try:
        await soon(socket.recv())
        raise Failure("a message after CLOSE")
    except Closed as ended:
        same(ended.rcvd and ended.rcvd.code, 3001, "the WebSocket's close code")


async def core_13_handshake_refusals(c: Context) -> None:
    """TRN-005, TRN-007, TRN-009."""
    names = [Subprotocol("other"), Subprotocol("trunkline.v9.x"), Subprotocol(ENCODINGS[c.encoding].name)]
    socket = await connect(c.plain.url, subprotocols=names, compression=None, proxy=None)
    same(socket.subprotocol, ENCODINGS[c.encoding].name, "the name that was chosen")
    await socket.close()
    for url, offered, status in [
        (c.plain.url, None, 400),
        (c.plain.url, ["other"], 400),
        (c.plain.url.replace("/trunkline", "/elsewhere"), [ENCODINGS[c.encoding].name], 404),
    ]:
        try:
            await connect(url, subprotocols=offered, proxy=None)
            raise Failure(f"{url} with {offered} was accepted")
        except InvalidStatus as refused:
            same(refused.response.status_code, status, f"the status for {offered} at {url}")


async def core_14_answers_come_once(c: Context) -> None:
    """SES-011: a frame that comes again is dropped, and its event runs once."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    for _ in range(3):
        await wire.emit("echo", "once", ack=5)
        wire.sent -= 1
    wire.sent += 1
    same((await wire.answer(5)).args, ["once"], "the answer")
    await wire.emit("echo", "next", ack=6)
    answer = await wire.answer(6)
    check(isinstance(answer, Ack) and answer.args == ["next"], f"after repeats: {answer}")
    wire.cut()


async def core_15_fragments(c: Context) -> None:
    """TRN-012: a message may come in fragments."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    message = wire.encoding.encode(Event(wire.number(), "/", 1, "echo", ["in pieces"]))
    await wire.socket.send([message[n : n + 5] for n in range(0, len(message), 5)])
    same((await wire.answer(1)), Ack(2, "/", 1, ["in pieces"]), "the answer")
    wire.cut()


async def core_16_events_ahead(c: Context) -> None:
    """NSP-008: HELLO, CONNECT and events in one go, before anything was read; then for /nowhere."""
    wire = await Wire.open(c.plain.url, c.encoding)
    await wire.send(Hello(1, "checks/1.0"))
    await wire.send(Connect(wire.number(), "/", None))
    await wire.emit("echo", "ahead", ack=1)
    await wire.send(Connect(wire.number(), "/nowhere", None))
    await wire.send(Event(wire.number(), "/nowhere", 2, "echo", []))
    await wire.expect(Welcome)
    kinds = {}
    while len(kinds) < 4:
        frame = await wire.next()
        if isinstance(frame, Received):
            continue
        kinds[type(frame).__name__, getattr(frame, "ns", None)] = frame
    expected = {("Connected", "/"), ("Ack", "/"), ("Refused", "/nowhere"), ("Failed", "/nowhere")}
    same(set(kinds), expected, "what was answered")
    check(kinds["Connected", "/"].seq < kinds["Ack", "/"].seq, "the ack came before CONNECTED")
    same(kinds["Failed", "/nowhere"].code, 3010, "the event to a namespace that refused")
    wire.cut()


async def core_17_text_that_is_not_utf8(c: Context) -> None:
    """TRN-014: RFC 6455's 1007, which ends the session like a CLOSE."""
    wire = await Wire.begin(c.plain.url, c.encoding)
    wire.socket.transport.write(bytes([0x81, 0x82, 0, 0, 0, 0]) + b"\xff\xfe")
    try:
        frame = await wire.next()
        check(isinstance(frame, Close), f"{frame} instead of the end"[:200])
    except Failure as ended:
        check("1007" in str(ended), f"how the connection ended: {ended}")
    late = await Wire.open(c.plain.url, c.encoding)
    same((await late.greet(wire.asking(1))).resumed, False, "a resume afterwards")
    late.cut()


async def core_18_conversation(c: Context) -> None:
    """The complete conversation of protocol/README.md, up to the cut, but for the heartbeat's turn."""
    text = (VECTORS.parent / "README.md").read_text()
    lines = re.findall(r"(?m)^([CS]) (\[.*\])$", text[text.index("### A complete conversation") :])
    first = [line for line in lines[: lines.index(("C", '[20,7,null,5,"slow",[2000]]'))]]
    check(len(first) > 10, "the conversation was not found")
    socket = await connect(
        c.plain.url, subprotocols=[Subprotocol("trunkline.v1.json")], compression=None, proxy=None
    )
    asked = 0
    for side, message in first:
        if message.startswith(("[2,", "[3,")):
            continue
        if side == "C":
            await socket.send(message.replace("null,0,[5]", f"null,{asked},[5]"))
            continue
        expected, found = json.loads(message), [4]
        while found[0] == 4 or 64 <= found[0] <= 127:  # receipts may come more often than there
            found = json.loads(await soon(socket.recv()))
        if expected[0] == 1:
            for own in ("session", "secret"):
                check(len(found[1].pop(own)) >= 16, own)
                del expected[1][own]
            # The server of the conversation has no other transport.
            same([one["transport"] for one in found[1].pop("alternatives")], ["webtransport"], "other transports")
        if expected[0] == 17:
            expected[4] = found[4]
        if expected[0] == 20:  # ACK-001: the server's ids may come from a counter for all sessions
            asked = expected[3] = found[3]
        if expected[0] == 22 and expected[4] < 4000:
            expected[5] = found[5]  # FRM-014: text for people
        same(found, expected, "what the server said")
    await socket.close()


CHECKS = [check_ for name, check_ in list(globals().items()) if name.startswith("core_")]
