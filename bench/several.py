"""Several real daemons on one PostgreSQL behind a balancer, for benchmarks; each may be killed."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from bench.daemon import Daemon, configuration, cpu_seconds
from drydockd.auth.jwt import mint
from drydockd.auth.jwtkeys import secret_key
from drydockd.cli import lab_daemons
from drydockd.cli.lab_daemons import Daemons, write_configuration
from drydockd.cli.lab_patience import Patient
from drydockd.room import postgres
from drydockd.room.keeper import Keeper, keeping
from drydockd.room.postgres import free_port

LEASE_SECONDS = 2
RUNNER = """
SELECT m.name, l.epoch FROM drydock.lease l JOIN drydock.member m ON m.id = l.holder
WHERE l.name = 'runner' AND l.until > now()
"""


class Door(Daemon):
    """All daemons as one, by way of the balancer; a GET waits until one of them answers."""

    def client(self, timeout_seconds: float = 120) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url + "/api/v1.0",
            headers=self.headers,
            timeout=timeout_seconds,
            transport=Patient(),
        )


@dataclass(slots=True)
class Several:
    """`door` is how the rest of the world sees them; `said` what became of each."""

    door: Door
    daemons: Daemons
    url: str
    said: list[str]
    # Of the processes beside the daemons, which stay the same: the database's server, the balancer.
    pids: dict[str, int]

    async def runner(self) -> tuple[str, int] | None:
        """Return the name of who runs the tasks, and its epoch."""
        connection = await asyncpg.connect(self.url)
        try:
            row = await connection.fetchrow(RUNNER)
        finally:
            await connection.close()
        return (row["name"], row["epoch"]) if row else None

    async def the_runner(self) -> str:
        """Wait until there is one; return its name."""
        while (found := await self.runner()) is None:
            await asyncio.sleep(0.05)
        return found[0]

    async def back(self, name: str) -> None:
        await self.daemons[name].ready.wait()

    async def kill(self, name: str) -> None:
        """End it by SIGKILL; it is started again at once."""
        daemon = self.daemons[name]
        daemon.ready.clear()
        daemon.send(signal.SIGKILL)

    async def stop(self, name: str, seconds: float) -> None:
        """Stop it in the middle of whatever it does, and let it go on later, if it still can."""
        daemon = self.daemons[name]
        process = daemon.process
        daemon.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        if process is daemon.process:
            daemon.send(signal.SIGCONT)

    def peaks_mib(self) -> dict[str, float]:
        """The most memory that each had since it was started last."""
        return {
            daemon.name: Daemon(daemon.process, daemon.port, "", daemon.folder).peak_mib
            for daemon in self.daemons.all
        }

    def cpu_seconds(self) -> dict[str, float]:
        return {
            daemon.name: cpu_seconds(daemon.process.pid)
            for daemon in self.daemons.all
            if daemon.process is not None
        }

    def any_ready(self, chance: random.Random) -> str:
        there = [daemon.name for daemon in self.daemons.all if daemon.ready.is_set()]
        return chance.choice(there or [daemon.name for daemon in self.daemons.all])


@asynccontextmanager
async def several(
    folder: Path, count: int, *, lease_seconds: int = LEASE_SECONDS, **sections: dict[str, Any]
) -> AsyncIterator[Several]:
    """Start them with their files below `folder`; `sections` are of each one's configuration."""
    folder.chmod(0o711)  # the database is of a user of its own, as root
    said: list[str] = []
    with keeping() as keeper, postgres.running(folder / "postgres") as server:
        keeper.end_named(server.pid_file, signal.SIGQUIT)
        url = server.database("bench")
        ports = [free_port() for _ in range(count)]
        async with balancer(folder, ports, keeper) as (port, pid):
            at = f"http://127.0.0.1:{port}"
            shared = {
                "api": {"public_url": at, "trusted_proxies": ["127.0.0.1"]},
                "bootactions": {"report_url": f"{at}/api/v1.0/bootactions/"},
                "auth": {
                    "secret_file": secret(folder / "secret"),
                    "jwt_secret_file": secret(folder / "jwt.secret"),
                },
                "network": {"allowed_roots": [str(folder)]},
            }
            found = Daemons(
                [
                    one(folder, n, p, url, lease_seconds, shared | sections)
                    for n, p in enumerate(ports, 1)
                ],
                keeper,
                said.append,
            )
            key = secret_key(folder / "jwt.secret")
            token = mint(key, user="bench", roles=("admin",), ttl_seconds=6 * 3600)
            async with lab_daemons.running(found):
                door = Door(None, port, token, folder)
                server_pid = int(server.pid_file.read_text("ascii").split()[0])
                pids = {"database": server_pid, "balancer": pid}
                yield Several(door, found, url, said, pids)


def secret(path: Path) -> str:
    secret_key(path, create=True)
    return str(path)


def one(
    folder: Path,
    number: int,
    port: int,
    url: str,
    lease_seconds: int,
    sections: dict[str, dict[str, Any]],
) -> lab_daemons.Daemon:
    daemon = lab_daemons.Daemon(f"daemon-{number}", folder / f"daemon-{number}", port)
    config = configuration(daemon.folder, port, sections)
    config["store"] |= {"backend": "postgres", "url": url}
    config["cluster"] = {
        "name": daemon.name,
        "address": daemon.url,
        "lease_seconds": lease_seconds,
    }
    write_configuration(daemon, config)
    return daemon


@asynccontextmanager
async def balancer(
    folder: Path, ports: list[int], keeper: Keeper
) -> AsyncIterator[tuple[int, int]]:
    """Run it in a process of its own; yield its port and its process's number."""
    with (folder / "balancer.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "drydockd.room.balancer", *map(str, ports)],
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    keeper.end(process.pid, signal.SIGKILL)
    assert process.stdout is not None
    try:
        line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            raise RuntimeError(f"the balancer did not start; see {folder / 'balancer.log'}")
        yield int(line.decode().rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
        process.stdout.close()
