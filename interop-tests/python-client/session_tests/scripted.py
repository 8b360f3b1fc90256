"""A core without a network: its clock is moved by hand, and its server says what the test tells it to."""

from __future__ import annotations

from random import Random
from typing import Any

from trunkline_client.connections import Connections
from trunkline_client.encoding import JSON
from trunkline_client.frames import Connected, Frame, Welcome
from trunkline_client.limits import Limits
from trunkline_client.links import Options
from trunkline_client.notices import Dial, Send


class Scripted:
    """A core, a clock that is moved by hand, and a server that says what the test tells it to."""

    def __init__(self, **options: Any) -> None:
        self.now = 100.0
        self.core = Connections("ws://h:1", JSON, Options(noise=0.0, **options), Random(7))
        self.outputs: list[Any] = []
        self.sent: list[tuple[int, Frame]] = []
        self.seq = 0

    def run(self) -> None:
        while True:
            for output in self.core.take():
                self.outputs.append(output)
                if isinstance(output, Send):
                    self.sent.append((output.link, JSON.decode(output.message)))
            self.core.pump(self.now)
            if not self.core.outputs:
                return

    def of(self, kind: type) -> list[Any]:
        return [output for output in self.outputs if isinstance(output, kind)]

    def frames(self, kind: type, link: int | None = None) -> list[Any]:
        return [f for at, f in self.sent if isinstance(f, kind) and link in (None, at)]

    def dial(self) -> int:
        """Lets the newest dial succeed; its link."""
        link = self.of(Dial)[-1].link
        self.core.opened(link, self.now)
        self.run()
        return link

    def give(self, link: int, frame: Frame) -> None:
        self.core.received(link, JSON.encode(frame), self.now)
        self.run()

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.core.tick(self.now)
        self.run()

    def cut(self, link: int) -> None:
        self.core.lost(link, None, "", self.now)
        self.run()

    def number(self) -> int:
        self.seq += 1
        return self.seq

    def begin(self, limits: Limits = Limits(), ns: str = "/") -> int:
        """A session with one namespace."""
        self.core.start()
        self.core.session.connect(ns, None)
        self.run()
        link = self.dial()
        self.give(link, welcome(limits=limits))
        self.give(link, Connected(self.number(), ns, 1, "socket-1", None))
        return link

    def emit(self, *args: Any, ack: bool = False) -> int | None:
        ack_id = self.core.session.emit("/", "e", list(args), ack)
        self.run()
        return ack_id


def welcome(
    resumed: bool = False,
    received: int = 0,
    limits: Limits = Limits(),
    reason: str | None = None,
    session: str = "s",
) -> Welcome:
    secret = None if resumed else "k"
    return Welcome(1, session, secret, resumed, reason, received, 300, 200, 9000, limits, [], "none")


def same(found: Any, expected: Any) -> None:
    assert found == expected, f"{found!r}, not {expected!r}"[:500]
