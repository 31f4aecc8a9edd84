"""Errors as answers: which status code, what is said, whether it is worth trying again.

The table `STATUS` is the only place where an error becomes a status code.
"""

from __future__ import annotations

import http.client

import orjson
from tornado import httputil, web

from drydockd import errors
from drydockd.handlers.accesslog import access
from drydockd.model import new_id

# The first class an error is an instance of decides; most special first.
STATUS: tuple[tuple[type[Exception], int, bool], ...] = (
    (errors.InvalidInput, 400, False),
    (errors.Unauthenticated, 401, False),
    (errors.Forbidden, 403, False),
    (errors.NotFound, 404, False),
    (errors.Conflict, 409, False),
    (errors.Gone, 410, False),
    (errors.TooLarge, 413, False),
    (errors.Misdirected, 421, False),
    (errors.TooMany, 429, False),
    (errors.Unavailable, 503, True),
    (errors.DriverTransient, 503, True),
    (errors.DriverLimit, 503, True),
)
# What is counted for a client that was gone before it had its answer: nobody gets to see it.
GONE = 499
# The message of an error without a line above may name what a caller must not see.
UNKNOWN_ERROR = "Unknown error"


def status_of(error: BaseException) -> tuple[int, bool]:
    """Return the status code of an error, and whether the same request may succeed later."""
    if isinstance(error, web.HTTPError):
        return error.status_code, False
    for kind, status, retry in STATUS:
        if isinstance(error, kind):
            return status, retry or getattr(error, "retry_after", None) is not None
    return 500, False


def message_of(error: BaseException | None, status: int) -> str:
    if error is None or isinstance(error, web.HTTPError):
        return http.client.responses.get(status, UNKNOWN_ERROR)
    return UNKNOWN_ERROR if status == 500 else str(error)


def title_of(status: int) -> str:
    return f"{status} {http.client.responses.get(status, 'Error')}"


def error_body(
    message: str, *, retry: bool = False, title: str | None = None, description: str | None = None
) -> bytes:
    """Return the one error body there is. Source: contract, api, section 1.1."""
    answer: dict[str, object] = {"type": "error", "message": message, "retry": retry}
    if title is not None:
        answer["title"] = title
    if description is not None:
        answer["description"] = description
    return orjson.dumps(answer)


def refusal(
    request: httputil.HTTPServerRequest, status: int, text: str
) -> tuple[httputil.HTTPHeaders, bytes]:
    """Return headers and body for a request refused before it reached a handler."""
    may_retry = status == 503
    answer = error_body(text, retry=may_retry, title=title_of(status), description=text)
    headers = httputil.HTTPHeaders(
        {
            "Server": "drydockd",
            "Content-Type": "application/json",
            "Content-Length": str(len(answer)),
            "X-Drydock-Req": new_id(),
        }
    )
    if may_retry:
        headers["Retry-After"] = "5"
    access(
        request.method or "",
        request.path,
        status,
        request.request_time(),
        request.query,
        headers["X-Drydock-Req"],
    )
    return headers, b"" if request.method == "HEAD" else answer
