"""A virtual machine room in a process of its own, for benchmarks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml


class RoomProcess:
    """`url` is what the `fake` drivers take."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid
        self._seen: dict[str, Any] = {"epoch": "", "revision": 0}

    async def machines(self) -> list[dict[str, Any]]:
        """Every machine with its counters, as the room tells."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.get(f"{self.url}/v1/machines")
            found: list[dict[str, Any]] = answer.raise_for_status().json()
            return found

    async def changed(self) -> None:
        """Return when a machine has changed since the last call, or after some seconds."""
        query = {"after": self._seen["revision"], "epoch": self._seen["epoch"]}
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.get(f"{self.url}/v1/changes", params=query)
            self._seen = answer.raise_for_status().json()


@asynccontextmanager
async def room_process(folder: Path, config: dict[str, Any]) -> AsyncIterator[RoomProcess]:
    """Start a room with this configuration, yield it once it listens, stop it."""
    file = folder / "room.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "drydockd.room.server", "--port", "0"]
    with (folder / "room.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--room", str(file), "--state-dir", str(folder / "nodes")],
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            raise RuntimeError(f"the room did not start; see {folder / 'room.log'}")
        yield RoomProcess(line.decode().strip(), process.pid)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
        process.stdout.close()
