"""A store to rehearse on: it knows what is on disk, and what is written to it stays in memory."""

from __future__ import annotations

import asyncio
import time

from drydockd.store.backend import Loaded
from drydockd.store.base import Epoch, Store
from drydockd.store.memory import MemoryBackend
from drydockd.store.records import Records
from drydockd.store.recovery import recover_running
from drydockd.store.staging import Batch
from drydockd.store.statedir import StateDir


class _Forgetful(MemoryBackend):
    """Keeps no blobs: build data of a whole site would not fit."""

    def save(self, batch: Batch, guard: Epoch | None) -> asyncio.Future[None] | None:
        return self._landing.land([batch])


def rehearsal(state: StateDir) -> Store:
    """Return a store with the records of `state` as they are now, of which nothing is written.

    May run beside the daemon. Raises StoreRefused where they cannot be read.
    """
    if not state.path.is_dir() or not state.holds_records():
        return Records(_Forgetful(), Loaded(origin=time.time_ns() // 1000))
    found = recover_running(state)
    return Records(_Forgetful(), Loaded(found.tables, found.seq, found.origin))
