"""The first boot of a deployed machine: fetch the boot data, unpack it, report. Runs no code."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from drydockd.plans import BootDelivery
from drydockd.room.archive import ArchiveRefused, Unpacked, apply_modes, unpack
from drydockd.room.config import FaultKind, Reports
from drydockd.room.machine import Machine, Surroundings
from drydockd.room.nodehttp import BootFailed, NodeHttp
from drydockd.room.signals import Signal, read_signals

log = logging.getLogger(__name__)

LOOPBACK = ("localhost", "127.0.0.1", "::1")
KINDS = ("units", "files")
SPOOL_BYTES = 2**20
THREADS = 4


class FirstBoots:
    """All first boots of a room."""

    def __init__(self, reports: Reports, folder: Path, room: Surroundings) -> None:
        self._reports = reports
        self._folder = folder
        self._room = room
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: NodeHttp | None = None
        self._thread_turn = asyncio.Semaphore(THREADS)

    @property
    def _http(self) -> NodeHttp:
        if self._client is None:
            self._client = NodeHttp(self._reports)
        return self._client

    def start(self, machine: Machine) -> asyncio.Task[None]:
        """Boot `machine`; its task, for the machine to cancel when its power goes."""
        self.forget(machine)
        machine.counters["first_boots"] += 1
        self._tell(machine, "booting", "")
        return self._run(self._boot(machine), f"first boot of {machine.id}")

    def root_of(self, machine: Machine) -> Path:
        """Where the machine's current boot data is unpacked: its ``/``."""
        return self._folder / machine.id / str(machine.counters["first_boots"])

    def forget(self, machine: Machine) -> None:
        """Remove what the machine has on its disk."""
        place = self._folder / machine.id
        if place.exists():
            # Moved aside at once, so that the next boot does not meet the removal.
            gone = self._folder / f".{machine.id}-{machine.counters['first_boots']}"
            place.rename(gone)
            self._run(_remove(gone), f"empty disk of {machine.id}")

    def _run(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def idle(self) -> None:
        """Return when nobody boots or reports any more."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            self._client.close()
            self._client = None

    # -- one boot

    async def _boot(self, machine: Machine) -> None:
        try:
            await asyncio.sleep(self._room.seconds(machine, "first_boot"))
            await self._boot_with_data(machine)
        except BootFailed as error:
            self._tell(machine, "failed", str(error))
            log.warning("%s: first boot failed: %s", machine, error)
        except Exception as error:
            # The edge of a task: without this the node would fall silent for no reason.
            self._tell(machine, "failed", f"{type(error).__name__}: {error}")
            log.exception("%s: first boot failed", machine)

    async def _boot_with_data(self, machine: Machine) -> None:
        boot = machine.spec.boot if machine.spec else None
        if boot is None:
            self._tell(machine, "done", "no boot data")
            return
        if self._room.strikes(machine, FaultKind.NEVER_BOOTS):
            raise BootFailed(f"fault {FaultKind.NEVER_BOOTS}")
        self._tell(machine, "fetching", "")
        signals = await self._fetch(machine, boot)
        if self._room.strikes(machine, FaultKind.NEVER_REPORTS):
            raise BootFailed(f"fault {FaultKind.NEVER_REPORTS}")
        self._tell(machine, "reporting", "")
        bad = self._room.strikes(machine, FaultKind.REPORTS_FAILURE)
        for signal in signals:
            if machine.first_boot.actions.get(signal.action_id) != "recorded":
                outcome = await self._report(machine, signal, boot, bad=bad)
                actions = {**machine.first_boot.actions, signal.action_id: outcome}
                machine.first_boot = replace(machine.first_boot, actions=actions)
                self._room.touched(machine)
        self._tell(machine, "done", f"{len(signals)} boot actions found")

    def _tell(self, machine: Machine, state: str, reason: str) -> None:
        machine.first_boot = replace(machine.first_boot, state=state, reason=reason)
        self._room.touched(machine)

    async def _fetch(self, machine: Machine, boot: BootDelivery) -> list[Signal]:
        """Fetch and unpack both tarballs; return what the files tell of boot actions."""
        root = self.root_of(machine)
        files: dict[PurePosixPath, Unpacked] = {}
        for kind in KINDS:
            url = f"{boot.base_url.rstrip('/')}/bootactions/nodes/{boot.hostname}/{kind}"
            with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
                sink = cast("BinaryIO", spool)
                await self._http.download(url, boot.key, sink)
                sink.seek(0)
                files |= await self._unpack(kind, sink, root)
        async with self._thread_turn:
            return await asyncio.to_thread(_settle, root, tuple(files.values()))

    async def _unpack(
        self, kind: str, archive: BinaryIO, root: Path
    ) -> dict[PurePosixPath, Unpacked]:
        bytes_, members = self._reports.archive_bytes, self._reports.archive_members
        try:
            async with self._thread_turn:
                found = await asyncio.to_thread(
                    unpack, archive, root, max_bytes=bytes_, max_members=members
                )
        except ArchiveRefused as error:
            raise BootFailed(f"the archive of {kind} is refused: {error}") from error
        return {file.path: file for file in found}

    async def _report(
        self, machine: Machine, signal: Signal, boot: BootDelivery, *, bad: bool
    ) -> str:
        """Post the details and the final status; return what became of it."""
        base = _report_url(signal, boot)
        if base is None:
            return f"not posted: {signal.url} is neither the daemon's host nor loopback"
        url = f"{base.rstrip('/')}/{signal.action_id}"
        for number in range(1, self._reports.details + 1):
            detail = {"message": f"step {number} of {self._reports.details}", "error": False}
            await asyncio.sleep(self._room.seconds(machine, "report"))
            posted = await self._http.post(url, signal.key, {"details": [detail]})
            if not posted.accepted:
                return f"refused: status {posted.status_code}"
        await asyncio.sleep(self._room.seconds(machine, "report"))
        word = "failure" if bad else "success"
        final = {"message": f"boot action ended with {word}", "error": bad}
        posted = await self._http.post(url, signal.key, {"status": word, "details": [final]})
        return "recorded" if posted.accepted else f"refused: status {posted.status_code}"


def _report_url(signal: Signal, boot: BootDelivery) -> str | None:
    """Where to post; None for a host that a design must not make a machine talk to."""
    if signal.url is None:
        return f"{boot.base_url.rstrip('/')}/bootactions"
    host = urlsplit(signal.url).hostname
    return signal.url if host in (*LOOPBACK, urlsplit(boot.base_url).hostname) else None


def _settle(root: Path, files: tuple[Unpacked, ...]) -> list[Signal]:
    signals = read_signals(root, files)
    apply_modes(root, files)
    return signals


async def _remove(folder: Path) -> None:
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
