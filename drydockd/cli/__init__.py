"""The `drydock` command: one module per group, imported only when that group is used."""

from __future__ import annotations

import importlib

import click

from drydockd.cli.examples import attach

# Name of the group or command -> module under drydockd.cli, which defines `command`, and a
# line of help: the list of all commands imports none of them.
COMMANDS = {
    "api-schema": ("api_schema", "Print the API as an OpenAPI document."),
    "bmc": ("bmc", "Look at BMCs, and switch the power of nodes."),
    "bootaction": ("bootaction", "List boot actions, and report on them."),
    "cluster": ("cluster", "Look at the daemons that share one database."),
    "config": ("config", "Check, show and convert configurations."),
    "design": ("design", "Check, show, render and compare site designs."),
    "completion": ("completion", "Print what completes this command in a shell."),
    "events": ("events", "Print the events of everything, as they happen."),
    "health": ("health", "Ask the service for its health."),
    "image": ("image", "Build, import and keep images of systems."),
    "lab": ("lab", "Deploy a site in the virtual machine room."),
    "maas": ("maas", "Check the MAAS of a site, and print what its template needs."),
    "migrate": ("migrate", "Take over what the original kept: settings and records."),
    "netboot": ("netboot", "Prepare a host that boots machines from the network."),
    "node": ("node", "Look at nodes, and switch their power."),
    "policy": ("policy", "Show and check who may do what."),
    "status": ("status", "Show the daemon, its tasks and failed nodes on one screen."),
    "store": ("store", "Check, back up, copy and repair the records of daemons."),
    "task": ("task", "Create, watch, cancel and retry tasks."),
    "token": ("token", "Mint local tokens, and explain them."),
    "versions": ("versions", "Print the versions of the API."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"drydockd.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        attach(command, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


def main() -> None:
    from drydockd.cli.root import cli

    cli()
