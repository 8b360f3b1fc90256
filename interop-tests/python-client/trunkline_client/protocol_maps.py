"""The protocol maps of HELLO, WELCOME, GOAWAY, CLOSE and AUTH (ENC-018 to ENC-020; tables of frames.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from .frames import Alternative, Auth, Close, GoAway, Hello, Resume, Welcome
from .limits import Limits
from .values import SAFE, BadValue, RawMap, is_text, read_mark, to_value

DEPTH_OF_MAP_VALUE = 3
DATAGRAMS = ("native", "emulated", "none")


class HeaderError(Exception):
    """A frame whose header does not decode (ENC-011). `cause` is a word of the vectors."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class MapReader:
    """One protocol map while it is read: its members, checked for form and repetition."""

    def __init__(self, raw: Any, marks: bool, limit: int, cause: str = "bad-value") -> None:
        if not isinstance(raw, RawMap):
            raise HeaderError(cause)
        self.marks = marks
        self.limit = limit
        self.members: dict[str, Any] = {}
        for key, content in raw.pairs():
            if not is_text(key):
                raise HeaderError("bad-map")
            if key in self.members:
                raise HeaderError("duplicate-key")
            self.members[key] = content

    def need(self, key: str, read: Callable[[Any], Any]) -> Any:
        content = self.members.get(key)
        if content is None:
            raise HeaderError("missing-key")
        return read(content)

    def may(self, key: str, read: Callable[[Any], Any], absent: Any = None) -> Any:
        content = self.members.get(key)
        return absent if content is None else read(content)

    def value(self, raw: Any) -> Any:
        try:
            return to_value(raw, self.marks, self.limit, DEPTH_OF_MAP_VALUE)
        except BadValue:
            raise HeaderError("bad-value") from None

    def inner(self, raw: Any) -> MapReader:
        return MapReader(raw, self.marks, self.limit)

    def bytes(self, raw: Any) -> bytes:
        if self.marks and isinstance(raw, RawMap) and len(raw) == 1 and raw.flat[0] == "$bin":
            try:
                raw = read_mark("$bin", raw.flat[1])
            except BadValue:
                raise HeaderError("bad-value") from None
        if not isinstance(raw, bytes):
            raise HeaderError("bad-value")
        return raw


def integer(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= SAFE:
        raise HeaderError("bad-value")
    return raw


def code(raw: Any) -> int:
    if integer(raw) > 65_535:
        raise HeaderError("bad-value")
    return raw


def text(raw: Any) -> str:
    if not is_text(raw):
        raise HeaderError("bad-value")
    return raw


def identifier(raw: Any) -> str:
    """FRM-009: 1 to 255 bytes."""
    if not 1 <= len(text(raw).encode()) <= 255:
        raise HeaderError("bad-value")
    return raw


def boolean(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise HeaderError("bad-value")
    return raw


def array_of(read: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def read_array(raw: Any) -> list[Any]:
        if not isinstance(raw, list):
            raise HeaderError("bad-value")
        return [read(item) for item in raw]

    return read_array


def datagrams(raw: Any) -> str:
    if text(raw) not in DATAGRAMS:
        raise HeaderError("bad-value")
    return raw


def read_limits(m: MapReader) -> Callable[[Any], Limits]:
    def read(raw: Any) -> Limits:
        inner = m.inner(raw)
        told = {f.name: inner.may(f.name, integer) for f in fields(Limits)}
        return Limits(**{key: number for key, number in told.items() if number is not None})

    return read


def read_hello(m: MapReader) -> Hello:
    def resume(raw: Any) -> Resume:
        inner = m.inner(raw)
        return Resume(
            session=inner.need("session", identifier),
            secret=inner.need("secret", text),
            attach=inner.need("attach", integer),
            received=inner.need("received", integer),
            strict=inner.may("strict", boolean, False),
        )

    return Hello(
        v=m.need("v", integer),
        agent=m.need("agent", text),
        auth=m.may("auth", m.value),
        resume=m.may("resume", resume),
        features=m.may("features", array_of(text), []),
        limits=m.may("limits", read_limits(m), Limits()),
        ping_interval=m.may("ping_interval", integer),
    )


def read_welcome(m: MapReader) -> Welcome:
    def alternative(raw: Any) -> Alternative:
        inner = m.inner(raw)
        return Alternative(
            transport=inner.need("transport", text),
            url=inner.need("url", text),
            hashes=inner.may("hashes", array_of(inner.bytes), []),
        )

    return Welcome(
        v=m.need("v", integer),
        session=m.need("session", identifier),
        secret=m.may("secret", text),
        resumed=m.need("resumed", boolean),
        reason=m.may("reason", text),
        received=m.need("received", integer),
        ping_interval=m.need("ping_interval", integer),
        ping_timeout=m.need("ping_timeout", integer),
        resume_window=m.need("resume_window", integer),
        limits=m.need("limits", read_limits(m)),
        features=m.need("features", array_of(text)),
        datagrams=m.need("datagrams", datagrams),
        alternatives=m.may("alternatives", array_of(alternative), []),
    )


def read_goaway(m: MapReader) -> GoAway:
    return GoAway(
        reason=m.need("reason", text),
        slot=m.need("slot", integer),
        deadline=m.need("deadline", integer),
        url=m.may("url", text),
    )


def read_close(m: MapReader) -> Close:
    return Close(
        code=m.need("code", code),
        reason=m.need("reason", text),
        retry_after=m.may("retry_after", integer),
        url=m.may("url", text),
        attach=m.may("attach", integer),
        data=m.may("data", m.value),
    )


def read_auth(m: MapReader) -> Auth:
    return Auth(
        auth=m.may("auth", m.value),
        wanted=m.may("wanted", boolean, False),
        expires=m.may("expires", integer),
    )


READERS: dict[type, Callable[[MapReader], Any]] = {
    Hello: read_hello,
    Welcome: read_welcome,
    GoAway: read_goaway,
    Close: read_close,
    Auth: read_auth,
}
REQUIRED_ARRAYS = {(Welcome, "features")}


def to_map(frame: Any, value: Callable[[Any], Any]) -> dict[str, Any]:
    """The canonical map of a frame. `value` writes bytes and application values in the encoding."""
    out: dict[str, Any] = {}
    for f in fields(frame):
        content = getattr(frame, f.name)
        if content is None or (content == [] and (type(frame), f.name) not in REQUIRED_ARRAYS):
            continue
        if f.name == "wanted" and not content:
            continue
        if isinstance(content, Limits):
            content = content.as_map()
        elif isinstance(content, Resume):
            content = to_map(content, value)
            if not content["strict"]:
                del content["strict"]
        elif f.name == "alternatives":
            content = [to_map(alternative, value) for alternative in content]
        elif f.name in ("auth", "data"):
            content = value(content)
        elif f.name == "hashes":
            content = [value(item) for item in content]
        out[f.name] = content
    return out
