"""A stranger's class that states no options: its keyword arguments are what it takes."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from drydockd.errors import InvalidConfig, InvalidInput


def call(factory: Callable[..., object], options: Mapping[str, object], where: str) -> object:
    """Return what `factory` makes of the options. Raises InvalidConfig, naming every problem."""
    arguments = _checked(factory, options, where)
    try:
        return factory(**arguments)
    except InvalidInput as error:
        raise InvalidConfig(f"{where}: {error}") from error


def _checked(
    factory: Callable[..., object], options: Mapping[str, object], where: str
) -> dict[str, object]:
    """Return checked keyword arguments; every problem is in the error, by option name."""
    parameters = inspect.signature(factory).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return dict(options)
    problems = []
    for option in options:
        if option not in parameters:
            near = difflib.get_close_matches(option, parameters, n=1)
            hint = f", did you mean {near[0]}?" if near else ""
            offered = ", ".join(parameters) or "none"
            problems.append(f"no option {option}{hint} (options: {offered})")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in options:
            problems.append(f"option {name} is missing")
    hints = _hints(factory)
    checked = {}
    for name in parameters.keys() & options.keys():
        try:
            checked[name] = _convert(options[name], hints.get(name))
        except ValidationError as error:
            problems.append(f"option {name}: {error.errors(include_url=False)[0]['msg']}")
    if problems:
        raise InvalidConfig(f"{where}: " + "; ".join(sorted(problems)))
    return checked


def _hints(factory: Callable[..., object]) -> dict[str, Any]:
    target = factory.__init__ if inspect.isclass(factory) else factory
    try:
        return get_type_hints(target)
    except (NameError, TypeError):
        # A stranger's annotations that only a type checker can resolve: taken unchecked.
        return {}


def _convert(value: object, hint: Any) -> object:
    if hint is None:
        return value
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticSchemaGenerationError:
        return value
    return adapter.validate_python(value)
