"""From a request's path to its handler: one table, strict paths, limits before any reading."""

from __future__ import annotations

import asyncio
import http.client
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from tornado import httputil, web
from tornado.http1connection import HTTP1Connection

from drydockd.handlers.intake import Intake
from drydockd.handlers.streams import Stream

# How much of a refused body is still read, so that the client gets to see the answer
# (closing a socket with unread data resets the connection).
DRAIN_BYTES = 16 << 20
DRAIN_SECONDS = 5.0
ABSOLUTE_FORM = re.compile(r"https?://[^/?]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the API: `pattern` such as ``/api/v1.0/tasks/{task_id}``.

    `parts` are further arguments of the handler's `initialize`.
    """

    pattern: str
    handler: type[web.RequestHandler]
    body_bytes: int | None = None
    parts: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Crossing:
    route: Route | None = None
    fixed: dict[str, _Crossing] = field(default_factory=dict)
    any: _Crossing | None = None


class Routes:
    """The table, as a tree of segments; a fixed segment goes before a variable one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Crossing()
        self.all = tuple(routes)
        for route in self.all:
            self._add(route)

    def _add(self, route: Route) -> None:
        at = self._root
        for segment in route.pattern.strip("/").split("/"):
            if segment.startswith("{"):
                at.any = at.any or _Crossing()
                at = at.any
            else:
                at = at.fixed.setdefault(segment, _Crossing())
        if at.route is not None:
            raise ValueError(f"{route.pattern}: two routes for one path")
        at.route = route

    def find(self, path: str) -> tuple[Route, list[bytes]] | None:
        """Return the route of `path` as sent, and its variable segments; None if unknown.

        Repeated and trailing slashes do not count; an escaped slash never separates, and
        a segment that decodes to ``.``, ``..`` or something with a slash or control
        character is no route.
        """
        at, found = self._root, list[bytes]()
        for segment in path.split("/"):
            if not segment:
                continue
            ahead = at.fixed.get(segment)
            if ahead is None:
                value = _value(segment)
                if value is None or at.any is None:
                    return None
                found.append(value)
                ahead = at.any
            at = ahead
        return None if at.route is None else (at.route, found)


def _value(segment: str) -> bytes | None:
    if "%" not in segment:
        raw = segment.encode("utf-8", "surrogateescape")
    else:
        raw = unquote_to_bytes(segment)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if text in (".", "..") or "/" in text or "\\" in text or not text.isprintable():
        return None
    return raw


StartLine = httputil.RequestStartLine | httputil.ResponseStartLine
Refuse = Callable[[httputil.HTTPServerRequest, int, str], tuple[httputil.HTTPHeaders, bytes]]


class Api(web.Application):
    """A Tornado application over `Routes`: same handlers, but its own way to find them."""

    def __init__(
        self,
        routes: Routes,
        *,
        unknown: type[web.RequestHandler],
        refuse: Refuse,
        header_bytes: int,
        intake: Intake,
        handler_kwargs: Mapping[str, object],
        **settings: Any,
    ) -> None:
        super().__init__(default_handler_class=unknown, **settings)
        self.routes = routes
        self._unknown = Route("", unknown)
        self._refuse = refuse
        self._header_bytes = header_bytes
        self.intake = intake
        self._kwargs = {
            route.pattern: {**handler_kwargs, **route.parts, "route": route}
            for route in (*routes.all, self._unknown)
        }

    def find_handler(  # type: ignore[override]
        self, request: httputil.HTTPServerRequest, **kwargs: Any
    ) -> httputil.HTTPMessageDelegate:
        """Choose the delegate for `request`, whose headers have been read, its body not."""
        stream = cast(Stream, cast(HTTP1Connection, request.connection).stream)
        stream.watcher.began(stream)
        if _header_size(request) > self._header_bytes:
            text = f"The headers are longer than {self._header_bytes} bytes"
            return _Refusal(request, self._refuse, 431, text)
        path = request.path
        if not path.startswith("/"):
            path = ABSOLUTE_FORM.sub("", path, count=1)
        route, args = self.routes.find(path) or (self._unknown, [])
        limit = route.body_bytes or 0
        headers = request.headers
        length = headers.get("Content-Length", "0")
        if length.isdecimal() and int(length) > limit:
            return _Refusal(request, self._refuse, 413, _too_long(limit), int(length))
        content_type = headers.get("Content-Type", "")
        if content_type != "application/json" and _is_form(content_type):
            # Tornado would take it apart before the handler may refuse it.
            headers["Content-Type"] = "text/x-form"
        kwargs = self._kwargs[route.pattern]
        delegate = _Answering(self, request, route.handler, kwargs, args, None)
        if length == "0" and "Transfer-Encoding" not in headers:
            return delegate
        return _Counting(delegate, request, self._refuse, limit, self.intake)


class _Answering(web._HandlerDelegate):
    """Lets a handler answer in a task of its own, made straight away.

    Tornado first looks for what kind of awaitable its own coroutine may be, and has the end of
    each task looked at in a turn of the loop; one that fails tells the log by itself.
    """

    def execute(self) -> Awaitable[None] | None:
        if self.stream_request_body or self.application.transforms:
            return super().execute()
        self.handler = self.handler_class(self.application, self.request, **self.handler_kwargs)
        answer = self.handler._execute([], *self.path_args, **self.path_kwargs)
        self._answer = asyncio.get_running_loop().create_task(answer)
        return None


def _is_form(content_type: str) -> bool:
    return content_type.lower().startswith(("multipart/", "application/x-www-form-urlencoded"))


def _header_size(request: httputil.HTTPServerRequest) -> int:
    size = len(request.uri or "")
    for name, value in request.headers.get_all():
        size += len(name) + len(value) + 4
    return size


def _too_long(limit: int) -> str:
    if limit == 0:
        return "This path takes no body"
    return f"The body is longer than the {limit} bytes this path takes"


class _Refusal(httputil.HTTPMessageDelegate):
    """Answers at once, then lets a body of bounded size and time pass unread."""

    def __init__(
        self,
        request: httputil.HTTPServerRequest,
        refuse: Refuse,
        status: int,
        text: str,
        length: int = 0,
    ) -> None:
        self._request = request
        self._answer = (refuse, status, text)
        self._length = length
        self._connection = cast(HTTP1Connection, request.connection)

    def headers_received(self, start_line: StartLine, headers: httputil.HTTPHeaders) -> None:
        self.answer()
        # Otherwise Tornado would answer once more, for the same length.
        self._connection.set_max_body_size(max(self._length, DRAIN_BYTES))
        self._connection.set_body_timeout(DRAIN_SECONDS)
        is_waiting = headers.get("Expect", "").lower() == "100-continue"
        if is_waiting or not 0 < self._length <= DRAIN_BYTES:
            self._connection.finish()

    def answer(self) -> None:
        refuse, status, text = self._answer
        headers, body = refuse(self._request, status, text)
        headers["Connection"] = "close"
        line = httputil.ResponseStartLine("HTTP/1.1", status, http.client.responses[status])
        self._connection.write_headers(line, headers, body)

    def data_received(self, chunk: bytes) -> None:
        return None

    def finish(self) -> None:
        self._connection.finish()

    def on_connection_close(self) -> None:
        return None


class _Counting(httputil.HTTPMessageDelegate):
    """Passes a body on, and refuses it where it grows over the limit, its own or that of all."""

    def __init__(
        self,
        inner: httputil.HTTPMessageDelegate,
        request: httputil.HTTPServerRequest,
        refuse: Refuse,
        limit: int,
        intake: Intake,
    ) -> None:
        self._inner = inner
        self._request, self._refuse = request, refuse
        self._connection = cast(HTTP1Connection, request.connection)
        self._limit = self._left = limit
        self._intake, self._held = intake, 0
        self._refusal: _Refusal | None = None

    def headers_received(
        self, start_line: StartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        self._connection.set_max_body_size(self._left + DRAIN_BYTES)
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._refusal is not None:
            return None
        self._left -= len(chunk)
        if self._left < 0:
            self._refuse_with(413, _too_long(self._limit))
        elif not self._intake.takes(len(chunk)):
            self._refuse_with(503, self._intake.refusal)
        else:
            self._held += len(chunk)
            return self._inner.data_received(chunk)
        return None

    def _refuse_with(self, status: int, text: str) -> None:
        self._give_back()
        self._refusal = _Refusal(self._request, self._refuse, status, text)
        self._inner.on_connection_close()
        self._refusal.answer()
        self._connection.set_body_timeout(DRAIN_SECONDS)

    def _give_back(self) -> None:
        self._intake.give_back(self._held)
        self._held = 0

    def finish(self) -> None:
        self._give_back()
        (self._refusal or self._inner).finish()

    def on_connection_close(self) -> None:
        self._give_back()
        if self._refusal is None:
            self._inner.on_connection_close()
