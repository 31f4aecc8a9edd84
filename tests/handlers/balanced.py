"""Three daemons of one database behind a balancer, as the one daemon of helpers.py.

The whole API suite runs over them as it is: each request of a test goes to the next daemon, and
`Daemon.app`, into which some tests reach, is the one that runs the tasks.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from drydockd.model import Action
from drydockd.room.balancer import balancing
from drydockd.store import Remove
from drydockd.store.codec import ROW_CLASSES
from drydockd.tasks.shared.contacts import Contacts
from tests.handlers.answers import recorded
from tests.handlers.helpers import SITE, TRUST, Daemon

COUNT = 3
# They share a loop with the tests, and nobody dies.
LEASE_SECONDS = 30
# What leaves no trace but records. Whatever else a test does, machines are others afterwards.
HARMLESS = frozenset({Action.VALIDATE_DESIGN, Action.VERIFY_SITE})
# What those are told that are kept: refusals are counted over all tests.
USUAL = {"auth": {"throttle_failures": 100_000}}


@dataclass
class Three:
    """The daemons, of which one runs the tasks, and where the balancer listens."""

    runner: Daemon
    others: list[Daemon]
    url: str

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[Daemon]:
        """Give them as one daemon, to a client of its own."""
        hooks = {"response": [recorded]}
        async with httpx.AsyncClient(
            base_url=self.url, timeout=60, verify=TRUST, event_hooks=hooks
        ) as http:
            yield Daemon(self.runner.app, http, self.runner.state)

    async def emptied(self) -> bool:
        """Make them as they began, if that can be done; return whether it was."""
        services = self.runner.app.services
        await services.store.fresh(20)
        for task in services.store.tasks():
            if not task.status.is_final or task.action not in HARMLESS:
                return False
        rows = services.store._tables.rows
        await services.store.write(
            *(Remove(kind, key) for table, kind in ROW_CLASSES.items() for key in rows[table])
        )
        for daemon in (self.runner, *self.others):
            await daemon.app.services.store.fresh(20)
            daemon.app.services.tasks.deployments.contacts = Contacts()
        return True


@asynccontextmanager
async def three(
    database: Any, empty: str, state: Path, **sections: dict[str, Any]
) -> AsyncIterator[Three]:
    """Run them with their states below `state`; `empty` is SQL that empties the database."""
    from tests.daemon.cluster import here

    connection = await asyncpg.connect(database.socket_url)
    await connection.execute(empty)
    await connection.close()
    roots = {"allowed_roots": (str(SITE.parent), str(state)), "http_client_retries": 1}
    more = sections | {
        "network": roots | sections.get("network", {}),
        "cluster": {"lease_seconds": LEASE_SECONDS},
        # Without the page, which is not theirs and costs time at each start.
        "web": {"enabled": False} | sections.get("web", {}),
    }
    async with here(state / "cluster", database, COUNT, **more) as cluster:
        runner = await cluster.runner()
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ports = [daemon.app.sockets[0].getsockname()[1] for daemon in cluster.daemons.values()]
        async with balancing(listener, [("127.0.0.1", port) for port in ports]):
            others = [daemon for daemon in cluster.daemons.values() if daemon is not runner]
            yield Three(runner, others, url)


class Balanced:
    """What gives the tests of a run their daemons, in the place of the usual one.

    Tests that say nothing of the configuration, or the USUAL, get the same three, one after the
    other: to start them takes longer than most tests. They get others when it would matter.
    `folder` is above the folders of all tests; `make` is `postgres_server.database`.
    """

    def __init__(self, folder: Path, empty: str, make: Any) -> None:
        self._folder = folder
        self._empty = empty
        self._databases = [make(), make()]
        self._kept: Three | None = None
        self._stack = contextlib.AsyncExitStack()
        self._count = 0

    @asynccontextmanager
    async def __call__(self, state: Path, **sections: dict[str, Any]) -> AsyncIterator[Daemon]:
        if sections and sections != USUAL:
            starting = three(self._databases[0], self._empty, state, **sections)
            async with starting as own, own.asked() as daemon:
                yield daemon
            return
        kept = self._kept = self._kept or await self._start()
        may_stay = False
        try:
            async with kept.asked() as daemon:
                yield daemon
            may_stay = await kept.emptied()
        finally:
            if not may_stay:
                await self.close()

    async def _start(self) -> Three:
        self._count += 1
        state = self._folder / f"three-{self._count}"
        return await self._stack.enter_async_context(
            three(
                self._databases[1],
                self._empty,
                state,
                network={"allowed_roots": (str(SITE.parent), str(self._folder))},
                fake_driver={"room": "kept"},
                **USUAL,
            )
        )

    async def close(self) -> None:
        self._kept = None
        await self._stack.aclose()
