"""The design of a task: fetched once, then for ever the bytes that were fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drydockd.design import Design, references
from drydockd.errors import DrydockError, NotFound
from drydockd.model import Action, Caller, Task
from drydockd.site import Finding
from drydockd.store.base import Store

if TYPE_CHECKING:
    from drydockd.design import Designs


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

    async def of(self, task: Task) -> Design:
        """Return the task's design: of its pinned bytes, or fetched, its bytes stored now.

        Raises Unrunnable.
        """
        ref = task.design_ref or ""
        caller = task.caller
        try:
            if task.design:
                return await self.designs.compile(await self.store.blob(task.design), ref)
            design = await self._load(ref, caller)
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
        return design

    async def _load(self, ref: str, caller: Caller | None) -> Design:
        seconds = self.designs.longest_load
        load = self.designs.load(
            ref,
            marker=caller.external_marker if caller else "",
            end_user=caller.end_user if caller else "",
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
    """Return the task that knows its design, by the digest, and its nodes; not an ended one."""
    return task if task.status.is_final else replace(task, design=design, scope=scope)
