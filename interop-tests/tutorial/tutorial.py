"""Does what docs/guide/src/tutorial/first-chat.md says: its files, its commands, its output.

Two things differ from what a newcomer does: the crate comes from this repository, and the port is a
free one. The lock file is the repository's, so that a release of a dependency fails no run.
"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "docs/guide/src/tutorial/first-chat.md"
BLOCK = re.compile(r"<!-- (file|output): (\S+) -->\n```\S*\n(.*?)```", re.DOTALL)
SECONDS = 60


class Program:
    """A process, whose lines are waited for."""

    def __init__(self, path, *arguments):
        self.process = subprocess.Popen(
            [path, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect(self, wanted):
        """Reads up to the line that is wanted; one that does not come ends the process."""
        overdue = threading.Timer(SECONDS, self.process.kill)
        overdue.start()
        try:
            read = []
            for line in self.process.stdout:
                read.append(line.rstrip("\n"))
                if re.fullmatch(wanted, read[-1]):
                    return
            raise AssertionError(f"no line {wanted!r}, but {read}")
        finally:
            overdue.cancel()

    def end(self):
        self.process.kill()
        self.process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def new_project(parent):
    """As the chapter's first step: `cargo new`, less the program that it says to delete."""
    subprocess.run(["cargo", "new", "--quiet", "--vcs", "none", "chat"], cwd=parent, check=True)
    folder = parent / "chat"
    (folder / "src/main.rs").unlink()
    return folder


def write(folder, name, text, port):
    text = text.replace("127.0.0.1:3000", f"127.0.0.1:{port}")
    text = text.replace(
        'trunkline = "0.1"', f'trunkline = {{ path = "{ROOT / "crates/trunkline"}" }}'
    )
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def build(folder):
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "tutorial"
    subprocess.run(
        ["cargo", "build", "--quiet", "--bins", "--target-dir", target], cwd=folder, check=True
    )
    return target / "debug"


def talk(server, outputs, start):
    ada, bob = start("client", "ada"), start("client", "bob")
    ada.expect(r"\(connected\)")
    bob.expect(r"\(connected\)")
    ada.say("hello")
    bob.expect(re.escape(outputs["bob"]))
    ada.expect(re.escape(outputs["ada"]))

    server.end()
    ada.expect(r"\(no connection: .*\)")
    bob.expect(r"\(no connection: .*\)")
    ada.say("are you there?")
    start("server").expect("listening on .*")
    ada.expect(r"\(read by [01]\)")
    # Her ack has said that she is there to read it.
    bob.say("yes")
    ada.expect("bob: yes")


def main():
    blocks = BLOCK.findall(CHAPTER.read_text())
    outputs = {name: text.rstrip("\n") for kind, name, text in blocks if kind == "output"}
    started, built = [], {}

    def start(name, *arguments):
        started.append(Program(built[name], *arguments))
        return started[-1]

    parent = pathlib.Path(tempfile.mkdtemp(prefix="tutorial-"))
    try:
        folder, port = new_project(parent), free_port()
        shutil.copy(ROOT / "Cargo.lock", folder)
        server = None
        # Step by step: what stands there so far builds, and does what the step says.
        for kind, name, text in blocks:
            if kind != "file":
                continue
            write(folder, name, text, port)
            if not name.endswith(".rs"):
                continue
            program = pathlib.Path(name).stem
            built[program] = build(folder) / program
            if program == "server":
                server = start("server")
                server.expect("listening on .*")
        talk(server, outputs, start)
    except (AssertionError, KeyError, OSError, subprocess.CalledProcessError) as error:
        print(f"the tutorial does not do what it says: {error}")
        print("0 passed, 1 failed")
        sys.exit(1)
    finally:
        for program in started:
            program.end()
        shutil.rmtree(parent)
    print("1 passed, 0 failed")


main()
