"""The top-level tasks in their order: whose turn it is, and who is told for whom he waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from drydockd.errors import Conflict, NotFound
from drydockd.model import Task
from drydockd.store.base import Edit, Put
from drydockd.tasks.schedule.claims import Blocker, Claims
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.words import messages, states

SHOWN_NODES = 8
LOADING_PATIENCE = 1.0


class Queue:
    """The unfinished top-level tasks that claim nodes, or the site. One per daemon."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._claims = Claims()
        self._turns: dict[str, asyncio.Event] = {}
        self._told: dict[str, Blocker] = {}
        self._notes: set[asyncio.Task[None]] = set()

    def enter(self, task: Task) -> None:
        """Note a stored task; its nodes are not known yet."""
        self._claims.enter(task.task_id, self._arrival(task), task.design_ref or "")

    def hold(self, task: Task, *, is_alone: bool) -> None:
        """Note a task found running at the start; it keeps its nodes."""
        source = task.design_ref or ""
        self._claims.hold(task.task_id, self._arrival(task), source, task.scope, is_alone=is_alone)

    def resolve(self, task_id: str, nodes: Iterable[str], *, is_alone: bool) -> None:
        """Say what an entered task wants. Others are woken by the next `wake`."""
        self._claims.resolve(task_id, nodes, is_alone=is_alone)

    def leave(self, task_id: str) -> None:
        """Take a task out, and wake those behind it; unknown ids are fine."""
        if not self._claims.leave(task_id):
            return
        self._turns.pop(task_id, None)
        self._told.pop(task_id, None)
        self.wake()

    def turn(self, task_id: str) -> asyncio.Event:
        """Return the event that is set once the task's nodes are its own."""
        return self._turns.setdefault(task_id, asyncio.Event())

    def wake(self) -> None:
        """Wake who may run, and tell who still has to wait what they wait for."""
        for task_id in self._claims.take_ready():
            self.turn(task_id).set()
        for task_id, blocker in self._claims.take_waiting():
            if self._told.get(task_id) != blocker:
                self._told[task_id] = blocker
                note = asyncio.create_task(self._tell(task_id, blocker), name=f"note {task_id}")
                self._notes.add(note)
                note.add_done_callback(self._notes.discard)

    def waits_for(self, task_id: str) -> str | None:
        """Return what the task waits for, as its messages say it; None when it may run."""
        blocker = self._claims.blocker(task_id)
        return None if blocker is None else self._describe(blocker)

    async def close(self) -> None:
        """Tell nobody any more."""
        notes = tuple(self._notes)
        for note in notes:
            note.cancel()
        if notes:
            await asyncio.wait(notes)

    def _arrival(self, task: Task) -> int:
        """What tasks are ordered by; never the time, which may be set back."""
        return self._recorder.store.arrival(task.task_id)

    async def _tell(self, task_id: str, blocker: Blocker) -> None:
        if blocker.is_loading:
            # Nearly always over at once, and then not worth a message.
            await asyncio.sleep(LOADING_PATIENCE)
        if self._claims.blocker(task_id) == blocker:
            text = f"{messages.WAITING_FOR}{self._describe(blocker)}."
            said = Put(messages.on_task(task_id, text))
            try:
                await self._recorder.write(Edit(Task, task_id, states.waiting), said)
            except (Conflict, NotFound):
                return  # terminated, or purged, in that very moment

    def _describe(self, blocker: Blocker) -> str:
        try:
            action: str = self._recorder.store.task(blocker.task_id).action
        except NotFound:
            action = "new"
        who = f"task {blocker.task_id} ({action})"
        if blocker.is_loading:
            return f"{who}, whose design is being loaded"
        if not blocker.nodes:
            return f"{who}; one of the two is site-wide and runs alone"
        shown = ", ".join(blocker.nodes[:SHOWN_NODES])
        more = len(blocker.nodes) - SHOWN_NODES
        return f"{who}, which holds {shown}" + (f" and {more} more nodes" if more > 0 else "")
