"""Durable writes of the running tasks: they outlast a full disk."""

from __future__ import annotations

import asyncio
import logging

from drydockd.errors import StoreUnavailable
from drydockd.model import Message
from drydockd.store.base import Change, Put, Store

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class Recorder:
    """Writes to the store; when the disk refuses, waits for it and tries again.

    A step whose end cannot be recorded must neither be lost nor repeated, so the task
    stands still until the disk takes the write; the store's health shows why meanwhile.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    async def write(self, *changes: Change) -> None:
        """Apply `changes` atomically, however long it takes. Raises Conflict, NotFound."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self.store.write(*changes)
            except StoreUnavailable as error:
                log.error("the store refuses writes, trying again in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    async def say(self, *messages: Message) -> None:
        """Add messages, all in one write; nothing is written without any."""
        if messages:
            await self.write(*(Put(message) for message in messages))
