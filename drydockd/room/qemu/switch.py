"""The power of a QEMU machine, as its BMC has it: a program that starts it, and a process to end.

``./machine ORDER`` of the folder (ORDER: ``pxe``, or anything else for the disk) starts it in the
background and leaves its process id in ``pid``: the same program that ipmi_sim's hook runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
from dataclasses import dataclass, field
from pathlib import Path

from drydockd.errors import Unavailable

OFF_SECONDS = 30.0


@dataclass
class Switch:
    """One change at a time. Event-loop thread only."""

    folder: Path
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_on(self) -> bool:
        """Read it. PID 1 may not reap: a dead process is off."""
        pid = self._pid()
        if pid is None:
            return False
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        (state,) = (line for line in status.splitlines() if line.startswith("State:"))
        return state.split()[1] not in ("Z", "X")

    async def on(self, order: str) -> bool:
        """Start it; return whether it was off. Raises Unavailable with what the program said."""
        async with self._changing:
            if self.is_on():
                return False
            with (self.folder / "machine.log").open("ab") as output:
                begun = await asyncio.create_subprocess_exec(
                    str(self.folder / "machine"), order, cwd=self.folder,
                    stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                )  # fmt: skip
                status = await begun.wait()
            if status:
                said = (self.folder / "machine.log").read_text(errors="replace")[-500:]
                raise Unavailable(f"{self.folder.name}: it did not start ({status}): {said}")
            return True

    async def off(self) -> bool:
        """Cut it off; return whether it was on. Raises Unavailable if it does not end."""
        async with self._changing:
            pid = self._pid()
            if pid is None or not self.is_on():
                return False
            await asyncio.to_thread(_killed, pid)
            if self.is_on():
                raise Unavailable(f"{self.folder.name}: process {pid} does not end")
            return True

    def cut(self) -> None:
        """Cut it off at the end of the room, without waiting."""
        pid = self._pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _pid(self) -> int | None:
        try:
            return int((self.folder / "pid").read_text())
        except (OSError, ValueError):
            return None


def _killed(pid: int) -> None:
    """Kill it and wait for its end. Source: pidfd_open(2): readable when it has ended."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            poll = select.poll()  # whatever number it has
            poll.register(handle, select.POLLIN)
            poll.poll(1000 * OFF_SECONDS)
        finally:
            os.close(handle)
