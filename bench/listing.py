"""A daemon with many tasks: its start, and what all of them in one answer take of it and of others.

Everything lies in a temporary directory of the current file system, or below ``--folder``. Others
are a client that asks for the health every few milliseconds, first alone, then beside the list.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bench.daemon import Daemon, running
from bench.load import Connection, request
from bench.store import fill

MESSAGES_EACH = 10
PAUSE_SECONDS = 0.005
ALONE_SECONDS = 2


def memory_mib(daemon: Daemon, what: str) -> float:
    """VmRSS: now; VmHWM: the most so far."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text(encoding="utf-8")
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


async def listed(daemon: Daemon) -> tuple[float, float, int]:
    """Read all tasks; return the seconds to the first byte and to the last, and how many bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port, limit=1 << 20)
    begun, first, size = time.perf_counter(), 0.0, 0
    writer.write(request("GET", "/api/v1.0/tasks", headers=daemon.headers))
    head = await reader.readuntil(b"\r\n\r\n")
    if head[9:12] != b"200" or b"chunked" not in head:
        raise SystemExit(f"not a long list: {head!r}")
    while length := int((await reader.readline()).split(b";")[0], 16):
        first = first or time.perf_counter() - begun
        await reader.readexactly(length + 2)
        size += length
    writer.close()
    return first, time.perf_counter() - begun, size


async def beside(daemon: Daemon, work: Coroutine[Any, Any, Any]) -> tuple[Any, list[float]]:
    """Do `work`; return what it returned, and what others waited for their answers meanwhile."""
    waited: list[float] = []
    connection = Connection("127.0.0.1", daemon.port)
    health = request("GET", "/api/v1.0/health", headers=daemon.headers)
    running_work = asyncio.ensure_future(work)
    while not running_work.done():
        begun = time.perf_counter()
        await connection.send(health)
        waited.append(time.perf_counter() - begun)
        await asyncio.sleep(PAUSE_SECONDS)
    await connection.close()
    return running_work.result(), waited


def told(waited: list[float]) -> str:
    ordered = sorted(waited)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    half = ordered[len(ordered) // 2]
    return f"median {half * 1e3:.1f}, p99 {p99 * 1e3:.1f}, longest {ordered[-1] * 1e3:.1f} ms"


async def measure(folder: Path, tasks: int, rounds: int) -> None:
    fill(folder / "state", tasks, MESSAGES_EACH)
    begun = time.perf_counter()
    async with running(folder) as daemon:
        print(
            f"{tasks} tasks, {tasks * MESSAGES_EACH} messages: ready after"
            f" {time.perf_counter() - begun:.1f} s ({daemon.cpu_seconds:.1f} s of CPU),"
            f" {memory_mib(daemon, 'VmRSS'):.0f} MiB",
            flush=True,
        )
        for _ in range(rounds):
            _, alone = await beside(daemon, asyncio.sleep(ALONE_SECONDS))
            cpu, before = daemon.cpu_seconds, memory_mib(daemon, "VmRSS")
            (first, whole, size), waited = await beside(daemon, listed(daemon))
            print(
                f"  GET tasks: first byte {first * 1e3:.0f} ms, {size >> 20} MiB in {whole:.1f} s"
                f" ({daemon.cpu_seconds - cpu:.1f} s of CPU); memory {before:.0f} ->"
                f" {memory_mib(daemon, 'VmRSS'):.0f} MiB, since the start at most"
                f" {memory_mib(daemon, 'VmHWM'):.0f}\n"
                f"    others alone: {told(alone)}; meanwhile: {told(waited)}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="listing-", dir=args.folder) as name:
        asyncio.run(measure(Path(name), args.tasks, args.rounds))


if __name__ == "__main__":
    main()
