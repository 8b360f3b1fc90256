"""`websockets` reads our frames, and we read its.

Arguments: the echo server's address, the echo program.
"""

import asyncio
import sys
import traceback

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

ADDRESS, ECHO = sys.argv[1:]
URL = f"ws://{ADDRESS}/trunkline"
LENGTHS = [125, 126, 65_535, 65_536]
BURST = 16 * 1024 * 1024
LIMIT_S = 30


def client(protocols=("trunkline.v1.msgpack",)):
    return connect(URL, subprotocols=list(protocols), max_size=2 * 1024 * 1024)


def pattern(length, shift):
    cycle = bytes((at + shift) % 251 for at in range(251))
    return (cycle * (length // 251 + 1))[:length]


async def binary_messages_of_every_header_form_come_back():
    async with client() as socket:
        for length in [0, 1, *LENGTHS, 1024 * 1024]:
            sent = pattern(length, length)
            await socket.send(sent)
            assert await socket.recv() == sent, f"at length {length}"


async def text_messages_of_every_header_form_come_back():
    async with client() as socket:
        for length in LENGTHS:
            sent = "é" * 10 + "x" * (length - 20)
            await socket.send(sent)
            assert await socket.recv() == sent, f"at length {length}"


async def a_burst_that_is_written_in_parts_is_whole():
    async with client() as socket:
        await socket.send(f"burst {BURST}")
        received = index = 0
        while not isinstance(message := await socket.recv(), str):
            assert message == pattern(LENGTHS[index % 4], index), f"message {index}"
            received += len(message)
            index += 1
        word, blocked = message.split()
        assert word == "blocked" and int(blocked) > 0, f"nothing was written in parts: {message}"
        assert received > BURST * 0.99, f"only {received} bytes came"


async def fragments_are_joined():
    async with client() as socket:
        parts = [pattern(length, length) for length in (0, 1, *LENGTHS)]
        await socket.send(parts)
        assert await socket.recv() == b"".join(parts)


async def a_ping_is_answered():
    async with client() as socket:
        await (await socket.ping(b"are you there?"))


async def the_servers_close_has_its_code_and_reason():
    async with client() as socket:
        await socket.send("close 3001 enough, thank you")
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (3001, "enough, thank you")
        else:
            raise AssertionError("it is not closed")


async def a_close_of_this_side_is_read_and_answered():
    async with client() as socket:
        await socket.close(4001, "done")
        assert (socket.close_code, socket.close_reason) == (4001, "done")
    async with client() as socket:
        await socket.send("last end")
        assert await socket.recv() == "closed by the peer with code 4001: done"


async def the_first_known_protocol_is_agreed_on():
    async with client(["mqtt", "trunkline.v1.json", "trunkline.v1.msgpack"]) as socket:
        assert socket.subprotocol == "trunkline.v1.json"


async def a_server_reads_what_our_dialer_sends():
    ended = asyncio.get_running_loop().create_future()

    async def echo(socket):
        try:
            async for message in socket:
                await socket.send(message)
        except ConnectionClosed as closed:
            ended.set_result((closed.rcvd.code, closed.rcvd.reason))

    async with serve(
        echo, "127.0.0.1", 0, subprotocols=["trunkline.v1.msgpack"], max_size=2 * 1024 * 1024
    ) as server:
        port = server.sockets[0].getsockname()[1]
        program = await asyncio.create_subprocess_exec(
            ECHO, f"ws://127.0.0.1:{port}", stdout=asyncio.subprocess.PIPE
        )
        output, _ = await program.communicate()
        assert output.decode().strip() == "echoed 65 messages", output
        assert await ended == (3001, "enough")


async def main():
    cases = [
        binary_messages_of_every_header_form_come_back,
        text_messages_of_every_header_form_come_back,
        a_burst_that_is_written_in_parts_is_whole,
        fragments_are_joined,
        a_ping_is_answered,
        the_servers_close_has_its_code_and_reason,
        a_close_of_this_side_is_read_and_answered,
        the_first_known_protocol_is_agreed_on,
        a_server_reads_what_our_dialer_sends,
    ]
    failed = 0
    for case in cases:
        name = case.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(case(), LIMIT_S)
            print(f"ok websockets: {name}")
        except Exception:
            failed += 1
            print(f"not ok websockets: {name}\n{traceback.format_exc()}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


asyncio.run(main())
