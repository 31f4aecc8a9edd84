"""What all handlers of the boot listener share: who may send how much, and what errors become."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError
from tornado import web
from tornado.iostream import StreamClosedError

from drydockd.drivers.node.netboot.boots import Boots
from drydockd.drivers.node.netboot.bounds import Intake, Peers, Shares
from drydockd.drivers.node.netboot.files import Lane
from drydockd.drivers.node.netboot.messages import Body
from drydockd.drivers.node.netboot.pace import Pace
from drydockd.errors import (
    Conflict,
    DrydockError,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)

log = logging.getLogger(__name__)

KIB, MIB = 1024, 1024 * 1024
# Bodies on their way, together: of agents that said hello, and of everybody else.
AGENTS_BYTES = 64 * MIB
STRANGERS_BYTES = 32 * MIB
# Of one machine at once: an agent needs one of each, and lost lines leave some behind.
POLLS_OF_A_MACHINE = 4
IMAGES_OF_A_MACHINE = 2
STATUS: tuple[tuple[type[Exception], int, bool], ...] = (
    (InvalidInput, 400, False),
    (Unauthenticated, 401, False),
    (Forbidden, 403, False),
    (NotFound, 404, False),
    (Conflict, 409, False),
    (TooLarge, 413, False),
    (TooMany, 429, True),
    (Unavailable, 503, True),
)
B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers use. `file_of` returns where a public file of that name lies, and what
    comes behind it, and raises NotFound; `image_of` where an image lies; `streams` of either go
    out at once.
    `connections` and `connections_per_address` bound what strangers can hold."""

    boots: Boots
    file_of: Callable[[str], tuple[Path, bytes]]
    image_of: Callable[[str], Path]
    streams: int
    connections: int = 1024
    connections_per_address: int = 64


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is held of whom, in one listener."""

    peers: Peers
    public_lane: Lane
    image_lane: Lane
    agents: Intake = field(default_factory=lambda: Intake(AGENTS_BYTES))
    strangers: Intake = field(default_factory=lambda: Intake(STRANGERS_BYTES))
    polls: Shares = field(default_factory=lambda: Shares(POLLS_OF_A_MACHINE, "long polls"))
    images: Shares = field(default_factory=lambda: Shares(IMAGES_OF_A_MACHINE, "downloads"))

    @classmethod
    def of(cls, services: Services) -> Bounds:
        pace = Pace()
        peers = Peers(services.connections, services.connections_per_address)
        # Apart: who pretends to be many clients waits for himself, and for no agent.
        return cls(peers, Lane(services.streams, pace), Lane(services.streams, pace))


@web.stream_request_body
class BootHandler(web.RequestHandler):
    """Errors are the API's body; nothing of a machine is trusted, nothing of it is logged whole.

    A body is read when its sender and its length are accepted, not before.
    """

    largest_bytes = 64 * KIB

    def initialize(self, services: Services, bounds: Bounds) -> None:
        self.services = services
        self.boots = services.boots
        self.bounds = bounds
        self._body = bytearray()
        self._taken: tuple[Intake, int] | None = None
        # The connection as the server counts it.
        self._peer: object = getattr(self.request.connection, "context", None)

    async def prepare(self) -> None:
        """Raises what `admit` does, InvalidInput, TooLarge, Busy."""
        if self.request.method != "POST":
            return
        told = self.request.headers.get("Content-Length", "")
        if not told.isdecimal():
            raise InvalidInput("a body needs a Content-Length here")
        if int(told) > self.largest_bytes:
            raise TooLarge(f"the body has more than {self.largest_bytes} bytes")
        intake = self.admit()
        intake.take(int(told))
        self._taken = intake, int(told)

    def admit(self) -> Intake:
        """Return where the body's bytes count. Raises to refuse it unread."""
        return self.bounds.strangers

    def data_received(self, chunk: bytes) -> None:
        if self._taken is not None:
            self._body += chunk

    def on_finish(self) -> None:
        self._release()

    def on_connection_close(self) -> None:
        self._release()

    def _release(self) -> None:
        self.bounds.peers.proven(self._peer, False)
        if self._taken is not None:
            intake, size = self._taken
            self._taken = None
            intake.give_back(size)

    def session(self) -> str:
        """Return the agent's session, proven. Raises Unauthenticated, Conflict."""
        session = self.bearer()
        self.boots.check_session(session)
        self.bounds.peers.proven(self._peer, True)
        return session

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")

    def parse(self, model: type[B]) -> B:
        """Return the body. Raises InvalidInput naming the field."""
        try:
            return model.model_validate_json(bytes(self._body))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "body"
            raise InvalidInput(f"{field}: {first['msg']}") from error

    def bearer(self) -> str:
        """Raises Unauthenticated without one."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("no bearer token was sent")
        return token.strip()

    def answer(self, document: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps(document))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        message, is_worth_retrying = http.client.responses.get(status_code, "error"), False
        for kind, status, retry in STATUS:
            if isinstance(error, kind):
                self.set_status(status)
                message, is_worth_retrying = str(error), retry
                break
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps({"type": "error", "message": message, "retry": is_worth_retrying}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if isinstance(value, DrydockError):
            log.info("netboot: %s %s: %s", self.request.method, self.request.path, value)
        elif not isinstance(value, StreamClosedError | web.HTTPError):
            log.error("netboot: %s failed", self.request.path, exc_info=(typ, value, tb))


class AgentHandler(BootHandler):
    """A route for agents that said hello."""

    def admit(self) -> Intake:
        self.session()
        return self.bounds.agents
