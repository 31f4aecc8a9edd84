"""The installation, step by step; each attempt begins from zero.

Source: contract, netboot, section 5.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drydockd.agent.install import configure, disks, filesystems, loader, unpack
from drydockd.agent.install.disks import Disk
from drydockd.agent.install.filesystems import Storage
from drydockd.agent.install.programs import Journal, Programs
from drydockd.agent.install.talk import Server

VERSION = 1
TARGET = Path("/target")
Report = Callable[[str, int | None], None]


class NotUnderstood(Exception):
    """The plan is of a newer server."""


class Installation:
    """One `install` command on this machine."""

    def __init__(
        self,
        plan: Mapping[str, Any],
        *,
        server: Server,
        programs: Programs,
        journal: Journal,
        report: Report,
        here: Sequence[Disk],
        macs: Sequence[str],
        firmware: str,
        target: Path = TARGET,
    ) -> None:
        self._plan = plan
        self._server = server
        self._programs = programs
        self._journal = journal
        self._report = report
        self._here = here
        self._macs = macs
        self._firmware = firmware
        self._target = target
        self.took: list[tuple[str, float]] = []

    def run(self) -> None:
        """Do all steps. Raises what a step raises; `took` has the seconds of those begun."""
        if self._plan.get("version") != VERSION:
            raise NotUnderstood(
                f"the plan has version {self._plan.get('version')}, this agent knows {VERSION}: "
                "build the agent anew (drydock image build agent)"
            )
        self._storage: Storage | None = None
        for name, step in (
            ("match", self._match),
            ("wipe", self._wipe),
            ("partition", self._partition),
            ("volumes", self._volumes),
            ("mkfs", self._mkfs),
            ("unpack", self._unpack),
            ("configure", self._configure),
            ("packages", self._packages),
            ("bootdata", self._bootdata),
            ("loader", self._loader),
            ("finish", self._finish),
        ):
            self._journal.say(f"-- {name}")
            self._report(name, None)
            began = time.monotonic()
            try:
                step()
            finally:
                self.took.append((name, round(time.monotonic() - began, 2)))

    @property
    def storage(self) -> Storage:
        assert self._storage is not None  # noqa: S101
        return self._storage

    def _match(self) -> None:
        wanted = self._plan["storage"]["disks"]
        self._disks = disks.match(wanted, self._here)
        disks.match_nics(self._plan["nics"], self._macs)
        wanted_firmware = self._plan.get("firmware")
        if wanted_firmware and wanted_firmware != self._firmware:
            raise disks.NoMatch(
                f"the machine started by {self._firmware}, its hardware profile says "
                f"boot_mode {wanted_firmware}"
            )
        self._storage = Storage(self._plan["storage"], self._disks, self._programs)
        filesystems.check(self._plan["storage"]["filesystems"])
        self._check_plan()
        for disk in self._disks:
            self._journal.say(f"will be written: {disk}")

    def _check_plan(self) -> None:
        """What would fail only after the wipe."""
        for entry in self._plan["files"]:
            configure.check_path(entry["path"])
        loader.quoted(self._plan.get("kernel_params") or "")
        unpack.check(self._plan["image"], self._server)

    def _wipe(self) -> None:
        self._programs.run("umount", "-R", str(self._target), may_fail=True)
        disks.release(self._programs)
        for disk in self._disks:
            disks.erase(disk, self._programs)

    def _partition(self) -> None:
        for disk, entry in zip(self._disks, self._plan["storage"]["disks"], strict=True):
            if entry["partitions"]:
                disks.partition(disk, entry["partitions"], self._programs)

    def _volumes(self) -> None:
        self.storage.make_volumes()

    def _mkfs(self) -> None:
        self.storage.make_filesystems()

    def _unpack(self) -> None:
        self._target.mkdir(exist_ok=True)
        self.storage.mount(self._target)
        unpack.unpack(
            self._plan["image"],
            self._target,
            self._server,
            self._programs,
            lambda percent: self._report("unpack", percent),
        )

    def _configure(self) -> None:
        configure.write_files(self._target, self._plan["files"])
        with configure.chrooted(self._target, self._programs):
            configure.fresh_identity(self._target, self._programs)
            configure.enable(self._target, self._plan["units"], self._programs)

    def _packages(self) -> None:
        if self._plan["packages"]:
            with configure.chrooted(self._target, self._programs):
                configure.install_packages(self._target, self._plan["packages"], self._programs)

    def _bootdata(self) -> None:
        if self._plan.get("boot"):
            configure.fetch_boot_data(
                self._target, self._plan["boot"], self._server, self._programs
            )

    def _loader(self) -> None:
        disk = self._disks[self._plan["storage"]["boot_disk"]]
        with configure.chrooted(self._target, self._programs):
            loader.install(
                self._plan,
                self._target,
                disk,
                self.storage,
                self._programs,
                booted_by=self._firmware,
            )

    def _finish(self) -> None:
        self._programs.run("sync")
        self.storage.unmount(self._target)
        self.storage.deactivate()
        self._programs.run("sync")
