"""Daemons of the lab in processes of their own, looked after as a service manager would."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydockd.room.keeper import Keeper

READY_SECONDS = 60.0
END_SECONDS = 60.0
# systemd's RestartSec=, so that one that cannot start does not do so all the time.
RESTART_SECONDS = 1.0
TAIL_CHARACTERS = 2000

Say = Callable[[str], None]
Sections = Mapping[str, Mapping[str, Any]]


class DaemonTrouble(Exception):
    """A daemon does not start; the text is the end of its log."""


@dataclass(slots=True)
class Daemon:
    """One daemon: its files are in `folder`, its address is 127.0.0.1:`port`."""

    name: str
    folder: Path
    port: int
    starts: int = 0
    process: Process | None = field(default=None, repr=False)
    ready: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "drydockd.log"

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the daemon alone, not to what it started; nothing if it is gone."""
        with contextlib.suppress(ProcessLookupError):
            if self.process is not None:
                self.process.send_signal(number)

    async def start(self, keeper: Keeper | None = None) -> None:
        """Start it and return when it serves. Raises DaemonTrouble, leaving none behind."""
        self.starts += 1
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            # An abstract address that the kernel chooses: it is always short enough.
            manager.bind("")
            manager.setblocking(False)
            self.process = await self._begun("@" + manager.getsockname()[1:].decode())
            if keeper is not None:
                keeper.end(self.process.pid, signal.SIGKILL)
            try:
                await self._told(manager, self.process)
            except BaseException:
                await self.end(signal.SIGKILL)
                raise
        self.ready.set()

    async def _begun(self, notify: str) -> Process:
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "drydockd", "--config", str(self.folder / "drydockd.yaml")),
                env={**os.environ, "NOTIFY_SOCKET": notify},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C of the terminal is for the lab alone.
                start_new_session=True,
            )

    async def _told(self, manager: socket.socket, process: Process) -> None:
        loop = asyncio.get_running_loop()
        exited = asyncio.ensure_future(process.wait())
        heard = asyncio.ensure_future(_until_ready(loop, manager))
        try:
            await asyncio.wait(
                {heard, exited}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not heard.done():
                how = f"ended with {exited.result()}" if exited.done() else "is not ready"
                raise DaemonTrouble(f"{self.name} {how}: {self.last_words()}")
            heard.result()
        finally:
            heard.cancel()
            exited.cancel()

    def last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:]

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it has; safe if it does not run."""
        self.ready.clear()
        if self.process is None:
            return
        self.send(number)
        try:
            async with asyncio.timeout(END_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.process.wait()


async def _until_ready(loop: asyncio.AbstractEventLoop, manager: socket.socket) -> None:
    while b"READY=1" not in await loop.sock_recv(manager, 4096):
        pass


@dataclass(slots=True)
class Daemons:
    """All daemons of a cluster. `say` is told when one ends by itself and when one is back."""

    all: Sequence[Daemon]
    keeper: Keeper | None = None
    say: Say = print
    _watches: list[asyncio.Task[None]] = field(default_factory=list, repr=False)

    def __getitem__(self, name: str) -> Daemon:
        return next(daemon for daemon in self.all if daemon.name == name)

    async def start(self) -> None:
        """Start all, and from then on each again whenever it has ended. Raises DaemonTrouble."""
        # One makes the schema; the others find it, and start at once.
        await self.all[0].start(self.keeper)
        await asyncio.gather(*(daemon.start(self.keeper) for daemon in self.all[1:]))
        self._watches += [asyncio.ensure_future(self._watch(daemon)) for daemon in self.all]

    async def all_ready(self) -> None:
        for daemon in self.all:
            await daemon.ready.wait()

    async def _watch(self, daemon: Daemon) -> None:
        while True:
            assert daemon.process is not None  # noqa: S101 (it was started)
            code = await daemon.process.wait()
            daemon.ready.clear()
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            self.say(f"{daemon.name} ended {how}")
            while not daemon.ready.is_set():
                await asyncio.sleep(RESTART_SECONDS)
                try:
                    await daemon.start(self.keeper)
                except DaemonTrouble as trouble:
                    self.say(str(trouble))
            self.say(f"{daemon.name} is back")

    async def stop(self) -> None:
        """End all at once, each with the time to end what it does."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await asyncio.gather(*(daemon.end() for daemon in self.all))


def write_configuration(daemon: Daemon, sections: Sections) -> None:
    """Write the daemon's file, readable by its owner only: it holds the database's password."""
    daemon.folder.mkdir(mode=0o700, exist_ok=True)
    path = daemon.folder / "drydockd.yaml"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(sections, file, indent=1, default=str)  # JSON is YAML


@asynccontextmanager
async def running(daemons: Daemons) -> AsyncIterator[Daemons]:
    """Run them inside the ``async with``. Raises DaemonTrouble."""
    try:
        await daemons.start()
        yield daemons
    finally:
        await daemons.stop()
