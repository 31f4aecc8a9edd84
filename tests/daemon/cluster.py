"""Several daemons on one database: in this process, or each in one of its own.

`here` is for what they do together, `apart` for what happens when one of them dies. Both start
`count` daemons d1, d2 ... in front of one virtual machine room, on a database of
tests/peers/postgres.py, with the secrets that daemons of one database share.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.daemon import Daemon as Apart
from bench.daemon import running as running_apart
from bench.roomprocess import RoomProcess, room_process
from drydockd import app
from tests.handlers.helpers import TRUST, Daemon, settings

# Seconds; so long the work lies after a daemon has died. Of daemons in this process none dies, and
# a machine that is busy with other tests must not make one late: theirs is long.
LEASE, LEASE_HERE = 4, 30
SECRETS = ("secret", "jwt.secret")


def names(count):
    return [f"d{number}" for number in range(1, count + 1)]


def url(database):
    """Return what `store.url` is for a database whose server is not durable."""
    return f"{database.socket_url}&durable=no"


def state_of(folder: Path, name: str) -> Path:
    """Return the state directory of a daemon, made with the secrets that all of them have."""
    state = folder / name / "state"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    for secret in SECRETS:
        first = folder / secret
        if not first.exists():
            first.touch(mode=0o600)
            first.write_text(secrets.token_hex(32))
        shutil.copy(first, state / secret)
    return state


def sections(database, name, **more):
    """Return the sections of the configuration that make a daemon one of several."""
    own = {
        "store": {"backend": "postgres", "url": url(database)},
        "cluster": {"name": name, "lease_seconds": LEASE},
    }
    for section, options in more.items():
        own[section] = own.get(section, {}) | options
    return own


async def runner_of(database) -> str:
    """Return the name of the daemon that has the lease by the database's clock; empty: nobody."""
    return await asyncio.to_thread(
        database.run,
        "SELECT coalesce(max(m.name), '') FROM drydock.lease l JOIN drydock.member m"
        " ON m.id = l.holder WHERE l.until >= clock_timestamp()",
    )


# -- in this process ---------------------------------------------------------------------


@dataclass
class Here:
    """Daemons by name, each a Daemon of tests/handlers/helpers.py."""

    folder: Path
    database: object
    sections: dict
    daemons: dict[str, Daemon] = field(default_factory=dict)
    _stacks: dict[str, contextlib.AsyncExitStack] = field(default_factory=dict)

    async def start(self, name) -> Daemon:
        state = state_of(self.folder, name)
        cluster = {"lease_seconds": LEASE_HERE} | self.sections.get("cluster", {})
        own = sections(self.database, name, **{**self.sections, "cluster": cluster})
        chosen = settings(state, **own)
        async with contextlib.AsyncExitStack() as stack:
            running = await stack.enter_async_context(app.running(chosen, base=state))
            http = httpx.AsyncClient(base_url=running.url, timeout=20, verify=TRUST)
            await stack.enter_async_context(http)
            self._stacks[name] = stack.pop_all()
        self.daemons[name] = Daemon(running, http, state)
        return self.daemons[name]

    async def stop(self, name) -> None:
        """End it as SIGTERM does."""
        self.daemons.pop(name)
        await self._stacks.pop(name).aclose()

    async def close(self) -> None:
        for name in list(self.daemons):
            await self.stop(name)

    async def runner(self) -> Daemon:
        """Return the daemon that has the work, as soon as one has."""
        waits = [
            asyncio.create_task(daemon.app.services.cluster.leads.wait(), name=name)
            for name, daemon in self.daemons.items()
        ]
        try:
            async with asyncio.timeout(120):
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return self.daemons[done.pop().get_name()]

    async def followers(self) -> list[Daemon]:
        runner = await self.runner()
        return [daemon for daemon in self.daemons.values() if daemon is not runner]


@asynccontextmanager
async def here(folder, database, count=2, **more):
    """Run daemons in this process; they share the room "default". Yields a Here."""
    cluster = Here(folder, database, more)
    try:
        for name in names(count):
            await cluster.start(name)
        yield cluster
    finally:
        await cluster.close()


# -- each in a process of its own --------------------------------------------------------


@dataclass
class Fleet:
    """Daemons by name, each a Daemon of bench/daemon.py; `room` is where all machines stand."""

    folder: Path
    database: object
    room: RoomProcess
    sections: dict
    module: str = "drydockd"
    daemons: dict[str, Apart] = field(default_factory=dict)
    _stacks: dict[str, contextlib.AsyncExitStack] = field(default_factory=dict)

    async def start(self, name) -> Apart:
        state_of(self.folder, name)
        own = sections(
            self.database,
            name,
            fake_driver={"url": self.room.url},
            logging={"log_level": "INFO"},
            **self.sections,
        )
        own.setdefault("network", {})["allowed_roots"] = [str(self.folder)]
        stack = contextlib.AsyncExitStack()
        started = running_apart(self.folder / name, module=self.module, **own)
        self.daemons[name] = await stack.enter_async_context(started)
        self._stacks[name] = stack
        return self.daemons[name]

    async def kill(self, name) -> None:
        """Kill it (SIGKILL) and wait until it is gone."""
        daemon = self.daemons.pop(name)
        daemon.process.kill()
        await self._stacks.pop(name).aclose()

    async def stop(self, name) -> int:
        """End it as a service manager does; return its exit code."""
        daemon = self.daemons.pop(name)
        await self._stacks.pop(name).aclose()
        return daemon.process.returncode

    async def close(self) -> None:
        for name in list(self.daemons):
            await self.stop(name)

    async def runner(self) -> str:
        """Return the name of the daemon that has the work, as soon as one has."""
        async with asyncio.timeout(120):
            while not (name := await runner_of(self.database)):
                pass  # each look takes a moment of its own
        return name

    def log(self, name) -> str:
        return (self.folder / name / "daemon.log").read_text()

    async def ended(self, daemon, task_id, seconds=90):
        """Return the task when it has ended, as `daemon` shows it."""
        async with daemon.client() as client, asyncio.timeout(seconds):
            while True:
                answer = await client.get(f"/tasks/{task_id}", params={"wait": 10})
                task = answer.raise_for_status().json()
                if task["status"] in ("complete", "terminated"):
                    return task


@asynccontextmanager
async def apart(folder, database, count=2, *, room=None, module="drydockd", **more):
    """Run daemons as processes of `module`, and the room `room` as one more. Yields a Fleet."""
    async with room_process(folder, room or {}) as machines:
        fleet = Fleet(folder, database, machines, more, module)
        try:
            await asyncio.gather(*map(fleet.start, names(count)))
            yield fleet
        finally:
            await fleet.close()
