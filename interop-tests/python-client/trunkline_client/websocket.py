"""WebSocket, as transports.md binds it (TRN-004 to TRN-018), by the `websockets` package."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from .encoding import Encoding, Message
from .links import CLOSING_TIMEOUT

OPEN_TIMEOUT = 10.0
LONGEST_REASON = 123
NO_CODE = 1005


class SeesBytes(ClientConnection):
    """A connection that tells of every byte that arrives, for the watchdog (HBT-001)."""

    on_bytes: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        if self.on_bytes is not None:
            self.on_bytes()
        super().data_received(data)


def cut_reason(reason: str) -> str:
    """TRN-015: at most 123 bytes, cut at a character boundary."""
    return reason.encode()[:LONGEST_REASON].decode(errors="ignore")


def sendable(code: int) -> int:
    """A close code that RFC 6455 lets one send."""
    fits = 1000 <= code <= 1014 and code not in (1004, 1005, 1006)
    return code if fits or 3000 <= code <= 4999 else 1000


class WebSocketLink:
    """One WebSocket. Frames are written in the order of `send`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._outbox: deque[Message] = deque()
        self._urgent: Message | None = None
        self._ending = False
        self._wake = asyncio.Event()
        self._writer = asyncio.create_task(self._write())
        self._closer: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, url: str, encoding: Encoding, largest: int, on_bytes: Callable[[], None]
    ) -> WebSocketLink:
        """Raises if the server does not echo the name that was offered (TRN-008)."""

        def create(*args: Any, **kwargs: Any) -> SeesBytes:
            connection = SeesBytes(*args, **kwargs)
            connection.on_bytes = on_bytes
            return connection

        socket = await connect(
            url,
            create_connection=create,
            subprotocols=[Subprotocol(encoding.name)],
            compression=None,
            max_size=largest + 1_024,
            open_timeout=OPEN_TIMEOUT,
            close_timeout=CLOSING_TIMEOUT,
            ping_interval=None,
            proxy=None,
        )
        if socket.subprotocol != encoding.name:
            socket.transport.abort()
            raise ConnectionError("the server did not echo the name of the encoding")
        return cls(socket)

    def send(self, message: Message, urgent: bool = False) -> None:
        """An urgent message goes ahead of what waits, and replaces an older one (HBT-004)."""
        if urgent:
            self._urgent = message
        else:
            self._outbox.append(message)
        self._wake.set()

    def shut(self, code: int, reason: str) -> None:
        """Closes after what was sent, and drops the transport if that takes too long."""
        if self._closer is None:
            self._end()
            self._closer = asyncio.create_task(self._close(sendable(code), cut_reason(reason)))

    def drop(self) -> None:
        self.socket.transport.abort()

    async def messages(self, deliver: Callable[[Message], None]) -> tuple[int | None, str]:
        """Delivers what arrives until the transport ends; its close code, None for a cut."""
        try:
            while True:
                deliver(await self.socket.recv())
        except ConnectionClosed as closed:
            self._end()
            if closed.rcvd is None:
                return (None if closed.sent is None else closed.sent.code), ""
            return (None if closed.rcvd.code == NO_CODE else closed.rcvd.code), closed.rcvd.reason

    async def finished(self) -> None:
        """Waits until nothing of this connection runs any more."""
        await asyncio.gather(self._writer, *([self._closer] if self._closer else []), return_exceptions=True)

    def _end(self) -> None:
        self._ending = True
        self._wake.set()

    async def _write(self) -> None:
        try:
            while True:
                if self._urgent is not None:
                    message, self._urgent = self._urgent, None
                    await self.socket.send(message)
                elif self._outbox:
                    await self.socket.send(self._outbox.popleft())
                elif self._ending:
                    return
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except ConnectionClosed:
            pass

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSING_TIMEOUT):
                await asyncio.shield(self._writer)
                await self.socket.close(code, reason)
        except TimeoutError:
            pass
        self.drop()
