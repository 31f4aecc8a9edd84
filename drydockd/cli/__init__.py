"""The `drydock` command: one module per group, imported only when that group is used."""

from __future__ import annotations

import importlib
from typing import Any

import click

# Name of the group or command -> module under drydockd.cli; each defines `command`.
COMMANDS = {
    "bootaction": "bootaction",
    "config": "config",
    "design": "design",
    "health": "health",
    "lab": "lab",
    "node": "node",
    "policy": "policy",
    "store": "store",
    "task": "task",
    "token": "token",
    "versions": "versions",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module: Any = importlib.import_module(f"drydockd.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


def main() -> None:
    from drydockd.cli.root import cli

    cli()
