"""What may never change: final states, the terminate flag. The store refuses it with Conflict."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Any

from drydockd.errors import Conflict
from drydockd.model import BootAction, BootActionStatus, Task


def check_replacement(old: Any, new: Any) -> None:
    """Raise Conflict if `new` must not take the place of `old` (rows of one table)."""
    if isinstance(old, Task):
        _check_task(old, new)
    elif isinstance(old, BootAction):
        _check_boot_action(old, new)


_FINAL_TASK = ("status", "scope", "terminate", "terminated", "terminated_by")
_FINAL_RESULT = ("status", "message", "reason", "successes", "failures")
_task_values = attrgetter(*_FINAL_TASK)
_result_values = attrgetter(*_FINAL_RESULT)


def _check_task(old: Task, new: Task) -> None:
    if old.terminate and not new.terminate:
        raise Conflict(f"task {old.task_id}: its termination was requested, and that stays")
    if not old.status.is_final:
        return
    if _task_values(old) != _task_values(new):
        changed = next(name for name in _FINAL_TASK if getattr(old, name) != getattr(new, name))
        raise Conflict(f"task {old.task_id} is {old.status}: its {changed} is final")
    if not _grew(old.retried_by, new.retried_by):
        raise Conflict(f"task {old.task_id} is {old.status}: its retried_by may only grow")
    if not _grew(old.result.links, new.result.links):
        raise Conflict(f"task {old.task_id} is {old.status}: its links may only grow")
    if _result_values(old.result) != _result_values(new.result):
        raise Conflict(f"task {old.task_id} is {old.status}: its result is final")


def _grew(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    return new[: len(old)] == old


def _check_boot_action(old: BootAction, new: BootAction) -> None:
    if old.status is BootActionStatus.INCOMPLETE:
        return
    # `updated` tells when `closed` was set, so it may come along.
    if replace(new, closed=old.closed, updated=old.updated) != old:
        raise Conflict(f"boot action {old.action_id} is already {old.status}")
