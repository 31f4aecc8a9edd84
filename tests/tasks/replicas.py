"""A database in memory, and the stores of several daemons over it: each follows it by itself.

All writes have one order. A daemon whose host is stopped learns of no write of others until it
goes on, and until it has learnt of them it reads what it knew.
"""

from __future__ import annotations

import asyncio
from functools import partial

from drydockd.errors import Fenced, StoreUnavailable
from drydockd.store.base import Epoch
from drydockd.store.lease import Beat
from drydockd.store.memory import MemoryStore
from tests.tasks.stopping import Fate


class Database:
    """`store` has what is written; `lease` says who may write for tasks."""

    is_guarding = True

    def __init__(self, network):
        self.store = MemoryStore()
        self.lease = Row()
        self.network = network
        self.replicas = []
        self._order = asyncio.Lock()

    def replica(self, host):
        made = Replica(self, host)
        self.replicas.append(made)
        return made

    async def write(self, writer, changes, guard):
        async with self._order:
            if writer.host.is_dead:
                raise StoreUnavailable("the connection is gone")
            if guard is not None and self.is_guarding and guard.number != self.lease.epoch:
                raise Fenced("another daemon is the runner now: nothing was changed")
            await self.store.write(*changes)
            for replica in self.replicas:
                replica.missing.append(changes)
            for replica in self.replicas:
                if replica is writer or not replica.host.is_stopped:
                    await replica.catch_up()


class Replica(MemoryStore):
    """The store of the daemon on `host`."""

    def __init__(self, database, host):
        super().__init__()
        self.host, self._database = host, database
        self.missing = []

    async def catch_up(self):
        while self.missing:
            await super().write(*self.missing.pop(0))

    async def write(self, *changes, guard=None):
        network = self._database.network
        # What never came would be sent again, guarded as before: late is what is left of it.
        fate = Fate.ARRIVES if network.fate is Fate.ARRIVES else Fate.LATE
        await network.send(self.host, lambda: self._database.write(self, changes, guard), fate=fate)

    def watch(self, watcher):
        return super().watch(partial(self.host.call, watcher))

    async def put_blob(self, content, digest=""):
        for store in (self._database.store, *self._database.replicas):
            digest = await MemoryStore.put_blob(store, content, digest)
        return digest


class Row:
    """The lease in the database: one holder, whose epoch grows with each change of hands."""

    def __init__(self):
        self.holder, self.epoch, self.is_over = None, 0, True

    def expire(self):
        self.is_over = True


class RowKeeper:
    """Beats for one daemon; see store.lease.Keeper."""

    def __init__(self, row, name):
        self._row, self._name = row, name

    def when_freed(self, freed):
        """Nobody gives the lease away."""

    async def beat(self, report, ttl, *, wants):
        row = self._row
        if wants and row.is_over:
            row.holder, row.epoch, row.is_over = self._name, row.epoch + 1, False
        epoch = Epoch(row.epoch) if row.holder == self._name else None
        return Beat(epoch, row.holder, 0.0, live=2)

    async def leave(self):
        self._row.expire()

    async def close(self):
        """There is no connection."""
