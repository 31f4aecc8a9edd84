"""Durable writes of the running tasks: they outlast a full disk."""

from __future__ import annotations

import asyncio
import logging

from drydockd.acting import stand_still
from drydockd.errors import Fenced, NotRunner, StoreUnavailable
from drydockd.model import Message
from drydockd.store.base import Change, Put, Store
from drydockd.store.lease import ALONE, Authority

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class Recorder:
    """Writes to the store; when the disk refuses, waits for it and tries again.

    A step whose end cannot be recorded must neither be lost nor repeated, so the task
    stands still until the disk takes the write; the store's health shows why meanwhile.

    Where several daemons share the store, each write holds for the epoch of this one. When that
    is over nothing is written, said or tried again: the writer stands still until the process
    ends, and another daemon goes on with what is recorded.
    """

    def __init__(self, store: Store, authority: Authority = ALONE) -> None:
        self.store = store
        self.authority = authority

    async def write(self, *changes: Change) -> None:
        """Apply `changes` atomically, however long it takes. Raises Conflict, NotFound."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self.write_once(*changes)
            except StoreUnavailable as error:
                log.error("the store refuses writes, trying again in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    async def write_once(self, *changes: Change) -> None:
        """The same, but raise StoreUnavailable: nothing changed."""
        try:
            guard = self.authority.guard()
            # Alone: as if there were no guards.
            await self.store.write(*changes, **({} if guard is None else {"guard": guard}))
        except Fenced as error:
            self.authority.over(str(error))
            await stand_still()
        except NotRunner:
            await stand_still()

    async def say(self, *messages: Message) -> None:
        """Add messages, all in one write; nothing is written without any."""
        if messages:
            await self.write(*(Put(message) for message in messages))
