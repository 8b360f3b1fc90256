"""Runs each configuration that docs/guide/src/how-to/proxies.md shows, and connects through it.

What is asked: the upgrade passes, a page of the host that was asked may connect (so `Host` passes
unchanged), an event that is acknowledged goes through, and clients count each for itself, by an
address that they cannot choose. Only the ports differ from the chapter.
"""

import base64
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "docs/guide/src/how-to/proxies.md"
BLOCK = re.compile(r"<!-- config: (\S+) -->\n```\S*\n(.*?)```", re.DOTALL)
COMMANDS = {
    "nginx": ["nginx", "-p", "{folder}", "-e", "stderr", "-g", "daemon off; pid nginx.pid;"],
    "haproxy": ["haproxy", "-db"],
    "haproxy-proxy-protocol": ["haproxy", "-db"],
}
TRUSTING = ["--trusted-proxy", "127.0.0.1", "--connections-per-address", "1"]
SECONDS = 10
TEXT = 0x81
MASKED = 0x80


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_server(name):
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    fixture = [target / "release/trunkline-fixture", *TRUSTING]
    if name.endswith("proxy-protocol"):
        fixture.append("--proxy-protocol")
    server = subprocess.Popen(fixture, stdout=subprocess.PIPE, text=True)
    return server, int(server.stdout.readline().rsplit(":", 1)[1])


def start_proxy(name, text, server_port, port, folder):
    text = text.replace("127.0.0.1:3000", f"127.0.0.1:{server_port}")
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    if name == "nginx":
        # Where a user that is not root may write.
        kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        paths = " ".join(f"{kind}_temp_path {kind};" for kind in kinds)
        text = text.replace("http {", f"http {{ access_log off; {paths}", 1)
    config = folder / f"{name}.cfg"
    config.write_text(text)
    command = [part.format(folder=folder) for part in COMMANDS[name]]
    option = "-c" if name == "nginx" else "-f"
    return subprocess.Popen([*command, option, str(config)])


def connect(port, proxy, client):
    """A TCP connection from this address of the loopback network, as soon as somebody listens."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), SECONDS, (client, 0))
        except ConnectionRefusedError:
            if proxy.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)  # A proxy gives no sign that it listens.


class WebSocket:
    """Just enough of RFC 6455: text messages of less than 64 KiB, unfragmented."""

    def __init__(self, stream, port, headers="", expected="101"):
        self.stream = stream.makefile("rwb")
        key = base64.b64encode(os.urandom(16)).decode()
        host = f"127.0.0.1:{port}"
        head = (
            f"GET /trunkline HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: trunkline.v1.json\r\n"
            f"{headers}\r\n"
        )
        self.write(head.encode())
        status = self.stream.readline().decode().rstrip()
        assert f" {expected} " in f"{status} ", f"the answer is {status}, not {expected}"
        while self.stream.readline() != b"\r\n":
            pass

    def write(self, data):
        self.stream.write(data)
        self.stream.flush()

    def send(self, frame):
        text = json.dumps(frame).encode()
        assert len(text) < 126
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
        self.write(bytes([TEXT, MASKED | len(text)]) + mask + masked)

    def receive(self):
        first, length = self.stream.read(2)
        assert first == TEXT, f"a message of another kind: {first:#x}"
        if length == 126:
            length = int.from_bytes(self.stream.read(2), "big")
        return json.loads(self.stream.read(length))

    def receive_kind(self, kind):
        while True:
            frame = self.receive()
            if frame[0] == kind:
                return frame
            assert frame[0] not in (6, 22), f"refused: {frame}"


HELLO, WELCOME, CONNECT, CONNECTED, EVENT, ACK = 0, 1, 16, 17, 20, 21


def talk(stream, port):
    session = WebSocket(stream, port)
    session.send([HELLO, {"v": 1, "agent": "behind-proxies/1"}])
    session.receive_kind(WELCOME)
    session.send([CONNECT, 1, None, None])
    session.receive_kind(CONNECTED)
    session.send([EVENT, 2, None, 1, "echo", ["through"]])
    answer = session.receive_kind(ACK)
    assert answer[-1] == ["through"], f"the answer is {answer}"


def count(port, proxy, kept):
    """Each client counts for itself, whatever it says of its address."""
    forged = "X-Forwarded-For: 192.0.2.1\r\n"
    for client, headers, expected in [
        ("127.0.0.22", "", "101"),
        ("127.0.0.21", "", "429"),
        ("127.0.0.21", forged, "429"),
        ("127.0.0.23", "X-Forwarded-For: 127.0.0.21\r\n", "101"),
    ]:
        stream = connect(port, proxy, client)
        kept.append(stream)
        WebSocket(stream, port, headers, expected)


def passes(name, text, folder):
    """Whether the configuration does; what was started is ended."""
    running, kept = [], []
    try:
        server, server_port = start_server(name)
        running.append(server)
        port = free_port()
        proxy = start_proxy(name, text, server_port, port, folder)
        running.append(proxy)
        with connect(port, proxy, "127.0.0.21") as stream:
            talk(stream, port)
            count(port, proxy, kept)
        return True
    except (AssertionError, OSError, ValueError) as error:
        print(f"{name}: {error}")
        return False
    finally:
        for stream in kept:
            stream.close()
        for process in reversed(running):
            process.terminate()
            process.wait()


def main():
    configurations = BLOCK.findall(CHAPTER.read_text())
    assert sorted(name for name, _ in configurations) == sorted(COMMANDS)
    with tempfile.TemporaryDirectory(prefix="behind-proxies-") as folder:
        passed = [passes(name, text, pathlib.Path(folder)) for name, text in configurations]
    print(f"{passed.count(True)} passed, {passed.count(False)} failed")
    sys.exit(0 if all(passed) else 1)


main()
