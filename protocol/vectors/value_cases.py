"""The cases of integers.json, values.json and ignorable.json, and what only a decoder meets."""

import struct

from encoder import FRAMES, LIMITS, to_json, to_marked, to_message_pack
from frame_cases import alternative, auth, close, event, goaway, hello, resume, welcome

BOUNDARIES = [
    *(0, 1, 23, 24, 127, 128, 255, 256, 32767, 32768, 65535, 65536),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 - 2, 2**53 - 1),
]
# Every MessagePack integer format that can hold a number that is not negative: prefix, struct format, range.
FORMATS = [
    ("uint 8", 0xCC, ">B", 2**8),
    ("uint 16", 0xCD, ">H", 2**16),
    ("uint 32", 0xCE, ">I", 2**32),
    ("uint 64", 0xCF, ">Q", 2**64),
    ("int 8", 0xD0, ">b", 2**7),
    ("int 16", 0xD1, ">h", 2**15),
    ("int 32", 0xD2, ">i", 2**31),
    ("int 64", 0xD3, ">q", 2**63),
]


def canonical(kind, name, meaning):
    return dict(kind=kind, name=name, frame=meaning)


def decoded(kind, name, meaning, message_pack=None, json=None):
    """A case for decoders alone. `message_pack` is hex or bytes, `json` is text."""
    case = dict(kind=kind, name=name, frame=meaning, decode_only=True)
    if message_pack is not None:
        case["messagepack"] = message_pack if isinstance(message_pack, bytes) else bytes.fromhex(message_pack)
    if json is not None:
        case["json"] = json
    return case


def decoded_array(kind, name, meaning, array):
    """The same for an array that both encodings can carry."""
    return decoded(kind, name, meaning, to_message_pack(array), to_json(array))


# integers.json


def integer_cases():
    for number in BOUNDARIES:
        yield canonical("PING", f"t is {number}", dict(t=number, received=0))
    for number in BOUNDARIES[1:]:
        yield canonical("RECEIVED", f"received is {number}", dict(received=number))
        yield canonical("EVENT", f"seq is {number}", event(seq=number))
    for number in BOUNDARIES:
        yield canonical("EVENT", f"ack_id is {number}", event(ack_id=number))
        yield canonical("LATEST", f"version is {number}", dict(ns="/", event="e", key="k", version=number, args=[]))
    for number in (0, 1, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**32 - 1, 2**32, 2**53 - 1):
        for label, prefix, layout, end in FORMATS:
            wide = bytes([prefix]) + struct.pack(layout, number) if number < end else None
            if wide is None or wide == to_message_pack(number):
                continue
            body = b"\x93\x02" + wide + b"\x00"
            yield decoded("PING", f"t is {number}, written as {label}", dict(t=number, received=0), body)
    yield from integers_elsewhere()


def integers_elsewhere():
    yield decoded("PING", "the kind as uint 16", dict(t=1, received=2), "93 cd0002 01 02")
    yield decoded("PING", "the kind as int 64", dict(t=1, received=2), "93 d30000000000000002 01 02")
    yield decoded("EVENT", "the seq as uint 64", event(seq=5), "96 14 cf0000000000000005 c0 c0 a3736179 90")
    yield decoded("EVENT", "the ack id as int 8", event(ack_id=5), "96 14 01 c0 d005 a3736179 90")
    yield decoded(
        "DISCONNECT", "the code as uint 32", dict(seq=1, ns="/", code=3013, reason=""), "95 13 01 c0 ce00000bc5 a0"
    )
    yield decoded("HELLO", "v as uint 32", hello(agent="a"), "92 00 82 a176 ce00000001 a56167656e74 a161")
    yield decoded("RECEIVED", "white space between JSON tokens", dict(received=7), json=' [ 4 ,\n\t7 ]\r\n')


# values.json

STRINGS = [
    ("empty", ""),
    ("NUL", "\0"),
    ("control characters", "\x01\b\t\n\x0b\f\r\x1f\x7f"),
    ("quote, backslash and slash", "\"\\/"),
    ("U+0080", "\u0080"),
    ("U+07FF and U+0800", "\u07ff\u0800"),
    ("U+2028 and U+2029", "\u2028\u2029"),
    ("U+D7FF and U+E000", "\ud7ff\ue000"),
    ("U+FEFF inside", "a\ufeffb"),
    ("noncharacters", "\ufffe\uffff"),
    ("U+10000 and U+10FFFF", "\U00010000\U0010ffff"),
    ("a composed and a decomposed letter differ", "\u00e9e\u0301"),
    ("an emoji of several code points", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
    *((f"{length} bytes", "s" * length) for length in (31, 32, 255, 256, 300)),
]
INTEGERS = [
    *(0, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 - 1),
    *(-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**53) + 1),
]
BIG_INTEGERS = [2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**53), -(2**53) - 1, -(2**63)]
FLOATS = [1.5, -0.25, 0.1, 3.141592653589793, -1234.5678, 0.5]
BYTES = [("no bytes", ""), ("one byte", "_w"), ("two bytes", "AAE"), ("three bytes", "-_8A")]


def deep(levels, innermost=None):
    """`levels` arrays within one another."""
    value = innermost
    for _ in range(levels):
        value = [] if value is None else [value]
    return value


def value_cases():
    for name, text in STRINGS:
        yield canonical("EVENT", f"string: {name}", event(args=[text]))
    for number in INTEGERS:
        yield canonical("EVENT", f"integer {number}", event(args=[number]))
    for number in BIG_INTEGERS:
        yield canonical("EVENT", f"integer {number} is marked in JSON", event(args=[{"$int": str(number)}]))
    for number in FLOATS:
        yield canonical("EVENT", f"float {number}", event(args=[number]))
    for name in ("NaN", "Infinity", "-Infinity"):
        yield canonical("EVENT", f"float {name} is marked in JSON", event(args=[{"$num": name}]))
    for name, text in BYTES:
        yield canonical("EVENT", f"bytes: {name}", event(args=[{"$bin": text}]))
    for length in (255, 256):
        yield canonical("EVENT", f"bytes: {length} of them", event(args=[{"$bin": filler(length)}]))
    yield from container_cases()
    yield from mark_cases()
    yield from other_forms()


def filler(length):
    return to_marked(bytes(length))["$bin"]


def container_cases():
    yield canonical("EVENT", "nil, true and false", event(args=[None, True, False]))
    yield canonical("EVENT", "empty array, map, string and bytes", event(args=[[], {}, "", {"$bin": ""}]))
    for length in (15, 16, 17):
        yield canonical("EVENT", f"an array of {length}", event(args=[[0] * length]))
        yield canonical("EVENT", f"a map of {length}", event(args=[{f"k{n:02}": n for n in range(length)}]))
    yield canonical("EVENT", "an empty key", event(args=[{"": 1}]))
    yield canonical("EVENT", "a key beyond ASCII", event(args=[{"\u00e9": 1, "\U0001f600": 2}]))
    # The frame is depth 1 and args depth 2, so 62 more arrays reach the limit of 64.
    yield canonical("EVENT", "depth 64", event(args=[deep(62)]))
    yield canonical("EVENT", "bytes at depth 64: a mark is no depth of its own", event(args=[deep(62, {"$bin": "_w"})]))
    yield canonical("CONNECT", "auth at depth 64", dict(seq=1, ns="/", auth=deep(63)))


def mark_cases():
    cases = [
        ("a one-member map with a key that starts with a dollar", {"$$x": 1}),
        ("a key that is a dollar alone", {"$$": 1}),
        ("a key of two dollars", {"$$$": 1}),
        ("a user's $bin", {"$$bin": "_w"}),
        ("a user's $int", {"$$int": "7"}),
        ("a user's $num holding a mark", {"$$num": {"$num": "NaN"}}),
        ("a user's $$bin", {"$$$bin": "_w"}),
        ("a dollar key beside another key is not escaped", {"$bin": "_w", "x": 1}),
        ("two dollar keys are not escaped", {"$a": 1, "$b": 2}),
        ("a dollar inside a key is nothing special", {"a$": 1}),
        ("escapes within escapes", {"$$a": {"$$b": {"c": {"$bin": ""}}}}),
    ]
    for name, value in cases:
        yield canonical("EVENT", f"escape: {name}", event(args=[value]))
        yield canonical("CONNECT", f"escape in auth: {name}", dict(seq=1, ns="/", auth=value))


def other_forms():
    """What a decoder takes and a canonical encoder does not write."""
    head = "96 14 01 c0 c0 a3736179 "
    json_head = '[20,1,null,null,"say",'
    forms = [
        ("float 1.0 equals integer 1", [1.0], "91 cb3ff0000000000000", "[1.0]"),
        ("a float with an exponent", [100000.0], "91 cb40f86a0000000000", "[1e5]"),
        ("a great float", [1.7976931348623157e308], "91 cb7fefffffffffffff", "[1.7976931348623157e308]"),
        ("the smallest float", [5e-324], "91 cb0000000000000001", "[5e-324]"),
        ("minus zero", [-0.0], "91 cb8000000000000000", "[-0.0]"),
        ("float 32 is widened", [1.5], "91 ca3fc00000", None),
        ("float 32 infinity", [{"$num": "Infinity"}], "91 ca7f800000", None),
        ("integer 5 as uint 64", [5], "91 cf0000000000000005", None),
        ("integer -5 as int 64", [-5], "91 d3fffffffffffffffb", None),
        ("a string as str 8", ["a"], "91 d90161", None),
        ("a string as str 16", ["a"], "91 da000161", None),
        ("a string as str 32", ["a"], "91 db0000000161", None),
        ("bytes as bin 16", [{"$bin": "_w"}], "91 c50001ff", None),
        ("bytes as bin 32", [{"$bin": "_w"}], "91 c600000001ff", None),
        ("args as array 16", [1], "dc0001 01", None),
        ("args as array 32", [1], "dd00000001 01", None),
        ("a map as map 16", [{"a": 1}], "91 de0001 a16101", None),
        ("a map as map 32", [{"a": 1}], "91 df00000001 a16101", None),
        ("a small integer in $int", [7], None, '[{"$int":"7"}]'),
        ("zero in $int", [0], None, '[{"$int":"0"}]'),
        ("a bare integer beyond 2^53-1 is a float", [9007199254740992.0], None, "[9007199254740992]"),
        ("a bare integer beyond 64 bits is a float", [1e20], None, "[100000000000000000000]"),
        ("JSON string escapes", ["\u00e9\U0001f600/\n"], None, r'["\u00e9\ud83d\uDE00\/\u000a"]'),
        ("an escaped key is a mark all the same", [{"$bin": "_w"}], None, r'[{"\u0024bin":"_w"}]'),
        ("white space within args", [1, {"a": [2]}], None, '[ 1 ,\t{ "a" :\n[ 2 ] } ]'),
    ]
    for name, args, message_pack, json in forms:
        yield decoded(
            "EVENT",
            name,
            event(args=args),
            head + message_pack if message_pack else None,
            json_head + json + "]" if json else None,
        )
    yield decoded("EVENT", "the frame as array 16", event(), "dc0006 14 01 c0 c0 a3736179 90")
    yield decoded("EVENT", "the event as str 8", event(), "96 14 01 c0 c0 d903736179 90")


# Protocol maps as a decoder meets them; these go to the files of their kinds.


def map_decode_cases():
    limits_seen = dict(LIMITS, frame=65_536)
    wish = [0, {"v": 1, "agent": "a", "auth": None, "resume": None, "features": None, "limits": None, "ping_interval": None}]
    future = {"deep": [1, {"two": None}], "bytes": {"$bin": "_w"}}
    base = {
        "v": 1,
        "session": "s",
        "resumed": True,
        "received": 0,
        "ping_interval": 1,
        "ping_timeout": 2,
        "resume_window": 3,
        "limits": {},
        "features": [],
        "datagrams": "none",
    }
    seen = welcome(
        session="s", secret=None, resumed=True, ping_interval=1, ping_timeout=2, resume_window=3, datagrams="none"
    )
    yield decoded_array("HELLO", "the least that is a HELLO", hello(agent="a"), [0, {"v": 1, "agent": "a"}])
    yield decoded_array("HELLO", "nil is absent", hello(agent="a"), wish)
    yield decoded_array("HELLO", "unknown keys", hello(agent="a"), [0, {"future": future, "v": 1, "lanes": [], "agent": "a"}])
    yield decoded_array("HELLO", "another order of keys", hello(agent="a", auth=1), [0, {"auth": 1, "agent": "a", "v": 1}])
    yield decoded_array(
        "HELLO",
        "some limits, and an unknown one",
        hello(agent="a", limits=limits_seen),
        [0, {"v": 1, "agent": "a", "limits": {"future": "x", "frame": 65_536}}],
    )
    yield decoded_array(
        "HELLO",
        "unknown keys in resume",
        hello(agent="a", resume=resume(session="s", secret="x", attach=2, received=5)),
        [0, {"v": 1, "agent": "a", "resume": {"session": "s", "secret": "x", "attach": 2, "received": 5, "lane": 1}}],
    )
    yield decoded_array("WELCOME", "an empty map of limits is all defaults", seen, [1, base])
    yield decoded_array("WELCOME", "unknown keys", seen, [1, {**base, "future": future}])
    yield decoded_array("WELCOME", "nil is absent", seen, [1, {**base, "secret": None, "reason": None, "alternatives": None}])
    yield decoded_array(
        "WELCOME",
        "a reason nobody knows",
        {**seen, "secret": "x", "resumed": False, "reason": "new in a later version"},
        [1, {**base, "secret": "x", "resumed": False, "reason": "new in a later version"}],
    )
    yield decoded_array(
        "WELCOME",
        "unknown keys in an alternative",
        {**seen, "alternatives": [alternative()]},
        [1, {**base, "alternatives": [{**{k: v for k, v in alternative().items() if k != "hashes"}, "future": 1}]}],
    )
    yield decoded_array(
        "GOAWAY", "unknown keys, nil url", goaway(), [5, {"url": None, "deadline": 30000, "slot": 1500, "future": 1, "reason": "restart"}]
    )
    yield decoded_array(
        "CLOSE",
        "unknown keys, nil where absent",
        close(3402, "ping-timeout"),
        [6, {"future": future, "code": 3402, "reason": "ping-timeout", "retry_after": None, "data": None}],
    )
    yield decoded_array(
        "AUTH",
        "unknown keys, nil where absent, another order",
        auth(expires=5000),
        [7, {"expires": 5000, "future": future, "wanted": None, "auth": None}],
    )
    yield decoded_array("AUTH", "wanted is spelled out", auth(auth="t0ken"), [7, {"wanted": False, "auth": "t0ken"}])


# ignorable.json


def ignorable_cases():
    tails = [("nothing else", []), ("content", [None, "x", {"a": [1.5]}, {"$bin": "_w"}]), ("an array", [[1, [2]]])]
    for kind in (0x40, 0x4A, 0x5F):
        for name, tail in tails:
            yield decoded_array("IGNORABLE", f"kind {kind} with {name}", dict(kind=kind), [kind, *tail])
    for kind in (0x60, 0x6A, 0x7F):
        for seq in (1, 300):
            for name, tail in tails:
                meaning = dict(kind=kind, seq=seq)
                yield decoded_array("NUMBERED_IGNORABLE", f"kind {kind}, seq {seq}, with {name}", meaning, [kind, seq, *tail])
    assert all(not 0x40 <= frame["kind"] <= 0x7F for frame in FRAMES.values())
