#!/usr/bin/env python3
"""Writes the vectors beside this file, and the examples of ../frames.md.

    pip install msgpack
    python3 generate.py            # writes *.json and the examples
    python3 generate.py --check    # fails if what stands here differs

The output depends on nothing but these scripts and ../frames.toml.
"""

import json
import sys
from pathlib import Path

from encoder import FRAMES, read_json, read_message_pack, same, to_json, to_message_pack, to_value, wire_array
from examples import documents
from frame_cases import FRAME_CASES
from negative_cases import negative_cases
from value_cases import canonical, ignorable_cases, integer_cases, map_decode_cases, value_cases

HERE = Path(__file__).resolve().parent


def complete(case):
    """Adds the canonical bytes and text to a case, and checks that they mean what they should."""
    decode_only = case.get("decode_only", False)
    out = {"kind": case["kind"], "name": case["name"], "frame": case["frame"]}
    if decode_only:
        if "messagepack" in case:
            out["messagepack"] = case["messagepack"].hex()
        if "json" in case:
            out["json"] = case["json"]
    else:
        array = wire_array(case["kind"], case["frame"])
        out["messagepack"] = to_message_pack(array).hex()
        out["json"] = to_json(array)
        assert same(read_json(out["json"]), to_value(array)), case
    check_decodes(out)
    out["decode_only"] = decode_only
    return out


def check_decodes(case):
    """Reads the bytes and the text back with the packages' own decoders, and compares the fields."""
    if case["kind"] not in FRAMES or FRAMES[case["kind"]]["fields"] == ["{…}"]:
        return
    array = to_value(wire_array(case["kind"], case["frame"]))
    if "messagepack" in case:
        assert same(read_message_pack(bytes.fromhex(case["messagepack"])), array), case
    if "json" in case:
        assert same(read_json(case["json"]), array), case


def refused(case):
    out = {"name": case["name"], "error": case["error"], "cause": case["cause"]}
    if "kind" in case:
        out.update(kind=case["kind"], frame=case["frame"])
    if "messagepack" in case:
        out["messagepack"] = case["messagepack"].hex()
    if "json" in case:
        out["json"] = case["json"]
    assert "messagepack" in out or "json" in out, case
    return out


def files():
    decoding = list(map_decode_cases())
    for kind, cases in FRAME_CASES.items():
        own = [canonical(kind, name, meaning) for name, meaning in cases]
        own += [case for case in decoding if case["kind"] == kind]
        yield f"{kind.lower()}.json", {"kind": kind, "cases": [complete(case) for case in own]}
    for name, cases in [("integers", integer_cases()), ("values", value_cases()), ("ignorable", ignorable_cases())]:
        yield f"{name}.json", {"kind": None, "cases": [complete(case) for case in cases]}
    yield "negative.json", {"kind": None, "cases": [refused(case) for case in negative_cases()]}


def text_of(content):
    """One case a line, so that a change shows as the lines it concerns."""
    names = [case["name"] + "/" + str(case.get("kind")) for case in content["cases"]]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    lines = ",\n".join("  " + json.dumps(case) for case in content["cases"])
    return f'{{\n "kind": {json.dumps(content["kind"])},\n "cases": [\n{lines}\n ]\n}}\n'


def outputs():
    """Yields (path, text) of everything that is generated."""
    cases = {}
    for name, content in files():
        cases.update({(name, case["name"]): case for case in content["cases"]})
        yield HERE / name, text_of(content)
    yield from documents(cases)


def main():
    missing = [name for name in FRAMES if name not in FRAME_CASES]
    assert not missing, f"frame kinds without vectors: {missing}"
    check = "--check" in sys.argv[1:]
    stale = []
    for path, text in outputs():
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"stale, run generate.py: {', '.join(stale)}")


if __name__ == "__main__":
    main()
