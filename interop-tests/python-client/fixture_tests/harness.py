"""What the checks stand on: the fixture server as a process, a raw wire, and a client that can be watched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed as Closed
from websockets.typing import Subprotocol

from trunkline_client.client import Client
from trunkline_client.encoding import ENCODINGS, Message, is_sequenced
from trunkline_client.frames import (
    Ack,
    Close,
    Connect,
    Connected,
    Event,
    Failed,
    Frame,
    Hello,
    Ignorable,
    NumberedIgnorable,
    Ping,
    Pong,
    Received,
    Resume,
    Welcome,
)
from trunkline_client.links import Options
from trunkline_client.notices import Dial, Send

WAIT = 10.0
F = TypeVar("F")


class Failure(Exception):
    """Something did not come out as the specification says."""


def check(holds: bool, what: str) -> None:
    if not holds:
        raise Failure(what)


def same(found: Any, expected: Any, what: str) -> None:
    if found != expected:
        raise Failure(f"{what}: {found!r}, not {expected!r}"[:600])


class Fixture:
    """One fixture server, started with its own flags and ended by the test."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.url = f"ws://{address}/trunkline"
        self.address = address

    @classmethod
    async def start(cls, program: str, *flags: str, seen: bool = False) -> Fixture:
        """`seen`: what it writes to standard error is kept, for `said_until`."""
        errors = asyncio.subprocess.PIPE if seen else asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            program, "--port", "0", *flags,
            stdout=asyncio.subprocess.PIPE, stderr=errors, limit=4_000_000,
        )  # fmt: skip
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), WAIT)).decode()
        if not line.startswith("listening on "):
            process.kill()
            raise Failure(f"the fixture server said {line!r} instead of where it listens")
        return cls(process, line.split()[-1])

    async def said_until(self, mark: str) -> str:
        """What it has written to standard error, up to the line with this mark."""
        assert self.process.stderr is not None
        text = ""
        while mark not in text:
            line = await asyncio.wait_for(self.process.stderr.readline(), WAIT)
            if not line:
                raise Failure(f"it ended without {mark!r}: {text[-300:]}")
            text += line.decode()
        return text

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


class Quick(Random):
    """Back-off that is short, and that tells how often it was asked for."""

    def __init__(self) -> None:
        super().__init__(1)
        self.jitters: list[float] = []

    def uniform(self, a: float, b: float) -> float:
        self.jitters.append(b)
        return a + (b - a) * 0.1


class Watched(Client):
    """A client whose frames and notices are kept, and whose dials can be held back."""

    def __init__(self, url: str, encoding: str, options: Options | None = None) -> None:
        self.quick = Quick()
        self.notices: list[Any] = []
        self.sent: list[tuple[int, Frame]] = []
        self.dials: list[Dial] = []
        self.may_dial = asyncio.Event()
        self.may_dial.set()
        self.cut_after: Callable[[Frame], bool] | None = None
        self._news = asyncio.Event()
        self._sent = asyncio.Event()
        super().__init__(url, encoding, options, self._see, self.quick)

    def _see(self, notice: Any) -> None:
        self.notices.append(notice)
        self._news.set()

    def _do(self, output: Any) -> None:
        super()._do(output)
        if isinstance(output, Dial):
            self.dials.append(output)
        if isinstance(output, Send):
            frame = self.encoding.decode(output.message)
            self.sent.append((output.link, frame))
            self._sent.set()
            if self.cut_after is not None and self.cut_after(frame):
                self.cut_after = None
                self.cut()

    async def _run(self, dial: Dial) -> None:
        await self.may_dial.wait()
        await super()._run(dial)

    async def until_sent(self, kind: type[F], count: int, timeout: float = 20.0) -> None:
        """That many frames of this class were sent."""

        async def wait() -> None:
            while len(self.frames(kind)) < count:
                self._sent.clear()
                await self._sent.wait()

        await asyncio.wait_for(wait(), timeout)

    def of(self, kind: type[F]) -> list[F]:
        return [notice for notice in self.notices if isinstance(notice, kind)]

    def frames(self, kind: type[F]) -> list[F]:
        return [frame for _, frame in self.sent if isinstance(frame, kind)]

    async def until(self, kind: type[F], count: int = 1, timeout: float = WAIT) -> F:
        """The `count`th notice of this class."""

        async def wait() -> F:
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
            return self.of(kind)[count - 1]

        try:
            return await asyncio.wait_for(wait(), timeout)
        except TimeoutError:
            raise Failure(f"no {kind.__name__} number {count}; there was {self.notices[-8:]}") from None


async def connected(url: str, encoding: str, options: Options | None = None, auth: Any = None) -> Watched:
    client = Watched(url, encoding, options)
    await asyncio.wait_for(client.start(), WAIT)
    await asyncio.wait_for(client.connect("/", auth), WAIT)
    return client


async def soon(future: Any, timeout: float = WAIT) -> Any:
    return await asyncio.wait_for(future, timeout)


class Wire:
    """One WebSocket on which a check sends what it likes. Numbers its own frames, counts the server's."""

    def __init__(self, socket: ClientConnection, encoding: str) -> None:
        self.socket = socket
        self.encoding = ENCODINGS[encoding]
        self.sent = 0
        self.last = 0
        self.repeats = 0
        self.welcome: Welcome | None = None
        self.secret = ""

    @classmethod
    async def open(cls, url: str, encoding: str) -> Wire:
        name = ENCODINGS[encoding].name
        socket = await connect(
            url, subprotocols=[Subprotocol(name)], compression=None, ping_interval=None, proxy=None,
            max_size=4_000_000, max_queue=None, close_timeout=2,
        )  # fmt: skip
        same(socket.subprotocol, name, "the echoed name")
        return cls(socket, encoding)

    @classmethod
    async def begin(cls, url: str, encoding: str, confirm: bool = True) -> Wire:
        """A fresh session, attached to `/`, that the server would keep after a cut (SES-044)."""
        wire = await cls.open(url, encoding)
        await wire.greet()
        await wire.send(Connect(wire.number(), "/", None))
        await wire.expect(Connected)
        if confirm:
            await wire.send(Received(wire.last))
        return wire

    async def greet(self, resume: Resume | None = None) -> Welcome:
        await self.send(Hello(1, "checks/1.0", resume=resume))
        welcome = await self.expect(Welcome)
        self.welcome = welcome
        self.secret = welcome.secret or self.secret
        return welcome

    def asking(
        self, attach: int, received: int | None = None, secret: str | None = None, strict: bool = False
    ) -> Resume:
        """The `resume` for this session, to be sent on another wire."""
        assert self.welcome is not None
        number = self.last if received is None else received
        return Resume(self.welcome.session, secret or self.secret, attach, number, strict)

    async def resumed(self, url: str, attach: int, encoding: str | None = None) -> Wire:
        """Another wire that goes on with this session, numbers included."""
        wire = await Wire.open(url, encoding or self.name)
        await self.handed_to(wire, attach)
        return wire

    async def handed_to(self, wire: Wire, attach: int, strict: bool = False) -> None:
        """Goes on with this session on a wire that was just opened, of whatever transport."""
        wire.sent, wire.last, wire.secret = self.sent, self.last, self.secret
        welcome = await wire.greet(self.asking(attach, strict=strict))
        same(welcome.resumed, True, f"resumed ({welcome.reason})")

    @property
    def name(self) -> str:
        return next(name for name, encoding in ENCODINGS.items() if encoding is self.encoding)

    def number(self) -> int:
        self.sent += 1
        return self.sent

    async def send(self, frame: Frame) -> None:
        await self.raw(self.encoding.encode(frame))

    async def raw(self, message: Message) -> None:
        try:
            await self.socket.send(message)
        except Closed:
            pass  # what the server said before it closed is still to be read

    async def receive(self) -> Message:
        """The next message. A connection that ended is a failure."""
        try:
            return await self.socket.recv()
        except Closed as closed:
            raise Failure(f"the connection ended instead: {closed.rcvd}") from None

    async def emit(self, event: str, *args: Any, ack: int | None = None) -> None:
        await self.send(Event(self.number(), "/", ack, event, list(args)))

    async def next(self, timeout: float = WAIT) -> Frame:
        """The next frame that is no repeat and not ignorable; sequenced ones are counted."""
        while True:
            try:
                message = await asyncio.wait_for(self.receive(), timeout)
            except TimeoutError:
                raise Failure("nothing came") from None
            frame = self.encoding.decode(message)
            if is_sequenced(frame):
                if frame.seq <= self.last:
                    self.repeats += 1
                    continue
                same(frame.seq, self.last + 1, "the server's next number")
                self.last = frame.seq
            if not isinstance(frame, (Ignorable, NumberedIgnorable)):
                return frame

    async def expect(self, kind: type[F], timeout: float = WAIT, skip: bool = False) -> F:
        """The next frame, which must be of this class; RECEIVED and PING may come in between."""
        while True:
            frame = await self.next(timeout)
            if isinstance(frame, kind):
                return frame
            if isinstance(frame, Ping):
                await self.send(Pong(frame.t, 0))
            elif not isinstance(frame, Received) and not skip:
                raise Failure(f"{frame} instead of {kind.__name__}"[:300])

    async def answer(self, ack: int, timeout: float = WAIT) -> Ack | Failed:
        """The answer to one of this side's events; other events may come before it."""
        while True:
            frame = await self.next(timeout)
            if isinstance(frame, (Ack, Failed)):
                same(frame.ack_id, ack, "the id of the answer")
                return frame
            check(not isinstance(frame, Close), f"{frame} instead of an answer")

    async def closed(self, code: int, timeout: float = WAIT) -> Close:
        """CLOSE with this code, and the WebSocket's own close with the same (TRN-015)."""
        frame = await self.expect(Close, timeout, skip=True)
        same(frame.code, code, f"the code of CLOSE ({frame.reason})")
        try:
            await asyncio.wait_for(self.socket.recv(), timeout)
        except Closed as ended:
            check(ended.rcvd is not None, "the transport ended without a close code")
            same(ended.rcvd.code, code, "the WebSocket's close code")
            return frame
        except TimeoutError:
            raise Failure("the transport stays open after CLOSE") from None
        raise Failure("a frame after CLOSE")

    async def lives(self) -> None:
        """The connection still answers."""
        await self.emit("echo", "alive", ack=999_999)
        same((await self.answer(999_999)).args, ["alive"], "the echo of a connection that should live")

    def cut(self) -> None:
        self.socket.transport.abort()
