"""Where builds and imports do their work: a folder that is gone at the end, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drydockd.errors import InvalidInput, Unavailable
from drydockd.images.writing import locked

Say = Callable[[str], None]
PREFIX = ".build-"
HELD = "held"
TAIL_LINES = 20


def missing(needs: Mapping[str, str]) -> dict[str, str]:
    """Return those programs of `needs` that this host lacks, with their Debian package."""
    return {name: package for name, package in needs.items() if shutil.which(name) is None}


def require(needs: Mapping[str, str], what: str) -> None:
    """Raise Unavailable with all that `what`, as "a build", lacks: programs by package, root."""
    if lacking := missing(needs):
        packages = " ".join(sorted(set(lacking.values())))
        raise Unavailable(f"{what} needs {', '.join(lacking)}; run: apt-get install {packages}")
    if os.geteuid() != 0:
        raise Unavailable(
            f"{what} needs root: files of a system belong to its users, and disks are mounted; "
            "run it with sudo"
        )


@dataclass(frozen=True)
class Workshop:
    """A folder on the catalogue's file system; `say` hears each line of the programs."""

    place: Path
    say: Say
    hold: int

    def run(self, *command: str, cwd: Path | None = None) -> None:
        """Raises Unavailable with the end of what the program said; it never outlives the call.

        It keeps the folder held, so that what a killed build leaves running is not swept away
        under it.
        """
        try:
            child = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd=cwd,
                pass_fds=(self.hold,),
            )
        except OSError as error:
            raise Unavailable(f"{command[0]}: {error.strerror}") from error
        last: list[str] = []
        with child:
            assert child.stdout is not None  # noqa: S101
            try:
                for line in child.stdout:
                    last = [*last[-TAIL_LINES + 1 :], line.rstrip()]
                    self.say(line.rstrip())
            except BaseException:
                child.terminate()
                raise
        if child.returncode:
            said = "\n".join(last)
            raise Unavailable(f"{command[0]}: exit status {child.returncode}:\n{said}")

    def squash(self, root: Path, target: Path, options: Sequence[str]) -> None:
        """Make a squashfs of `root`."""
        common = ("-noappend", "-no-progress", "-quiet", "-comp", "zstd")
        self.run("mksquashfs", str(root), str(target), *common, *options)


@contextmanager
def workshop(folder: Path, say: Say) -> Iterator[Workshop]:
    """Open a workshop in the catalogue `folder`; what dead ones left is swept first."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        sweep_dead(folder, say)
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        hold = os.open(place / HELD, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(hold, fcntl.LOCK_EX)
    try:
        yield Workshop(place, say, hold)
    finally:
        try:
            discard(place)
        finally:
            os.close(hold)


def sweep_dead(folder: Path, say: Say) -> None:
    """Remove the workshops that no process holds any more. Call it with the catalogue locked."""
    for place in sorted(folder.glob(f"{PREFIX}*")):
        try:
            hold = os.open(place / HELD, os.O_RDWR | os.O_CREAT, 0o600)
        except NotADirectoryError:
            place.unlink()
            continue
        try:
            fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            say(f"removing {place}, left by a build that was killed")
            _unmount(place, say)
            discard(place)
        finally:
            os.close(hold)


def _unmount(place: Path, say: Say) -> None:
    """Unmount what a killed mmdebstrap had mounted; what stays so is told by `discard`."""
    for point in reversed(mounts_below(place)):
        done = subprocess.run(  # noqa: S603
            ["umount", point],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            say(done.stderr.strip())


def discard(path: Path) -> None:
    """Remove what is there, whoever owns it. Raises InvalidInput while something is mounted."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if mounted := mounts_below(path):
        raise InvalidInput(f"{path} is not removed: {mounted[0]} is mounted; unmount it first")
    shutil.rmtree(path)


def mounts_below(path: Path) -> list[str]:
    """Return the mount points below `path`. Source: proc_pid_mountinfo(5), field 5."""
    inside = f"{path.resolve()}/".replace("//", "/")
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    points = (line.split()[4].replace("\\040", " ") for line in lines)
    return [point for point in points if point.startswith(inside)]
