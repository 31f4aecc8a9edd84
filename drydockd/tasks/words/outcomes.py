"""How one attempt of a node at a step ended."""

from __future__ import annotations

from dataclasses import dataclass, replace

from drydockd.model import TERMINATED, Result
from drydockd.store.base import Change
from drydockd.tasks.words import results


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended; `text` is why it failed.

    `was_cut`: the task was told to stop before its end. `at_end` is what is written together
    with the end, such as last words.
    """

    passed: bool
    text: str = ""
    may_retry: bool = False
    was_cut: bool = False
    at_end: tuple[Change, ...] = ()

    def result(self, name: str) -> Result:
        if self.passed:
            return results.success(Result(), name)
        result = results.failure(Result(), name)
        return (
            results.cut_short(result)
            if self.was_cut
            else replace(result, message=self.text or None)
        )


CUT = Outcome(passed=False, text=TERMINATED, was_cut=True)
