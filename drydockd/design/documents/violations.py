"""What pydantic says about a body, in the words of a DD001 finding.

One finding per violation; the unknown keys of one mapping are one. Secret values (BMC
parameters, the data of assets) are never shown, nor are those under keys nobody knows.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from drydockd.design.references import redacted

Path = tuple[str | int, ...]
_MAPPING = "a mapping is required"
_WORDS = {
    "missing": "is required",
    "string_type": "a string is required",
    "bool_type": "true or false is required",
    "list_type": "a list is required",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "invalid_key": "a key must be a string; quote it",
    "int_type": "a number is required",
}
# The parts of a body whose values may be secrets, wherever they stand in a path.
_SECRET = {"oob", "data", "gpgkey", "credential"}
_SHOWN = 60


def violations(error: ValidationError) -> Iterator[tuple[Path, str, object]]:
    """Yield path, expectation and value of each violation; the expectation shows the value
    where that may be shown."""
    unknown: dict[Path, list[str]] = {}
    for detail in error.errors(include_url=False, include_context=True):
        path = detail["loc"]
        if detail["type"] == "extra_forbidden":
            unknown.setdefault(path[:-1], []).append(str(path[-1]))
            continue
        if path and path[-1] == "[key]":
            yield path[:-2], f"the key {path[-2]!r:.60} must be a string; quote it", None
        else:
            value = None if detail["type"] == "missing" else detail["input"]
            yield path, _expectation(detail) + _seen(path, detail), value
    for path, keys in unknown.items():
        yield path, f"unknown {'key' if len(keys) == 1 else 'keys'} {', '.join(keys)[:200]}", None


def path_text(path: Path) -> str:
    """Return a path as text: ``interfaces.bond0.slaves[0]``; empty for the body itself."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def hint(value: object) -> str:
    """What YAML 1.1 may have done to a text that was not quoted; empty if nothing."""
    if isinstance(value, bool):
        return "YAML reads yes, no, on, off, true and false as booleans: quote it if it is text."
    if isinstance(value, int | float):
        return (
            "YAML reads it as a number (a PCI address as 0000:00:03.0 or a MAC address of digits "
            "too): quote it if it is text."
        )
    if isinstance(value, datetime.date):
        return "YAML reads it as a date: quote it if it is text."
    return ""


def closest(word: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(word, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def meant(word: str, known: tuple[str, ...]) -> str:
    """As `closest`, inside a sentence."""
    close = closest(word, known)
    return f" ({close.removeprefix('; ')})" if close else ""


def _expectation(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "literal_error":
        return f"{detail['ctx']['expected'].replace(chr(39), '')} is required"
    return _WORDS.get(kind) or detail["msg"]


def _seen(path: Path, detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return ""
    return f", not {shown(detail['input'], secret=not _SECRET.isdisjoint(path))}"


def shown(value: object, *, secret: bool = False) -> str:
    """Return `value` as messages show it: cut short, collections by name, secrets by type."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    kinds: dict[type, str] = {
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    if secret or isinstance(value, bytes):
        return kinds.get(type(value), f"a {type(value).__name__}")
    if isinstance(value, bool):
        return str(value).lower()
    # A location may hold a password.
    text = repr(redacted(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
