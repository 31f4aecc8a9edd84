"""Query parameters: what each is called, takes and means, said once for handler and document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Generic, Self, TypeVar

from drydockd import errors
from drydockd.handlers import body

T = TypeVar("T", covariant=True)
E = TypeVar("E", bound=StrEnum)


class Parameter(str, Generic[T]):
    """The name of a query parameter, which knows what its value says.

    `about` says in a line what it is for, `schema` (JSON Schema) what it takes; `header` is the
    request header that goes before it, if there is one.
    """

    about: str
    schema: Mapping[str, object]
    header: str
    read: Callable[[str], T]  # raises InvalidInput

    def __new__(
        cls,
        name: str,
        about: str,
        schema: Mapping[str, object],
        read: Callable[[str], T],
        header: str = "",
    ) -> Self:
        made = super().__new__(cls, name)
        made.about, made.schema, made.read, made.header = about, schema, read, header
        return made


def flag(name: str, about: str) -> Parameter[bool]:
    """Return one that is true or false; blank is true."""
    return Parameter(name, about, {"type": "boolean"}, partial(body.boolean, name))


def number(name: str, about: str, low: int, high: int) -> Parameter[int]:
    """Return one that is an integer, `low` to `high`."""
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Parameter(name, about, schema, lambda text: body.integer(name, text, low, high))


def word(name: str, about: str, kind: type[E]) -> Parameter[E]:
    """Return one that is a word of `kind`."""

    def read(text: str) -> E:
        try:
            return kind(text)
        except ValueError:
            known = ", ".join(kind)
            raise errors.InvalidInput(f"{name}: one of {known}, not {body.shown(text)}") from None

    return Parameter(name, about, {"type": "string", "enum": [*map(str, kind)]}, read)


def text(name: str, about: str, *, header: str = "") -> Parameter[str]:
    """Return one that is text, as it came."""
    return Parameter(name, about, {"type": "string"}, str, header)
