"""A receiver of webhooks: a real HTTP server whose answers a test decides."""

from __future__ import annotations

import http.server
import json
import queue
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

WAIT_SECONDS = 60


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def event(self):
        return json.loads(self.body)


@dataclass
class Receiver:
    """`answers` are given in turn, then 200; ``(status, headers)``, or None: no answer at all."""

    port: int = 0
    answers: list = field(default_factory=list)
    requests: queue.Queue = field(default_factory=queue.Queue)
    all: list = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self):
        return f"http://localhost:{self.port}/hook"

    def next(self) -> Received:
        return self.requests.get(timeout=WAIT_SECONDS)

    def taken(self):
        """The events that were answered with 200, in the order they came."""
        return [received.event for received in self.all if received.status == 200]


def _handler(receiver: Receiver):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # its sender ended in the middle
                self.close_connection = True
                return
            receiver.open.wait(WAIT_SECONDS)
            answer = receiver.answers.pop(0) if receiver.answers else 200
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            received = Received({k.lower(): v for k, v in self.headers.items()}, body, status or 0)
            receiver.all.append(received)
            if status is None:
                receiver.requests.put(received)
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            receiver.requests.put(received)

        def log_message(self, *_):
            pass

    return Handler


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A sender that was killed leaves its connection broken."""


@contextmanager
def receiving(port=0, tls: ssl.SSLContext | None = None):
    receiver = Receiver()
    receiver.open.set()
    server = _Server(("127.0.0.1", port), _handler(receiver))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.open.set()
        server.shutdown()
        server.server_close()
        thread.join()
