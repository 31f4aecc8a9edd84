"""All nodes at once, as one sees one: what each is, waits for, and why it failed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from drydockd.tasks.views.failures import by_cause
from drydockd.tasks.views.nodeview import NodeViews
from drydockd.tasks.words.requests import Machines, NodeView

# So many nodes are looked at in one turn of the loop: about 3 ms.
SLICE = 20
# As long is what was found good for whoever asks next: however many look, it is made once.
KEEP_SECONDS = 5.0


class MachineViews:
    """Answers what is up with every node. Event-loop thread only."""

    def __init__(
        self,
        views: NodeViews,
        clock: Callable[[], float] = time.monotonic,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self._views = views
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._last: Machines | None = None
        self._made_at = 0.0
        self._making: asyncio.Task[Machines] | None = None

    async def all(self) -> Machines:
        """Return the view of every node that a task or the provisioner knows, by name.

        A provisioner that does not answer is a sentence in it.
        """
        if self._last is not None and self._clock() < self._made_at + self._keep_seconds:
            return self._last
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._make(), name="machines")
        return await asyncio.shield(self._making)

    async def close(self) -> None:
        """Make no more."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait([self._making])

    async def _make(self) -> Machines:
        rows, row_error = await self._views.rows()
        words = await self._views.waits.words()
        known = {row.hostname: row for row in rows}
        names = sorted({*known, *self._views.store.nodes_of_tasks()})
        found = list[NodeView]()
        for number, name in enumerate(names, 1):
            found.append(self._views.now(name, known.get(name), None, words))
            if number % SLICE == 0:
                await asyncio.sleep(0)
        failed = by_cause((view.node, view.last) for view in found)
        self._last, self._made_at = Machines(tuple(found), tuple(failed), row_error), self._clock()
        return self._last
