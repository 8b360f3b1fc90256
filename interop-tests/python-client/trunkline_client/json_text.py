"""Reading and writing JSON (ENC-015, ENC-020, ENC-027, ENC-028; the notes at the end of encoding.md)."""

from __future__ import annotations

import json
from typing import Any

from .values import SAFE, RawMap


class NotJson(Exception):
    """The text is not one well-formed JSON text."""


def _whole(digits: str) -> int | float:
    """ENC-028: beyond 2^53 - 1 a number is a float. `-0` becomes one too: as an integer it is the
    same value, and as a float it is no protocol integer, which it must not be (ENC-015)."""
    if digits != "-0" and len(digits) <= 17 and -SAFE <= int(digits) <= SAFE:
        return int(digits)
    return float(digits)


def _refuse(name: str) -> Any:
    raise NotJson(name)


def _pairs(pairs: list[tuple[str, Any]]) -> RawMap:
    return RawMap([item for pair in pairs for item in pair])


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_whole, parse_float=float, parse_constant=_refuse, strict=True
)


def read(message: str) -> Any:
    """The raw tree of a message. Nesting too deep for the parser counts as no JSON, as allowed."""
    if message.startswith("\ufeff"):
        raise NotJson("a byte order mark")
    try:
        return _DECODER.decode(message)
    except (ValueError, RecursionError) as error:
        raise NotJson(type(error).__name__) from None


def write(marked: Any) -> str:
    """The canonical text of a value in its marked form."""
    return json.dumps(marked, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
