"""This client against the fixture server, in both encodings (protocol/conformance.md).

    python test_fixture.py PROGRAM [WORD…]     # or with FIXTURE=PROGRAM; words choose checks by name

Prints failures, then `N passed, N failed`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from fixture_tests import core, datagrams, resume, server, webtransport, wire
from fixture_tests.harness import Fixture
from fixture_tests.server import Check

AT_ONCE = 12
LONGEST = 60.0
ALONE = ("core_10_heartbeat", "core_10_silence")
"""Checks whose timers are too short for a process that is busy with others."""


@dataclass
class Context:
    """What a check gets: the encoding, and servers that it shares with others."""

    program: str
    encoding: str
    plain: Fixture
    beating: Fixture
    short: Fixture


def all_checks(encoding: str) -> Iterator[tuple[str, Check]]:
    for module in (server, core, wire, resume, datagrams):
        for check in module.CHECKS:
            yield check.__name__, check
    if encoding == "msgpack":  # the only one that WebTransport has (TRN-019)
        for check in webtransport.CHECKS:
            yield check.__name__, check
    yield from server.negative_vectors(encoding)


async def run(program: str, words: list[str]) -> int:
    plain = await Fixture.start(program)
    beating = await Fixture.start(program, "--ping-interval", "300", "--ping-timeout", "200")
    short = await Fixture.start(program, "--resume-window", "500")
    room = asyncio.Semaphore(AT_ONCE)
    failures: list[str] = []

    async def one(name: str, check: Check, context: Context) -> None:
        async with room:
            started = time.monotonic()
            try:
                await asyncio.wait_for(check(context), LONGEST)
            except Exception as error:  # whatever went wrong, this check has failed and others go on
                failures.append(name)
                print(
                    f"FAILED {name} / {context.encoding}: {type(error).__name__}: {error}"[:700], flush=True
                )
            if words:
                print(f"{name} / {context.encoding}: {time.monotonic() - started:.2f} s")

    try:
        jobs, timed = [], []
        for encoding in ("msgpack", "json"):
            context = Context(program, encoding, plain, beating, short)
            for name, check in all_checks(encoding):
                if not words or any(word in name for word in words):
                    (timed if name in ALONE else jobs).append(one(name, check, context))
        await asyncio.gather(*timed)
        await asyncio.gather(*jobs)
        jobs += timed
        for fixture in (plain, beating, short):
            if fixture.process.returncode is not None:
                failures.append("a fixture server ended by itself")
                print(f"FAILED a fixture server ended by itself with {fixture.process.returncode}")
    finally:
        for fixture in (plain, beating, short):
            await fixture.stop()
    print(f"{len(jobs) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or not jobs else 0


def main() -> int:
    arguments = sys.argv[1:]
    program = arguments.pop(0) if arguments else os.environ.get("FIXTURE", "")
    if not program:
        print("the path of the fixture server is missing: first argument, or FIXTURE")
        print("0 passed, 1 failed")
        return 1
    return asyncio.run(run(program, arguments))


if __name__ == "__main__":
    sys.exit(main())
