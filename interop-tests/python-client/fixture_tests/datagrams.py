"""protocol/conformance.md, "What a client of level Datagrams should be seen doing", as the fixture server has to do it."""

from __future__ import annotations

from typing import Any
from trunkline_client.frames import Ack, Datagram, Failed, Frame, Latest

from .harness import Fixture, Wire, check, same

Context = Any


async def until_answer(wire: Wire, ack: int) -> tuple[list[Frame], Ack | Failed]:
    """The best-effort frames that come before an answer, and the answer."""
    frames: list[Frame] = []
    while True:
        frame = await wire.next()
        if isinstance(frame, (Ack, Failed)):
            same(frame.ack_id, ack, "the id of the answer")
            return frames, frame
        if isinstance(frame, (Datagram, Latest)):
            frames.append(frame)


async def best_effort(wire: Wire) -> Datagram | Latest:
    while True:
        frame = await wire.next()
        if isinstance(frame, (Datagram, Latest)):
            return frame


async def datagrams_01_volatile(c: Context) -> None:
    wire = await Wire.begin(c.plain.url, c.encoding)
    await wire.emit("volatile", 5, ack=1)
    before, answer = await until_answer(wire, 1)
    same(answer.args, [], "the answer")
    await wire.emit("echo", ack=2)
    behind, _ = await until_answer(wire, 2)
    numbers = [frame.args[0] for frame in before + behind]
    check(numbers == sorted(set(numbers)), f"in another order: {numbers}")
    check(set(numbers) <= set(range(1, 6)), f"others than 1 to 5: {numbers}")
    check(all(frame.event == "v" for frame in before + behind), "another event")
    wire.cut()


async def datagrams_02_datagram_and_latest(c: Context) -> None:
    wire = await Wire.begin(c.plain.url, c.encoding)
    assert wire.welcome is not None
    same(wire.welcome.datagrams, "emulated", "what WELCOME says")
    await wire.emit("datagram", "d", 1, "two")
    frame = await best_effort(wire)
    check(isinstance(frame, Datagram), f"{frame}")
    same((frame.ns, frame.event, frame.args), ("/", "d", [1, "two"]), "the datagram")
    versions = []
    for number in (1, 2):
        await wire.emit("latest", "p", "k", number)
        frame = await best_effort(wire)
        check(isinstance(frame, Latest), f"{frame}")
        same((frame.event, frame.key, frame.args), ("p", "k", [number]), "the value")
        versions.append(frame.version)
    check(versions[0] < versions[1], f"versions {versions}")
    wire.cut()


async def datagrams_04_burst(c: Context) -> None:
    wire = await Wire.begin(c.plain.url, c.encoding)
    await wire.emit("burst", 100, 500, ack=1)
    before, answer = await until_answer(wire, 1)
    same(answer.args, [], "the answer")
    await wire.emit("echo", ack=2)
    behind, _ = await until_answer(wire, 2)
    frames = before + behind
    numbers = [frame.args[0] for frame in frames]
    check(len(numbers) > 0, "nothing came")
    check(numbers == sorted(set(numbers)), f"in another order: {numbers}")
    check(all(frame.args[1] == "x" * 500 for frame in frames), "another text")
    wire.cut()


async def datagrams_05_too_large(c: Context) -> None:
    wire = await Wire.begin(c.plain.url, c.encoding)
    for event, args in (("datagram", ["d"]), ("latest", ["d", "k"])):
        await wire.emit(event, *args, "x" * 2000, ack=1)
        failed = await wire.answer(1)
        check(isinstance(failed, Failed) and failed.code == 3007, f"the answer {failed}")
        check("1000" in failed.message, f"no limit in {failed.message!r}")
    wire.cut()


async def datagrams_07_laggards(c: Context) -> None:
    """Who confirms nothing is behind once its window is full, and is named with its bytes."""
    fixture = await Fixture.start(c.program)
    try:
        slow = await Wire.begin(fixture.url, c.encoding)
        await slow.emit("whoami", ack=1)
        [me] = (await slow.answer(1)).args
        sender = await Wire.begin(fixture.url, c.encoding)
        told: list[Any] = []
        for ack in range(1, 20):
            await sender.emit("to", "room", "blob", "x" * 200_000, ack=2 * ack)
            await sender.answer(2 * ack)
            await sender.emit("laggards", ack=2 * ack + 1)
            [told] = (await sender.answer(2 * ack + 1)).args
            if told:
                break
        same([lag["socket_id"] for lag in told], [me["socket_id"]], "who is behind")
        check(told[0]["bytes"] > 0 and told[0]["behind_for"] >= 0, f"{told}")
        slow.cut()
        sender.cut()
    finally:
        await fixture.stop()


async def datagrams_08_tap(c: Context) -> None:
    """With `--tap` each frame is a line on standard error, and no secret is in it."""
    fixture = await Fixture.start(c.program, "--tap", seen=True)
    try:
        wire = await Wire.begin(fixture.url, c.encoding)
        await wire.emit("echo", "shown", ack=1)
        await wire.answer(1)
        secret = wire.secret
        wire.cut()
        text = await fixture.said_until('"shown"')
        for part in ("HELLO", "WELCOME", "EVENT"):
            check(part in text, f"no {part} in {text[:300]}")
        check(secret not in text, "the session's secret is shown")
    finally:
        await fixture.stop()


CHECKS = [check_ for name, check_ in list(globals().items()) if name.startswith("datagrams_")]
