"""The client's connections as such: dialling, greeting, closing (SES-028, SES-051, TRN-015)."""

from __future__ import annotations

from random import Random
from typing import Any

from . import codes
from .codes import Retry
from .encoding import Encoding
from .frames import Close, Frame, Hello, Ping, Pong, Resume
from .limits import HELLO_BYTES
from .links import Link, Options, Role
from .notices import Dial, Drop, Send, Shut, Stopped
from .reconnect import BackOff, GoingAway, websocket_url
from .session import Session

VERSION = 1
ROOM_FOR_RESUME = 1_024
"""Bytes of a HELLO that are left to `resume`."""


class LinkKeeper:
    def __init__(self, url: str, encoding: Encoding, options: Options, random: Random) -> None:
        self.url = websocket_url(url)
        self.target = self.url
        self.encoding = encoding
        self.options = options
        self.random = random
        self.outputs: list[Any] = []
        self.session = Session(encoding, options.limits, self.outputs, random)
        self.back_off = BackOff(random)
        self.links: dict[int, Link] = {}
        self.current: Link | None = None
        self.greeting: Link | None = None
        self.dialling: Link | None = None
        self.going_away: GoingAway | None = None
        self.switch_wanted = False
        self.stopped = True
        self._next_link = 1
        if encoding.size(encoding.encode(self._hello())) > HELLO_BYTES - ROOM_FOR_RESUME:
            raise ValueError("agent and auth are too long for a HELLO of 8,192 bytes")

    def take(self) -> list[Any]:
        outputs, self.outputs[:] = list(self.outputs), []
        return outputs

    def _hello(self, link: Link | None = None) -> Hello:
        session, options = self.session, self.options
        resume = None
        if link is not None and link.resume:
            assert session.id is not None
            receipt = session.counter.ready()
            resume = Resume(session.id, session.secret, session.attach, receipt, link.strict)
        return Hello(VERSION, options.agent, options.auth, resume, [], options.limits, options.ping_interval)

    def _dial(self, delay: float) -> None:
        link = Link(self._next_link, self.target)
        self._next_link += 1
        self.links[link.id] = self.dialling = link
        self.outputs.append(Dial(link.id, link.url, delay))

    def _redial(self, retry: Retry, retry_after: int | None = None) -> None:
        if not self.stopped and self.dialling is None and self.greeting is None:
            self._dial(self.back_off.delay(retry, retry_after))

    def _leave_current(self, now: float) -> None:
        if self.current is not None:
            self.back_off.lived(now - self.current.welcomed_at)
            self.current = None
        self.going_away = None
        self.switch_wanted = False

    def _close_all(self, code: int, reason: str) -> None:
        """CLOSE wherever HELLO was sent; other connections are shut, and dials given up."""
        for link in list(self.links.values()):
            if link.role in (Role.CURRENT, Role.GREETING):
                self._close(link, code, reason)
            elif link.role is Role.OLD:
                self._shut(link, codes.SUPERSEDED, "")
            elif link.role is Role.DIALLING:
                self.outputs.append(Drop(link.id))
                del self.links[link.id]
        self.current = self.greeting = self.dialling = None
        self.going_away = None
        self.switch_wanted = False

    def _stop(self, code: int, reason: str, data: Any = None) -> None:
        if self.dialling is not None:
            self.links.pop(self.dialling.id, None)
            self.outputs.append(Drop(self.dialling.id))
            self.dialling = None
        self.stopped = True
        self.outputs.append(Stopped(code, reason, data))

    def _close(self, link: Link, code: int, reason: str) -> None:
        """CLOSE, and the transport's own close right behind it (SES-051, TRN-015)."""
        self._send(link, Close(code, reason))
        self._shut(link, code, reason)

    def _shut(self, link: Link, code: int, reason: str) -> None:
        link.role = Role.CLOSING
        self.outputs.append(Shut(link.id, code, reason))

    def _send_ping(self, link: Link, now: float) -> None:
        t = int(now * 1000) % 2**53
        link.round_trips.ping(t, now)
        self._send(link, Ping(t, self.session.counter.receipt()))

    def _send(self, link: Link, frame: Frame) -> None:
        self.outputs.append(Send(link.id, self.encoding.encode(frame), isinstance(frame, Pong)))
