"""Reading and writing MessagePack (ENC-007, ENC-012, ENC-014, ENC-025, ENC-026)."""

from __future__ import annotations

import struct
from typing import Any

import msgpack

from .values import RawMap, Unusable

RESERVED_BYTE = 0xC1
NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
LENGTHS = {
    0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xC7: ">B", 0xC8: ">H", 0xC9: ">I",
    0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I",
}  # fmt: skip


class Truncated(Exception):
    """The message ends within an object."""


class _Open:
    """A container whose members are still being read."""

    __slots__ = ("items", "left", "is_map")

    def __init__(self, left: int, is_map: bool) -> None:
        self.items: list[Any] = []
        self.left = left
        self.is_map = is_map

    def done(self) -> Any:
        return RawMap(self.items) if self.is_map else self.items


class Reader:
    """Reads raw trees off a message one object at a time.

    It keeps its own stack, so that depth costs no call stack, and appends members one by one, so
    that a length that lies reserves nothing (ENC-012).
    """

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.position = 0
        self.saw_reserved = False

    def at_end(self) -> bool:
        return self.position == len(self.message)

    def array_header(self) -> int | None:
        """The length of the array that begins here, or None if none does."""
        if not self.message:
            return None
        first = self.message[self.position]
        if 0x90 <= first <= 0x9F or first in (0xDC, 0xDD):
            opened = self._token()
            assert isinstance(opened, _Open)
            return opened.left
        return None

    def read(self) -> Any:
        """The next object, whatever it is."""
        stack: list[_Open] = []
        while True:
            item = self._token()
            if isinstance(item, _Open):
                if item.left:
                    stack.append(item)
                    continue
                item = item.done()
            while stack:
                top = stack[-1]
                top.items.append(item)
                top.left -= 1
                if top.left:
                    break
                item = stack.pop().done()
            else:
                return item

    def _take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self.message):
            raise Truncated
        taken = self.message[self.position : end]
        self.position = end
        return taken

    def _unpack(self, layout: str) -> Any:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _text(self, length: int) -> Any:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            return Unusable("bad-utf8")

    def _token(self) -> Any:
        first = self._take(1)[0]
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first <= 0x8F:
            return _Open(2 * (first & 0x0F), True)
        if first <= 0x9F:
            return _Open(first & 0x0F, False)
        if first <= 0xBF:
            return self._text(first & 0x1F)
        if first in NUMBERS:
            return self._unpack(NUMBERS[first])
        if first in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[first]
        if first == RESERVED_BYTE:
            self.saw_reserved = True
            return Unusable("reserved-byte")
        if 0xD4 <= first <= 0xD8:
            self._take(1 + (1 << (first - 0xD4)))
            return Unusable("extension-type")
        length = self._unpack(LENGTHS[first])
        if first <= 0xC6:
            return self._take(length)
        if first <= 0xC9:
            self._take(1 + length)
            return Unusable("extension-type")
        if first <= 0xDB:
            return self._text(length)
        if first <= 0xDD:
            return _Open(length, False)
        return _Open(2 * length, True)


def write(value: Any) -> bytes:
    """The canonical bytes of one value."""
    return msgpack.packb(value, use_bin_type=True)


def array_head(length: int) -> bytes:
    """The header of a frame's array; no frame has more than 15 elements."""
    return bytes([0x90 | length])
