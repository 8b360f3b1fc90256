"""Which connection carries the session (session.md, "The session, on the client").

This is the whole core: every input comes in by one of its methods, and what is to be done about it
is left in `outputs`, a list of the classes of notices.py. It knows no clock; `now` is seconds on
any clock that does not jump.

After each input the shell takes the outputs, and then calls `pump`, until there are no more: so the
application can act on a lost session before anything of the next one is sent (SES-048).
"""

from __future__ import annotations

from . import codes
from .codes import Retry, disposition
from .encoding import Message, is_sequenced
from .frames import CLIENT, Auth, Close, Event, Frame, GoAway, Ignorable, Ping, Pong, Received, Welcome
from .heartbeat import Alarm, Watchdog
from .links import CLOSING_TIMEOUT, Link, Role
from .notices import ConnectionClosed, Drop, Send, SessionBegan, SessionResumed, SwitchFailed
from .outgoing import VERSION, LinkKeeper
from .protocol_maps import HeaderError
from .reconnect import GoingAway, where_to
from .session import Violation


class Connections(LinkKeeper):
    # The application

    def start(self) -> None:
        """Dials, if nothing is under way (COD-006: also after the client stopped)."""
        if self.stopped:
            self.stopped = False
            self.back_off.reset()
            self.target = self.url
            self._dial(0.0)

    def switch(self) -> None:
        """SES-037: goes over to another connection while this one lives."""
        if self.current is not None and self.greeting is None and self.dialling is None:
            self.switch_wanted = True
            self._dial(0.0)

    def end(self) -> None:
        """The application ends it; CLOSE 1000 also where a HELLO is unanswered (SES-039)."""
        if not self.stopped:
            self._close_all(codes.NORMAL, "")
            self.session.lose(codes.NORMAL, "ended", renew=False)
            self._stop(codes.NORMAL, "ended by the application")

    def ping(self, now: float) -> None:
        """HBT-009: a doubt, or a wish to measure."""
        link = self.current
        if link is not None and link.watchdog is not None:
            self._send_ping(link, now)
            link.watchdog.doubt(now)

    # The transport

    def opened(self, link_id: int, now: float) -> None:
        link = self.links.get(link_id)
        if link is None or link.role is not Role.DIALLING:
            self.outputs.append(Drop(link_id))
            return
        self.dialling = None
        wanted = self.current is None or self.switch_wanted or self.going_away is not None
        if self.stopped or self.greeting is not None or not wanted:
            self._shut(link, codes.NORMAL, "")
            return
        if self.session.id is not None:  # SES-028, SES-029
            self.session.attach += 1
            link.resume = True
            link.strict = self.current is not None and self.going_away is None
        link.role = Role.GREETING
        link.welcome_by = now + self.options.welcome_timeout
        self.greeting = link
        self._send(link, self._hello(link))

    def dial_failed(self, link_id: int, now: float) -> None:
        if self.links.pop(link_id, None) is not None and self.dialling is not None:
            if self.dialling.id == link_id:
                self.dialling = None
                self.target = self.url
                self._redial(Retry.BACK_OFF)

    def life(self, link_id: int, now: float) -> None:
        """HBT-001: bytes arrived."""
        link = self.links.get(link_id)
        if link is not None and link.watchdog is not None:
            link.watchdog.life(now)

    def received(self, link_id: int, message: Message, now: float) -> None:
        link = self.links.get(link_id)
        if link is None or link.role is Role.CLOSING:
            return
        self.life(link_id, now)
        size = self.encoding.size(message)
        if size > self.options.limits.frame:
            self._violation(link, codes.FRAME_TOO_LARGE, "frame-too-large", now)
            return
        try:
            frame = self.encoding.decode(message, self.options.limits.depth)
            if frame.SENDER == CLIENT:
                raise Violation("a frame that only a client sends")  # FRM-004
            self._dispatch(link, frame, size, now)
        except HeaderError as error:
            self._violation(link, codes.PROTOCOL_ERROR, error.cause, now)
        except Violation as error:
            self._violation(link, codes.PROTOCOL_ERROR, str(error), now)

    def lost(self, link_id: int, code: int | None, reason: str, now: float) -> None:
        """The transport ended. With a code of its own that is a CLOSE (TRN-017), else a cut."""
        link = self.links.get(link_id)
        if link is None:
            return
        role = link.role
        if role is Role.DIALLING:
            self.dial_failed(link_id, now)
        elif code is not None and code not in codes.CUTS and role is not Role.CLOSING:
            self._on_close(link, Close(code, reason), now)
            self.links.pop(link_id, None)
        else:
            self.links.pop(link_id, None)
            if role in (Role.GREETING, Role.CURRENT):
                self._cut(link, now)

    # What arrives

    def _dispatch(self, link: Link, frame: Frame, size: int, now: float) -> None:
        if isinstance(frame, Close):
            self._on_close(link, frame, now)
        elif isinstance(frame, Welcome):
            self._on_welcome(link, frame, now)
        elif link.role is Role.GREETING:
            raise Violation("something else than WELCOME or CLOSE")
        elif is_sequenced(frame):
            self.session.count(frame, size, now)
        elif isinstance(frame, Received):
            self.session.confirm(frame.received)
        elif isinstance(frame, Ping):
            self.session.confirm(frame.received)
            if link.role is Role.CURRENT:  # HBT-004: at once
                self._send(link, Pong(frame.t, self.session.counter.receipt()))
        elif isinstance(frame, Pong):
            self.session.confirm(frame.received)
            link.round_trips.pong(frame.t, now)
        elif isinstance(frame, GoAway):
            self._on_goaway(link, frame, now)
        elif isinstance(frame, Auth):
            if frame.wanted and link.role is Role.CURRENT:  # SES-065: it knows no others
                self._send(link, Auth(self.options.auth))
        elif not isinstance(frame, Ignorable):
            self.session.best_effort_dropped += 1  # BEF-013

    def _on_welcome(self, link: Link, welcome: Welcome, now: float) -> None:
        if link.role is not Role.GREETING:
            raise Violation("a second WELCOME")
        session = self.session
        if welcome.v != VERSION:
            raise Violation("another version")
        if welcome.resumed and (not link.resume or welcome.session != session.id):
            raise Violation("a session that was not asked for")  # FRM-015
        if not welcome.resumed and (welcome.secret is None or link.strict):
            raise Violation("no secret, or a fresh session after a strict resume")
        if welcome.resumed or not link.resume:
            session.confirm(welcome.received)
        self.greeting = None
        old, self.current = self.current, link
        link.role = Role.CURRENT
        link.welcomed_at = now
        link.watchdog = Watchdog(welcome.ping_interval, welcome.ping_timeout, now)
        self.switch_wanted = False
        self.going_away = None
        if welcome.resumed:
            if old is not None:
                old.role = Role.OLD
                old.drop_at = now + CLOSING_TIMEOUT
            self.outputs.append(SessionResumed(welcome.session, session.attach))
            self.outputs.extend(Send(link.id, frame.message) for frame in session.window.log)
            return
        if old is not None:  # SES-059
            self._close(old, codes.NORMAL, "")
        if link.resume:
            session.lose(None, welcome.reason or "unknown", renew=True)
        session.begin(welcome)
        self.outputs.append(SessionBegan(welcome.session, welcome.reason))

    def _on_goaway(self, link: Link, frame: GoAway, now: float) -> None:
        """SES-057, SES-061."""
        if link.role is Role.CURRENT:
            self.going_away = GoingAway(now + frame.slot / 1000, now + frame.deadline / 1000, frame.url)

    def _on_close(self, link: Link, close: Close, now: float) -> None:
        """The code decides (SES-052); SES-040 and SES-041 for two of them."""
        role = link.role
        self.outputs.append(ConnectionClosed(link.id, close.code, close.reason, close.attach))
        self._shut(link, close.code, close.reason)
        if role is Role.GREETING:
            self.greeting = None
            self._greeting_closed(link, close)
        elif role is Role.CURRENT:
            self._leave_current(now)
            if close.code == codes.SUPERSEDED:
                self._superseded(close)
            else:
                self._act(close)
        elif close.code == codes.SUPERSEDED and (close.attach or 0) > self.session.attach:
            self._superseded(close)

    def _superseded(self, close: Close) -> None:
        """SES-040: by an attempt of our own, or by a twin?"""
        own = self.greeting is not None if close.attach is None else close.attach <= self.session.attach
        if own:
            self._redial(Retry.AT_ONCE)
            return
        self._close_all(codes.NORMAL, "")
        self.session.lose(close.code, "superseded by somebody else", renew=True)
        self._redial(Retry.BACK_OFF)

    def _greeting_closed(self, link: Link, close: Close) -> None:
        if close.code == codes.STALE_ATTACH and link.resume and close.attach is not None:
            self.session.attach = max(self.session.attach, close.attach)  # SES-041
        if self.current is None:
            self._act(close)
            return
        told = disposition(close.code)
        if self.going_away is not None or (told.session_kept and told.retry is not Retry.NEVER):
            self._redial(Retry.BACK_OFF, close.retry_after)
        else:
            self.switch_wanted = False
            self.outputs.append(SwitchFailed(close.code))

    def _act(self, close: Close) -> None:
        """What a code says, once no connection carries the session."""
        told = disposition(close.code)
        self.target = where_to(self.url, close.url, self.options.hosts)
        kept = told.session_kept and self.options.resume and self.session.id is not None
        renew = told.retry is not Retry.NEVER
        if not kept:
            if not told.session_kept or self.session.id is not None or self.session.window.sent:
                self._close_all(codes.NORMAL, "")
                self.session.lose(close.code, close.reason, renew)
        if renew:
            self._redial(told.retry, close.retry_after)
        else:
            self._stop(close.code, close.reason, close.data)

    def _cut(self, link: Link, now: float) -> None:
        """A connection is gone, and nobody said why (SES-054)."""
        if link.role is Role.CURRENT:
            self.outputs.append(ConnectionClosed(link.id, None, "cut"))
            self._leave_current(now)
            self._act(Close(1006, "cut"))
        elif link.role is Role.GREETING:
            self.greeting = None
            if self.current is None:
                self.target = self.url
                if self.session.id is None and self.session.window.sent:
                    self.session.lose(None, "cut before WELCOME", renew=True)  # SES-049
            self._redial(Retry.BACK_OFF)

    def _violation(self, link: Link, code: int, reason: str, now: float) -> None:
        """SES-053; on an old connection it ends that connection and nothing else (SES-036)."""
        if link.role is Role.OLD:
            self._shut(link, codes.SUPERSEDED, "")
            return
        self._leave_current(now)
        self._close_all(code, reason)
        self.session.lose(code, reason, renew=True)
        self._redial(Retry.BACK_OFF)

    # Time

    def pump(self, now: float) -> None:
        """Numbers and sends what may be sent, and the receipts that are due."""
        self.session.counter.delivered()
        link = self.current
        if link is None:
            if self.greeting is not None and not self.greeting.resume:
                self._send_waiting(self.greeting)
            return
        self._send_waiting(link)
        counter = self.session.counter
        leaving = self.going_away is not None and counter.receipt_waits()
        if counter.due(now) or leaving:
            self._send(link, Received(counter.receipt()))

    def _send_waiting(self, link: Link) -> None:
        numbered = self.session.number_waiting(self.going_away is not None)
        self.outputs.extend(Send(link.id, frame.message) for frame in numbered)
        events = any(frame.kind == Event.KIND for frame in numbered)
        if events and self.session.id is not None and self.random.random() < self.options.noise:
            self._send(link, Ignorable(self.random.randint(64, 95)))
            self.session.numbered_noise()

    def tick(self, now: float) -> None:
        """To be called when `deadline` has come, or at any other time."""
        if self.greeting is not None and now >= self.greeting.welcome_by:  # SES-008
            link = self.greeting
            self.outputs.append(Drop(link.id))
            del self.links[link.id]
            self._cut(link, now)
        for link in [old for old in self.links.values() if old.role is Role.OLD and now >= old.drop_at]:
            self.outputs.append(Drop(link.id))
            del self.links[link.id]
        self._watch(now)
        self._leave_when_asked(now)

    def deadline(self) -> float | None:
        times = [old.drop_at for old in self.links.values() if old.role is Role.OLD]
        if self.greeting is not None:
            times.append(self.greeting.welcome_by)
        if self.current is not None:
            assert self.current.watchdog is not None
            times += [self.current.watchdog.deadline, self.session.counter.deadline() or float("inf")]
            if self.going_away is not None and self.dialling is None and self.greeting is None:
                settled = self.session.settled()
                times.append(self.going_away.slot if settled else self.going_away.deadline)
        return min(times, default=None)

    def _watch(self, now: float) -> None:
        link = self.current
        if link is None or link.watchdog is None:
            return
        alarm = link.watchdog.check(now)
        if alarm is Alarm.PROBE:  # HBT-007
            self._send_ping(link, now)
            link.watchdog.doubt(now)
        elif alarm is Alarm.DEAD:  # HBT-006
            self._close(link, codes.PING_TIMEOUT, "ping-timeout")
            self.outputs.append(ConnectionClosed(link.id, codes.PING_TIMEOUT, "ping-timeout"))
            self._leave_current(now)
            self._act(Close(1006, "ping-timeout"))

    def _leave_when_asked(self, now: float) -> None:
        """SES-058: not before the slot; then as soon as all is settled; at the latest at deadline."""
        leave = self.going_away
        if leave is None or self.current is None or self.dialling or self.greeting:
            return
        if (now >= leave.slot and self.session.settled()) or now >= leave.deadline:
            self.target = where_to(self.url, leave.url, self.options.hosts)
            self._dial(0.0)
