"""How answers are printed: JSON on one line, YAML in blocks, tables.

Every command that prints data takes ``-o json``, ``-o yaml`` and ``-o table``. YAML is what
JSON says, in blocks. A command has a table of its own, or gets the plain one of its data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

import click

from drydockd.api.base import Answer

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def plain(value: object) -> object:
    """Return answers of the API, alone or in lists and mappings, as JSON types."""
    if isinstance(value, Answer):
        return value.as_dict()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


# Where a command's context notes that its JSON is to be printed as something else.
_INSTEAD = "drydockd.cli.output"


def echo_json(value: object, *, indent: int | None = None) -> None:
    """Print as JSON, or as what was asked for in its place (see output_option)."""
    context = click.get_current_context(silent=True)
    instead = context.meta.get(_INSTEAD) if context is not None else None
    if instead == "yaml":
        echo_yaml(value)
    elif instead == "table":
        echo_plain_table(plain(value))
    else:
        click.echo(json.dumps(plain(value), indent=indent, ensure_ascii=indent is None))


def echo_plain_table(value: object) -> None:
    """Print a list of objects as a table with their fields, one object as its fields' values."""
    if isinstance(value, dict):
        rows = [{"field": name, "value": _inner(inner)} for name, inner in value.items()]
        echo_table({"field": "Field", "value": "Value"}, rows)
        return
    items = value if isinstance(value, list) else [value]
    objects = [item if isinstance(item, dict) else {"value": item} for item in items]
    names = dict.fromkeys(name for item in objects for name in item) or {"value": None}
    echo_table(
        {name: name.replace("_", " ").capitalize() for name in names},
        [{name: _inner(inner) for name, inner in item.items()} for item in objects],
    )


def _inner(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict | list | bool) else value


def echo_yaml(value: object) -> None:
    import yaml

    text = yaml.safe_dump(
        plain(value), default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    click.echo(text, nl=False)


def echo_data(value: object, output: str) -> None:
    """Print as ``json``, ``yaml`` or ``table``; another name is told, and YAML printed."""
    if output == "json":
        echo_json(value)
        return
    if output == "table":
        echo_plain_table(plain(value))
        return
    if output != "yaml":
        click.echo(f"Output format {output} is not known, using yaml.", err=True)
    echo_yaml(value)


def echo_table(columns: Mapping[str, str], rows: Iterable[Mapping[str, object]]) -> None:
    """Print `rows`; `columns` maps the keys to their titles, in order."""
    cells = [[_cell(row.get(key)) for key in columns] for row in rows]
    titles = list(columns.values())
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    rule = "+".join(["", *("-" * (width + 2) for width in widths), ""])
    for line in (rule, _row(titles, widths), rule, *(_row(row, widths) for row in cells), rule):
        click.echo(line)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f" {cell:<{width}} " for cell, width in zip(cells, widths, strict=True))
    return "|".join(["", *padded, ""])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return printable(str(value))


def printable(text: str) -> str:
    """Return one line; a control character in an answer must not reach the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


# What every command that prints data can print.
FORMATS = ("json", "yaml", "table")


def output_option(default: str | None, *choices: str, about: str = "How to print it.") -> Decorator:
    """Give a command ``--output``; `default` and `choices` are what it prints by itself.

    Of FORMATS it gets the others as well: told to print one, it is passed ``json``, and what it
    gives to `echo_json` is printed as that.
    """
    own = tuple(choice for choice in (default, *choices) if choice is not None)

    def chosen(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
        if value is None or value in own:
            return value
        context.meta[_INSTEAD] = value
        return "json"

    return click.option(
        "--output",
        "-o",
        type=click.Choice(list(dict.fromkeys([*own, *FORMATS]))),
        default=default,
        show_default=True,
        callback=chosen,
        help=about,
    )


def format_option() -> Decorator:
    """The same of a command that prints JSON by itself and need not know what is asked for."""

    def chosen(context: click.Context, _: click.Parameter, value: str) -> None:
        if value != "json":
            context.meta[_INSTEAD] = value

    return click.option(
        "--output",
        "-o",
        type=click.Choice(FORMATS),
        default="json",
        show_default=True,
        expose_value=False,
        callback=chosen,
        help="How to print it.",
    )


def lenient_output_option() -> Decorator:
    """As the original: a format nobody knows is told, and YAML printed."""
    return click.option(
        "--output", "-o", default="yaml", show_default=True, help="yaml, json or table."
    )
