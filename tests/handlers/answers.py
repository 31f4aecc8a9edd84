"""Holds every answer a test gets against the API document, whose answers are closed for it.

Status, content type, headers and schema: a key that the document does not have fails a test.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from drydockd.handlers import all_routes
from drydockd.handlers.openapi import described

ROUTES = all_routes(1, 1)
# Where the documents' references begin.
BASE = "urn:drydockd:api"
# What the handlers never see: no such path or method, and what is refused before one is looked for.
OUTSIDE = (400, 404, 405, 413, 431, 503)
NUMBERS = {"integer": int, "number": float}
# "METHOD status" -> how many answers were held against it.
CHECKED: Counter[str] = Counter()


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with no key in an answer but those it names.

    In the document itself answers may have more, for those who read them with an older one.
    """
    return json.loads(
        json.dumps(document),
        object_hook=lambda found: (
            found | {"additionalProperties": False}
            if "properties" in found and found.get("additionalProperties") is True
            else found
        ),
    )


DOCUMENT = closed(described())
REGISTRY = Registry().with_resource(
    BASE, Resource.from_contents(DOCUMENT, default_specification=DRAFT202012)
)


async def recorded(response: httpx.Response) -> None:
    """Check one answer; the hook of a test's HTTP client."""
    request = response.request
    if request.method == "OPTIONS":
        return
    method = "GET" if request.method == "HEAD" else request.method
    where = f"{request.method} {request.url}: {response.status_code}"
    kind = response.headers.get("Content-Type")
    is_json = kind == "application/json" and request.method != "HEAD"
    content = await response.aread() if is_json else None
    if response.status_code == 404 and content and is_elsewhere(json.loads(content)):
        said = refused()
    else:
        said = answer(method, request.url.raw_path.partition(b"?")[0], response.status_code)
    check_headers(said, response.headers, where)
    schema = schema_of(said, kind, where)
    if schema is not None and content is not None:
        check(schema, content, where)
    CHECKED[f"{request.method} {response.status_code}"] += 1


def answer(method: str, path: bytes, status: int) -> Mapping[str, Any]:
    """Return what the document says of an answer. Fails for one it does not list."""
    found = ROUTES.find(path.decode("ascii"))
    operation = DOCUMENT["paths"][found[0].pattern].get(method.lower()) if found else None
    if operation is None:
        assert status in OUTSIDE, f"{method} {path!r} answered {status} and is in no document"
        return refused()
    said = operation["responses"].get(str(status))
    assert said is not None, (
        f"{method} {path!r} answered {status}, which the document does not list"
    )
    return resolved(said)


def refused() -> Mapping[str, Any]:
    """Return what is said of a path that is not there: any refusal."""
    return DOCUMENT["components"]["responses"]["InternalError"]


def is_elsewhere(error: Mapping[str, Any]) -> bool:
    """Whether the path is not served on this address, as most are not on that of nodes."""
    return error["message"] == "Not Found" and error.get("title") == "404 Not Found"


def resolved(said: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in said:
        found: Any = DOCUMENT
        for step in said["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        said = found
    return said


def check_headers(said: Mapping[str, Any], headers: httpx.Headers, where: str) -> None:
    """Fail unless the headers that must be there are, and all are as they should."""
    for name, header in said.get("headers", {}).items():
        header = resolved(header)
        assert name in headers or not header.get("required"), f"{where}: no {name}"
        if name in headers:
            value: object = headers[name]
            if (kind := header["schema"]["type"]) in NUMBERS:
                value = NUMBERS[kind](headers[name])
            fail_on(validator(json.dumps(header["schema"])), value, f"{where}: {name}")


def schema_of(said: Mapping[str, Any], kind: str | None, where: str) -> dict[str, Any] | None:
    """Return the schema of a body of that type, if it is JSON. Fails for a type not listed."""
    content = said.get("content", {})
    media = kind.partition(";")[0] if kind else None
    assert (media in content) if content else media is None, f"{where}: {kind}, not {[*content]}"
    return content[media].get("schema") if media == "application/json" else None


def check(kind: Mapping[str, Any] | type, content: bytes, where: str) -> None:
    """Fail unless `content` is as the schema says, or the one of that model's name."""
    is_model = isinstance(kind, type)
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"} if is_model else kind
    fail_on(validator(json.dumps(schema)), json.loads(content), where)


def fail_on(judge: Draft202012Validator, value: object, where: str) -> None:
    if not judge.is_valid(value):
        wrong = "; ".join(
            f"{error.json_path}: {error.message}" for error in judge.iter_errors(value)
        )
        raise AssertionError(f"{where}: {wrong[:2000]}")


@cache
def validator(schema: str) -> Draft202012Validator:
    """Return what judges by a schema of the document."""
    placed = json.loads(schema.replace('"#/', f'"{BASE}#/'))
    formats = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(placed, registry=REGISTRY, format_checker=formats)
