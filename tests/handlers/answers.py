"""Holds every answer a test gets against the model its handler names for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import get_annotations

import httpx
from pydantic import TypeAdapter

from drydockd.api.base import Answer
from drydockd.api.error import Error
from drydockd.handlers import all_routes

ROUTES = all_routes(1, 1)


async def recorded(response: httpx.Response) -> None:
    """Check one answer; the hook of a test's HTTP client."""
    request = response.request
    if request.method in ("HEAD", "OPTIONS"):
        return
    kind = model(request.method, request.url.raw_path.partition(b"?")[0], response.status_code)
    is_json = response.headers.get("Content-Type") == "application/json"
    assert is_json == (kind is not None), (request.url, response.status_code, response.headers)
    if kind is not None:
        check(kind, await response.aread(), f"{request.method} {request.url}")


def model(method: str, path: bytes, status: int) -> object:
    """Return what the answer must be; None: no JSON. Fails for one that has no model."""
    found = ROUTES.find(path.decode("ascii"))
    named = found[0].handler.answers if found else {}
    if (method, status) in named:
        return named[method, status]
    assert status >= 400, f"{method} {path!r} answered {status}: its handler names no such answer"
    return Error


def check(kind: object, content: bytes, where: str) -> None:
    """Fail unless `content` is a `kind`, with every key it must have and none it does not."""
    found = TypeAdapter(kind).validate_json(content)
    assert list(strays(found)) == [], where


def strays(value: object, at: str = "") -> Iterator[str]:
    """Yield the keys that came without being in the model."""
    if isinstance(value, Answer) and "__pydantic_extra__" not in get_annotations(type(value)):
        yield from (f"{at}.{key}" for key in value.model_extra or ())
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from strays(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from strays(inner, f"{at}[{number}]")
