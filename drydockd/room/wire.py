"""The room's operations as JSON: one description for both ends of the wire."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from drydockd import errors
from drydockd.errors import DriverError, DriverPersistent, DriverTransient, InvalidInput
from drydockd.room.card import MachineView
from drydockd.room.port import OPERATIONS, RoomPort

VIEWS: TypeAdapter[list[MachineView]] = TypeAdapter(list[MachineView])

DRIVER_ERRORS: dict[str, type[DriverError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, DriverError)
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of RoomPort: how its arguments and its result look as JSON."""

    name: str
    arguments: Mapping[str, TypeAdapter[Any]]
    required: frozenset[str]
    result: TypeAdapter[Any]

    def pack(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self.arguments[name].dump_python(value, mode="json")
            for name, value in arguments.items()
        }

    def unpack(self, raw: object) -> dict[str, Any]:
        """Return the arguments. Raises InvalidInput that names the one that is wrong."""
        if not isinstance(raw, Mapping):
            raise InvalidInput(f"{self.name}: the body must be a JSON object")
        if unknown := set(raw) - set(self.arguments):
            raise InvalidInput(f"{self.name}: takes no {', '.join(sorted(unknown))}")
        if missing := self.required - set(raw):
            raise InvalidInput(f"{self.name}: needs {', '.join(sorted(missing))}")
        return {name: self._read(name, value) for name, value in raw.items()}

    def _read(self, name: str, value: object) -> Any:
        try:
            return self.arguments[name].validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(p) for p in (name, *first["loc"]))
            raise InvalidInput(f"{self.name}: {place}: {first['msg']}") from None


def _describe(name: str) -> Operation:
    method: Callable[..., Any] = getattr(RoomPort, name)
    hints = get_type_hints(method)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return Operation(
        name,
        {p.name: TypeAdapter(hints[p.name]) for p in parameters},
        frozenset(p.name for p in parameters if p.default is p.empty),
        TypeAdapter(hints["return"]),
    )


TABLE: Mapping[str, Operation] = {name: _describe(name) for name in OPERATIONS}


def error_body(error: DriverError) -> dict[str, str]:
    return {"type": type(error).__name__, "message": str(error)}


def error_of(status: int, body: object) -> DriverError:
    """The driver error that the other side raised, or what its odd answer amounts to."""
    if isinstance(body, Mapping):
        message = str(body.get("message", ""))
        if kind := DRIVER_ERRORS.get(str(body.get("type"))):
            return kind(message)
        if status == 400:
            return DriverPersistent(f"the room refuses the request: {message}")
    return DriverTransient(f"the room answers with status {status}")
