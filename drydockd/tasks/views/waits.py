"""What each step waits for: as who runs it knows, or else as far as the records tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from drydockd.model import Task, TaskStatus
from drydockd.store.base import Store
from drydockd.tasks.shared.progress import Progress
from drydockd.tasks.words.messages import WAITING_FOR

SLOT = "its turn: the limit of nodes at work at once is reached"
PLACE = "its turn: as many tasks run as the limit allows"
LOADING = "its design to be loaded"
NEXT = "the next step"
# Of a long wait its task has said last for whom; it says little else meanwhile.
LOOKED = 20

# Says what an unfinished step waits for.
Words = Callable[[Task], str]


class Runner(Protocol):
    """The daemon that has the work, as one that shares its store sees it."""

    @property
    def is_here(self) -> bool:
        """Whether it is this one."""
        ...

    async def waits(self, task_id: str | None) -> Mapping[str, str] | None:
        """Return what it tells of one step, or of all: id -> text; None: it told nothing.

        It takes a second at most.
        """
        ...


class Waits:
    """One per daemon. `at_work`: attempts under way here, by subtask id; `in_line` says what a
    top-level task in the queue waits for here, None for others."""

    def __init__(
        self,
        store: Store,
        in_line: Callable[[str], str | None],
        at_work: Mapping[str, Progress],
        runner: Runner | None,
    ) -> None:
        self._store = store
        self._in_line = in_line
        self._at_work = at_work
        self._runner = runner

    @property
    def are_elsewhere(self) -> bool:
        """Whether another daemon has to be asked."""
        return self._runner is not None and not self._runner.is_here

    async def words(self, task_id: str | None = None) -> Words:
        """Return who knows, of one step or of all; another daemon is asked if that one does."""
        if self._runner is None or self._runner.is_here:
            return self.here
        return partial(self._elsewhere, await self._runner.waits(task_id) or {})

    def told(self, task_id: str | None) -> dict[str, str]:
        """Return what only this daemon knows of one step or all, for the others."""
        if task_id is not None:
            text = self._known(task_id)
            return {} if text is None else {task_id: text}
        waiting = (task.task_id for task in self._store.unfinished())
        texts = {key: self._known(key) for key in (*waiting, *self._at_work)}
        return {key: text for key, text in texts.items() if text is not None}

    def here(self, step: Task) -> str:
        """Say it as the daemon that runs the step."""
        known = self._known(step.task_id)
        if known is not None:
            return known
        if step.status is TaskStatus.REQUESTED:
            return SLOT
        if step.status is TaskStatus.QUEUED:
            # Without nodes in its record its design is not known yet.
            return PLACE if step.design else LOADING
        return NEXT

    def _known(self, task_id: str) -> str | None:
        run = self._at_work.get(task_id)
        if run is not None:
            seen = f"; last seen: {run.last_seen}" if run.last_seen else ""
            return f"{run.waiting_for or 'the provisioner'}{seen}"
        return self._in_line(task_id)

    def _elsewhere(self, told: Mapping[str, str], step: Task) -> str:
        if step.task_id in told:
            return told[step.task_id]
        if step.status is TaskStatus.QUEUED and (said := self._said(step, WAITING_FOR)):
            return said[-1].removeprefix(WAITING_FOR).removesuffix(".")
        is_attempt = step.deadline is not None and not self._store.subtask_ids(step.task_id)
        if is_attempt and (said := self._said(step)):
            return f"the end of this step; last seen: {said[-1]}"
        return self.here(step)

    def _said(self, step: Task, start: str = "") -> list[str]:
        after = self._store.message_count(step.task_id) - LOOKED
        said = self._store.messages(step.task_id, after=after)
        return [message.message for message in said if message.message.startswith(start)]
