"""Builders of records, a look at all of a store, and a power cut."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

from drydockd.model import (
    Action,
    BootAction,
    BootActionStatus,
    BootContext,
    BuildData,
    Message,
    Task,
    TaskStatus,
)
from drydockd.store import open_store
from drydockd.store.codec import ROW_CLASSES
from drydockd.store.disk import Disk
from drydockd.store.table import RecordsDB

MONDAY = "2026-01-05T00:00:00.000000+00:00"
TUESDAY = "2026-01-06T00:00:00.000000+00:00"
COMPLETE, QUEUED, RUNNING = TaskStatus.COMPLETE, TaskStatus.QUEUED, TaskStatus.RUNNING


def a_task(task_id: str, **fields) -> Task:
    return replace(Task(task_id, Action.DEPLOY_NODES, created=MONDAY), **fields)


def a_message(task_id: str, text: str = "step", **fields) -> Message:
    return Message(task_id, text, **({"ts": MONDAY} | fields))


def a_context(node: str, context_id: str, task_id: str = "t", **fields) -> BootContext:
    return replace(BootContext(node, context_id, task_id, "file:///d", "", MONDAY), **fields)


def a_boot_action(action_id: str, **fields) -> BootAction:
    action = BootAction(
        action_id, "n1", "reboot", "t", "c1", BootActionStatus.INCOMPLETE, MONDAY, MONDAY
    )
    return replace(action, **fields)


def some_data(build_data_id: str, text: str = "<lshw/>", **fields) -> BuildData:
    data = BuildData("n1", "t", MONDAY, "lshw", "text/xml", text, build_data_id)
    return replace(data, **fields)


async def on_database(database, name: str = "a", **options):
    """Open a store on a database of tests/peers/postgres.py, as the member `name`."""
    url = f"{database.socket_url}&durable=no"
    return await open_store("postgres", None, url=url, name=name, **options)


async def swept(store) -> None:
    """Let the blobs go that nobody needs, on backends that do not do so by themselves."""
    if store.backend.shared_seconds is not None:
        await store.backend.sweep(0)


def everything(store) -> dict[str, list[dict]]:
    """All documents of a store, as TinyDB shows them; the order within a table is no matter."""
    db = RecordsDB(store._tables)
    return {
        name: sorted(map(dict, db.table(name)), key=repr) for name in ("messages", *ROW_CLASSES)
    }


class FailingDisk(Disk):
    """A disk that counts its operations and fails some, as `fails` says by their number.

    It also knows what would be left of it after a power cut: see `images`. So it need not
    really sync, and does not, which takes the tests a tenth of the time.
    """

    def __init__(self, fails=lambda number: False, error: int = errno.EIO) -> None:
        self.fails = fails
        self.error = error
        self.count = 0
        self.log: list[str] = []
        self._synced: dict[int, bytes] = {}  # inode -> content certainly on disk
        self._held: list[int] = []
        self._lost: dict[int, list[tuple[int, int]]] = {}  # inode -> ranges lost by a sync
        self._names: dict[Path, dict[str, int]] = {}  # folder -> name -> inode, certainly

    def __del__(self) -> None:
        for descriptor in self._held:
            os.close(descriptor)

    def _step(self, name: str) -> None:
        self.count += 1
        self.log.append(name)
        if self.fails(self.count):
            raise OSError(self.error, os.strerror(self.error), name)

    def create(self, path):
        self._step(f"create {path.name}")
        descriptor = super().create(path)
        for known in (self._lost, self._synced):  # made empty, should it have existed
            known.pop(os.fstat(descriptor).st_ino, None)
        self._held.append(os.dup(descriptor))  # or its inode number would be used again
        return descriptor

    def write(self, descriptor, data):
        try:
            self._step("write")
        except OSError:
            super().write(descriptor, data[: len(data) // 2])
            raise
        return super().write(descriptor, data)

    def sync_data(self, descriptor):
        status = os.fstat(descriptor)
        content = os.pread(descriptor, status.st_size, 0)
        try:
            self._step("sync_data")
        except OSError:
            # As Linux does it: what could not be written counts as clean from now on.
            start = len(self._synced.get(status.st_ino, b""))
            self._lost.setdefault(status.st_ino, []).append((start, len(content)))
            raise
        for start, end in self._lost.get(status.st_ino, ()):
            content = content[:start] + bytes(len(content[start:end])) + content[end:]
        self._synced[status.st_ino] = content

    def truncate(self, descriptor, size):
        self._step("truncate")
        super().truncate(descriptor, size)

    def rename(self, source, target):
        self._step(f"rename {source.name}")
        super().rename(source, target)

    def unlink(self, path):
        self._step(f"unlink {path.name}")
        super().unlink(path)

    def link(self, source, target):
        self._step(f"link {source.name}")
        super().link(source, target)

    def make_folder(self, path):
        self._step(f"make_folder {path.name}")
        super().make_folder(path)

    def sync_folder(self, path):
        self._step(f"sync_folder {path.name}")
        self._names[path] = _names_in(path)

    def images(self, folder: Path, into: Path) -> list[Path]:
        """Make directories as a power cut now could leave `folder`; return them. Once only.

        Names and contents that were not synced may be lost, half there or there.
        """
        made = [
            self.image(folder, into / f"{names}-{rest}", names, rest)
            for names in ("synced", "live")
            for rest in ("lost", "half", "hole", "there")
        ]
        for descriptor in self._held:
            os.close(descriptor)
        self._held.clear()
        return made

    def image(self, folder: Path, into: Path, names: str, rest: str) -> Path:
        contents = {path.stat().st_ino: path.read_bytes() for path in _files(folder)}
        for place in filter(Path.exists, (folder, folder / "blobs")):
            target = into / place.relative_to(folder)
            target.mkdir(mode=0o700, parents=True)
            known = self._names.get(place, {}) if names == "synced" else _names_in(place)
            for name, inode in known.items():
                (target / name).touch(mode=0o600)
                (target / name).write_bytes(self._left(inode, contents, rest))
        return into

    def _left(self, inode: int, contents: dict[int, bytes], rest: str) -> bytes:
        synced = self._synced.get(inode, b"")
        if inode in self._lost:
            return synced
        live = contents.get(inode, synced)  # unlinked meanwhile: what was synced is left
        if rest == "there" or len(live) < len(synced):
            return live
        if rest == "hole":  # the first block that was not synced is the one that was not written
            hole = min(len(live), (len(synced) // 512 + 1) * 512)
            return synced + bytes(hole - len(synced)) + live[hole:]
        return synced if rest == "lost" else live[: (len(synced) + len(live)) // 2]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _names_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir() if path.is_file()}
