"""Ends what a lab started when the lab itself has ended, however it ended.

A small process that waits for the end of its standard input, which only the lab holds. It is told
in lines of JSON what there is; at the end it ends those processes that still run, and removes the
folders. Of the standard library only, so that it costs nothing while it waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Keeper:
    """What the lab tells it. Each call is told at once."""

    _to: IO[bytes] = field(repr=False)

    def remove(self, folder: Path) -> None:
        """Remove this folder at the end."""
        self._say(folder=str(folder))

    def end(self, pid: int, number: signal.Signals, *, is_group: bool = True) -> None:
        """Send the signal at the end to this process, with all of its group if it leads one."""
        self._say(pid=pid, number=int(number), is_group=is_group)

    def end_named(self, file: Path, number: signal.Signals) -> None:
        """Send the signal at the end to the process whose number this file then begins with."""
        self._say(file=str(file), number=int(number))

    def _say(self, **what: object) -> None:
        self._to.write(json.dumps(what).encode() + b"\n")
        self._to.flush()


@contextmanager
def keeping() -> Iterator[Keeper]:
    """Run a keeper; at the end it does its work, and has ended too."""
    process = subprocess.Popen(  # noqa: S603 (this very file)
        # Isolated: no other module of this folder is meant by an import.
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        # A Ctrl-C of the terminal is the lab's to act on.
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 (asked for just now)
    try:
        yield Keeper(process.stdin)
    finally:
        process.stdin.close()
        process.wait()


@dataclass(slots=True)
class Duty:
    """What a keeper has been told; processes by a handle that no other process can get."""

    folders: list[str] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)
    processes: dict[int, tuple[int, int, bool]] = field(default_factory=dict)

    def hear(self, line: bytes) -> None:
        told = json.loads(line)
        if "folder" in told:
            self.folders.append(told["folder"])
        elif "file" in told:
            self.files.append((told["file"], told["number"]))
        else:
            self._note(told["pid"], told["number"], told["is_group"])

    def _note(self, pid: int, number: int, is_group: bool) -> None:
        for handle in self.ended(0):
            os.close(handle)
            del self.processes[handle]
        with contextlib.suppress(ProcessLookupError):
            self.processes[os.pidfd_open(pid)] = pid, number, is_group

    def ended(self, seconds: float) -> list[int]:
        """Return the handles of those that have ended; waits for one so long."""
        if not self.processes:
            return []
        poll = select.poll()  # whatever numbers they have
        for handle in self.processes:
            poll.register(handle, select.POLLIN)
        return [handle for handle, _ in poll.poll(1000 * seconds)]

    def do(self) -> None:
        """End the processes, then remove the folders."""
        for file, number in self.files:
            with contextlib.suppress(OSError, ValueError, IndexError):
                self._note(int(Path(file).read_text(encoding="ascii").split()[0]), number, False)
        for handle, (pid, number, is_group) in self.processes.items():
            if handle not in self.ended(0):
                self._signal(handle, pid, number, is_group)
        until = time.monotonic() + PATIENCE_SECONDS
        while self.processes and time.monotonic() < until:
            for handle in self.ended(until - time.monotonic()):
                del self.processes[handle]
        for handle, (pid, _, is_group) in self.processes.items():
            self._signal(handle, pid, signal.SIGKILL, is_group)
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _signal(self, handle: int, pid: int, number: int, is_group: bool) -> None:
        with contextlib.suppress(ProcessLookupError):
            if is_group:
                os.killpg(pid, number)
            else:
                signal.pidfd_send_signal(handle, number)


def main() -> None:
    duty = Duty()
    for line in sys.stdin.buffer:
        duty.hear(line)
    duty.do()


if __name__ == "__main__":
    main()
