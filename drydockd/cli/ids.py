"""Ids that may stand alone or with the option that the original had for them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import click

NO_TASK = "The task id must be specified by --task-id"


def task_id(call: Callable[..., None]) -> Callable[..., None]:
    """Add TASK_ID and `--task-id`; the command gets `task_id`, whichever was given."""
    return _either(call, "task_id", ("--task-id", "-t"), "The same as TASK_ID.", NO_TASK)


def action_id(call: Callable[..., None]) -> Callable[..., None]:
    """Add ACTION_ID and `--action-id`; the command gets `action_id`."""
    missing = "Missing option '--action-id' / '-i', or ACTION_ID alone"
    said = "The boot action, a ULID: the same as ACTION_ID."
    return _either(call, "action_id", ("--action-id", "-i"), said, missing)


def _either(
    call: Callable[..., None], name: str, spellings: tuple[str, ...], said: str, missing: str
) -> Callable[..., None]:
    alone = f"{name}_alone"

    @functools.wraps(call)
    def run(**given: object) -> None:
        found = {given.pop(alone), given.pop(name)} - {None}
        if not found:
            raise click.UsageError(missing)
        if len(found) > 1:
            raise click.UsageError(f"{name.upper()} and {spellings[0]} differ; give one of them")
        call(**given, **{name: found.pop()})

    option = click.option(*spellings, name, help=said)
    return click.argument(alone, metavar=f"[{name.upper()}]", required=False)(option(run))
