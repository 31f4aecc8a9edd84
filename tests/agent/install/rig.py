"""What the tests of the agent share: a server that answers by script, a recorder of programs."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from drydockd.agent.install.disks import Disk
from drydockd.agent.install.programs import Journal, Programs, ToolFailed
from drydockd.agent.install.talk import Server

MIB = 1 << 20


@dataclass
class Answer:
    """One answer; `promised` is its Content-Length where it breaks off before."""

    status: int = 200
    body: bytes = b"{}"
    promised: int | None = None
    headers: dict = field(default_factory=dict)


class Script(ThreadingHTTPServer):
    """Answers by `answer(handler)`; `asked` are (method, path, headers, body)."""

    daemon_threads = True

    def __init__(self, answer):
        self.answer, self.asked = answer, []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        given = self.server.answer(self)
        self.send_response(given.status)
        length = len(given.body) if given.promised is None else given.promised
        for name, value in {"Content-Length": str(length), **given.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(given.body)

    do_POST = do_HEAD = do_GET

    def log_message(self, *_):
        pass


@contextmanager
def serving(answer):
    """A real server; `answer` is a function, or a list of answers of which the last stays."""
    if isinstance(answer, list):
        left = list(answer)

        def by_turn(handler):
            return left.pop(0) if len(left) > 1 else left[0]

        script = Script(by_turn)
    else:
        script = Script(answer)
    thread = threading.Thread(target=script.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield script
    finally:
        script.shutdown()
        thread.join()
        script.server_close()


def a_server(url, *, seconds=30.0, said=None, pause=lambda seconds: None):
    return Server(url, seconds=seconds, say=(said if said is not None else []).append, pause=pause)


def quiet():
    return Journal(lambda line: None)


class Recorder(Programs):
    """Keeps what would be run. `fails` holds words: a command that has one fails."""

    def __init__(self, *fails, says=None):
        self.journal = quiet()
        super().__init__(self.journal)
        self.ran, self.given, self.fails, self.says = [], [], fails, says or {}

    def run(self, *command, given=None, seconds=600, may_fail=False, secret=False):
        shown = " ".join(command)
        self.ran.append(shown)
        if given:
            self.given.append(given)
        self.journal.say(f"$ {shown}")
        if any(word in shown for word in self.fails) and not may_fail:
            raise ToolFailed(f"{shown}: exit status 1")
        return self.says.get(command[0], "")

    def pipe(self, commands, feed, *, seconds=0):
        self.ran.append(" | ".join(" ".join(command) for command in commands))
        feed(lambda chunk: None)


def a_disk(name="vda", **fields):
    return Disk(name, **{"size_bytes": 1024 * MIB, "serial": f"S-{name}", **fields})


@dataclass(frozen=True)
class FileDisk(Disk):
    """A disk that is a file; no name of sysfs."""

    file: str = ""

    @property
    def path(self):
        return self.file


def a_file_disk(path, size):
    path.write_bytes(b"\xff" * size)
    return FileDisk("no-disk", size, "S-file", file=str(path))
