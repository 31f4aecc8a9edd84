"""A lab of several daemons: a PostgreSQL, a room, the daemons, and a balancer before them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from drydockd.auth.jwtkeys import SECRET_FILE
from drydockd.auth.secret import load_secret
from drydockd.cli import lab_daemons
from drydockd.cli.lab_daemons import Daemon, Daemons, DaemonTrouble, Say, write_configuration
from drydockd.cli.lab_members import Watch, chaos
from drydockd.cli.lab_stage import LabTrouble
from drydockd.errors import DrydockError
from drydockd.room.balancer import Balancer, balancing
from drydockd.room.keeper import Keeper
from drydockd.room.postgres import Postgres, free_port

DATABASE = "drydock"
# Shorter than the default: a lab shows a take-over, and one machine is no slow network.
LEASE_SECONDS = 4
ROOM_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running lab of several daemons; `watch` knows who of them runs the tasks."""

    daemons: Daemons
    watch: Watch
    balancer: Balancer


@dataclass(frozen=True, slots=True)
class Plan:
    """`sections`: of every daemon's configuration, with the balancer's address as theirs."""

    folder: Path
    count: int
    sections: dict[str, dict[str, Any]]
    room: Path | None = None
    has_chaos: bool = False


@asynccontextmanager
async def cluster(
    plan: Plan, listener: socket.socket, keeper: Keeper, say: Say
) -> AsyncIterator[Cluster]:
    """Run it inside the ``async with``; the balancer has `listener`. Raises LabTrouble."""
    if find_spec("asyncpg") is None:
        raise LabTrouble("several daemons need asyncpg: pip install 'drydockd[postgres]'")
    async with AsyncExitStack() as stack:
        try:
            postgres = await stack.enter_async_context(_database(plan.folder, keeper))
            url = await asyncio.to_thread(postgres.database, DATABASE)
            room = await stack.enter_async_context(room_process(plan.folder, plan.room, keeper))
            all_of_them = configured(plan, url, room)
            # The balancer is there before those that are told its address.
            addresses = [("127.0.0.1", daemon.port) for daemon in all_of_them]
            balancer = await stack.enter_async_context(balancing(listener, addresses))
            daemons = Daemons(all_of_them, keeper, say)
            await stack.enter_async_context(lab_daemons.running(daemons))
        except (DrydockError, DaemonTrouble) as error:
            raise LabTrouble(str(error)) from error
        watch = Watch(url, say)
        work = [watch.run()]
        if plan.has_chaos:
            work.append(chaos(daemons, watch, chance=random.Random()))
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            yield Cluster(daemons, watch, balancer)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _database(folder: Path, keeper: Keeper) -> AsyncIterator[Postgres]:
    server = Postgres(folder / "postgres", begun=lambda pid: keeper.end(pid, signal.SIGKILL))
    if os.geteuid() == 0:
        os.chmod(folder, 0o711)  # noqa: S103 (for nobody, who is the server, to pass)
    # An immediate stop: its own processes end with it, and nothing of it stays in memory.
    keeper.end_named(server.pid_file, signal.SIGQUIT)
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def room_process(folder: Path, room: Path | None, keeper: Keeper) -> AsyncIterator[str]:
    """Run a room in a process of its own, as machines do; yield its URL. Raises LabTrouble."""
    nodes = folder / "nodes"
    nodes.mkdir(mode=0o700, exist_ok=True)
    chosen = ("--room", str(room)) if room is not None else ()
    with (folder / "room.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "drydockd.room.server", "--port", "0"),
            *("--state-dir", str(nodes), *chosen),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    keeper.end(process.pid, signal.SIGKILL)
    assert process.stdout is not None  # noqa: S101 (asked for just now)
    try:
        async with asyncio.timeout(ROOM_SECONDS):
            line = await process.stdout.readline()
        if not line:
            said = (folder / "room.log").read_text(encoding="utf-8", errors="replace")
            raise LabTrouble(f"the room did not start: {said[-1000:].strip()}")
        yield line.decode().strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def configured(plan: Plan, url: str, room: str) -> Sequence[Daemon]:
    """Write the configurations of all daemons; their secrets are the same."""
    return [_configured(plan, url, room, f"daemon-{n}") for n in range(1, plan.count + 1)]


def _configured(plan: Plan, url: str, room: str, name: str) -> Daemon:
    daemon = Daemon(name, plan.folder / name, free_port())
    # In a file, the options of a driver are a section like any other.
    drivers = plan.sections.get("drivers", {})
    shared = {name: s for name, s in plan.sections.items() if name != "drivers"} | drivers
    sections = merged(
        shared,
        {
            "api": {"listen": f"127.0.0.1:{daemon.port}", "trusted_proxies": ["127.0.0.1"]},
            "store": {"backend": "postgres", "url": url, "state_dir": str(daemon.folder)},
            "auth": {
                "secret_file": str(_secret(plan.folder / "secret")),
                "jwt_secret_file": str(_secret(plan.folder / "state" / SECRET_FILE)),
            },
            "cluster": {"name": name, "address": daemon.url, "lease_seconds": LEASE_SECONDS},
            "fake_driver": {"url": room},
        },
    )
    write_configuration(daemon, sections)
    return daemon


def _secret(path: Path) -> Path:
    """Make a secret if there is none yet."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    load_secret(path)
    return path


def merged(
    first: dict[str, dict[str, Any]], second: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the sections of both; of an option in both, the second one's."""
    names = first.keys() | second.keys()
    return {name: {**first.get(name, {}), **second.get(name, {})} for name in names}
