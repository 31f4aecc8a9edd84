"""Stands between the driver and an Ironic: passes, answers itself, or cuts the line.

`rule(Request)` says what becomes of each: None (passed on), an answer, ``"cut"`` (the line
breaks before Ironic has it) or ``"lost"`` (Ironic has it, and its answer gets lost).
"""

import contextlib
import json
from dataclasses import dataclass, field

import httpx
import tornado.web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

VERSIONS = {
    "X-OpenStack-Ironic-API-Minimum-Version": "1.1",
    "X-OpenStack-Ironic-API-Maximum-Version": "1.115",
    "X-OpenStack-Ironic-API-Version": "1.87",
}


@dataclass(frozen=True)
class Request:
    number: int
    method: str
    path: str
    query: dict
    body: object
    headers: dict

    @property
    def is_write(self):
        return self.method != "GET"

    @property
    def target(self):
        return self.body.get("target") if isinstance(self.body, dict) else None


@dataclass
class Proxy:
    """`seen` are all requests, `passed` those that Ironic took, with its status."""

    url: str
    upstream: str | None
    rule: object = staticmethod(lambda request: None)
    seen: list = field(default_factory=list)
    passed: list = field(default_factory=list)

    def told(self, target):
        """How often Ironic took that verb."""
        return sum(r.target == target and status == 202 for r, status in self.passed)


class _Handler(tornado.web.RequestHandler):
    SUPPORTED_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

    def initialize(self, proxy, http):
        self.proxy, self.http = proxy, http

    async def prepare(self):
        proxy, asked = self.proxy, self.request
        body = json.loads(asked.body) if asked.body else None
        number = len(proxy.seen) + 1
        query = {name: values[-1].decode() for name, values in asked.query_arguments.items()}
        request = Request(number, asked.method, asked.path, query, body, dict(asked.headers))
        proxy.seen.append(request)
        verdict = proxy.rule(request)
        if verdict == "cut":
            self._cut()
        elif verdict is None or verdict == "lost":
            answer = await self.http.request(
                asked.method,
                proxy.upstream + asked.uri,
                content=asked.body or None,
                headers={
                    k: v for k, v in asked.headers.items() if k not in ("Host", "Accept-Encoding")
                },
            )
            proxy.passed.append((request, answer.status_code))
            if verdict == "lost":
                self._cut()
            else:
                self._send(answer.status_code, dict(answer.headers), answer.content)
        else:
            status, headers, content = verdict
            self._send(status, headers, content)

    def _send(self, status, headers, content):
        self.set_status(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                self.set_header(name, value)
        if content:
            self.write(content)
        self.finish()

    def _cut(self):
        self.request.connection.stream.close()
        self._finished = True


def says(status, words="", *, ironic=True, **headers):
    """An answer of Ironic's that refuses, in its own form; else of somebody else's."""
    content = json.dumps({"error_message": json.dumps({"faultstring": words})}) if ironic else words
    return status, (VERSIONS if ironic else {}) | headers, content.encode()


def answers(document, status=200):
    return status, VERSIONS, json.dumps(document).encode()


@contextlib.asynccontextmanager
async def proxy(upstream=None, rule=None):
    """Without `upstream` the rule answers everything, but for the question for versions."""
    socket, port = bind_unused_port()
    here = Proxy(f"http://127.0.0.1:{port}", upstream)
    if upstream is None:
        given = rule

        def rule(request):
            return answers({}) if request.path == "/v1/" else given(request)

    if rule is not None:
        here.rule = rule
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        app = tornado.web.Application([(".*", _Handler, {"proxy": here, "http": http})])
        server = HTTPServer(app)
        server.add_sockets([socket])
        try:
            yield here
        finally:
            server.stop()
            await server.close_all_connections()
