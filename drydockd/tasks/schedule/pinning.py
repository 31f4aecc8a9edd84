"""The design of a task: fetched once, then for ever the bytes that were fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from drydockd.design import Design, references
from drydockd.errors import DrydockError, NotFound, StoreUnavailable
from drydockd.model import Action, Caller, Task, changed
from drydockd.site import Finding
from drydockd.store.base import Edit, Store
from drydockd.tasks.shared.authority import ALONE, Authority
from drydockd.tasks.shared.recorder import Recorder
from drydockd.turns import Turns

if TYPE_CHECKING:
    from drydockd.design import Designs
    from drydockd.design.designs import Watch


MOST_LIVES = 3
# So many pinned designs are read and compiled at once, one of an owner: as many as the compiler
# takes. After a restart hundreds of tasks come for theirs, and each may be of 60 MiB.
PLACES = 2
MOST_WAITING = 1_000_000  # tasks; they are bounded elsewhere


class Unrunnable(Exception):
    """A task that cannot begin, or cannot be taken up again; the text says why."""

    def __init__(self, text: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(text)
        self.findings = findings


@dataclass(frozen=True)
class PinnedDesigns:
    """Where tasks get their designs from. Source: architecture, decision 3."""

    store: Store
    designs: Designs
    authority: Authority = ALONE
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _turns: Turns = field(
        default_factory=lambda: Turns(
            "pinned designs",
            places=PLACES,
            most_of_one=1,
            waiting=MOST_WAITING,
            waiting_of_one=MOST_WAITING,
        )
    )

    async def of(self, task: Task, *, is_resumed: bool = False) -> Design:
        """Return the task's design: of its pinned bytes, or fetched, its bytes stored now.

        Without its content: the store has that, and many tasks may be under way. `is_resumed`: an
        earlier life of the daemon left it unfinished; see `_watched`. Raises Unrunnable.
        """
        ref = task.design_ref or ""
        caller = task.caller
        watch = partial(self._watched, task.task_id) if is_resumed else None
        try:
            if task.design:
                owner = caller.user if caller else ""
                async with self._turns.turn(owner):
                    content = await self.store.blob(task.design)
                    design = await self.designs.compile(content, ref, owner=owner, watch=watch)
                return replace(design, content=b"")
            design = await self._load(ref, caller, watch)
        except NotFound as error:
            raise Unrunnable(
                f"The design bytes of this task are lost ({error}); it cannot be resumed after "
                "the restart. Create it again."
            ) from error
        except DrydockError as error:
            raise Unrunnable(f"The design cannot be loaded: {error}") from error
        if not design.ok and task.action is not Action.VALIDATE_DESIGN:
            raise Unrunnable("The design cannot be loaded; see the messages.", design.findings)
        if design.digest:
            await self.store.put_blob(design.content, design.digest)
        return replace(design, content=b"")

    async def of_all(self, tasks: Sequence[Task]) -> tuple[Design, list[Task]]:
        """Return the design of new tasks of one reference, loaded once, and who of them goes on.

        Others were terminated or purged meanwhile. Raises as `of`.
        """
        design = await self.of(tasks[0])
        going_on = [task for task in tasks if self._goes_on(task)]
        if design.digest:
            # Each record that names it takes one of what is kept; `of` kept one already.
            for _ in going_on:
                self.store.keep_blob(design.digest)
            self.store.drop_blob(design.digest)
        return design, going_on

    def _goes_on(self, task: Task) -> bool:
        try:
            return not self.store.task(task.task_id).status.is_final
        except NotFound:
            return False

    @asynccontextmanager
    async def _watched(self, task_id: str) -> AsyncIterator[None]:
        """Count that this life begins with the task's design, and when it ends, that it did.

        A design that ends the process is met again at each start. One such design at a time,
        so that nobody but its task is counted: the others are done before, or come after.
        """
        async with self._one_at_a_time:
            lives = self.store.task(task_id).lives
            if lives >= MOST_LIVES:
                raise Unrunnable(
                    f"The daemon's process ended {lives} times while it compiled the design of "
                    "this task; it is not tried again. Make the design smaller, or create the "
                    "task again if something else ended the process."
                )
            recorder = Recorder(self.store, self.authority)
            await recorder.write(Edit(Task, task_id, partial(_lived, lives=lives + 1)))
            try:
                yield
            finally:
                # Also when it is cut off: this life did not die of it.
                with suppress(StoreUnavailable):
                    await recorder.write_once(Edit(Task, task_id, partial(_lived, lives=0)))

    async def _load(self, ref: str, caller: Caller | None, watch: Watch | None) -> Design:
        seconds = self.designs.longest_load
        load = self.designs.load(
            ref,
            marker=caller.external_marker if caller else "",
            end_user=caller.end_user if caller else "",
            owner=caller.user if caller else "",
            watch=watch,
        )
        try:
            # No more is needed: who gives up waiting for a load leaves it behind at once.
            async with asyncio.timeout(seconds):
                return await load
        except TimeoutError:
            # Http sources have limits of their own, which pass before; a file may lie on a
            # server that does not answer.
            raise Unrunnable(
                f"The design cannot be loaded: {references.redacted(ref)}: not read within "
                f"{seconds:g} s, the source does not answer"
            ) from None


def pinned(task: Task, design: str, scope: tuple[str, ...]) -> Task:
    """Return the task that knows its design, by the digest, and its nodes; not an ended one.

    It was loaded, so no life died of it.
    """
    return task if task.status.is_final else changed(task, design=design, scope=scope, lives=0)


def _lived(task: Task, lives: int) -> Task:
    return changed(task, lives=lives)
