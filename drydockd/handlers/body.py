"""Request bodies and query strings, checked: what is wrong, where, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

import orjson
from pydantic import ValidationError

from drydockd.api.base import Request
from drydockd.errors import InvalidInput

R = TypeVar("R", bound=Request)

TRUE = frozenset({"true", "True", "t", "yes", "y", "1", "on", ""})
FALSE = frozenset({"false", "False", "f", "no", "n", "0", "off"})
# What pydantic calls a mistake -> what is required instead.
REQUIRED = {
    "bool_type": "true or false is required",
    "dict_type": "an object is required",
    "list_type": "a list is required",
    "missing": "is required",
    "model_type": "an object is required",
    "string_type": "text is required",
}
CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w-]+)", re.IGNORECASE)


def json_object(body: bytes, content_type: str, depth: int) -> dict[str, object]:
    """Return the JSON object in `body`. Raises InvalidInput."""
    check_type(content_type)
    if not body.strip():
        raise InvalidInput("The request has no body; a JSON object is required")
    parsed = parse(body, depth)
    if not isinstance(parsed, dict):
        raise InvalidInput("The request body must be a JSON object")
    return parsed


def parsed(kind: type[R], given: Mapping[str, object]) -> R:
    """Return the request a JSON object says. Raises InvalidInput for the first thing wrong."""
    check_keys(given, kind.model_fields)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        own = kind.refusal(str(first["loc"][0]), given)
        required = REQUIRED.get(first["type"]) or first["msg"]
        raise InvalidInput(own or f"{_place(first['loc'])}: {required}") from None


def check_keys(given: Iterable[str], known: Collection[str], what: str = "key") -> None:
    """Raise InvalidInput for a key that is not known, with what it may have meant."""
    for key in given:
        if key not in known:
            near = get_close_matches(key[:60].lower(), known, 1)
            meant = f", did you mean {near[0]}?" if near else ""
            takes = f"known: {', '.join(known)}" if known else "this route takes none"
            raise InvalidInput(f"{shown(key)}: unknown {what}{meant} ({takes})")


def _place(path: tuple[int | str, ...]) -> str:
    """Return where in a body, such as ``details[1].error``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def check_type(content_type: str) -> None:
    """Accept ``application/json`` in any case, with parameters. Raises InvalidInput."""
    if content_type == "application/json":
        return
    media, _, parameters = content_type.partition(";")
    if media.strip().lower() != "application/json":
        raise InvalidInput("Content-Type must be application/json")
    if parameters and (charset := CHARSET.search(";" + parameters)) is not None:
        named = charset[1].lower()
        if named not in ("utf-8", "utf8", "us-ascii"):
            raise InvalidInput("The charset of the body must be utf-8")


def parse(body: bytes, depth: int) -> object:
    """Return `body` parsed, nested at most `depth` deep. Raises InvalidInput."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"Invalid JSON in body: {error.msg}, line {error.lineno}") from None
    # Without that many brackets it cannot be that deep; nearly every body ends here.
    if body.count(b"[") + body.count(b"{") > depth and _is_deeper(parsed, depth):
        raise InvalidInput(f"The JSON body is nested deeper than {depth}")
    return parsed


def _is_deeper(value: object, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return False
        level = inner
    return any(isinstance(item, dict | list) for item in level)


def boolean(name: str, text: str) -> bool:
    """Return the truth a query parameter says; blank means true. Raises InvalidInput."""
    if text in TRUE or text.upper() == "TRUE":
        return True
    if text in FALSE or text.upper() == "FALSE":
        return False
    raise InvalidInput(f"{name}: true or false is required, not {shown(text)}")


def integer(name: str, text: str, low: int, high: int) -> int:
    """Return the number a query parameter says, `low` to `high`. Raises InvalidInput."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
        raise InvalidInput(f"{name}: an integer is required, not {shown(text)}")
    number = int(text)
    if not low <= number <= high:
        raise InvalidInput(f"{name}: {low} to {high} is allowed, not {number}")
    return number


def shown(text: str) -> str:
    """Return a caller's text as a message may show it."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
