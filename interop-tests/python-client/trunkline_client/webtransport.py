"""WebTransport, as transports.md binds it (TRN-019 to TRN-027), by the `aioquic` package."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.buffer import Buffer, BufferReadError, encode_uint_var
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DatagramReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    QuicEvent,
    StreamDataReceived,
    StreamReset,
)
from cryptography.hazmat.primitives.serialization import Encoding as CertificateEncoding

OPEN_TIMEOUT = 10.0
LARGEST_DATAGRAM_FRAME = 65_536


class Refused(Exception):
    """An HTTP status in place of the session (TRN-025)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status


class Ended(Exception):
    """The message channel or the connection has ended (TRN-023)."""


def hashes_told(url: str, timeout: float = OPEN_TIMEOUT) -> tuple[str, list[bytes]]:
    """TRN-032: the WebTransport URL and the hashes that a GET of the path tells. Blocks."""
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        told = json.load(answer)
    for alternative in told["alternatives"]:
        if alternative["transport"] == "webtransport":
            texts = [marked["$bin"] for marked in alternative["hashes"]]
            return alternative["url"], [base64.urlsafe_b64decode(text + "==") for text in texts]
    raise ConnectionError("the server tells of no WebTransport")


class WebTransport(QuicConnectionProtocol):
    """One session of WebTransport: its message channel and its datagrams, in one queue as they come."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic, enable_webtransport=True)
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.arrived: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.session = 0
        self.channel: int | None = None
        self._unread = b""
        self._socket: asyncio.BaseTransport | None = None

    @classmethod
    async def open(cls, url: str, hashes: list[bytes], origin: str | None = None) -> WebTransport:
        """Raises `Refused` for an HTTP status other than 200."""
        parts = urlsplit(url)
        configuration = QuicConfiguration(
            is_client=True,
            alpn_protocols=H3_ALPN,
            server_name=parts.hostname,
            verify_mode=ssl.CERT_NONE,
            max_datagram_frame_size=LARGEST_DATAGRAM_FRAME,
        )
        transport, link = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(QuicConnection(configuration=configuration)), local_addr=("127.0.0.1", 0)
        )
        link._socket = transport
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                link.connect((parts.hostname, parts.port))
                await link.wait_connected()
                link._check_certificate(hashes)
                link._ask(parts.netloc, parts.path, origin)
                status = await link.status
        except BaseException:
            link.drop()
            raise
        if status != 200:
            link.drop()
            raise Refused(status)
        link.channel = link.http.create_webtransport_stream(link.session)
        link.transmit()
        return link

    def _check_certificate(self, hashes: list[bytes]) -> None:
        """No authority is asked, so the hash alone says that this is the server."""
        certificate = self._quic.tls._peer_certificate
        if certificate is None:
            raise ConnectionError("the server showed no certificate")
        if hashlib.sha256(certificate.public_bytes(CertificateEncoding.DER)).digest() not in hashes:
            raise ConnectionError("the certificate has another hash than the server told")

    def _ask(self, authority: str, path: str, origin: str | None) -> None:
        self.session = self._quic.get_next_available_stream_id()
        headers = [
            (b":method", b"CONNECT"),
            (b":scheme", b"https"),
            (b":authority", authority.encode()),
            (b":path", path.encode()),
            (b":protocol", b"webtransport"),
        ]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        self.http.send_headers(self.session, headers)
        self.transmit()

    def send(self, message: bytes) -> None:
        """TRN-020: the length, and the frame."""
        self.write(encode_uint_var(len(message)) + message)

    def write(self, data: bytes) -> None:
        """Bytes on the message channel as they are."""
        assert self.channel is not None
        self._quic.send_stream_data(self.channel, data)
        self.transmit()

    def send_datagram(self, message: bytes) -> None:
        """TRN-021: one datagram is one frame."""
        self.http.send_datagram(self.session, message)
        self.transmit()

    def reset(self) -> None:
        """Resets the message channel, which is a cut (TRN-023)."""
        assert self.channel is not None
        self._quic.reset_stream(self.channel, 0)
        self.transmit()

    async def receive(self) -> tuple[str, bytes]:
        """The next frame, with `stream` or `datagram` for how it came. Raises `Ended`."""
        way, message = await self.arrived.get()
        if way == "end":
            self._end(message.decode())
            raise Ended(message.decode())
        return way, message

    def drop(self) -> None:
        """Ends the QUIC connection at once."""
        self.status.cancel()
        self.close()
        if self._socket is not None:
            self._socket.close()

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            self._end(f"the connection ended: {event.reason_phrase or event.error_code}")
            if not self.status.done():
                self.status.set_exception(ConnectionError(event.reason_phrase))
        elif isinstance(event, StreamReset) and event.stream_id in (self.channel, self.session):
            self._end("a stream was reset")
        elif isinstance(event, StreamDataReceived) and event.stream_id == self.channel:
            # aioquic would take what the server writes on the client's own stream for frames of HTTP/3.
            self._channel_bytes(event.data, event.end_stream)
        else:
            for heard in self.http.handle_event(event):
                if isinstance(heard, HeadersReceived) and not self.status.done():
                    self.status.set_result(int(dict(heard.headers)[b":status"]))
                elif isinstance(heard, DatagramReceived):
                    self.arrived.put_nowait(("datagram", heard.data))
            if isinstance(event, StreamDataReceived) and event.end_stream and event.stream_id == self.session:
                self._end("the session was closed")

    def _channel_bytes(self, data: bytes, ended: bool) -> None:
        self._unread += data
        while self._unread:
            buffer = Buffer(data=self._unread)
            try:
                message = buffer.pull_bytes(buffer.pull_uint_var())
            except BufferReadError:
                break
            self._unread = self._unread[buffer.tell() :]
            self.arrived.put_nowait(("stream", message))
        if ended:
            self._end("the message channel ended")

    def _end(self, why: str) -> None:
        self.arrived.put_nowait(("end", why.encode()))
