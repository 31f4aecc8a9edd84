"""Tables whose columns and order the caller chooses: `--columns` and `--sort`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import click

from drydockd.cli.output import echo_table

Row = Mapping[str, object]


@dataclass(frozen=True)
class Table:
    """`titles`: every column there is; `shown`: those without `--columns`.

    `texts` turns a value into what is printed, where that is another than its text; rows are
    sorted by the values.
    """

    titles: Mapping[str, str]
    shown: Sequence[str]
    texts: Mapping[str, Callable[[object], str]]

    def options(self, call: Callable[..., None]) -> Callable[..., None]:
        """Add the options; the command gets `columns`, a list or None, and `sort`, or None."""
        names = ", ".join(self.titles)
        for option in (
            click.option(
                "--sort",
                metavar="COLUMN",
                callback=self._sort,
                help="By this column; with - before it the largest first.",
            ),
            click.option(
                "--columns",
                metavar="COLUMN,...",
                callback=self._columns,
                help=f"Which columns, in this order, of: {names}.",
            ),
        ):
            call = option(call)
        return call

    def echo(self, rows: Iterable[Row], columns: Sequence[str] | None) -> None:
        """Print the rows."""
        chosen = {name: self.titles[name] for name in columns or self.shown}
        echo_table(chosen, [{name: self._text(name, row) for name in chosen} for row in rows])

    def in_order(self, rows: Sequence[Row], sort: str | None) -> list[Row]:
        """Return the rows by the column `sort`, equals as they came; what has no value is last."""
        if sort is None:
            return list(rows)
        name = sort.removeprefix("-")
        there = [row for row in rows if row.get(name) is not None]
        there.sort(key=lambda row: _comparable(row[name]), reverse=sort.startswith("-"))
        return there + [row for row in rows if row.get(name) is None]

    def _text(self, name: str, row: Row) -> object:
        value = row.get(name)
        as_text = self.texts.get(name)
        return value if value is None or as_text is None else as_text(value)

    def _columns(
        self, context: click.Context, option: click.Parameter, given: str | None
    ) -> list[str] | None:
        if given is None:
            return None
        return [self._known(name.strip(), context) for name in given.split(",") if name.strip()]

    def _sort(
        self, context: click.Context, option: click.Parameter, given: str | None
    ) -> str | None:
        if given is not None:
            self._known(given.removeprefix("-"), context)
        return given

    def _known(self, name: str, context: click.Context) -> str:
        if name not in self.titles:
            near = difflib.get_close_matches(name, self.titles, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self.titles)}"
            raise click.UsageError(f"no column is called {name}; {hint}", context)
        return name


def _comparable(value: object) -> tuple[bool, float, str]:
    """Numbers before texts, each in its own order."""
    is_number = isinstance(value, int | float)
    return (not is_number, float(value) if isinstance(value, int | float) else 0.0, str(value))
