"""What every handler shares: identity and policy before anything else, errors, answers, log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import orjson
from tornado import web
from tornado.iostream import StreamClosedError
from tornado.util import ObjectDict

from drydockd import errors
from drydockd import log as logs
from drydockd.api.base import Request
from drydockd.auth.audit import Event
from drydockd.auth.buckets import group
from drydockd.auth.noauth import NAME as NOBODY
from drydockd.handlers import barrier, body
from drydockd.handlers.accesslog import access
from drydockd.handlers.barrier import Barrier, Reads
from drydockd.handlers.body import R
from drydockd.handlers.parameters import Parameter
from drydockd.handlers.parts import send
from drydockd.handlers.refusals import GONE, error_body, message_of, status_of, title_of
from drydockd.handlers.routing import Route
from drydockd.handlers.services import Services
from drydockd.handlers.streams import Stream
from drydockd.handlers.whole import WholeAnswers
from drydockd.model import Caller

log = logging.getLogger(__name__)

# Policy of a method that asks for no identity, and of one that a node's key opens.
OPEN = "open"
NODE_KEY = "node key"

# (method, status) -> the model of the body, or its Media; None: it has none.
Answers = Mapping[tuple[str, int], object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is not JSON: its type; of an event stream the model of each event's data.

    `headers` are those that come with it, each with what it says.
    """

    name: str
    events: Mapping[str, type] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


UNASKED = Caller(user="", authenticated=False)
ORDER = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")


class BaseHandler(WholeAnswers):
    """A handler parses, calls and writes; this does the rest.

    `policy` names the rule of each method; a method without one is refused. `names` and `about`
    are for the API document: what clients call each method, and a line of Markdown that says what
    it is for. `answers` names the model of each answer, by method and status; what is sent is made
    without it, for speed, and held against the document by the tests. `bodies` names the model
    that each method parses. `parameters` are those of the query of each method; any
    other is refused where an identity is asked, as a typo would change what is meant. `has_titles`
    adds ``title`` and ``description`` to errors, where the original's clients read them. `reads`
    is what its answers are made of.
    """

    policy: ClassVar[Mapping[str, str]] = {}
    names: ClassVar[Mapping[str, str]] = {}
    about: ClassVar[Mapping[str, str]] = {}
    parameters: ClassVar[Mapping[str, Collection[str]]] = {}
    bodies: ClassVar[Mapping[str, type[Request]]] = {}
    answers: ClassVar[Answers] = {}
    has_titles: ClassVar[bool] = False
    reads: ClassVar[Reads] = Reads.RECORDS
    # What the security log says of every event besides.
    audited: ClassVar[Mapping[str, str]] = {}

    caller: Caller = UNASKED
    why: str = ""  # there is no identity
    # By so many seconds the answer may be behind what others acknowledged; None: not asked yet.
    behind: float | None = None

    def initialize(self, services: Services, route: Route) -> None:
        # The modules of templates, of which there are none: a ring that Tornado breaks only at
        # a regular end.
        self.ui = ObjectDict()
        self.services = services
        self.route = route
        services.began()

    # -- before the handler

    def prepare(self) -> Awaitable[None] | None:
        """Refuse what has no route or method, then who may not; the body is not looked at."""
        logs.bind_here(request_id=self.request_id)
        method = self.request.method or ""
        if method == "OPTIONS":
            return None
        rule = self.policy.get("GET" if method == "HEAD" else method)
        if rule is None:
            raise web.HTTPError(405)
        ahead = self.services.barrier
        if ahead is not None and self.reads is not Reads.ITSELF:
            ahead.check()
        if rule in (OPEN, NODE_KEY):
            return None
        if ahead is None or self.reads is not Reads.RECORDS:
            return self._admit(rule)
        return self._admit_behind(ahead, rule)

    async def _admit_behind(self, ahead: Barrier, rule: str) -> None:
        await self._admit(rule)
        await self.catch_up(ahead)

    async def catch_up(self, ahead: Barrier) -> None:
        """Let reads show all that others acknowledged, or tell by how much they are behind."""
        self.behind = await ahead.people()
        self.tell_behind()

    def tell_behind(self) -> None:
        """Put into the headers by how much the answer may be behind; errors begin them anew."""
        if self.behind:
            self.set_header(barrier.HEADER, f"{self.behind:.2f}")
        else:
            self.clear_header(barrier.HEADER)

    async def _admit(self, rule: str) -> None:
        self.caller, self.why = await self.services.auth.examine(
            self.request.headers, self.remote, request_id=self.request_id
        )
        caller = self.caller
        logs.bind_here(user=caller.user, marker=caller.external_marker, end_user=caller.end_user)
        self.require(rule)
        self._check_query()

    def _check_query(self) -> None:
        if self.request.query_arguments:
            method = "GET" if self.request.method == "HEAD" else self.request.method or ""
            known = self.parameters.get(method, ())
            body.check_keys(self.request.query_arguments, known, "query parameter")

    def require(self, rule: str) -> None:
        """Raise Forbidden or Unauthenticated unless the caller satisfies `rule`."""
        try:
            self.services.policy.require(rule, self.caller)
        except errors.Forbidden:
            self.services.audit.record(
                Event.AUTHZ_FAIL,
                self.caller.user,
                rule,
                remote=self.remote,
                request_id=self.request_id,
                description=f"{self.request.method} {self.route.pattern}",
                **self.audited,
            )
            raise
        except errors.Unauthenticated:
            raise errors.Unauthenticated(
                challenge=self.services.auth.challenge, description=self.why or None
            ) from None

    @property
    def holder(self) -> str:
        """Whom the places held by this request are counted for: the user, else the address."""
        caller = self.caller
        if caller.authenticated and caller.user_id != NOBODY:
            return f"user {caller.user_id or caller.user}@{caller.user_domain_id}"
        return f"address {group(self.remote)}"

    @property
    def is_stale(self) -> bool:
        """Whether an answer that is held open has to end, as nothing is heard of others."""
        ahead = self.services.barrier
        return ahead is not None and ahead.is_stale

    def leaving(self, *, may_hurry: bool = False) -> asyncio.Future[None]:
        """Return what is done when there is no use in waiting longer; see Stream.leaving."""
        stream: Stream = self.request.connection.stream  # type: ignore[union-attr]
        return stream.leaving(may_hurry=may_hurry)

    @property
    def remote(self) -> str:
        """The caller's address, past trusted proxies."""
        return self.services.proxies.remote(
            self.request.remote_ip or "", self.request.headers.get("X-Forwarded-For")
        )

    # -- what handlers use

    def parse(self, kind: type[R]) -> R:
        """Return the request's body, a JSON object that says a `kind`. Raises InvalidInput."""
        given = body.json_object(
            self.request.body,
            self.request.headers.get("Content-Type", ""),
            self.services.settings.api.json_depth,
        )
        return body.parsed(kind, given)

    def no_body(self) -> None:
        """Refuse keys on a route that takes none: they would be meant for something."""
        if self.request.body.strip():
            self.parse(Request)

    def query(self, name: str) -> str | None:
        """Return a query parameter, the last one when repeated; None when absent."""
        values = self.request.query_arguments.get(name)
        if not values:
            return None
        return values[-1].decode("utf-8", "replace").strip()

    def given(self, parameter: Parameter[T]) -> T | None:
        """Return what a query parameter says; None when absent. Raises InvalidInput."""
        text = self.query(parameter)
        return None if text is None else parameter.read(text)

    def reply(self, answer: object, status: int = 200) -> None:
        """Answer with `answer` as JSON."""
        self.reply_bytes(orjson.dumps(answer), status)

    def reply_bytes(self, encoded: bytes, status: int = 200) -> None:
        """Answer with JSON already encoded."""
        if status != 200:
            self.set_status(status)
        self._headers["Content-Length"] = str(len(encoded))
        self.finish(encoded)

    async def reply_parts(self, parts: AsyncGenerator[bytes, None]) -> None:
        """Answer with JSON in `parts`, each made when the client has taken the one before but one.

        What fits in one part has a Content-Length. An error before the first byte is a status
        code, a later one breaks the connection. For a client that is gone, or takes too long
        over one part, no more is made.
        """
        await send(self, parts, self.services.slices, self.holder)

    # -- methods all routes have

    def options(self, *args: str) -> None:
        self.set_header("Allow", ",".join((*self._methods(), "OPTIONS")))
        self.clear_header("Content-Type")
        self.finish()

    async def head(self, *args: str) -> None:
        answered: Awaitable[None] | None = self.get(*args)
        if answered is not None:
            await answered

    def _methods(self) -> list[str]:
        return [m for m in ORDER if ("GET" if m == "HEAD" else m) in self.policy]

    # -- errors

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Turn an exception into its status code; after the first byte, cut the connection."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, StreamClosedError):
            if not self._finished:
                self.set_status(GONE, "Client Closed Request")
                self.cut()
            return
        if self._headers_written:
            if not self._finished:
                self.cut()
            return
        super().send_error(status_of(error)[0] if error else status_code, **kwargs)

    def cut(self) -> None:
        """Break the connection: only that says that what came so far is not the whole."""
        self.detach().close()
        self.on_finish()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        if self.behind:
            self.tell_behind()
        retry = status_of(error)[1] if error else False
        if status_code == 405:
            self.set_header("Allow", ", ".join(sorted((*self._methods(), "OPTIONS"))))
        challenge = getattr(error, "challenge", None)
        if status_code == 401 and challenge:
            self.set_header("WWW-Authenticate", challenge)
        retry_after = getattr(error, "retry_after", None)
        if retry_after is not None:
            retry = True
            self.set_header("Retry-After", str(retry_after))
        message = message_of(error, status_code)
        why = error.description if isinstance(error, errors.Unauthenticated) else None
        if not self.has_titles and status_code not in (405, 500):
            self.finish(error_body(message, retry=retry, description=why))
            return
        title = self.title_of(status_code) or title_of(status_code)
        description = None if status_code == 500 else why or self.description_of(error, message)
        self.finish(error_body(message, retry=retry, title=title, description=description))

    def title_of(self, status: int) -> str | None:
        """Return the title of an error where it is not simply the code and its reason."""
        return None

    def description_of(self, error: BaseException | None, message: str) -> str:
        return message

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        if isinstance(value, StreamClosedError):
            log.info("%s %s: the client hung up", self.request.method, self.request.path)
        elif value is None or status_of(value)[0] != 500:
            log.debug("refused: %s", value)
        elif isinstance(value, errors.DrydockError):
            log.error("%s %s failed: %s", self.request.method, self.request.path, value)
        else:
            log.error(
                "%s %s failed", self.request.method, self.request.path, exc_info=(typ, value, tb)
            )

    # -- the end

    def on_finish(self) -> None:
        self.services.ended()
        request = self.request
        method, status = request.method or "", self.get_status()
        seconds = request.request_time()
        self.services.measures.request(self.route.pattern, method, status, seconds)
        access(method, request.path, status, seconds, request.query, self.request_id)


class UnknownPath(BaseHandler):
    """Answers for every path that is none of the API's."""

    has_titles = True

    def prepare(self) -> None:
        logs.bind_here(request_id=self.request_id)
        raise web.HTTPError(404)


def missing_policies(handlers: Iterable[type[web.RequestHandler]]) -> list[str]:
    """Return ``Handler.method`` for implemented methods without a policy entry, and the reverse."""
    found = []
    for handler in handlers:
        policy = getattr(handler, "policy", {})
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            own = getattr(handler, method.lower())
            is_implemented = own is not getattr(web.RequestHandler, method.lower())
            if is_implemented != (method in policy):
                found.append(f"{handler.__name__}.{method.lower()}")
    return found
