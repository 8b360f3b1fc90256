"""The canonical encoding of a frame's meaning, in both encodings.

Written from encoding.md and frames.md, with the `msgpack` package and the standard library alone, so
that it shares no code, and no mistake, with any implementation that is tested against its output.
"""

import base64
import json
import math
import re
import tomllib
from pathlib import Path

import msgpack

PROTOCOL = Path(__file__).resolve().parent.parent
SAFE = 2**53 - 1

# The documented key order of every protocol map, and what an absent key means.
LIMITS = {
    "frame": 1048576,
    "datagram": 1000,
    "replay": 1048576,
    "inbound": 1048576,
    "queue": 1048576,
    "name": 255,
    "depth": 64,
    "namespaces": 64,
    "rooms": 1024,
    "pending_acks": 1024,
    "latest_keys": 1024,
}
RESUME_KEYS = ["session", "secret", "attach", "received", "strict"]
ALTERNATIVE_KEYS = ["transport", "url", "hashes"]
MAP_KEYS = {
    "HELLO": ["v", "agent", "auth", "resume", "features", "limits", "ping_interval"],
    "WELCOME": [
        "v",
        "session",
        "secret",
        "resumed",
        "reason",
        "received",
        "ping_interval",
        "ping_timeout",
        "resume_window",
        "limits",
        "features",
        "datagrams",
        "alternatives",
    ],
    "GOAWAY": ["reason", "slot", "deadline", "url"],
    "CLOSE": ["code", "reason", "retry_after", "url", "attach", "data"],
    "AUTH": ["auth", "wanted", "expires"],
}
REQUIRED = {
    "HELLO": ["v", "agent"],
    "WELCOME": [
        "v",
        "session",
        "resumed",
        "received",
        "ping_interval",
        "ping_timeout",
        "resume_window",
        "limits",
        "features",
        "datagrams",
    ],
    "GOAWAY": ["reason", "slot", "deadline"],
    "CLOSE": ["code", "reason"],
    "AUTH": [],
}


def registry():
    """Frame kinds by name, from frames.toml."""
    table = tomllib.loads((PROTOCOL / "frames.toml").read_text())
    return {frame["name"]: frame for frame in table["frame"]}


FRAMES = registry()


def to_value(marked):
    """Reads a JSON value with `$` marks into Python: bytes, big integers, NaN and the infinities."""
    if isinstance(marked, list):
        return [to_value(item) for item in marked]
    if not isinstance(marked, dict):
        return marked
    if len(marked) == 1:
        (key, content), = marked.items()
        if key == "$bin":
            return unmark_bytes(content)
        if key == "$int":
            assert re.fullmatch(r"0|-?[1-9][0-9]*", content), content
            assert -(2**63) <= int(content) < 2**64, content
            return int(content)
        if key == "$num":
            return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}[content]
        if key.startswith("$"):
            assert key.startswith("$$"), key
            return {key[1:]: to_value(content)}
    return {key: to_value(content) for key, content in marked.items()}


def to_marked(value):
    """The inverse of `to_value`."""
    if isinstance(value, bytes):
        return {"$bin": base64.urlsafe_b64encode(value).decode().rstrip("=")}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if -SAFE <= value <= SAFE else {"$int": str(value)}
    if isinstance(value, float):
        if math.isnan(value):
            return {"$num": "NaN"}
        if math.isinf(value):
            return {"$num": "Infinity" if value > 0 else "-Infinity"}
        return value
    if isinstance(value, list):
        return [to_marked(item) for item in value]
    if len(value) == 1:
        (key, content), = value.items()
        if key.startswith("$"):
            return {"$" + key: to_marked(content)}
    return {key: to_marked(content) for key, content in value.items()}


def unmark_bytes(text):
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert to_marked(content) == {"$bin": text}, text
    return content


def wire_map(kind, meaning):
    """The protocol map of HELLO, WELCOME, GOAWAY, CLOSE or AUTH: documented order, absent keys left out."""
    assert list(meaning) == MAP_KEYS[kind], (kind, list(meaning))
    out = {}
    for key, content in meaning.items():
        absent = content is None or (content == [] and key not in REQUIRED[kind]) or (key == "wanted" and not content)
        if absent:
            assert key not in REQUIRED[kind], (kind, key)
            continue
        if key == "resume":
            assert list(content) == RESUME_KEYS
            content = {k: v for k, v in content.items() if k != "strict" or v}
        if key == "limits":
            assert list(content) == list(LIMITS)
        if key == "alternatives":
            content = [wire_alternative(alternative) for alternative in content]
        out[key] = content
    return out


def wire_alternative(meaning):
    assert list(meaning) == ALTERNATIVE_KEYS
    return {k: v for k, v in meaning.items() if k != "hashes" or v}


def wire_array(kind, meaning):
    """The frame's array, its values in the JSON encoding's marked form."""
    frame = FRAMES[kind]
    if frame["fields"] == ["{…}"]:
        return [frame["kind"], wire_map(kind, meaning)]
    assert list(meaning) == frame["fields"], (kind, list(meaning))
    fields = dict(meaning)
    if "ns" in fields:
        fields["ns"] = None if fields["ns"] == "/" else fields["ns"]
    return [frame["kind"], *fields.values()]


def to_message_pack(marked):
    return msgpack.packb(to_value(marked), use_bin_type=True)


def to_json(marked):
    return json.dumps(marked, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def same(left, right):
    """Equality of the value model: an integer and a float of equal value are one; NaN is itself."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    return type(left) is type(right) and left == right


def read_message_pack(data):
    return msgpack.unpackb(data, raw=False, strict_map_key=True)


def read_json(text):
    def whole(digits):
        number = int(digits)
        return number if -SAFE <= number <= SAFE else float(number)

    return to_value(json.loads(text, parse_int=whole))
