"""Manual pages of all commands, from their help: ``python -m drydockd.cli.man FOLDER``.

Source of the format: man(7), groff_man(7).
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

import drydockd

SECTION = 1


def pages(root: click.Command, name: str = "drydock") -> Iterator[tuple[str, str]]:
    """Yield file name and text of the page of `root`, called `name`, and of all below it."""
    yield from _pages(root, click.Context(root, info_name=name))


def _pages(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    path = context.command_path
    yield f"{path.replace(' ', '-')}.{SECTION}", _page(command, context)
    for name, below in _below(command, context):
        yield from _pages(below, click.Context(below, parent=context, info_name=name))


def _below(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield name, below


def _page(command: click.Command, context: click.Context) -> str:
    path = context.command_path
    page = path.replace(" ", "-")
    about = inspect.cleandoc(command.help or "")
    lines = [
        f'.TH "{page.upper()}" "{SECTION}" "" "drydock {drydockd.__version__}" "drydock"',
        ".SH NAME",
        f"{_text(page)} \\- {_text(_first_line(about))}",
        ".SH SYNOPSIS",
        f".B {_text(path)}",
        _text(" ".join(command.collect_usage_pieces(context))),
        ".SH DESCRIPTION",
        *_paragraphs(about),
    ]
    records = [
        record for p in command.get_params(context) if (record := p.get_help_record(context))
    ]
    if records:
        lines.append(".SH OPTIONS")
        for words, meaning in records:
            lines += [".TP", f"\\fB{_text(words)}\\fR", _text(meaning or "")]
    below = list(_below(command, context))
    if below:
        lines.append(".SH COMMANDS")
        for name, inner in below:
            lines += [".TP", f"\\fB{_text(f'{page}-{name}')}\\fR({SECTION})"]
            lines.append(_text(_first_line(inspect.cleandoc(inner.help or ""))))
    if command.epilog:
        lines += [".SH EXAMPLES", ".nf"]
        lines += [_text(line.strip()) for line in command.epilog.splitlines()[2:]]
        lines.append(".fi")
    if context.parent is not None:
        above = context.parent.command_path.replace(" ", "-")
        lines += [".SH SEE ALSO", f"\\fB{_text(above)}\\fR({SECTION})"]
    return "\n".join(lines) + "\n"


def _first_line(about: str) -> str:
    sentence = " ".join(about.partition("\n\n")[0].split())
    return re.split(r"(?<=[^.])\.(?:\s|$)", sentence, maxsplit=1)[0]


def _paragraphs(about: str) -> Iterator[str]:
    for paragraph in about.split("\n\n"):
        is_as_it_is = paragraph.startswith("\b")
        yield ".PP"
        if is_as_it_is:
            yield ".nf"
            yield from map(_text, paragraph.splitlines()[1:])
            yield ".fi"
        else:
            yield _text(" ".join(paragraph.split()))


def _text(text: str) -> str:
    """Return text that means itself to roff: no escapes, no requests at the start of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def write(folder: Path) -> list[Path]:
    """Write all pages into `folder`, made if need be; return their paths."""
    from drydockd.cli.root import cli

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, text in pages(cli):
        made.append(folder / name)
        made[-1].write_text(text, encoding="utf-8")
    return made


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m drydockd.cli.man FOLDER\n")
        return 2
    made = write(Path(arguments[0]))
    sys.stdout.write(f"{len(made)} pages in {arguments[0]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
