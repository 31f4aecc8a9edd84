"""A limit of memory around a process and its children: a control group, or resource limits."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
INTO = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


@dataclass(frozen=True)
class Confined:
    """`prefix` goes before the command; `folder` is the control group, if it is one of ours."""

    how: str
    prefix: tuple[str, ...]
    folder: Path | None = None

    @property
    def killed(self) -> int | None:
        """How many processes the limit ended; None where nobody counts them."""
        if self.folder is None:
            return None
        for name in ("memory.events", "memory.oom_control"):
            file = self.folder / name
            if file.exists():
                found = re.search(r"^oom_kill (\d+)$", file.read_text(), re.M)
                return int(found[1]) if found else None
        return None


def _group(limit_bytes: int) -> Confined | None:
    """Make a control group with the limit, of version 2, or of version 1."""
    for version, root, limit in (
        (2, GROUPS, "memory.max"),
        (2, GROUPS / "unified", "memory.max"),
        (1, GROUPS / "memory", "memory.limit_in_bytes"),
    ):
        folder = root / f"drydockd-abuse-{os.getpid()}"
        try:
            if not (root / "cgroup.procs").exists():
                continue
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / limit).write_text(str(limit_bytes))
        except OSError:  # no such controller there
            folder.rmdir()
            continue
        return Confined(f"cgroup v{version}, {limit}", ("sh", "-c", INTO, str(folder)), folder)
    return None


def _scope(limit_bytes: int) -> Confined | None:
    if shutil.which("systemd-run") is None:
        return None
    prefix = ("systemd-run", "--quiet", "--scope", "-p", f"MemoryMax={limit_bytes}")
    works = subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    return Confined("systemd-run, MemoryMax", prefix) if works else None


@contextmanager
def confined(limit_bytes: int) -> Iterator[Confined]:
    """Yield what holds a process and its children together under the limit, or each alone."""
    made = _group(limit_bytes) or _scope(limit_bytes)
    if made is None:
        made = Confined("RLIMIT_DATA of each process", ("prlimit", f"--data={limit_bytes}"))
    try:
        yield made
    finally:
        if made.folder is not None:
            _removed(made.folder)


def _removed(folder: Path) -> None:
    """End what a killed daemon left in its group, and remove the group."""
    for _ in range(100):
        for pid in (folder / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.05)
    raise RuntimeError(f"{folder} is still in use")


def tree(pid: int) -> list[int]:
    """Return the process and all below it."""
    found = [pid]
    for one in found:
        for file in Path("/proc").glob(f"{one}/task/*/children"):
            try:
                found += [int(child) for child in file.read_text().split()]
            except OSError:
                continue
    return found


def resident_mib(pid: int) -> float:
    """Memory of the process and all below it; what they share is counted once."""
    total = 0
    for one in tree(pid):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        if found := re.search(r"^Pss:\s+(\d+) kB", text, re.M):
            total += int(found[1])
    return total / 1024
