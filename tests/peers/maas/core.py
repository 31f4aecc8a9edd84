"""The simulated MAAS: its routes, its state, its faults; one HTTP server in the test's loop.

Each area registers its answers with `route`. What takes time in the field takes looks here: a
machine is busy for so many reads of it, so nothing in a test waits for a clock.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.peers.maas import oauth

BASE = "/MAAS/api/2.0/"


@dataclass
class Call:
    """One request as an answering function gets it; `parts` are those of its path."""

    method: str
    path: str
    op: str | None
    query: Mapping[str, list[str]]
    form: Mapping[str, list[str]]
    parts: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a field of the form; "" was sent as reset, None not at all."""
        return self.form.get(name, [default])[0]

    def all(self, name: str) -> list[str]:
        return self.form.get(name, [])

    def asked(self, name: str) -> str | None:
        return self.query.get(name, [None])[0]

    def truth(self, name: str, default: bool = False) -> bool:
        value = self.get(name)
        return default if value is None else value.lower() in ("true", "1", "on", "yes")


@dataclass
class Answer:
    status: int
    body: bytes | str = b""
    content_type: str = "application/json; charset=utf-8"


class Refuse(Exception):
    """An answer that is no success: a dict is sent as JSON, a str as text."""

    def __init__(self, status: int, body: Any = "") -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


def not_found(kind: str) -> Refuse:
    return Refuse(404, f"No {kind} matches the given query.")


Act = Callable[["Simulator", Call], Any]


@dataclass(frozen=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    op: str | None
    act: Act
    is_open: bool = False


ROUTES: list[Route] = []


def route(
    method: str, pattern: str, op: str | None = None, *, is_open: bool = False
) -> Callable[[Act], Act]:
    """Register what answers `method` at `pattern`, such as ``machines/{sid}/``, with that `op`.

    The function gets the simulator and the Call; what it returns is sent as JSON with 200 (an
    Answer as it is); it raises Refuse. `is_open`: without login.
    """
    parts = "/".join(
        f"(?P<{word[1:-1]}>[^/]+)" if word.startswith("{") else re.escape(word)
        for word in pattern.split("/")
    )

    def register(act: Act) -> Act:
        ROUTES.append(Route(method, re.compile(parts), op, act, is_open))
        return act

    return register


@dataclass
class Fault:
    """What goes wrong with the next `times` calls that `hits` chooses.

    `status`: that is answered instead of acting. `is_lost`: the act is done, and the connection
    ends without an answer; with `is_dropped` it ends before the act. `before` is called first:
    somebody else changes something between two calls.
    """

    hits: Callable[[Call], bool]
    times: int = 1
    status: int | None = None
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_lost: bool = False
    is_dropped: bool = False
    before: Callable[[], None] | None = None


def at(method: str, pattern: str, op: str | None = None) -> Callable[[Call], bool]:
    """Chooses calls for a Fault: `pattern` is a regular expression of the whole path."""

    def hits(call: Call) -> bool:
        return (call.method, call.op) == (method, op) and bool(re.fullmatch(pattern, call.path))

    return hits


class Simulator:
    """One region of MAAS. Attributes may be changed while it runs.

    Machines by system id, site objects by their id, each a plain dict of what was set; the
    documents that are answered are made by `documents`.
    """

    def __init__(self) -> None:
        self.version = "3.6.3"
        self.user = "admin"
        self.key = oauth.Key("consumer0", "token0", "s3cret-of-the-token")
        self.nonces: set[str] = set()
        self.ids = itertools.count(5001)
        self.machines: dict[str, Any] = {}
        self.racks: dict[str, Any] = {}
        self.fabrics: dict[int, dict[str, Any]] = {}
        self.vlans: dict[int, dict[str, Any]] = {}
        self.subnets: dict[int, dict[str, Any]] = {}
        self.ranges: dict[int, dict[str, Any]] = {}
        self.static_routes: dict[int, dict[str, Any]] = {}
        self.domains: dict[int, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, Any]] = {}
        self.keys: dict[int, str] = {}
        self.repositories: dict[int, dict[str, Any]] = {}
        self.resources: list[dict[str, Any]] = []
        self.is_importing = False
        self.busy_looks = 1  # reads of a machine until what it does has ended
        self.fails: dict[str, int] = {}  # how often "Deploying" and the like end badly
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.done: Counter[tuple[str, str]] = Counter()  # (what, system id): acts on machines
        self._server: HTTPServer | None = None
        self.port = 0

    # -- life

    async def start(self) -> None:
        application = Application([(r"/(.*)", _Handler, {"simulator": self})])
        sockets = bind_sockets(0, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self._server = HTTPServer(application)
        self._server.add_sockets(sockets)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/MAAS"

    @property
    def api_key(self) -> str:
        return f"{self.key.consumer}:{self.key.token}:{self.key.secret}"

    def new_id(self) -> int:
        return next(self.ids)

    # -- what tests ask

    def counted(self, method: str = "", pattern: str = ".*", op: str | None = None) -> int:
        """How many requests came to paths that match; an empty method is any."""
        return sum(
            (not method or call.method == method)
            and bool(re.fullmatch(pattern, call.path))
            and (op is None or call.op == op)
            for call in self.calls
        )

    def writes(self) -> list[str]:
        """Every request that was no GET, as ``POST machines/ allocate``."""
        return [
            " ".join(filter(None, (call.method, call.path, call.op)))
            for call in self.calls
            if call.method != "GET"
        ]

    def secrets(self) -> list[str]:
        """What must stand in no message and no log."""
        nodes = [*self.machines.values(), *self.racks.values()]
        passwords = [str(node.power_parameters.get("power_pass", "")) for node in nodes]
        return [self.key.secret, *filter(lambda password: len(password) > 3, passwords)]

    # -- answering

    def answer(self, call: Call, authorization: str | None) -> Answer:
        try:
            found = self._routed(call)
            if not found.is_open:
                oauth.check(authorization, self.key, self.nonces)
            body = found.act(self, call)
        except oauth.Denied as denied:
            return Answer(401, str(denied), "text/plain; charset=utf-8")
        except Refuse as refusal:
            if isinstance(refusal.body, str):
                return Answer(refusal.status, refusal.body, "text/plain; charset=utf-8")
            return Answer(refusal.status, json.dumps(refusal.body))
        return body if isinstance(body, Answer) else Answer(200, json.dumps(body))

    def _routed(self, call: Call) -> Route:
        there = [r for r in ROUTES if r.pattern.fullmatch(call.path)]
        if not there:
            raise Refuse(404, "")
        for candidate in there:
            if (candidate.method, candidate.op) == (call.method, call.op):
                matched = candidate.pattern.fullmatch(call.path)
                call.parts = matched.groupdict() if matched else {}
                return candidate
        if call.op is not None:
            text = f"Unrecognised signature: method={call.method} op={call.op}"
            raise Refuse(400, text)
        raise Refuse(405, "")

    def fault(self, call: Call) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.hits(call):
                fault.times -= 1
                return fault
        return None


class _Handler(RequestHandler):
    def initialize(self, simulator: Simulator) -> None:
        self.simulator = simulator

    async def prepare(self) -> None:
        simulator, request = self.simulator, self.request
        call = _call(request, len(simulator.calls))
        if call is None:
            await self._send(Answer(404))
            return
        simulator.calls.append(call)
        fault = simulator.fault(call)
        if fault and fault.before:
            fault.before()
        if fault and fault.is_dropped:
            self._drop()
            return
        if fault and fault.status is not None:
            body = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
            for name, value in fault.headers.items():
                self.set_header(name, value)
            await self._send(Answer(fault.status, body))
            return
        answer = simulator.answer(call, request.headers.get("Authorization"))
        if fault and fault.is_lost:
            self._drop()
            return
        await self._send(answer)

    async def _send(self, answer: Answer) -> None:
        self.set_status(answer.status)
        if answer.status != 204:
            self.set_header("Content-Type", answer.content_type)
            self.write(answer.body)
        await self.finish()

    def _drop(self) -> None:
        self.request.connection.stream.close()  # type: ignore[union-attr]
        self._finished = True


def _call(request: HTTPServerRequest, number: int) -> Call | None:
    if not request.path.startswith(BASE):
        return None
    query = _texts(request.query_arguments)
    op = query.pop("op", [None])[0]
    path = request.path.removeprefix(BASE)
    return Call(request.method or "", path, op, query, _texts(request.body_arguments), {}, number)


def _texts(arguments: Mapping[str, list[bytes]]) -> dict[str, list[str]]:
    return {name: [value.decode() for value in values] for name, values in arguments.items()}


async def started(simulator: Simulator) -> Simulator:
    await simulator.start()
    await asyncio.sleep(0)
    return simulator
