"""Counts clients behind nginx: the fixture server lets one connection in per address.

Clients connect from different addresses of the loopback network; nginx is what tells the server.
"""

import pathlib
import socket
import subprocess
import sys
import tempfile
import time

REQUEST = """GET /trunkline HTTP/1.1\r
Host: 127.0.0.1\r
Connection: Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
Sec-WebSocket-Protocol: trunkline.v1.json\r
{headers}\r
"""

CONFIGURATION = """
load_module {stream_module};
daemon off;
pid nginx.pid;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{http};
        location /trunkline {{
            # nginx talks to the server from an address that nothing else has.
            proxy_bind 127.0.0.7;
            proxy_pass http://127.0.0.1:{by_header};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
stream {{
    server {{
        listen 127.0.0.1:{stream};
        proxy_bind 127.0.0.7;
        proxy_pass 127.0.0.1:{by_protocol};
        proxy_protocol on;
    }}
}}
"""

STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"

# Until nginx listens; it says nothing when it does.
PATIENCE = 10


def visit(client, port, headers="", before=""):
    """A handshake from this address: the connection, and the status of the answer."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE, (client, 0))
    connection.sendall((before + REQUEST.format(headers=headers)).encode())
    answer = connection.recv(4096).decode()
    return connection, answer.split(" ")[1] if answer else "nothing"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def fixture(program, *flags):
    """A fixture server and its port."""
    command = [program, "--connections-per-address", "1", "--trusted-proxy", "127.0.0.7", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    return process, int(line.rsplit(":", 1)[1])


def nginx(folder, **ports):
    configuration = CONFIGURATION.format(stream_module=STREAM_MODULE, **ports)
    pathlib.Path(folder, "nginx.conf").write_text(configuration)
    command = ["nginx", "-p", folder, "-c", "nginx.conf", "-e", "stderr"]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", ports["http"]), PATIENCE).close()
            return process
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise


def forwarded(of):
    return f"X-Forwarded-For: {of}\r\n"


def by_header(http, direct):
    yield "the first client behind nginx comes in", visit("127.0.0.21", http), "101"
    yield "the second client counts for itself", visit("127.0.0.22", http), "101"
    yield "the first client's second connection does not", visit("127.0.0.21", http), "429"
    forged = visit("127.0.0.21", http, forwarded("192.0.2.1"))
    yield "a forged header makes nobody another", forged, "429"
    forged = visit("127.0.0.23", http, forwarded("127.0.0.21"))
    yield "a forged header takes nobody's place", forged, "101"
    yield "a stranger without nginx comes in once", visit("127.0.0.31", direct), "101"
    forged = visit("127.0.0.31", direct, forwarded("192.0.2.2"))
    yield "its forged header counts as nothing", forged, "429"


def by_protocol(stream, direct):
    yield "the first client behind nginx comes in", visit("127.0.0.21", stream), "101"
    yield "the second client counts for itself", visit("127.0.0.22", stream), "101"
    yield "the first client's second connection does not", visit("127.0.0.21", stream), "429"
    forged = visit("127.0.0.21", stream, forwarded("192.0.2.1"))
    yield "a forged header makes nobody another", forged, "429"
    header = "PROXY TCP4 192.0.2.3 127.0.0.1 1000 80\r\n"
    forged = visit("127.0.0.31", direct, before=header)
    yield "a stranger's PROXY header is a bad request", forged, "400"


def run(program, folder):
    processes = []
    counts = {True: 0, False: 0}
    try:
        header, header_port = fixture(program)
        processes.append(header)
        protocol, protocol_port = fixture(program, "--proxy-protocol")
        processes.append(protocol)
        http, stream = free_port(), free_port()
        ports = {"by_header": header_port, "by_protocol": protocol_port}
        processes.append(nginx(folder, http=http, stream=stream, **ports))
        kept = []
        for name, cases in [
            ("X-Forwarded-For", by_header(http, header_port)),
            ("PROXY protocol", by_protocol(stream, protocol_port)),
        ]:
            for sentence, (connection, status), expected in cases:
                kept.append(connection)
                passed = status == expected
                counts[passed] += 1
                outcome = "ok" if passed else f"FAILED: {status}, not {expected}"
                print(f"{name}: {sentence}: {outcome}")
    finally:
        for process in processes:
            process.terminate()
            process.wait(PATIENCE)
    print(f"{counts[True]} passed, {counts[False]} failed")
    return counts[False] == 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if run(sys.argv[1], folder) else 1)
