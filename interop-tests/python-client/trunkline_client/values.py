"""The value model (encoding.md, "The value model"; ENC-021 to ENC-032).

Both decoders first produce *raw* trees, which keep what Python's own types would lose: repeated
keys, keys that are no strings, and things that are no values at all. `to_value` turns a raw tree
into a value of the model, or says what is wrong with it.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator
from typing import Any

SAFE = 2**53 - 1
DEPTH_OF_BODY = 2
"""ENC-024: the frame's array is 1, so a container that is the body is 2."""


class BadValue(Exception):
    """Content that the value model does not allow. `cause` is a word of the vectors."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class RawMap:
    """A map as it stood in the message: keys and values in turn, nothing checked."""

    __slots__ = ("flat",)

    def __init__(self, flat: list[Any]) -> None:
        self.flat = flat

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        return zip(self.flat[0::2], self.flat[1::2])

    def __len__(self) -> int:
        return len(self.flat) // 2


class Unusable:
    """Something well delimited that is no value: an extension type, bad UTF-8, the byte 0xc1."""

    __slots__ = ("cause",)

    def __init__(self, cause: str) -> None:
        self.cause = cause


def is_text(raw: Any) -> bool:
    """ENC-017: a string of Unicode scalar values (no lone surrogates)."""
    if not isinstance(raw, str):
        return False
    if raw.isascii():
        return True
    try:
        raw.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_value(raw: Any, marks: bool, limit: int, depth: int = DEPTH_OF_BODY) -> Any:
    """The value that a raw tree means. `marks` is set for JSON. Raises `BadValue`."""
    if raw is None or isinstance(raw, (bool, int, bytes)):
        return raw
    if isinstance(raw, str):
        if not is_text(raw):
            raise BadValue("bad-utf8")
        return raw
    if isinstance(raw, float):
        if marks and not math.isfinite(raw):
            raise BadValue("number-out-of-range")
        return raw
    if isinstance(raw, Unusable):
        raise BadValue(raw.cause)
    if isinstance(raw, list):
        if depth > limit:
            raise BadValue("too-deep")
        return [to_value(item, marks, limit, depth + 1) for item in raw]
    assert isinstance(raw, RawMap)
    if marks and len(raw) == 1 and isinstance(raw.flat[0], str) and raw.flat[0].startswith("$"):
        key, content = raw.flat
        if not key.startswith("$$"):
            return read_mark(key, content)
        raw = RawMap([key[1:], content])
    if depth > limit:
        raise BadValue("too-deep")
    return _to_map(raw, marks, limit, depth)


def _to_map(raw: RawMap, marks: bool, limit: int, depth: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, content in raw.pairs():
        if isinstance(key, Unusable) and key.cause == "bad-utf8":
            raise BadValue("bad-utf8")
        if not isinstance(key, str):
            raise BadValue("key-not-string")
        if not is_text(key):
            raise BadValue("bad-utf8")
        if key in result:
            raise BadValue("duplicate-key")
        result[key] = to_value(content, marks, limit, depth + 1)
    return result


INTEGER = re.compile(r"0|-?[1-9][0-9]{0,19}", re.ASCII)
BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def read_mark(key: str, content: Any) -> Any:
    """ENC-029 to ENC-031. An unknown mark is an error, so that later versions may add some."""
    if isinstance(content, str):
        if key == "$bin":
            return _read_bytes(content)
        if key == "$num" and content in NUMBERS:
            return NUMBERS[content]
        if key == "$int" and INTEGER.fullmatch(content) and -(2**63) <= int(content) < 2**64:
            return int(content)
    raise BadValue("bad-mark")


def _read_bytes(text: str) -> bytes:
    if not BASE64URL.fullmatch(text):
        raise BadValue("bad-mark")
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise BadValue("bad-mark") from None
    if to_base64url(content) != text:
        raise BadValue("bad-mark")
    return content


def to_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode("ascii").rstrip("=")


def to_marked(value: Any) -> Any:
    """The JSON form of a value (ENC-028 to ENC-032)."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if -SAFE <= value <= SAFE else {"$int": str(value)}
    if isinstance(value, float):
        if math.isnan(value):
            return {"$num": "NaN"}
        if math.isinf(value):
            return {"$num": "Infinity" if value > 0 else "-Infinity"}
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bin": to_base64url(bytes(value))}
    if isinstance(value, (list, tuple)):
        return [to_marked(item) for item in value]
    if len(value) == 1:
        ((key, content),) = value.items()
        if key.startswith("$"):
            return {"$" + key: to_marked(content)}
    return {key: to_marked(content) for key, content in value.items()}


def check_value(value: Any, limit: int, depth: int = DEPTH_OF_BODY) -> None:
    """LIM-003: refuses here what no peer may be sent. Raises ValueError or TypeError."""
    if value is None or isinstance(value, (bool, float, bytes, bytearray, memoryview)):
        return
    if isinstance(value, str):
        if not is_text(value):
            raise ValueError("a string holds a lone surrogate, which cannot be sent")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise ValueError("an integer lies beyond -2^63 to 2^64 - 1")
    elif isinstance(value, (list, tuple, dict)):
        if depth > limit:
            raise ValueError(f"containers are nested deeper than the peer's limit of {limit}")
        if isinstance(value, dict):
            for key in value:
                if not is_text(key):
                    raise TypeError("a map's keys must be strings")
        for item in value.values() if isinstance(value, dict) else value:
            check_value(item, limit, depth + 1)
    else:
        raise TypeError(f"{type(value).__name__} is no value of the protocol")


def equal(left: Any, right: Any) -> bool:
    """Equality in the value model: 1 equals 1.0 (ENC-022), true does not equal 1, NaN equals NaN."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or (left != left and right != right)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return type(left) is type(right) and left == right
