"""Every command and flag, by walking what the programs themselves parse with; and their page.

`python -m tests.docs` writes `docs/commands.md` anew.
"""

import argparse
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import PurePath

import click

from drydockd import __main__ as daemon
from drydockd.cli.root import cli

HEAD = """\
# Every command and option

What `drydock --help` and `drydockd --help` say at every level, on one page. It is written by
`python -m tests.docs`; change the help texts in `drydockd/cli/` instead. How the commands are meant
to be used: [client](client.md), [designs](design-cli.md), [identity](identity.md),
[store](store.md), [images](images.md), [the room](room.md).
"""


@cache
def tree() -> dict[str, click.Command]:
    """Full name -> command, groups before what is in them."""
    return dict(_walk("drydock", cli, None))


def _walk(
    name: str, command: click.Command, parent: click.Context | None
) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name.split()[-1], parent=parent)
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            assert below is not None, f"{name} lists {word} and does not have it"
            yield from _walk(f"{name} {word}", below, context)


def spellings(name: str) -> set[str]:
    """Every way to write an option that is understood there, those of the levels above included."""
    found = {"--help"}
    words = name.split()
    for length in range(1, len(words) + 1):
        for option in options(" ".join(words[:length])):
            found |= {*option.opts, *option.secondary_opts}
    return found


def options(name: str) -> list[click.Option]:
    return [p for p in tree()[name].params if isinstance(p, click.Option) and not p.hidden]


def flags() -> list[argparse.Action]:
    """The flags of the daemon."""
    return [action for action in daemon.flags()._actions if action.option_strings]


def page() -> str:
    """The text of `docs/commands.md`."""
    parts = [HEAD, "## `drydockd`\n", _table(_flag(action) for action in flags())]
    for name, command in tree().items():
        parts.append(f"{'#' * (1 + len(name.split()))} `{_usage(name, command)}`\n")
        parts.append(_text(command.help or ""))
        if command.epilog:
            lines = command.epilog.splitlines()[2:]
            parts.append("\n".join(["```", *(line.strip() for line in lines), "```\n"]))
        if found := options(name):
            parts.append(_table(_option(option) for option in found))
    return "\n".join(parts)


def _usage(name: str, command: click.Command) -> str:
    words = [name]
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            word = (parameter.metavar or parameter.name or "").upper()
            word = word.strip("[].")
            word += "..." * (parameter.nargs == -1)
            words.append(word if parameter.required else f"[{word}]")
    return " ".join(words)


def _text(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", inspect.cleandoc(text).replace("\b\n", "")) + "\n"


def _table(rows: Iterator[tuple[str, str]]) -> str:
    lines = ["| Option | Meaning |", "|---|---|"]
    lines += [f"| {option} | {meaning} |" for option, meaning in rows]
    return "\n".join(lines) + "\n"


def _option(option: click.Option) -> tuple[str, str]:
    written = ", ".join(f"`{word}`" for word in _usual(option.opts))
    if option.secondary_opts:
        written += " / " + ", ".join(f"`{word}`" for word in option.secondary_opts)
    if not (option.is_flag or option.count):
        written += f" {_value(option)}"
    said = option.help or ""
    notes = [said]
    if option.required:
        notes.append("Required.")
    if option.multiple and "repeat" not in said.lower():
        notes.append("May be repeated.")
    is_plain = isinstance(option.default, str | int | float | PurePath) and not option.is_flag
    if is_plain and "default" not in said.lower():
        notes.append(f"Default: `{option.default}`.")
    if isinstance(option.envvar, str):
        notes.append(f"Environment: `{option.envvar}`.")
    return written, " ".join(filter(None, notes)).replace("|", "\\|")


def _usual(words: list[str]) -> list[str]:
    """Short ones first, and of ``--os-x`` and ``--os_x`` as they are understood."""
    return sorted(words, key=lambda word: word.startswith("--"))


def _value(option: click.Option) -> str:
    kind = option.type
    if option.metavar:
        return option.metavar
    if isinstance(kind, click.Choice):
        return " or ".join(f"`{getattr(choice, 'value', choice)}`" for choice in kind.choices)
    if isinstance(kind, click.IntRange | click.FloatRange) and kind.min is not None:
        return f"{kind.min} or more" if kind.max is None else f"{kind.min} to {kind.max}"
    names = {"integer": "NUMBER", "float": "NUMBER", "float range": "NUMBER", "filename": "FILE"}
    return names.get(kind.name, kind.name.upper())


def _flag(action: argparse.Action) -> tuple[str, str]:
    written = ", ".join(f"`{word}`" for word in _usual(list(action.option_strings)))
    return f"{written} {action.metavar or ''}".strip(), (action.help or "").replace("%(prog)s", "")
