"""The cases of negative.json: what must be refused, with which error, and a short stable cause."""

from encoder import to_json, to_message_pack
from frame_cases import SESSION
from value_cases import deep


def header(name, cause, message_pack=None, json=None):
    """A header error: the session ends with protocol-error."""
    return build(name, "protocol-error", cause, message_pack, json)


def both(name, cause, array):
    return header(name, cause, to_message_pack(array), to_json(array))


def build(name, error, cause, message_pack, json):
    case = dict(name=name, error=error, cause=cause)
    if message_pack is not None:
        case["messagepack"] = message_pack if isinstance(message_pack, bytes) else bytes.fromhex(message_pack)
    if json is not None:
        case["json"] = json
    return case


def negative_cases():
    yield from shape_cases()
    yield from kind_cases()
    yield from integer_cases()
    yield from string_cases()
    yield from map_cases()
    yield from body_cases()


def shape_cases():
    yield header("an empty message", "empty-message", b"", "")
    yield header("white space alone", "not-json", None, " \n")
    yield header("not an array: a map", "not-an-array", "8100 01", '{"0":1}')
    yield header("not an array: an integer", "not-an-array", "02", "2")
    yield header("not an array: nil", "not-an-array", "c0", "null")
    yield header("the byte that MessagePack never uses", "not-an-array", "c1")
    yield header("text that is no JSON", "not-json", None, "[2,1,0")
    yield header("JSON with a comma too many", "not-json", None, "[2,1,0,]")
    yield header("JSON with a comment", "not-json", None, "[2,1,0]//x")
    yield header("JSON after the frame", "not-json", None, "[2,1,0][]")
    yield header("a byte order mark", "not-json", None, "\ufeff[2,1,0]")
    yield header("JSON broken within the args", "not-json", None, '[20,1,null,null,"say",[1,]]')
    yield header("NaN, which JSON has not", "not-json", None, '[20,1,null,null,"say",[NaN]]')
    yield header("a bare control character in a string", "not-json", None, '[20,1,null,null,"say",["a\nb"]]')
    yield header("a number with a leading zero", "not-json", None, '[20,1,null,null,"say",[01]]')
    yield header("the array's header is cut", "truncated", "dc00")
    yield header("cut after the array's header", "truncated", "93")
    yield header("cut within the kind", "truncated", "93cd00")
    yield header("cut after the kind", "truncated", "9302")
    yield header("cut within an integer", "truncated", "9302cd01")
    yield header("cut before the last field", "truncated", "930201")
    yield header("cut within a string", "truncated", "96 14 01 c0 c0 a57361")
    yield header("cut within a protocol map", "truncated", "9200 82 a17601 a5616765")
    yield header("a byte after a frame without a body", "trailing-bytes", "93 02 01 00 00")
    yield header("a second frame in the message", "trailing-bytes", "92 04 07 92 04 08")
    yield header("bytes after HELLO", "trailing-bytes", "92 00 82 a17601 a56167656e74 a161 c0")
    yield header("bytes after DISCONNECT", "trailing-bytes", "95 13 01 c0 cd0bc5 a0 c0")


def kind_cases():
    yield both("an empty array", "array-length", [])
    yield both("a PING one too short", "array-length", [2, 1])
    yield both("a PING one too long", "array-length", [2, 1, 0, 0])
    yield both("a HELLO without its map", "array-length", [0])
    yield both("an EVENT without args", "array-length", [20, 1, None, None, "say"])
    yield both("an EVENT one too long", "array-length", [20, 1, None, None, "say", [], []])
    yield both("a DATAGRAM with a seq", "array-length", [32, 1, None, "say", []])
    yield both("a numbered ignorable frame without its seq", "array-length", [0x60])
    for kind in (8, 15, 23, 24, 25, 28, 31, 34, 47, 48, 63, 128, 255, 2**32, 2**53 - 1):
        yield both(f"unknown kind {kind}", "unknown-kind", [kind, 1])
    yield both("the kind is a string", "bad-kind", ["2", 1, 0])
    yield both("the kind is nil", "bad-kind", [None, 1, 0])
    yield both("the kind is true", "bad-kind", [True, 1, 0])
    yield both("the kind is negative", "bad-kind", [-1, 1, 0])
    yield both("the kind is a float", "bad-kind", [2.5, 1, 0])
    yield header("the kind is a whole float", "bad-kind", "93 cb4000000000000000 01 00", "[2.0,1,0]")


def integer_cases():
    values = [
        ("negative", -1),
        ("a fraction", 1.5),
        ("nil", None),
        ("true", True),
        ("a string", "1"),
        ("an array", [1]),
        ("a marked integer", {"$int": "9007199254740992"}),
    ]
    for name, value in values:
        yield both(f"t is {name}", "bad-integer", [2, value, 0])
        yield both(f"received is {name}", "bad-integer", [4, value])
        yield both(f"seq is {name}", "bad-integer", [20, value, None, None, "say", []])
        if value is not None:
            yield both(f"ack_id is {name}", "bad-integer", [20, 1, None, value, "say", []])
    yield both("the ack_id of an ACK is nil", "bad-integer", [21, 1, None, None, []])
    yield both("version is a string", "bad-integer", [33, None, "e", "k", "1", []])
    yield both("connect is nil", "bad-integer", [17, 1, None, None, "x", None])
    yield header("t is a whole float", "bad-integer", "93 02 cb3ff0000000000000 00", "[2,1.0,0]")
    yield header("t has an exponent", "bad-integer", None, "[2,1e0,0]")
    yield header("t is a float 32", "bad-integer", "93 02 ca3f800000 00")
    yield header("t is 2^53", "bad-integer", "93 02 cf0020000000000000 00", "[2,9007199254740992,0]")
    yield header("t is 2^64-1", "bad-integer", "93 02 cfffffffffffffffff 00", "[2,18446744073709551615,0]")
    yield header("t is beyond 64 bits", "bad-integer", None, "[2,18446744073709551616,0]")
    yield header("t in an int 8 is negative", "bad-integer", "93 02 d0ff 00")
    yield both("seq is zero", "bad-seq", [20, 0, None, None, "say", []])
    yield both("the seq of an ignorable frame is zero", "bad-seq", [0x60, 0])
    yield both("the seq of an ignorable frame is a string", "bad-integer", [0x60, "1"])
    for name, code in [("negative", -1), ("a string", "3013"), ("nil", None), ("beyond 16 bits", 65536)]:
        cause = "bad-code" if code == 65536 else "bad-integer"
        yield both(f"a code that is {name}", cause, [19, 1, None, code, ""])


def string_cases():
    for name, value in [("an integer", 1), ("nil", None), ("bytes", {"$bin": "YQ"}), ("an array", ["a"])]:
        yield both(f"the event is {name}", "bad-string", [20, 1, None, None, value, []])
        yield both(f"the reason is {name}", "bad-string", [19, 1, None, 3013, value])
        yield both(f"the socket id is {name}", "bad-string", [17, 1, None, 1, value, None])
        yield both(f"the key is {name}", "bad-string", [33, None, "e", value, 1, []])
    for name, value in [("an integer", 1), ("bytes", {"$bin": "L2E"}), ("false", False)]:
        yield both(f"the namespace is {name}", "bad-string", [20, 1, value, None, "say", []])
    yield both("an empty event", "bad-name", [20, 1, None, None, "", []])
    yield both("an event of 256 bytes", "bad-name", [20, 1, None, None, "n" * 256, []])
    yield both("an event of 128 characters and 256 bytes", "bad-name", [20, 1, None, None, "\u00e9" * 128, []])
    yield both("an empty key", "bad-name", [33, None, "e", "", 1, []])
    yield both("a key of 256 bytes", "bad-name", [33, None, "e", "k" * 256, 1, []])
    yield both("an empty namespace", "bad-name", [20, 1, "", None, "say", []])
    yield both("the root namespace spelled out", "bad-name", [20, 1, "/", None, "say", []])
    yield both("the root namespace spelled out in a CONNECT", "bad-name", [16, 1, "/", None])
    yield both("a namespace without its slash", "bad-name", [16, 1, "chat", None])
    yield both("a namespace of 256 bytes", "bad-name", [16, 1, "/" + "n" * 255, None])
    yield both("an empty socket id", "bad-name", [17, 1, None, 1, "", None])
    yield both("a socket id of 256 bytes", "bad-name", [17, 1, None, 1, "x" * 256, None])
    yield header("the event is not UTF-8", "bad-string", "96 14 01 c0 c0 a2c328 90")
    yield header("the event is a lone surrogate", "bad-string", "96 14 01 c0 c0 a3eda080 90", r'[20,1,null,null,"\ud800",[]]')
    yield header("the reason is an overlong form", "bad-string", "95 13 01 c0 cd0bc5 a2c080")


def map_cases():
    resume = {"session": SESSION, "secret": "x", "attach": 1, "received": 0}
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
    yield both("HELLO's map is an array", "bad-map", [0, [1, "a"]])
    yield both("HELLO's map is nil", "bad-map", [0, None])
    yield both("HELLO without v", "missing-key", [0, {"agent": "a"}])
    yield both("HELLO with a nil v", "missing-key", [0, {"v": None, "agent": "a"}])
    yield both("HELLO without agent", "missing-key", [0, {"v": 1}])
    yield header("HELLO with a key that is no string", "bad-map", "92 00 83 a17601 a56167656e74 a161 01 01")
    yield header(
        "HELLO with v twice",
        "duplicate-key",
        "92 00 83 a17601 a56167656e74 a161 a17601",
        '[0,{"v":1,"agent":"a","v":1}]',
    )
    yield header("HELLO with v twice, once escaped", "duplicate-key", None, r'[0,{"v":1,"agent":"a","\u0076":1}]')
    yield header(
        "HELLO with an unknown key twice",
        "duplicate-key",
        "92 00 84 a17601 a56167656e74 a161 a17a01 a17a02",
        '[0,{"v":1,"agent":"a","z":1,"z":2}]',
    )
    wrong = [
        ("v is a string", {"v": "1"}),
        ("v is negative", {"v": -1}),
        ("agent is an integer", {"agent": 7}),
        ("resume is a string", {"resume": SESSION}),
        ("features is a string", {"features": "x"}),
        ("a feature is an integer", {"features": [1]}),
        ("limits is an array", {"limits": []}),
        ("a limit is a string", {"limits": {"frame": "1"}}),
        ("a limit is negative", {"limits": {"queue": -1}}),
        ("ping_interval is a fraction", {"ping_interval": 1.5}),
        ("attach is a string", {"resume": {**resume, "attach": "1"}}),
        ("received is negative", {"resume": {**resume, "received": -1}}),
        ("strict is an integer", {"resume": {**resume, "strict": 1}}),
        ("the session is an integer", {"resume": {**resume, "session": 5}}),
        ("the session is empty", {"resume": {**resume, "session": ""}}),
        ("the session has 256 bytes", {"resume": {**resume, "session": "s" * 256}}),
        ("the secret is bytes", {"resume": {**resume, "secret": {"$bin": "_w"}}}),
    ]
    for name, given in wrong:
        yield both(f"HELLO: {name}", "bad-value", [0, {"v": 1, "agent": "a", **given}])
    for key in resume:
        less = {k: v for k, v in resume.items() if k != key}
        yield both(f"HELLO: resume without {key}", "missing-key", [0, {"v": 1, "agent": "a", "resume": less}])
    yield header("HELLO: auth holds an extension type", "bad-value", "92 00 83 a17601 a56167656e74 a161 a461757468 d40100")
    yield header("HELLO: auth holds a mark that is none", "bad-value", None, '[0,{"v":1,"agent":"a","auth":{"$x":1}}]')
    for key in base:
        yield both(f"WELCOME without {key}", "missing-key", [1, {k: v for k, v in base.items() if k != key}])
    for key, value in [("datagrams", "maybe"), ("resumed", 1), ("limits", [0]), ("session", ""), ("alternatives", {})]:
        yield both(f"WELCOME: {key} is of another kind", "bad-value", [1, {**base, key: value}])
    yield both("WELCOME: an alternative without its url", "missing-key", [1, {**base, "alternatives": [{"transport": "x"}]}])
    yield both("WELCOME: hashes are strings", "bad-value", [1, {**base, "alternatives": [{"transport": "x", "url": "y", "hashes": ["z"]}]}])
    yield both("GOAWAY without deadline", "missing-key", [5, {"reason": "x", "slot": 0}])
    yield both("GOAWAY: slot is negative", "bad-value", [5, {"reason": "x", "slot": -1, "deadline": 0}])
    yield both("CLOSE without code", "missing-key", [6, {"reason": ""}])
    yield both("CLOSE without reason", "missing-key", [6, {"code": 1000}])
    yield both("CLOSE: code is a string", "bad-value", [6, {"code": "1000", "reason": ""}])
    yield both("CLOSE: code beyond 16 bits", "bad-value", [6, {"code": 65536, "reason": ""}])
    yield both("CLOSE: retry_after is negative", "bad-value", [6, {"code": 1000, "reason": "", "retry_after": -1}])
    yield both("an AUTH without its map", "array-length", [7])
    yield both("an AUTH whose map is an array", "bad-map", [7, []])
    yield both("AUTH: wanted is an integer", "bad-value", [7, {"wanted": 1}])
    yield both("AUTH: expires is negative", "bad-value", [7, {"wanted": True, "expires": -1}])
    yield both("AUTH: expires is a string", "bad-value", [7, {"wanted": True, "expires": "30000"}])
    yield header("AUTH: auth is not UTF-8", "bad-value", "92 07 81 a461757468 a2c328")
    yield header("AUTH: a repeated key", "duplicate-key", "92 07 82 a461757468 01 a461757468 01", '[7,{"auth":1,"auth":1}]')
    yield header("bytes after AUTH", "trailing-bytes", "92 07 80 c0")


# Bodies. The frame decodes and is counted; its body does not.

HEAD = {"seq": 9, "ns": "/", "ack_id": 4, "event": "say"}


def body(name, cause, message_pack=None, json=None):
    """A bad body of the EVENT `[20, 9, nil, 4, "say", …]`."""
    if message_pack is not None:
        message_pack = bytes.fromhex("96 14 09 c0 04 a3736179") + bytes.fromhex(message_pack)
    if json is not None:
        json = '[20,9,null,4,"say",' + json + "]"
    return {**build(name, "bad-args", cause, message_pack, json), "kind": "EVENT", "frame": HEAD}


def body_cases():
    yield body("args is nil", "not-an-array", "c0", "null")
    yield body("args is a map", "not-an-array", "80", "{}")
    yield body("args is a string", "not-an-array", "a161", '"a"')
    yield body("args is marked bytes", "not-an-array", "c401ff", '{"$bin":"_w"}')
    yield body("no args at all", "truncated", "")
    yield body("args end early", "truncated", "9201")
    yield body("a string is cut", "truncated", "91a361")
    yield body("bytes are cut", "truncated", "91c405ff")
    yield body("a map lacks a value", "truncated", "9181a161")
    yield body("an array claims four thousand million members", "truncated", "ddffffffff")
    yield body("a string claims four gigabytes", "truncated", "91dbffffffff61")
    yield body("a byte after the args", "trailing-bytes", "90 00")
    yield body("a second array after the args", "trailing-bytes", "9101 9102")
    yield body("the byte that MessagePack never uses", "reserved-byte", "91c1")
    yield from model_cases()
    yield from mark_cases()
    yield from other_bodies()


def model_cases():
    for name, data in [
        ("fixext 1", "91d40100"),
        ("fixext 16", "91d801" + "00" * 16),
        ("ext 8", "91c7010100"),
        ("ext 32", "91c9000000010100"),
        ("a timestamp", "91d6ff00000000"),
    ]:
        yield body(f"an extension type: {name}", "extension-type", data)
    for name, data in [
        ("a lone continuation byte", "91a180"),
        ("an overlong slash", "91a2c0af"),
        ("a surrogate", "91a3eda080"),
        ("beyond U+10FFFF", "91a4f4908080"),
        ("a cut sequence", "91a2e282"),
        ("a key", "9181a1ff01"),
    ]:
        yield body(f"not UTF-8: {name}", "bad-utf8", data)
    yield body("a lone high surrogate", "bad-utf8", None, r'["\ud800"]')
    yield body("a lone low surrogate in a key", "bad-utf8", None, r'[{"\udc00":1}]')
    yield body("surrogates the wrong way round", "bad-utf8", None, r'["\ude00\ud83d"]')
    yield body("an integer as key", "key-not-string", "91810101")
    yield body("bytes as key", "key-not-string", "9181c4016101")
    yield body("nil as key", "key-not-string", "9181c001")
    yield body("a key twice", "duplicate-key", "9182a16101a16102", '[{"a":1,"a":2}]')
    yield body("a key twice, in two string formats", "duplicate-key", "9182a16101d9016102")
    yield body("a key twice, once escaped", "duplicate-key", None, r'[{"a":1,"\u0061":2}]')
    yield body("a key twice, deep inside", "duplicate-key", "919182a16101a16102", '[[{"a":1,"a":2}]]')
    yield body("depth 65", "too-deep", to_message_pack([deep(63)]).hex(), to_json([deep(63)]))
    yield body("depth 65 by maps", "too-deep", "91" + "81a161" * 63 + "c0", "[" + '{"a":' * 63 + "null" + "}" * 63 + "]")
    yield body("depth 200", "too-deep", "91" * 197 + "90", "[" * 198 + "]" * 198)
    yield body("depth 10,000", "too-deep", "91" * 10000 + "90")
    yield body("a number beyond float 64", "number-out-of-range", None, "[1e400]")
    yield body("a bare integer beyond float 64", "number-out-of-range", None, "[1" + "0" * 400 + "]")


def mark_cases():
    for name, value in [
        ("unknown", '{"$x":1}'),
        ("a dollar alone", '{"$":1}'),
        ("with capitals", '{"$Bin":""}'),
        ("$bin of an integer", '{"$bin":1}'),
        ("$bin of nil", '{"$bin":null}'),
        ("$bin with padding", '{"$bin":"_w=="}'),
        ("$bin in the other alphabet", '{"$bin":"+/8A"}'),
        ("$bin of a length that cannot be", '{"$bin":"A"}'),
        ("$bin with bits left over", '{"$bin":"_x"}'),
        ("$bin with white space", '{"$bin":"AA EC"}'),
        ("$int of an integer", '{"$int":1}'),
        ("$int of nothing", '{"$int":""}'),
        ("$int with a plus", '{"$int":"+1"}'),
        ("$int with a leading zero", '{"$int":"01"}'),
        ("$int minus zero", '{"$int":"-0"}'),
        ("$int with a fraction", '{"$int":"1.0"}'),
        ("$int with white space", '{"$int":" 1"}'),
        ("$int in other digits", '{"$int":"\u0661"}'),
        ("$int of 2^64", '{"$int":"18446744073709551616"}'),
        ("$int below -2^63", '{"$int":"-9223372036854775809"}'),
        ("$num of a number", '{"$num":1}'),
        ("$num of an ordinary number", '{"$num":"1.5"}'),
        ("$num in small letters", '{"$num":"nan"}'),
        ("$num with a plus", '{"$num":"+Infinity"}'),
    ]:
        yield body(f"a mark: {name}", "bad-mark", None, f"[{value}]")


def other_bodies():
    bodies = [
        ("CONNECT", dict(seq=9, ns="/chat"), "94 10 09 a52f63686174", '[16,9,"/chat",'),
        ("CONNECTED", dict(seq=9, ns="/", connect=1, socket_id="x"), "96 11 09 c0 01 a178", '[17,9,null,1,"x",'),
        ("REFUSED", dict(seq=9, ns="/", connect=1, code=3002, message=""), "97 12 09 c0 01 cd0bba a0", '[18,9,null,1,3002,"",'),
        ("FAILED", dict(seq=9, ns="/", ack_id=4, code=3011, message=""), "97 16 09 c0 04 cd0bc3 a0", '[22,9,null,4,3011,"",'),
        ("ACK", dict(seq=9, ns="/", ack_id=4), "95 15 09 c0 04", "[21,9,null,4,"),
        ("DATAGRAM", dict(ns="/", event="e"), "94 20 c0 a165", '[32,null,"e",'),
        ("LATEST", dict(ns="/", event="e", key="k", version=1), "96 21 c0 a165 a16b 01", '[33,null,"e","k",1,'),
    ]
    for kind, meaning, head, json_head in bodies:
        for name, cause, data, text in [
            ("an extension type", "extension-type", "91d40100", None),
            ("a mark that is none", "bad-mark", None, '[{"$x":1}]'),
            ("a byte after the body", "trailing-bytes", "9000", None),
            ("no body at all", "truncated", "", None),
        ]:
            message_pack = None if data is None else bytes.fromhex(head) + bytes.fromhex(data)
            json = None if text is None else json_head + text + "]"
            case = build(f"{kind}: {name}", "bad-args", cause, message_pack, json)
            yield {**case, "kind": kind, "frame": meaning}
    for kind, meaning, head, json_head in bodies[4:]:
        case = build(f"{kind}: args is nil", "bad-args", "not-an-array", bytes.fromhex(head + "c0"), json_head + "null]")
        yield {**case, "kind": kind, "frame": meaning}
