"""How answers are printed: JSON on one line, YAML in blocks, tables."""

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


def echo_json(value: object) -> None:
    click.echo(json.dumps(plain(value)))


def echo_yaml(value: object) -> None:
    import yaml

    text = yaml.safe_dump(
        plain(value), default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    click.echo(text, nl=False)


def echo_data(value: object, output: str) -> None:
    """Print as ``json`` or ``yaml``; another name is told, and YAML printed."""
    if output == "json":
        echo_json(value)
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


def output_option(default: str, *choices: str) -> Decorator:
    return click.option(
        "--output",
        "-o",
        type=click.Choice([default, *choices]),
        default=default,
        show_default=True,
        help="How to print it.",
    )


def lenient_output_option() -> Decorator:
    """As the original: a format nobody knows is told, and YAML printed."""
    return click.option("--output", "-o", default="yaml", show_default=True, help="yaml or json.")
