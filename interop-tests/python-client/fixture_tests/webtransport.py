"""WebTransport against the fixture server (transports.md, TRN-019 to TRN-027; conformance.md, Datagrams)."""

from __future__ import annotations

import asyncio
from typing import Any

from aioquic.buffer import encode_uint_var

from trunkline_client.encoding import ENCODINGS, Message
from trunkline_client.frames import (
    Ack,
    Close,
    Connect,
    Connected,
    Datagram,
    Event,
    Frame,
    Hello,
    Latest,
    Received,
)
from trunkline_client.limits import Limits
from trunkline_client.webtransport import Ended, Refused, WebTransport, hashes_told

from .datagrams import best_effort, until_answer
from .harness import WAIT, Failure, Fixture, Wire, check, same

Context = Any


async def dial(fixture: Fixture, path: str | None = None, origin: str | None = None) -> WebTransport:
    url, hashes = await asyncio.to_thread(hashes_told, fixture.url.replace("ws:", "http:"))
    return await WebTransport.open(url if path is None else url.replace("/trunkline", path), hashes, origin)


class QuicWire(Wire):
    """The raw wire over WebTransport. `native` counts the frames that came in datagrams."""

    def __init__(self, link: WebTransport) -> None:
        super().__init__(link, "msgpack")  # type: ignore[arg-type]
        self.link = link
        self.native = 0

    @classmethod
    async def dialled(cls, fixture: Fixture) -> QuicWire:
        return cls(await dial(fixture))

    @classmethod
    async def attached(cls, fixture: Fixture) -> QuicWire:
        """As `Wire.begin`."""
        wire = await cls.dialled(fixture)
        await wire.greet()
        await wire.send(Connect(wire.number(), "/", None))
        await wire.expect(Connected)
        await wire.send(Received(wire.last))
        return wire

    async def raw(self, message: Message) -> None:
        assert isinstance(message, bytes)
        self.link.send(message)

    def datagram(self, frame: Frame) -> None:
        message = self.encoding.encode(frame)
        assert isinstance(message, bytes)
        self.link.send_datagram(message)

    async def receive(self) -> Message:
        try:
            way, message = await self.link.receive()
        except Ended as ended:
            raise Failure(f"the connection ended instead: {ended}") from None
        self.native += way == "datagram"
        return message

    async def closed(self, code: int, timeout: float = WAIT) -> Close:
        """CLOSE with this code on the message channel, and the end behind it (TRN-024)."""
        frame = await self.expect(Close, timeout, skip=True)
        same(frame.code, code, f"the code of CLOSE ({frame.reason})")
        try:
            while (await asyncio.wait_for(self.link.receive(), timeout))[0] == "datagram":
                pass
        except Ended:
            return frame
        except TimeoutError:
            raise Failure("the session stays open after CLOSE") from None
        raise Failure("a frame after CLOSE")

    def cut(self) -> None:
        self.link.drop()


async def webtransport_01_attached(c: Context) -> None:
    wire = await QuicWire.attached(c.plain)
    assert wire.welcome is not None
    same(wire.welcome.datagrams, "native", "what WELCOME says")
    await wire.emit("whoami", ack=1)
    [me] = (await wire.answer(1)).args
    same((me["transport"], me["encoding"], me["resumed"]), ("webtransport", "messagepack", False), "whoami")
    await wire.emit("echo", "hi", b"\0\1", 1.5, ack=2)
    same((await wire.answer(2)).args, ["hi", b"\0\1", 1.5], "the echo")
    long = "x" * 100_000
    await wire.emit("echo", long, ack=3)
    same((await wire.answer(3)).args, [long], "a frame with a length of four bytes")
    wire.cut()


async def webtransport_02_datagrams_from_the_server(c: Context) -> None:
    wire = await QuicWire.attached(c.plain)
    await wire.emit("datagram", "d", 1, "two")
    frame = await best_effort(wire)
    same(frame, Datagram("/", "d", [1, "two"]), "the datagram")
    versions = []
    for number in (1, 2):
        await wire.emit("latest", "p", "k", number)
        frame = await best_effort(wire)
        check(isinstance(frame, Latest), f"{frame}")
        same((frame.event, frame.key, frame.args), ("p", "k", [number]), "the value")
        versions.append(frame.version)
    check(versions[0] < versions[1], f"versions {versions}")
    same(wire.native, 3, "frames that came in datagrams")
    wire.cut()


async def webtransport_03_burst(c: Context) -> None:
    """Datagrams may come behind the answer, and each may be lost; one at least comes."""
    wire = await QuicWire.attached(c.plain)
    await wire.emit("burst", 100, 500, ack=1)
    frames, answer = await until_answer(wire, 1)
    same(answer.args, [], "the answer")
    if not frames:
        frames.append(await best_effort(wire))
    check(all(f.event == "b" and f.args[1] == "x" * 500 for f in frames), "another event or text")
    check({f.args[0] for f in frames} <= set(range(1, 101)), "other numbers")
    check(wire.native >= len(frames), f"{wire.native} of {len(frames)} came in datagrams")
    wire.cut()


async def webtransport_04_datagram_from_the_client(c: Context) -> None:
    """A server of its own, for `bcast` reaches everyone in the room."""
    fixture = await Fixture.start(c.program)
    try:
        wire = await QuicWire.attached(fixture)
        wire.datagram(Datagram("/", "bcast", ["by datagram"]))
        message = await wire.expect(Event)
        same((message.event, message.args), ("msg", ["by datagram"]), "what the room gets")
        wire.cut()
    finally:
        await fixture.stop()


async def webtransport_05_bad_datagrams(c: Context) -> None:
    """BEF-001, BEF-002, ENC-011: dropped, and nothing else happens."""
    wire = await QuicWire.dialled(c.plain)
    wire.datagram(Datagram("/", "datagram", ["early"]))
    wire.link.send_datagram(b"\xc1")
    await wire.greet()
    await wire.send(Connect(wire.number(), "/", None))
    await wire.expect(Connected)
    for malformed in (b"", b"\xc1", b"\x94\x20", b"\x00" * 900):
        wire.link.send_datagram(malformed)
    wire.datagram(Event(wire.sent + 1, "/", 7, "echo", ["sequenced"]))
    wire.datagram(Hello(1, "checks/1.0"))
    wire.datagram(Datagram("/auth", "echo", []))
    # Over the loopback datagrams keep their order: the bad ones were read when this one is answered.
    wire.datagram(Datagram("/", "datagram", ["behind"]))
    same(await wire.expect(Datagram), Datagram("/", "behind", []), "the first answer to datagrams")
    await wire.lives()
    wire.cut()


async def refused_bytes(c: Context, data: bytes, code: int) -> None:
    wire = await QuicWire.attached(c.plain)
    wire.link.write(data)
    await wire.closed(code)
    late = await QuicWire.dialled(c.plain)
    same((await late.greet(wire.asking(1))).resumed, False, "a resume afterwards")
    late.cut()
    wire.cut()


async def webtransport_06_length_of_zero(c: Context) -> None:
    await refused_bytes(c, encode_uint_var(0), 3200)


async def webtransport_07_length_above_the_limit(c: Context) -> None:
    """TRN-020: of a length far above the limit nothing more is awaited; just above it the frame may be."""
    await refused_bytes(c, encode_uint_var(1 << 40), 3205)
    length = Limits().frame + 1
    await refused_bytes(c, encode_uint_var(length) + bytes(length), 3205)


async def webtransport_08_reset_is_a_cut(c: Context) -> None:
    """TRN-023, in the middle of a frame. A reset may overtake RECEIVED, so that is seen taken first."""
    wire = await QuicWire.attached(c.plain)
    await wire.lives()
    wire.link.write(encode_uint_var(100) + b"\x95")
    wire.link.reset()
    again = await QuicWire.dialled(c.plain)
    await wire.handed_to(again, 1)
    await again.lives()
    again.cut()
    wire.cut()


async def webtransport_09_any_form_of_a_length(c: Context) -> None:
    """TRN-020: longer forms than needed are taken, and frames may come in pieces."""
    wire = await QuicWire.attached(c.plain)
    for ack, form in enumerate((0x4000, 0x8000_0000, 0xC000_0000_0000_0000), 1):
        message = wire.encoding.encode(Event(wire.number(), "/", ack, "echo", [ack]))
        size = {0x4000: 2, 0x8000_0000: 4}.get(form, 8)
        for byte in (form | len(message)).to_bytes(size, "big") + message:
            wire.link.write(bytes([byte]))
        same((await wire.answer(ack)).args, [ack], f"the echo of a length in {size} bytes")
    wire.cut()


async def webtransport_10_http_refusals(c: Context) -> None:
    """TRN-025: statuses for a foreign origin and another path."""
    for path, origin, status in ((None, "https://foreign.example", 403), ("/elsewhere", None, 404)):
        try:
            (await dial(c.plain, path, origin)).drop()
        except Refused as refused:
            same(refused.status, status, f"the status for {path or origin}")
        else:
            raise Failure(f"{path or origin} was accepted")


async def webtransport_11_another_hash(c: Context) -> None:
    """The client's own check: a certificate of another hash is not taken."""
    url, _ = await asyncio.to_thread(hashes_told, c.plain.url.replace("ws:", "http:"))
    try:
        (await WebTransport.open(url, [bytes(32)])).drop()
    except ConnectionError:
        return
    raise Failure("a certificate of another hash was taken")


async def ticks_until(wire: Wire, ticks: list[int], last: int) -> None:
    while not ticks or ticks[-1] < last:
        tick = await wire.expect(Event)
        same(tick.event, "tick", "the event")
        ticks.append(tick.args[0])


async def webtransport_12_switch_both_ways(c: Context) -> None:
    """SES-037 and what follows: from WebSocket to WebTransport and back during `count 200 5`."""
    first = await Wire.begin(c.plain.url, c.encoding)
    await first.emit("count", 200, 5, ack=1)
    ticks: list[int] = []
    await ticks_until(first, ticks, 40)
    second = await QuicWire.dialled(c.plain)
    await first.handed_to(second, 1, strict=True)
    second.welcome = second.welcome
    same((await first.closed(3400)).attach, 1, "the attach that won")
    await ticks_until(second, ticks, 100)
    third = await Wire.open(c.plain.url, c.encoding)
    await second.handed_to(third, 2, strict=True)
    same((await second.closed(3400)).attach, 2, "the attach that won")
    await ticks_until(third, ticks, 200)
    same(ticks, list(range(1, 201)), "the ticks")
    answer = await third.answer(1)
    check(isinstance(answer, Ack) and answer.args == [], f"the answer of count: {answer}")
    third.cut()


CHECKS = [check_ for name, check_ in list(globals().items()) if name.startswith("webtransport_")]
