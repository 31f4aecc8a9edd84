"""A server that answers as told and keeps what it was asked."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Peer(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked = [], []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers, body))
        self.send_response(self.server.answers.pop(0))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Not into the test's output."""


@pytest.fixture
def http_peer():
    peer = Peer()
    thread = threading.Thread(target=peer.serve_forever, daemon=True)
    thread.start()
    yield peer
    peer.shutdown()
    peer.server_close()
    thread.join()
