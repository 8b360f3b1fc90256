"""This client's codec against the vectors of the specification, in both encodings and directions.

python test_vectors.py            # prints failures, then `N passed, N failed`
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from trunkline_client.encoding import JSON, MESSAGEPACK, Encoding, array_length, is_sequenced, kind_of
from trunkline_client.frames import (
    ARRAY_FRAMES,
    MAP_FRAMES,
    Alternative,
    Frame,
    Ignorable,
    NumberedIgnorable,
    Resume,
    field_names,
)
from trunkline_client.limits import Limits
from trunkline_client.protocol_maps import HeaderError
from trunkline_client.values import RawMap, equal, to_value

VECTORS = Path(__file__).resolve().parents[2] / "protocol" / "vectors"
CLASSES = {cls.__name__.upper(): cls for cls in [*MAP_FRAMES.values(), *ARRAY_FRAMES.values()]}
VALUES = ("args", "auth", "data")


class Failure(Exception):
    """A case that did not come out as the vectors say."""


def cases(path: Path) -> Iterator[dict[str, Any]]:
    yield from json.loads(path.read_text())["cases"]


def to_raw(marked: Any) -> Any:
    """A parsed JSON value as the raw tree that the codec's own reader would give."""
    if isinstance(marked, list):
        return [to_raw(item) for item in marked]
    if isinstance(marked, dict):
        return RawMap([part for key, item in marked.items() for part in (key, to_raw(item))])
    return marked


def from_vector(marked: Any) -> Any:
    """A value as the vectors write it: with marks, as in the JSON encoding."""
    return to_value(to_raw(marked), marks=True, limit=100)


def meant(kind: str, meaning: dict[str, Any]) -> Frame:
    """The frame that a case's `frame` describes."""
    if kind == "IGNORABLE":
        return Ignorable(**meaning)
    if kind == "NUMBERED_IGNORABLE":
        return NumberedIgnorable(**meaning)
    content = {key: from_vector(item) if key in VALUES else item for key, item in meaning.items()}
    if content.get("resume") is not None:
        content["resume"] = Resume(**content["resume"])
    if "limits" in content:
        content["limits"] = Limits(**content["limits"])
    for key in ("alternatives",):
        if key in content:
            content[key] = [
                Alternative(a["transport"], a["url"], [from_vector(h) for h in a["hashes"]])
                for a in content[key]
            ]
    return CLASSES[kind](**content)


def same(left: Frame, right: Frame) -> bool:
    return type(left) is type(right) and equal(asdict(left), asdict(right))


def message_of(case: dict[str, Any], encoding: Encoding) -> bytes | str | None:
    """The case's message in one encoding, or None if that encoding cannot say it."""
    if encoding is JSON:
        return case.get("json")
    return bytes.fromhex(case["messagepack"]) if "messagepack" in case else None


def check_decoding(case: dict[str, Any], encoding: Encoding, message: bytes | str) -> None:
    frame = encoding.decode(message)
    if not same(frame, meant(case["kind"], case["frame"])):
        raise Failure(f"decoded as {frame}")


def check_encoding(case: dict[str, Any], encoding: Encoding, message: bytes | str) -> None:
    frame = meant(case["kind"], case["frame"])
    written = encoding.encode(frame)
    if written != message:
        raise Failure(f"encoded as {written!r}")
    if is_sequenced(frame):
        length = array_length(frame)
        joined = encoding.numbered(kind_of(frame), length, frame.seq, encoding.tail(frame))
        if joined != message:
            raise Failure(f"put together as {joined!r}")


def check_refusal(case: dict[str, Any], encoding: Encoding, message: bytes | str) -> None:
    if case["error"] == "protocol-error":
        try:
            frame = encoding.decode(message)
        except HeaderError as error:
            if error.cause != case["cause"]:
                raise Failure(f"refused, but for {error.cause}") from None
            return
        raise Failure(f"decoded as {frame}")
    if case["error"] != "bad-args":
        raise Failure(f"an error of the vectors that is not known here: {case['error']}")
    frame = encoding.decode(message)
    if getattr(frame, "bad_body", None) != case["cause"]:
        raise Failure(f"a body that was found {frame.bad_body or 'good'}")
    header = {name: getattr(frame, name) for name in field_names(type(frame)) if name not in VALUES}
    if type(frame) is not CLASSES[case["kind"]] or header != case["frame"]:
        raise Failure(f"a header that was read as {frame}")


def all_checks() -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    for path in sorted(VECTORS.glob("*.json")):
        for case in cases(path):
            for encoding in (MESSAGEPACK, JSON):
                message = message_of(case, encoding)
                if message is None:
                    continue
                name = f"{path.stem} / {case['name']} / {encoding.name}"
                if path.stem == "negative":
                    yield f"refuse {name}", check_refusal, (case, encoding, message)
                    continue
                yield f"decode {name}", check_decoding, (case, encoding, message)
                if not case["decode_only"]:
                    yield f"encode {name}", check_encoding, (case, encoding, message)


def check_completeness() -> None:
    """Each frame kind has a file, and none lies there that is not known."""
    found = {path.stem for path in VECTORS.glob("*.json")}
    known = {name.lower() for name in CLASSES} | {"integers", "values", "ignorable", "negative"}
    if found != known:
        raise Failure(f"files of the vectors: {sorted(found ^ known)}")
    if [f.name for f in fields(Limits)] != list(Limits().as_map()):
        raise Failure("the order of the limits")


def main() -> int:
    passed = failed = 0
    for name, check, arguments in [("completeness", check_completeness, ()), *all_checks()]:
        try:
            check(*arguments)
            passed += 1
        except Exception as error:  # whatever a decoder raises by mistake is a failure of the case
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}"[:400])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
