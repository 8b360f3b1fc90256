"""Fills the examples of ../frames.md from the vectors: the JSON text, and the MessagePack bytes one token a line."""

import json
import re
import struct

from encoder import FRAMES, PROTOCOL

MARKER = re.compile(r'(<!-- example: (\S+) "([^"]+)" -->\n).*?(<!-- end example -->)', re.DOTALL)
PLAIN_INTEGERS = {0xCC: (">B", "uint 8"), 0xCD: (">H", "uint 16"), 0xCE: (">I", "uint 32"), 0xCF: (">Q", "uint 64")}


def filled(text, cases):
    """`text` with every example filled in. `cases` is a map of (file, name) to case."""

    def fill(match):
        case = cases[match.group(2), match.group(3)]
        return match.group(1) + example(case) + match.group(4)

    return MARKER.sub(fill, text)


def example(case):
    tokens = list(annotate(bytes.fromhex(case["messagepack"]), case["kind"]))
    width = min(max(len(data) for data, _ in tokens), 44)
    lines = "\n".join(f"{data:<{width}}  {note}" for data, note in tokens)
    return f"```\n{case['json']}\n```\n\n```\n{lines}\n```\n"


def annotate(data, kind):
    """Yields (hexadecimal, note) per MessagePack token."""
    fields = FRAMES[kind]["fields"]
    position, note = head(data, 0)
    yield data[:position].hex(" "), f"{note}: the frame"
    start = position
    position, note = head(data, start)
    yield data[start:position].hex(" "), f"  {note}: {kind}"
    for field in fields:
        label = "" if field == "{…}" else field
        position = yield from walk(data, position, 1, label)
    assert position == len(data)


def walk(data, start, indent, label):
    """One value with everything inside it."""
    position, note = head(data, start)
    text = "  " * indent + (f"{label}: {note}" if label else note)
    yield shorten(data[start:position]), text
    first = data[start]
    if 0x90 <= first <= 0x9F:
        for _ in range(first & 0x0F):
            position = yield from walk(data, position, indent + 1, "")
    if 0x80 <= first <= 0x8F:
        for _ in range(first & 0x0F):
            key_start = position
            position, key = head(data, key_start)
            yield data[key_start:position].hex(" "), "  " * (indent + 1) + "key " + key
            position = yield from walk(data, position, indent + 2, "")
    return position


def shorten(data):
    return data.hex(" ") if len(data) <= 12 else data[:10].hex(" ") + " …"


def head(data, at):
    """The end of the token at `at`, without the members of a container, and its description."""
    first = data[at]
    if first < 0x80:
        return at + 1, str(first)
    if first <= 0x8F:
        return at + 1, f"map of {first & 0x0F}"
    if first <= 0x9F:
        return at + 1, f"array of {first & 0x0F}"
    if first <= 0xBF:
        return text(data, at + 1, first & 0x1F)
    if first in (0xC0, 0xC2, 0xC3):
        return at + 1, {0xC0: "nil", 0xC2: "false", 0xC3: "true"}[first]
    if first == 0xC4:
        return at + 2 + data[at + 1], f"{data[at + 1]} bytes"
    if first == 0xCB:
        return at + 9, f"{struct.unpack_from('>d', data, at + 1)[0]} (float 64)"
    if first in PLAIN_INTEGERS:
        layout, name = PLAIN_INTEGERS[first]
        (number,) = struct.unpack_from(layout, data, at + 1)
        return at + 1 + struct.calcsize(layout), f"{number} ({name})"
    assert first == 0xD9, hex(first)
    return text(data, at + 2, data[at + 1])


def text(data, start, length):
    return start + length, json.dumps(data[start : start + length].decode(), ensure_ascii=False)


def documents(cases):
    """Yields (path, text) of each document that holds examples."""
    path = PROTOCOL / "frames.md"
    yield path, filled(path.read_text(), cases)

