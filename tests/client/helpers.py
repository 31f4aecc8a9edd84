"""A real HTTP server on a real port that answers as told and remembers what it was asked."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.api.examples import MESSAGE, RESULT, TASK


@dataclass
class Asked:
    method: str
    target: str
    headers: dict
    body: bytes

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Server:
    """`answers`: ``"GET /path"`` -> (status, body[, headers]), a list of such, or a callable."""

    port: int
    answers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def answer(self, asked):
        self.asked.append(asked)
        found = self.answers.get(f"{asked.method} {asked.path}", (404, {"message": "no such"}))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return found(asked) if callable(found) else found


@contextmanager
def serving():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            status, content, *more = server.answer(
                Asked(self.command, self.path, dict(self.headers.items()), body)
            )
            if not isinstance(content, bytes):
                content = json.dumps(content).encode() if content is not None else b""
            self.send_response(status)
            for name, value in (more[0] if more else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_PUT = handle_any

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = Server(http.server_address[1])
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def a_task(status="queued", result="incomplete", messages=(), **more):
    said = [MESSAGE | message for message in messages]
    details = {"errorCount": sum(m["error"] for m in said), "messageList": said}
    outcome = {"status": result, "successes": [], "failures": [], "details": details}
    return TASK | {"action": "deploy_nodes", "status": status, "result": RESULT | outcome} | more
