"""Backups: a tar file with the records of one moment, their blobs and the secrets beside them."""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from drydockd.errors import NotFound, StoreRefused
from drydockd.model import timestamp
from drydockd.store.blobs import Blobs
from drydockd.store.check import check, describe
from drydockd.store.disk import Disk, give_to_owner, replace_file
from drydockd.store.layout import Meta, encode_file
from drydockd.store.lines import Header, encode_header
from drydockd.store.mark import Mark, encode_mark
from drydockd.store.recovery import Recovered, an_origin, beyond, recover, recover_running
from drydockd.store.statedir import Lock, StateDir
from drydockd.store.storage import TinyFile
from drydockd.store.tables import Tables

# Beside the records: what keys and tokens are derived from. Without it, nodes that are being
# deployed could not report after a restore.
_SECRET = re.compile(r"(\w+\.)?secret(\.old)?")
_MEMBER = re.compile(rf"drydock\.json|drydock\.journal|{_SECRET.pattern}|blobs/[0-9a-f]{{64}}")
_ATTEMPTS = 10


def backup(state: StateDir, target: Path) -> str:
    """Write a backup of `state` to `target`; return what it holds in one line.

    Works beside a running daemon: it holds all that was acknowledged when it began. Every
    byte is checked on the way. The name's ending chooses the compression (``.gz``).
    Raises StoreRefused, Damage, OSError; then `target` is as it was.
    """
    for _ in range(_ATTEMPTS):
        found = recover_running(state)
        try:
            _write_archive(state, found, target)
        except NotFound:
            continue  # swept meanwhile: its record went, so the records are read again
        size = target.stat().st_size
        return f"{target}: {size} bytes, {describe(found.tables)}"
    raise StoreRefused(
        f"{state.path}: records name blobs that are missing; see `drydock store check`"
    )


def _write_archive(state: StateDir, found: Recovered, target: Path) -> None:
    draft = target.with_name(target.name + ".new")
    is_compressed = target.suffix in (".gz", ".tgz")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with (
                tarfile.open(fileobj=file, mode="w:gz")
                if is_compressed
                else tarfile.open(fileobj=file, mode="w")
            ) as archive:
                _add_members(archive, state, found, target.parent)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, target)
        Disk().sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _add_members(archive: tarfile.TarFile, state: StateDir, found: Recovered, folder: Path) -> None:
    meta = Meta(found.store_id, found.seq, timestamp(), found.origin)
    with tempfile.TemporaryFile(dir=folder) as file:
        size = sum(map(file.write, encode_file(found.tables.freeze(), meta)))
        file.seek(0)
        archive.addfile(_member("drydock.json", size), file)
    _add(archive, "drydock.journal", encode_header(Header(found.store_id, found.seq, found.origin)))
    for path in _secrets(state):
        _add(archive, path.name, path.read_bytes())
    blobs = Blobs(Disk(), state.blobs)
    for digest in sorted(found.tables.blob_uses):
        _add(archive, f"blobs/{digest}", blobs.read(digest))


def _secrets(state: StateDir) -> list[Path]:
    return [path for path in sorted(state.path.iterdir()) if _SECRET.fullmatch(path.name)]


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_member(name, len(content)), io.BytesIO(content))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def restore(source: Path, state: StateDir) -> str:
    """Put the backup `source` into `state`, which must hold no records; return what it holds.

    Everything is checked before anything is put in place. Raises StoreRefused, OSError.
    """
    disk = Disk()
    state.prepare(disk)
    lock = Lock(state)
    try:
        if state.holds_records():
            raise StoreRefused(
                f"{state.path} already holds records; move them away before restoring over them"
            )
        with unpacked(source, state.path) as draft:
            found = recover(draft)
            origin = found.origin or an_origin(found.tables)
            # Let new writes have other numbers than those that came after the backup.
            end = Header(found.store_id, beyond(found.seq, origin), origin)
            put_records(disk, draft, found.tables, end)
            if state.mark.exists():  # of what was here; the next start makes a new one
                disk.unlink(state.mark)
            move_in(disk, draft, state)
        return describe(found.tables)
    finally:
        lock.release()


@contextmanager
def unpacked(source: Path, folder: Path) -> Iterator[StateDir]:
    """Give what the backup `source` holds as a state directory in `folder`, for a while.

    It is whole. Raises StoreRefused, OSError.
    """
    with drafted(folder) as draft:
        _extract(source, draft)
        report = check(draft)
        if report.problems:
            raise StoreRefused(f"{source} is no whole backup: {report.problems[0]}")
        yield draft


@contextmanager
def drafted(folder: Path) -> Iterator[StateDir]:
    """Give an empty state directory in `folder`, which is gone afterwards. Raises OSError."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="draft-") as name:
        draft = StateDir(Path(name))
        give_to_owner(draft.path)
        Disk().make_folder(draft.blobs)
        yield draft


def put_records(disk: Disk, draft: StateDir, tables: Tables, end: Header) -> None:
    """Write the file of `draft`, `tables`, and the empty journal that goes on from its `end`."""
    meta = Meta(end.store_id, end.after, timestamp(), end.origin)
    TinyFile(draft.file, disk).replace(tables.freeze(), meta)
    tables.thaw()
    replace_file(disk, draft.journal, [encode_header(end)])


def _extract(source: Path, draft: StateDir) -> None:
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                content = archive.extractfile(member) if _MEMBER.fullmatch(member.name) else None
                if content is None or not member.isreg():
                    raise StoreRefused(f"{source} is no backup: {member.name!r} is none's content")
                _write(draft.path / member.name, content)
    except (tarfile.TarError, EOFError) as error:
        raise StoreRefused(f"{source} is no backup: {error}") from error


def _write(path: Path, content: IO[bytes]) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    give_to_owner(path)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())


def move_in(disk: Disk, draft: StateDir, state: StateDir) -> None:
    """Put what `draft` holds into `state`, which holds no records.

    Blobs before the records that name them; the file last but one, never half.
    """
    for path in draft.blobs.iterdir():
        disk.rename(path, state.blobs / path.name)
    disk.sync_folder(state.blobs)
    for path in _secrets(draft):
        present = state.path / path.name
        if present.exists():
            disk.rename(present, present.with_name(f"{path.name}.before-restore"))
        disk.rename(path, present)
    disk.rename(draft.file, state.file)
    disk.sync_folder(state.path)
    disk.rename(draft.journal, state.journal)
    disk.sync_folder(state.path)


def put_in_place(disk: Disk, draft: StateDir, state: StateDir, end: Header) -> Path | None:
    """Let what `draft` holds, whose records end with `end`, take the place of what `state` holds.

    The mark comes first: until the records are there that it speaks of, no daemon starts. What was
    there is moved into a folder within `state`, which is returned; None if nothing was.
    """
    mark = encode_mark(Mark(end.store_id, end.after))
    replace_file(disk, state.mark, [mark])
    old = (state.file, state.journal, state.next_journal, state.past, state.blobs)
    folder = None
    if state.holds_records():
        folder = state.path / f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
        disk.make_folder(folder)
        for path in filter(Path.exists, old):
            disk.rename(path, folder / path.name)
        disk.make_folder(state.blobs)
        disk.sync_folder(folder)
        disk.sync_folder(state.path)
    move_in(disk, draft, state)
    return folder
