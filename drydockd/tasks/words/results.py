"""The algebra of results: what a task's outcome becomes from its parts. Pure functions.

Source: contract, orchestration, section 3 (subtasks) and 3.1 (top-level tasks).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from drydockd.model import TERMINATED, Action, Result, ResultStatus, Task

GOOD = (ResultStatus.SUCCESS, ResultStatus.PARTIAL_SUCCESS)
BAD = (ResultStatus.FAILURE, ResultStatus.PARTIAL_SUCCESS)


def success(result: Result, focus: str | None = None) -> Result:
    """Record a success, of the entity `focus` if given."""
    status = ResultStatus.PARTIAL_SUCCESS if result.status in BAD else ResultStatus.SUCCESS
    return replace(result, status=status, successes=_with(result.successes, focus))


def failure(result: Result, focus: str | None = None) -> Result:
    """Record a failure, of the entity `focus` if given."""
    status = ResultStatus.PARTIAL_SUCCESS if result.status in GOOD else ResultStatus.FAILURE
    return replace(result, status=status, failures=_with(result.failures, focus))


def bubble(task: Task, subtasks: Iterable[Task], action: Action | None = None) -> Result:
    """Take both lists anew from the ended direct subtasks.

    Successes count only from those of `action` (None: all); failures from all of them, but
    once `task` was retried only from subtasks of the same retry.
    """
    successes: dict[str, None] = {}
    failures: dict[str, None] = {}
    for sub in subtasks:
        if not sub.status.is_final:
            continue
        if action is None or sub.action is action:
            successes.update(dict.fromkeys(sub.result.successes))
        if task.retry in (0, sub.retry):
            failures.update(dict.fromkeys(sub.result.failures))
    return replace(task.result, successes=tuple(successes), failures=tuple(failures))


def align(
    task: Task, result: Result, subtasks: Sequence[Task], action: Action | None = None
) -> Result:
    """Take the status anew from the ended direct subtasks (of `action`); lists stay."""
    status = ResultStatus.INCOMPLETE if subtasks else ResultStatus.SUCCESS
    result = replace(result, status=status)
    for sub in subtasks:
        if not sub.status.is_final or (action is not None and sub.action is not action):
            continue
        if sub.result.status in GOOD:
            result = success(result)
        if sub.result.status in BAD and task.retry in (0, sub.retry):
            result = failure(result)
    return result


def collect(step: Task, children: Sequence[Task], order: Sequence[str] = ()) -> Result:
    """Return the result of a driver's subtask from its per-node children.

    Bubble and align; then, on top, the nodes that failed an earlier execution and were not
    worth another one, which the retry rule alone would lose. Lists follow `order`.
    """
    result = align(step, bubble(step, children), children)
    last: dict[str, Task] = {}
    for child in children:
        for name in child.scope:
            if name not in last or child.retry >= last[name].retry:
                last[name] = child
    lost = [
        name
        for name, child in last.items()
        if child.result.status in BAD and name not in result.failures
    ]
    for name in lost:
        result = failure(result, name)
    if result.status is ResultStatus.INCOMPLETE:
        result = failure(result)
    return _sorted(result, order)


def partition(scope: Sequence[str], passed: Collection[str]) -> Result:
    """Return the final result of a node-scoped top-level task: passed, or failed, in order."""
    good = frozenset(passed)
    successes = tuple(name for name in scope if name in good)
    failures = tuple(name for name in scope if name not in good)
    if not failures:
        status = ResultStatus.SUCCESS
    else:
        status = ResultStatus.PARTIAL_SUCCESS if successes else ResultStatus.FAILURE
    return Result(status=status, successes=successes, failures=failures)


def cut_short(result: Result) -> Result:
    """Return the result of a task that was terminated; its lists stay."""
    return replace(result, status=ResultStatus.FAILURE, message=TERMINATED)


def _with(names: tuple[str, ...], focus: str | None) -> tuple[str, ...]:
    return names if focus is None or focus in names else (*names, focus)


def _sorted(result: Result, order: Sequence[str]) -> Result:
    if not order:
        return result
    place = {name: i for i, name in enumerate(order)}
    far = len(place)

    def sort(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(names, key=lambda name: place.get(name, far)))

    return replace(result, successes=sort(result.successes), failures=sort(result.failures))
