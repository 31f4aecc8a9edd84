"""`drydock completion`: what a shell needs to complete this command; click's own script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "drydock"
VARIABLE = "_DRYDOCK_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    It asks `drydock` itself for what may come next, so it needs no renewal with a new version.
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.ClickException(f"This version of click cannot complete in {shell}.")
    click.echo(made(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
