"""The asyncio client: the shell around the core of connections.py, and what an application uses."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from random import Random
from typing import Any

from . import codes
from .acks import Answered, Ended, NotAnswered, Outcome, Unreadable
from .connections import Connections
from .encoding import ENCODINGS
from .frames import Ack, Failed
from .links import Options
from .notices import (
    AckSettled,
    Dial,
    Drop,
    EventArrived,
    Send,
    SessionBegan,
    SessionResumed,
    Shut,
    SocketConnected,
    SocketGone,
    SocketRefused,
    Stopped,
)
from .websocket import WebSocketLink

Handler = Callable[..., Any]
HIGH_WATER, LOW_WATER = 512, 128
"""Events that wait for handlers: above the first, receipts are withheld until the second (SES-015)."""


class Refused(Exception):
    """A namespace refused the client, or the wait for it ended."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{code} {message}")
        self.code, self.message, self.data = code, message, data


class EventFailed(Exception):
    """FAILED came instead of an ack. Raised by a handler, it is what the client answers."""

    def __init__(self, code: int, message: str = "", data: Any = None) -> None:
        super().__init__(f"{code} {message}")
        self.code, self.message, self.data = code, message, data


class AckLost(Exception):
    """The ack will not come: `disconnected`, `session lost`, `not sent`, or an unreadable answer."""


class Client:
    """One client with one session at a time. All methods belong to one event loop.

    `observe` is called with every notice of notices.py that is not for the shell alone, in order
    and before anything else is sent.
    """

    def __init__(
        self,
        url: str,
        encoding: str = "msgpack",
        options: Options | None = None,
        observe: Callable[[Any], None] | None = None,
        random: Random | None = None,
    ) -> None:
        self.options = options or Options()
        self.encoding = ENCODINGS[encoding]
        self.core = Connections(url, self.encoding, self.options, random or Random())
        self.observe = observe or (lambda notice: None)
        self.links: dict[int, WebSocketLink] = {}
        self.stopped = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._acks: dict[int, asyncio.Future[list[Any]]] = {}
        self._connects: dict[str, asyncio.Future[str]] = {}
        self._session: asyncio.Future[str] = self._loop.create_future()
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._inbox: dict[str, asyncio.Queue[EventArrived]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._inbox_size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False

    # What an application uses

    async def start(self) -> str:
        """Opens a session; its id."""
        self.stopped.clear()
        self._session = self._loop.create_future()
        self.core.start()
        self._drain()
        return await asyncio.shield(self._session)

    async def connect(self, ns: str = "/", auth: Any = None) -> str:
        """Attaches a namespace; the socket's id. Raises `Refused`."""
        self.core.session.connect(ns, auth)
        answer = self._connects[ns] = self._loop.create_future()
        self._drain()
        return await answer

    def disconnect(self, ns: str = "/") -> None:
        self.core.session.disconnect(ns)
        self._drain()

    def on(self, event: str, handler: Handler, ns: str = "/") -> None:
        """`handler` gets the args; what it returns is the ack: a list of args, or one arg."""
        self._handlers[ns, event] = handler

    def emit(self, event: str, *args: Any, ns: str = "/") -> None:
        self.core.session.emit(ns, event, list(args), ack=False)
        self._drain()

    def request(self, event: str, *args: Any, ns: str = "/") -> asyncio.Future[list[Any]]:
        """Emits at once; the future gets the args of the ack, `EventFailed` or `AckLost`.

        Cancelling it is giving up (ACK-007).
        """
        ack_id = self.core.session.emit(ns, event, list(args), ack=True)
        assert ack_id is not None
        future = self._acks[ack_id] = self._loop.create_future()
        future.add_done_callback(lambda done: self._gave_up(ack_id) if done.cancelled() else None)
        self._drain()
        return future

    async def call(self, event: str, *args: Any, ns: str = "/", timeout: float = 10.0) -> list[Any]:
        return await asyncio.wait_for(self.request(event, *args, ns=ns), timeout)

    def switch(self) -> None:
        self.core.switch()
        self._drain()

    def cut(self) -> None:
        """Drops every connection without a word, as a dying link would."""
        for link in list(self.links.values()):
            link.drop()

    async def close(self) -> None:
        """Ends the session (CLOSE 1000), and waits until nothing runs any more."""
        self.core.end()
        self._drain()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for worker in self._workers.values():
            worker.cancel()
        await asyncio.gather(*self._workers.values(), return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()

    # The loop between the core and the world

    def _now(self) -> float:
        return self._loop.time()

    def _drain(self) -> None:
        """Does what the core asks for, until it asks for nothing more."""
        if self._draining:
            return
        self._draining = True
        try:
            self.core.tick(self._now())
            while True:
                for output in self.core.take():
                    self._do(output)
                self.core.pump(self._now())
                if not self.core.outputs:
                    break
        finally:
            self._draining = False
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.core.deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline + 0.001, self._drain)

    def _do(self, output: Any) -> None:
        if isinstance(output, Dial):
            self._tasks[output.link] = asyncio.create_task(self._run(output))
        elif isinstance(output, (Send, Shut, Drop)):
            link = self.links.get(output.link)
            if link is None:
                if isinstance(output, Drop) and output.link in self._tasks:
                    self._tasks[output.link].cancel()
            elif isinstance(output, Send):
                link.send(output.message, output.urgent)
            elif isinstance(output, Shut):
                link.shut(output.code, output.reason)
            else:
                link.drop()
        else:
            self._notice(output)
            self.observe(output)

    async def _run(self, dial: Dial) -> None:
        """One connection from its dial to its end."""
        link: WebSocketLink | None = None
        try:
            await asyncio.sleep(dial.delay)
            largest = self.options.limits.frame
            link = await WebSocketLink.open(dial.url, self.encoding, largest, lambda: self._life(dial.link))
        except Exception:  # whatever is wrong with a dial, the answer is to back off and dial again
            self.core.dial_failed(dial.link, self._now())
            self._drain()
            return
        finally:
            if link is None:
                self._tasks.pop(dial.link, None)
        self.links[dial.link] = link
        self.core.opened(dial.link, self._now())
        self._drain()
        code, reason = await link.messages(lambda message: self._received(dial.link, message))
        del self.links[dial.link]
        self.core.lost(dial.link, code, reason, self._now())
        self._drain()
        await link.finished()
        self._tasks.pop(dial.link, None)

    def _received(self, link: int, message: bytes | str) -> None:
        self.core.received(link, message, self._now())
        self._drain()

    def _life(self, link: int) -> None:
        self.core.life(link, self._now())

    # What the core tells

    def _notice(self, notice: Any) -> None:
        if isinstance(notice, EventArrived):
            self._queue(notice)
        elif isinstance(notice, AckSettled):
            self._settle(notice.ack_id, notice.outcome)
        elif isinstance(notice, (SessionBegan, SessionResumed)):
            if not self._session.done():
                self._session.set_result(notice.session)
        elif isinstance(notice, SocketConnected):
            self._answer_connect(notice.ns, lambda wait: wait.set_result(notice.socket_id))
        elif isinstance(notice, SocketRefused):
            refused = Refused(notice.code, notice.message, notice.data)
            self._answer_connect(notice.ns, lambda wait: wait.set_exception(refused))
        elif isinstance(notice, SocketGone):
            gone = Refused(notice.code, notice.reason)
            self._answer_connect(notice.ns, lambda wait: wait.set_exception(gone))
        elif isinstance(notice, Stopped):
            self.stopped.set()
            if not self._session.done():
                self._session.set_exception(Refused(notice.code, notice.reason, notice.data))

    def _answer_connect(self, ns: str, answer: Callable[[asyncio.Future[str]], None]) -> None:
        wait = self._connects.pop(ns, None)
        if wait is not None and not wait.done():
            answer(wait)

    def _settle(self, ack_id: int, outcome: Outcome) -> None:
        future = self._acks.pop(ack_id, None)
        if future is None or future.done():
            return
        if isinstance(outcome, Answered):
            future.set_result(outcome.args)
        elif isinstance(outcome, NotAnswered):
            future.set_exception(EventFailed(outcome.code, outcome.message, outcome.data))
        else:
            assert isinstance(outcome, (Ended, Unreadable))
            why = outcome.why if isinstance(outcome, Ended) else "answered, but unreadable"
            future.set_exception(AckLost(why))

    def _gave_up(self, ack_id: int) -> None:
        self.core.session.acks.give_up(ack_id)
        self._acks.pop(ack_id, None)

    # Handlers: one event of a socket after the other

    def _queue(self, event: EventArrived) -> None:
        inbox = self._inbox.setdefault(event.ns, asyncio.Queue())
        inbox.put_nowait(event)
        self._inbox_size += 1
        if self._inbox_size >= HIGH_WATER and not self.core.session.held:
            self.core.session.hold_receipts(True)
        if event.ns not in self._workers:
            self._workers[event.ns] = asyncio.create_task(self._work(inbox))

    async def _work(self, inbox: asyncio.Queue[EventArrived]) -> None:
        while True:
            event = await inbox.get()
            answer = await self._handle(event)
            self._inbox_size -= 1
            if self._inbox_size <= LOW_WATER and self.core.session.held:
                self.core.session.hold_receipts(False)
            if answer is not None:
                self._reply(event, answer)
            self._drain()

    def _reply(self, event: EventArrived, answer: Ack | Failed) -> None:
        session = self.core.session
        try:
            session.answer(event.ns, event.generation, answer)
        except (ValueError, TypeError):  # an answer that cannot be sent (LIM-003)
            failed = Failed(0, event.ns, answer.ack_id, codes.INTERNAL, "", None)
            session.answer(event.ns, event.generation, failed)

    async def _handle(self, event: EventArrived) -> Ack | Failed | None:
        """Runs the handler; the answer, if one was asked for (ACK-003 to ACK-005)."""
        handler = self._handlers.get((event.ns, event.event))
        result: Any = None
        failure: tuple[int, str, Any] | None = None
        if handler is None:
            failure = (codes.UNKNOWN_EVENT, "unknown-event", None)
        else:
            try:
                result = handler(*event.args)
                if inspect.isawaitable(result):
                    result = await result
            except EventFailed as failed:
                failure = (failed.code, failed.message, failed.data)
            except Exception:  # a handler's mistake is the application's: its text is not sent (SEC-010)
                failure = (codes.INTERNAL, "internal", None)
        if event.ack_id is None:
            return None
        if failure is not None:
            return Failed(0, event.ns, event.ack_id, *failure)
        args = result if isinstance(result, list) else [] if result is None else [result]
        return Ack(0, event.ns, event.ack_id, args)


__all__ = ["AckLost", "Client", "EventFailed", "Refused"]
