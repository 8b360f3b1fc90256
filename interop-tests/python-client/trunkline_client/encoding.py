"""Frames to messages and back (encoding.md), in the two encodings of version 1.

`MESSAGEPACK` and `JSON` are the codecs; `Encoding.name` is what is negotiated (ENC-003).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Union

from . import json_text, messagepack
from .frames import (
    ARRAY_FRAMES,
    MAP_FRAMES,
    Frame,
    Ignorable,
    NumberedIgnorable,
    Sequenced,
    field_names,
)
from .protocol_maps import READERS, HeaderError, MapReader, to_map
from .values import SAFE, BadValue, is_text, to_marked, to_value

Message = Union[bytes, str]
LONGEST_NAME = 255


class Elements(ABC):
    """The elements of one frame's array, read from left to right."""

    marks: bool
    length: int

    @abstractmethod
    def next(self) -> Any:
        """The next element as a raw tree. Raises HeaderError if the message ends within it."""

    @abstractmethod
    def body(self) -> Any:
        """The last element, where it is a body, as a raw tree. Raises BadValue."""

    @abstractmethod
    def finish(self) -> None:
        """Checks that nothing follows the last element. Raises HeaderError."""

    def protocol_map(self) -> Any:
        return self.next()


class MessagePackElements(Elements):
    marks = False

    def __init__(self, message: bytes) -> None:
        self.reader = messagepack.Reader(message)
        try:
            length = self.reader.array_header()
        except messagepack.Truncated:
            raise HeaderError("truncated") from None
        if length is None:
            raise HeaderError("not-an-array")
        self.length = length

    def next(self) -> Any:
        try:
            return self.reader.read()
        except messagepack.Truncated:
            raise HeaderError("truncated") from None

    def protocol_map(self) -> Any:
        raw = self.next()
        if self.reader.saw_reserved:
            raise HeaderError("bad-value")
        return raw

    def body(self) -> Any:
        """ENC-007: every byte that is left."""
        try:
            raw = self.reader.read()
        except messagepack.Truncated:
            raise BadValue("truncated") from None
        if not self.reader.at_end():
            raise BadValue("trailing-bytes")
        return raw

    def finish(self) -> None:
        if not self.reader.at_end():
            raise HeaderError("trailing-bytes")


class JsonElements(Elements):
    marks = True

    def __init__(self, message: str) -> None:
        try:
            raw = json_text.read(message)
        except json_text.NotJson:
            raise HeaderError("not-json") from None
        if not isinstance(raw, list):
            raise HeaderError("not-an-array")
        self.items = iter(raw)
        self.length = len(raw)

    def next(self) -> Any:
        return next(self.items)

    def body(self) -> Any:
        return next(self.items)

    def finish(self) -> None:
        pass


def _is_integer(raw: Any) -> bool:
    """ENC-013 to ENC-016."""
    return isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= SAFE


def _read_integer(raw: Any) -> int:
    if not _is_integer(raw):
        raise HeaderError("bad-integer")
    return raw


def _read_text(raw: Any) -> str:
    if not is_text(raw):
        raise HeaderError("bad-string")
    return raw


def _read_header(layout: str, raw: Any) -> Any:
    """One element of a header (grammar of frames.md; FRM-006 to FRM-014)."""
    if layout in ("integer", "seq", "code", "integer or nil"):
        if raw is None and layout == "integer or nil":
            return None
        number = _read_integer(raw)
        if layout == "seq" and number == 0:
            raise HeaderError("bad-seq")
        if layout == "code" and number > 65_535:
            raise HeaderError("bad-code")
        return number
    if layout == "ns":
        if raw is None:
            return "/"
        length = len(_read_text(raw).encode())
        if not raw.startswith("/") or not 2 <= length <= LONGEST_NAME:
            raise HeaderError("bad-name")
        return raw
    if layout == "name":
        if not 1 <= len(_read_text(raw).encode()) <= LONGEST_NAME:
            raise HeaderError("bad-name")
        return raw
    assert layout == "text"
    return _read_text(raw)


def _read_body(elements: Elements, layout: str, limit: int) -> tuple[Any, str | None]:
    """The body and what is wrong with it (ENC-008: never an error of the frame)."""
    try:
        raw = elements.body()
        if layout == "args" and not isinstance(raw, list):
            raise BadValue("not-an-array")
        return to_value(raw, elements.marks, limit), None
    except BadValue as bad:
        return None, bad.cause


def read_frame(elements: Elements, depth: int) -> Frame:
    """Checks in the order that encoding.md gives; the first failure is the error."""
    if elements.length == 0:
        raise HeaderError("array-length")
    kind = elements.next()
    if not _is_integer(kind):
        raise HeaderError("bad-kind")
    if 64 <= kind <= 95:
        return Ignorable(kind)
    if 96 <= kind <= 127:
        if elements.length < 2:
            raise HeaderError("array-length")
        return NumberedIgnorable(kind, _read_header("seq", elements.next()))
    if kind in MAP_FRAMES:
        if elements.length != 2:
            raise HeaderError("array-length")
        cls = MAP_FRAMES[kind]
        frame = READERS[cls](MapReader(elements.protocol_map(), elements.marks, depth, "bad-map"))
        elements.finish()
        return frame
    if kind not in ARRAY_FRAMES:
        raise HeaderError("unknown-kind")
    return _read_array_frame(ARRAY_FRAMES[kind], elements, depth)


def _read_array_frame(cls: Any, elements: Elements, depth: int) -> Frame:
    if elements.length != 1 + len(cls.LAYOUT):
        raise HeaderError("array-length")
    content: list[Any] = []
    for layout in cls.LAYOUT:
        if layout in ("args", "value"):
            return cls(*content, *_read_body(elements, layout, depth))
        content.append(_read_header(layout, elements.next()))
    elements.finish()
    return cls(*content)


class Encoding(ABC):
    """One of the encodings. `tail` and `numbered` write a sequenced frame in two steps, since its
    number is given late (SES-009) and everything after the number is the same whatever it is."""

    name: str

    @abstractmethod
    def decode(self, message: Message, depth: int = 64) -> Frame:
        """The frame in a message. Raises HeaderError."""

    @abstractmethod
    def write_array(self, elements: list[Any]) -> Message: ...

    @abstractmethod
    def _form(self, value: Any) -> Any: ...

    @abstractmethod
    def tail(self, frame: Frame) -> Message:
        """A sequenced frame without what stands before and in its number."""

    @abstractmethod
    def numbered(self, kind: int, length: int, seq: int, tail: Message) -> Message: ...

    @staticmethod
    def size(message: Message) -> int:
        """SES-020: the length of the message in bytes."""
        if isinstance(message, bytes) or message.isascii():
            return len(message)
        return len(message.encode())

    def encode(self, frame: Frame) -> Message:
        """The canonical message of any frame."""
        return self.write_array([kind_of(frame), *self._elements(frame)])

    def _elements(self, frame: Frame) -> list[Any]:
        if type(frame) in READERS:
            return [to_map(frame, self._form)]
        if isinstance(frame, Ignorable):
            return []
        elements = []
        names = field_names(type(frame))
        for name in names if not isinstance(frame, NumberedIgnorable) else ["seq"]:
            content = getattr(frame, name)
            if name == "ns":
                content = None if content == "/" else content
            elif name in ("args", "auth", "data"):
                content = self._form(content)
            elements.append(content)
        return elements


class MessagePackEncoding(Encoding):
    name = "trunkline.v1.msgpack"

    def decode(self, message: Message, depth: int = 64) -> Frame:
        if not isinstance(message, bytes):
            raise HeaderError("wrong-message-type")
        if not message:
            raise HeaderError("empty-message")
        return read_frame(MessagePackElements(message), depth)

    def write_array(self, elements: list[Any]) -> bytes:
        return messagepack.write(elements)

    def _form(self, value: Any) -> Any:
        return value

    def tail(self, frame: Frame) -> bytes:
        return b"".join(messagepack.write(element) for element in self._elements(frame)[1:])

    def numbered(self, kind: int, length: int, seq: int, tail: Message) -> bytes:
        assert isinstance(tail, bytes)
        head = messagepack.array_head(length) + messagepack.write(kind)
        return head + messagepack.write(seq) + tail


class JsonEncoding(Encoding):
    name = "trunkline.v1.json"

    def decode(self, message: Message, depth: int = 64) -> Frame:
        if not isinstance(message, str):
            raise HeaderError("wrong-message-type")
        if not message:
            raise HeaderError("empty-message")
        return read_frame(JsonElements(message), depth)

    def write_array(self, elements: list[Any]) -> str:
        return json_text.write(elements)

    def _form(self, value: Any) -> Any:
        return to_marked(value)

    def tail(self, frame: Frame) -> str:
        return "".join("," + json_text.write(element) for element in self._elements(frame)[1:])

    def numbered(self, kind: int, length: int, seq: int, tail: Message) -> str:
        return f"[{kind},{seq}{tail}]"


MESSAGEPACK = MessagePackEncoding()
JSON = JsonEncoding()
ENCODINGS = {"msgpack": MESSAGEPACK, "json": JSON}


def kind_of(frame: Frame) -> int:
    return frame.kind if isinstance(frame, (Ignorable, NumberedIgnorable)) else frame.KIND


def is_sequenced(frame: Frame) -> bool:
    return isinstance(frame, Sequenced)


def array_length(frame: Frame) -> int:
    """How many elements the array of a sequenced frame has."""
    return 2 if isinstance(frame, NumberedIgnorable) else 1 + len(type(frame).LAYOUT)
