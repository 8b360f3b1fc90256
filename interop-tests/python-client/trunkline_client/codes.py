"""Codes, and what they mean for the session (codes.md, codes.toml; COD-001 to COD-006, FRM-013)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

NORMAL = 1000
GOING_AWAY = 1001
UNSUPPORTED_VERSION = 3001
UNAUTHORIZED = 3002
UNKNOWN_NAMESPACE = 3004
ALREADY_CONNECTED = 3005
TOO_MANY_NAMESPACES = 3006
BAD_ARGS = 3007
UNKNOWN_EVENT = 3009
NOT_CONNECTED = 3010
INTERNAL = 3011
NO_ANSWER = 3012
DISCONNECTED = 3013
ENDED = 3014
PROTOCOL_ERROR = 3200
OVERFLOW = 3201
SESSION_UNKNOWN = 3202
HANDSHAKE_TIMEOUT = 3203
NO_NAMESPACE = 3204
FRAME_TOO_LARGE = 3205
SUPERSEDED = 3400
STALE_ATTACH = 3401
PING_TIMEOUT = 3402
SLOW_CONSUMER = 3600
TOO_MANY_ATTACHES = 3601

CUTS = (1005, 1006, 1015)


class Retry(Enum):
    """What a client does next."""

    NEVER = "does not retry by itself"
    AT_ONCE = "at once, then with back-off"
    BACK_OFF = "with back-off, after `retry_after` if told"


@dataclass(frozen=True)
class Disposition:
    """What a code in CLOSE says."""

    session_kept: bool
    retry: Retry


OVER = Disposition(False, Retry.NEVER)
FRESH = Disposition(False, Retry.BACK_OFF)
RESUME_AT_ONCE = Disposition(True, Retry.AT_ONCE)
RESUME_LATER = Disposition(True, Retry.BACK_OFF)


def disposition(code: int) -> Disposition:
    """What a code that the server sent means to the client (tables of codes.md)."""
    if 3000 <= code <= 4999:
        last = code % 1000
        if last < 200:
            return OVER
        if 400 <= last < 600:
            return RESUME_AT_ONCE
        if 600 <= last < 800:
            return RESUME_LATER
        return FRESH
    if code in (1000, 1008, 1010):
        return OVER
    if code in (1001, 1012, 1013, 1014):
        return RESUME_LATER
    if code in CUTS:
        return RESUME_AT_ONCE
    return FRESH
