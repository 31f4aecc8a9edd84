"""Examples in every help, that can be typed as they are; and what else every command has."""

import shlex
from functools import cache

import click
import pytest

from drydockd.cli.examples import EXAMPLES
from drydockd.cli.output import FORMATS
from drydockd.cli.root import cli
from tests.docs.commands import tree

# What is named in examples and has to be there.
FILES = ("site.yaml", "old.yaml", "drydock.conf", "drydockd.yaml", "key.txt", "backup.tar")
FOLDERS = ("inventory", "state", "rendered")

# They print a file of its own format, or do something and say so.
NO_DATA = {
    *(
        "api-schema",
        "completion",
        "config convert",
        "config drivers",
        "config sample",
        "config show",
    ),
    *("design adopt", "maas snippet", "netboot dhcp-snippet", "store export"),
    *("image alias", "image build", "image import", "image prune", "image rm", "image verify"),
    *("lab", "lab console", "lab room", "migrate", "netboot setup"),
    *("store backup", "store new-secret", "store repair", "store restore"),
    *("task delete", "task watch", "token create"),
}
# As the original: every word is taken, see test_output.
LENIENT = {"node builddata", "task builddata"}


@cache
def leaves():
    """Name without `drydock` -> each command that does something."""
    return {
        name.removeprefix("drydock "): command
        for name, command in tree().items()
        if not isinstance(command, click.Group)
        or (command.invoke_without_command and command != cli)
    }


@pytest.mark.parametrize("name", leaves())
def test_every_help_ends_with_examples(name):
    context = click.Context(leaves()[name], info_name=name)
    text = context.get_help()
    assert "Examples:" in text
    said = text.partition("Examples:")[2].strip().splitlines()
    assert all(line.strip().startswith("drydock ") for line in said)


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_can_be_typed_as_it_is(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).write_text("")
    for name in FOLDERS:
        (tmp_path / name).mkdir(mode=0o700)
    name = parsed(cli, "drydock", shlex.split(line), None)
    assert line in EXAMPLES[name.removeprefix("drydock ")]


def parsed(command, name, words, parent):
    """Parse as far as the command goes, run nothing; return its full name."""
    with command.make_context(name, list(words), parent=parent) as context:
        rest = [*context._protected_args, *context.args]
        if isinstance(command, click.Group) and rest:
            name, below, rest = command.resolve_command(context, rest)
            return parsed(below, name, rest, context)
        return context.command_path


def test_no_example_is_of_a_command_that_is_not_there():
    assert set(EXAMPLES) <= set(leaves())


@pytest.mark.parametrize("name", sorted(set(leaves()) - NO_DATA - LENIENT))
def test_what_prints_data_prints_it_as_json_yaml_and_table(name):
    options = {option.name: option for option in leaves()[name].params}
    assert "output" in options, f"{name} has no -o"
    assert "-o" in options["output"].opts
    assert set(FORMATS) <= set(options["output"].type.choices)


def test_the_exceptions_are_commands():
    assert set(leaves()) >= NO_DATA | LENIENT
