"""Limits and their defaults (limits.md, LIM-001 to LIM-003)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

MOST = 4_294_967_295
"""LIM-001: a higher number may be read as this one."""

HELLO_BYTES = 8_192
"""SES-003: the longest HELLO that a server takes."""

LEAST = {
    "frame": 16_384,
    "datagram": 1_000,
    "replay": 16_384,
    "inbound": 16_384,
    "queue": 0,
    "name": 255,
    "depth": 64,
    "namespaces": 1,
    "rooms": 0,
    "pending_acks": 0,
    "latest_keys": 1,
}


@dataclass(frozen=True)
class Limits:
    """What one side takes and keeps. The field order is the canonical order of the keys."""

    frame: int = 1_048_576
    datagram: int = 1_000
    replay: int = 1_048_576
    inbound: int = 1_048_576
    queue: int = 1_048_576
    name: int = 255
    depth: int = 64
    namespaces: int = 64
    rooms: int = 1_024
    pending_acks: int = 1_024
    latest_keys: int = 1_024

    def as_map(self) -> dict[str, int]:
        return asdict(self)

    def bounded(self) -> Limits:
        """LIM-001: too low a number reads as the least, too high a one as 2^32 - 1."""
        return replace(self, **{k: min(max(v, LEAST[k]), MOST) for k, v in asdict(self).items()})


UNTOLD = replace(Limits(), frame=LEAST["frame"], inbound=LEAST["inbound"])
"""SES-005: what a client may count on before it has read WELCOME."""
