"""Three daemons of one database behind a balancer, as the one daemon of helpers.py.

The whole API suite runs over them as it is: each request of a test goes to the next daemon, and
`Daemon.app`, into which some tests reach, is the one that runs the tasks.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from drydockd.room.balancer import balancing
from tests.handlers.answers import recorded
from tests.handlers.helpers import SITE, Daemon

COUNT = 3
# They share a loop with the tests, and nobody dies.
LEASE_SECONDS = 30


@asynccontextmanager
async def balanced(
    database: Any, empty: str, state: Path, **sections: dict[str, Any]
) -> AsyncIterator[Daemon]:
    """Run them with their states below `state`; `empty` is SQL that empties the database."""
    from tests.daemon.cluster import here

    connection = await asyncpg.connect(database.socket_url)
    await connection.execute(empty)
    await connection.close()
    roots = {"allowed_roots": (str(SITE.parent), str(state)), "http_client_retries": 1}
    more = sections | {
        "network": roots | sections.get("network", {}),
        "cluster": {"lease_seconds": LEASE_SECONDS},
    }
    async with here(state / "cluster", database, COUNT, **more) as cluster:
        runner = await cluster.runner()
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ports = [daemon.app.sockets[0].getsockname()[1] for daemon in cluster.daemons.values()]
        async with (
            balancing(listener, [("127.0.0.1", port) for port in ports]),
            httpx.AsyncClient(
                base_url=url, timeout=20, event_hooks={"response": [recorded]}
            ) as http,
        ):
            yield Daemon(runner.app, http, runner.state)
