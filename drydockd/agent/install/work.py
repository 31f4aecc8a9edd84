"""The agent's whole life: hello, inventory, commands until it is told to power off.

Any failure is reported as the end of its command. Where even that cannot be said, the machine
reboots after five minutes: the server decides again. No token is ever written to a disk.
Source: contract, netboot, section 5.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydockd.agent.install import VERSION, disks, hardware, wipe
from drydockd.agent.install.configure import BadPath
from drydockd.agent.install.filesystems import CannotMake
from drydockd.agent.install.loader import BadOptions, NoKernel, firmware
from drydockd.agent.install.programs import Journal, Programs
from drydockd.agent.install.steps import Installation, NotUnderstood
from drydockd.agent.install.talk import Dismissed, NotTaken, OutOfTime, Refused, Server
from drydockd.agent.install.unpack import WrongImage

POLL_SECONDS = 30
# The server may be away so long: a restart, an update, a failover of its host.
PHASE_SECONDS = 1800.0
REBOOT_AFTER_SECONDS = 300.0
# Of the plan, the image or the machine: the same work would end the same way, and wipe again.
FINAL = (
    disks.NoMatch, BadPath, BadOptions, CannotMake, NoKernel, NotUnderstood, WrongImage, Refused,
    NotTaken,
)  # fmt: skip
# How often progress of one step is told at most.
PROGRESS_SECONDS = 1.0


@dataclass(frozen=True)
class Start:
    """What the kernel's command line says. `token` is empty for a machine without authority."""

    url: str
    mac: str
    token: str = field(default="", repr=False)
    cafile: str | None = None

    @classmethod
    def read(cls, line: str) -> Start:
        """Raises KeyError for a command line that is none of ours."""
        words = dict(word.partition("=")[::2] for word in line.split() if "=" in word)
        cafile = "/etc/drydock/ca.pem"
        return cls(
            url=words["drydock.url"],
            mac=words["drydock.mac"].lower(),
            token=words.get("drydock.token", ""),
            cafile=cafile if Path(cafile).exists() else None,
        )


class Agent:
    """One life; `do_power` is ``poweroff`` or ``reboot`` to end it with."""

    def __init__(
        self,
        start: Start,
        *,
        journal: Journal | None = None,
        pause: Callable[[float], None] = time.sleep,
        phase_seconds: float = PHASE_SECONDS,
    ) -> None:
        self._start = start
        self._journal = journal or Journal()
        self._programs = Programs(self._journal)
        self._pause = pause
        self._told = 0.0
        self._server = Server(
            start.url,
            seconds=phase_seconds,
            say=self._journal.say,
            cafile=start.cafile,
            pause=pause,
        )

    def live(self) -> str:
        """Return how the machine is to end: ``poweroff`` or ``reboot``."""
        try:
            return self._live()
        except Dismissed as error:
            self._journal.say(f"dismissed: {error}")
            return "poweroff"
        except OutOfTime as error:
            self._journal.say(f"{error}; reboot in {REBOOT_AFTER_SECONDS:.0f} s")
            self._pause(REBOOT_AFTER_SECONDS)
            return "reboot"
        except Exception as error:  # the edge of the life: nobody can be told, the server decides
            self._journal.say(
                f"{type(error).__name__}: {error}; reboot in {REBOOT_AFTER_SECONDS:.0f} s"
            )
            self._pause(REBOOT_AFTER_SECONDS)
            return "reboot"

    def _live(self) -> str:
        if not self._start.token:
            self._server.post("/boot/inventory", self._inventory())
            return "poweroff"
        greeting = self._hello()
        if greeting["phase"] == "inspect":
            self._inspect(greeting.get("id"))
        while True:
            asked = time.monotonic()
            command = self._server.get(f"/boot/command?wait={POLL_SECONDS}", waits=POLL_SECONDS)
            if command["do"] in ("poweroff", "reboot"):
                return str(command["do"])
            if command["do"] != "wait":
                self._obey(command)
            elif time.monotonic() - asked < 1:
                # Whoever answers at once would be asked without end.
                self._pause(1)

    def _inspect(self, work: str | None) -> None:
        """Report what the machine is, or why that could not be found out.

        `work` names the inspection; None: a server of before cannot be told that it failed.
        """
        try:
            self._server.post("/boot/inventory", self._inventory())
        except (Dismissed, OutOfTime):
            raise
        except Exception as error:  # the edge of a command: its text is the report
            if work is None:
                raise
            self._end(self._failed({"id": work, "steps": []}, error))

    def _inventory(self) -> dict[str, Any]:
        return hardware.inventory(self._start.mac, self._programs)

    def _hello(self) -> Mapping[str, str]:
        told = hardware.dmi()
        body = {
            "nonce": secrets.token_hex(16),
            "mac": self._start.mac,
            "macs": hardware.macs_of(hardware.nics_of()),
            "uuid": told.get("uuid"),
            "serial": told.get("serial"),
            "firmware": firmware(),
            "version": VERSION,
        }
        self._server.token = self._start.token
        answer: Mapping[str, str] = self._server.post("/boot/hello", body)
        self._server.token = answer["session"]
        return answer

    def _obey(self, command: Mapping[str, Any]) -> None:
        """Do it and report its end, whatever comes."""
        end: dict[str, Any] = {"id": command["id"], "ok": True, "steps": []}
        try:
            if command["do"] == "install":
                self._install(command, end)
            elif command["do"] != "wipe":
                raise NotUnderstood(f"the command {command['do']} is of a newer server")
            else:
                wipe.wipe(disks.disks_of(), command["how"], self._programs, self._report(command))
        except Dismissed:
            raise
        except Exception as error:  # the edge of a command: its text is the report
            end = self._failed(end, error)
        self._end(end)

    def _failed(self, end: Mapping[str, Any], error: Exception) -> dict[str, Any]:
        text = f"{type(error).__name__}: {error}"
        self._journal.say(text)
        is_final = isinstance(error, FINAL)
        return {**end, "ok": False, "error": text[:4000], "is_final": is_final}

    def _end(self, end: Mapping[str, Any]) -> None:
        self._server.post("/boot/end", {**end, "log": self._journal.text()})

    def _install(self, command: Mapping[str, Any], end: dict[str, Any]) -> None:
        installation = Installation(
            command["plan"],
            server=self._server,
            programs=self._programs,
            journal=self._journal,
            report=self._report(command),
            here=disks.disks_of(),
            macs=hardware.macs_of(hardware.nics_of()),
            firmware=firmware(),
        )
        try:
            installation.run()
        finally:
            end["steps"] = installation.took

    def _report(self, command: Mapping[str, Any]) -> Callable[[str, int | None], None]:
        def report(step: str, percent: int | None) -> None:
            now = time.monotonic()
            if percent is not None and now - self._told < PROGRESS_SECONDS:
                return
            self._told = now
            body = {"id": command["id"], "step": step, "percent": percent}
            self._server.post("/boot/progress", body)

        return report
