"""What an answer of the API is: the value asked for, or one of the client's errors."""

from __future__ import annotations

from typing import TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from drydockd.client.errors import ClientError, ClientForbiddenError, ClientUnauthorizedError

T = TypeVar("T")


def checked(response: httpx.Response) -> httpx.Response:
    """Return a good response. Raises the ClientError of a bad one."""
    code, url = response.status_code, response.request.url
    if code < 400:
        return response
    body = body_of(response)
    if code == httpx.codes.UNAUTHORIZED:
        raise ClientUnauthorizedError(
            f"Unauthorized access to {url}; is the token valid?", code, body
        )
    if code == httpx.codes.FORBIDDEN:
        raise ClientForbiddenError(f"Forbidden access to {url}", code, body)
    if code == httpx.codes.NOT_FOUND:
        shown = url.copy_with(query=None)
        raise ClientError(f"{shown} is not there: is that the URL of a drydockd?", code, body)
    raise ClientError(f"Error - received {code}: {response.text}", code, body)


def body_of(response: httpx.Response) -> object:
    """Return the JSON of an answer, or its text."""
    try:
        return response.json()
    except ValueError:
        return response.text


def parsed(response: httpx.Response, kind: type[T]) -> T:
    """Return the answer as a `kind`. Raises ClientError for what is none."""
    try:
        return TypeAdapter(kind).validate_json(response.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ClientError(
            f"{response.request.url} answered {response.status_code} without the JSON expected "
            f"({place + ': ' if place else ''}{first['msg']}); is it a drydockd?",
            response.status_code,
            body_of(response),
        ) from error
