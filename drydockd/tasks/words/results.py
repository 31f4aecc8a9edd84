"""The algebra of results: what a task's outcome becomes from its parts. Pure functions.

Source: contract, orchestration, section 3 (subtasks) and 3.1 (top-level tasks).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace

from drydockd.model import TERMINATED, Action, Result, ResultStatus, Task

GOOD = (ResultStatus.SUCCESS, ResultStatus.PARTIAL_SUCCESS)
BAD = (ResultStatus.FAILURE, ResultStatus.PARTIAL_SUCCESS)

_VALID = Result(status=ResultStatus.SUCCESS, message="Site design passed validation")
_INVALID = Result(
    status=ResultStatus.FAILURE,
    message="Site design failed validation.",
    reason="See detail messages.",
)


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
    if not subtasks:
        return replace(result, status=ResultStatus.SUCCESS)
    good = bad = False
    for sub in subtasks:
        if sub.status.is_final and (action is None or sub.action is action):
            good = good or sub.result.status in GOOD
            bad = bad or (sub.result.status in BAD and task.retry in (0, sub.retry))
    return replace(result, status=_status(good, bad))


class Sum:
    """What a driver's subtask `step` ended with, from its per-node children, all of them ended.

    Bubble and align; then, on top, the nodes that failed an earlier execution and were not
    worth another one, which the retry rule alone would lose. The children are added in any
    portions, in the order of their registration; the cost is that of their number.
    """

    def __init__(self, step: Task) -> None:
        self._step = step
        self._successes: dict[str, None] = {}
        self._failures: dict[str, None] = {}
        self._good = self._bad = False
        self._last: dict[str, tuple[int, bool]] = {}

    @property
    def nodes(self) -> Set[str]:
        """The nodes that had a child."""
        return self._last.keys()

    def add(self, children: Iterable[Task]) -> None:
        for child in children:
            is_bad = child.result.status in BAD
            if child.status.is_final:
                self._successes.update(dict.fromkeys(child.result.successes))
                self._good = self._good or child.result.status in GOOD
                if self._step.retry in (0, child.retry):
                    self._failures.update(dict.fromkeys(child.result.failures))
                    self._bad = self._bad or is_bad
            for name in child.scope:
                if child.retry >= self._last.get(name, (0, False))[0]:
                    self._last[name] = (child.retry, is_bad)

    def result(self, places: Mapping[str, int]) -> Result:
        """Return the result; its lists are in the order of `places`, unknown names last."""
        lost = {name: None for name, (_, is_bad) in self._last.items() if is_bad}
        failures = self._failures | lost
        is_bad = self._bad or bool(lost) or not self._good
        return replace(
            self._step.result,
            status=_status(self._good, is_bad),
            successes=_sorted(self._successes, places),
            failures=_sorted(failures, places),
        )


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


def of_validation(*, has_error: bool) -> Result:
    """Return what a validation of a design ends with: success if no finding is an error."""
    return _INVALID if has_error else _VALID


def cut_short(result: Result) -> Result:
    """Return the result of a task that was terminated; its lists stay."""
    return replace(result, status=ResultStatus.FAILURE, message=TERMINATED)


def _with(names: tuple[str, ...], focus: str | None) -> tuple[str, ...]:
    return names if focus is None or focus in names else (*names, focus)


def _status(good: bool, bad: bool) -> ResultStatus:
    """Return what any number of good and bad outcomes come to."""
    if good and bad:
        return ResultStatus.PARTIAL_SUCCESS
    if bad:
        return ResultStatus.FAILURE
    return ResultStatus.SUCCESS if good else ResultStatus.INCOMPLETE


def _sorted(names: Iterable[str], places: Mapping[str, int]) -> tuple[str, ...]:
    far = len(places)
    return tuple(sorted(names, key=lambda name: places.get(name, far)))
