"""The root of the `drydock` command: global options, and the session they make."""

from __future__ import annotations

import click

from drydockd.cli import LazyGroup


@click.group(cls=LazyGroup)
def cli() -> None:
    """Drive a drydockd, or work with its designs and state without one."""
