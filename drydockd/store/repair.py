"""Make a damaged state directory startable: keep what is whole, say what is not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from drydockd.errors import StoreRefused
from drydockd.model import timestamp
from drydockd.store import layout
from drydockd.store.check import describe, is_blob_whole
from drydockd.store.codec import MESSAGES, message_tail
from drydockd.store.damage import Damage
from drydockd.store.disk import Disk, replace_file
from drydockd.store.layout import CHUNK_BYTES, Meta
from drydockd.store.lines import Header, Journal, Line, encode_header
from drydockd.store.recovery import an_origin, beyond, mapped, recover
from drydockd.store.statedir import Lock, StateDir
from drydockd.store.storage import TinyFile
from drydockd.store.tables import Tables


@dataclass(slots=True)
class Repair:
    """What a repair did. `originals` is the folder with the files as they were found."""

    dropped: list[str] = field(default_factory=list)
    kept: str = ""
    originals: Path | None = None


@dataclass(slots=True)
class _Salvage:
    tables: Tables = field(default_factory=Tables)
    dropped: list[str] = field(default_factory=list)
    seq: int = 0
    store_id: str = ""
    origin: int = 0


def repair(state: StateDir) -> Repair:
    """Replace damaged files of `state` by what is whole in them. The daemon must be stopped.

    The originals are kept in a folder of their own. A directory that is whole is left alone
    (`originals` is None). Running it again is safe. Raises StoreRefused, OSError.
    """
    if not state.holds_records():
        raise StoreRefused(f"{state.path} holds no records: there is no drydock.json in it")
    lock = Lock(state)
    try:
        bad_blobs = _bad_blobs(state)
        try:
            found = recover(state)
            if not _misses_blobs(state, found.tables, bad_blobs):
                return Repair(kept=describe(found.tables))
        except Damage:
            pass
        except StoreRefused as error:
            _only_if_repairable(state, error)
        return _replace(state, _salvage(state, bad_blobs), bad_blobs)
    finally:
        lock.release()


def _only_if_repairable(state: StateDir, error: StoreRefused) -> None:
    """A file of a newer format is not damaged: leave it to the drydockd that knows it."""
    if "has format" in str(error):
        raise error


def _salvage(state: StateDir, bad_blobs: list[Path]) -> _Salvage:
    salvage = _Salvage()
    if state.file.exists():
        with mapped(state.file) as content:
            _salvage_file(salvage, state.file, content)
    for path in (state.journal, state.next_journal):
        if path.exists():
            _salvage_journal(salvage, path)
        elif path == state.journal:
            salvage.dropped.append(f"{path.name}: it is missing, with the writes in it")
    _drop_orphans(salvage, state, bad_blobs)
    return salvage


# -- the file


def _salvage_file(salvage: _Salvage, path: Path, content: memoryview) -> None:
    end, bad = len(content), set[int]()
    try:
        meta, checksums, end = layout.read_meta(path, content)
        bad = set(layout.bad_chunks(content, checksums, end))
        salvage.seq, salvage.store_id = meta.seq, meta.store_id
        salvage.origin = meta.origin
    except Damage as damage:
        salvage.dropped.append(
            f"{path.name}, byte {damage.offset}: {damage.what}; kept what can be read without"
        )
    for number in sorted(bad):
        salvage.dropped.append(
            f"{path.name}, byte {number * CHUNK_BYTES}: {CHUNK_BYTES} bytes do not match their"
            " checksum, so the records in them are dropped"
        )
    lost = _salvage_lines(salvage.tables, bytes(content[:end]), bad)
    salvage.tables.number_arrivals(salvage.seq)
    if lost:
        salvage.dropped.append(f"{path.name}: {lost} lines")


def _salvage_lines(tables: Tables, content: bytes, bad: set[int]) -> int:
    """Keep the documents of the good chunks; return how many lines are lost."""
    lost = start = 0
    for line in content.split(b"\n"):
        chunks = range(start // CHUNK_BYTES, (start + len(line)) // CHUNK_BYTES + 1)
        start += len(line) + 1
        if line.startswith(b'"meta":'):
            break
        if len(line) < 3 or line.endswith(b'":{'):  # braces, and the names of the tables
            continue
        if not (bad.isdisjoint(chunks) and _salvage_line(tables, line)):
            lost += 1
    return lost


def _salvage_line(tables: Tables, line: bytes) -> bool:
    try:
        document = orjson.loads(line[line.index(b":") + 1 :].rstrip(b","))
        # By its fields, not by the heading above it: that may be among what is lost.
        table = next(name for key, name in _TABLE_BY_FIELD.items() if key in document)
        _keep(tables, table, document)
    except (ValueError, KeyError, TypeError, StopIteration, StoreRefused):
        return False
    return True


_TABLE_BY_FIELD = {
    "seq": MESSAGES,
    "build_data_id": "build_data",
    "operation": "intents",
    "action_id": "boot_actions",
    "context_id": "boot_contexts",
    "action": "tasks",
}


def _keep(tables: Tables, table: str, document: dict[str, Any], seq: int = 0) -> None:
    if table != MESSAGES:
        tables.load_document(table, document, seq)
        return
    log = tables.logs.get(document["task_id"])
    # A file without its number may overlap its journal: what is there already is there.
    if document["seq"] > (len(log.tails) if log else 0):
        tables.append_message(document["task_id"], message_tail(document))


# -- the journals


def _salvage_journal(salvage: _Salvage, path: Path) -> None:
    content = path.read_bytes()
    try:
        journal = Journal(path, content)
        why = _is_foreign(salvage, journal.header)
        if why:
            lines = content.count(b"\n") - 1
            salvage.dropped.append(f"{path.name}: {why}; dropped all of its {lines} writes")
            return
        if journal.header and journal.header.after > salvage.seq == 0:
            lost = journal.header.after
            salvage.dropped.append(f"drydock.json: it is missing, with all writes up to {lost}")
        if journal.header and not salvage.origin:
            salvage.origin = journal.header.origin
        for line in journal.writes():
            if line.seq > salvage.seq:
                _redo(salvage.tables, line)
                salvage.seq = line.seq
        if journal.torn_bytes:
            salvage.dropped.append(
                f"{path.name}, byte {journal.end}: {journal.torn_bytes} bytes of a write cut"
                " short, which was never acknowledged"
            )
    except Damage as damage:
        rest = content[damage.offset :]
        salvage.dropped.append(
            f"{path.name}, byte {damage.offset}: {damage.what}; dropped from there on:"
            f" {len(rest)} bytes, about {max(1, rest.count(10))} writes"
        )


def _is_foreign(salvage: _Salvage, header: Header | None) -> str:
    """Return why a journal does not continue what is salvaged so far, or nothing."""
    if header is None or not salvage.store_id:
        return ""
    if header.store_id != salvage.store_id:
        return "it belongs to another store"
    if header.after > salvage.seq:
        return f"it continues from write {header.after}, the records end at {salvage.seq}"
    return ""


def _redo(tables: Tables, line: Line) -> None:
    for name, value in line.ops:
        if name.startswith("-"):
            tables.remove(name[1:], value)
        else:
            _keep(tables, name, value, line.seq)


# -- what hangs on what is lost


def _drop_orphans(salvage: _Salvage, state: StateDir, bad_blobs: list[Path]) -> None:
    tables = salvage.tables
    orphans = [task_id for task_id in tables.logs if task_id not in tables.tasks]
    for task_id in orphans:
        log = tables.logs.pop(task_id)
        tables.message_count -= len(log.tails)
        salvage.dropped.append(f"{len(log.tails)} messages of task {task_id}, which is lost")
    for row in list(tables.build_data.values()):
        if row.blob and _is_lost(state, row.blob, bad_blobs):
            tables.remove("build_data", row.record.build_data_id)
            salvage.dropped.append(
                f"build data {row.record.build_data_id} ({row.record.generator} of"
                f" {row.record.node}): its blob {row.blob} is missing or damaged"
            )
    for digest in sorted(_misses_blobs(state, tables, bad_blobs)):
        salvage.dropped.append(
            f"the design {digest} of tasks or boot contexts, which are kept: its blob is"
            " missing or damaged"
        )


def _bad_blobs(state: StateDir) -> list[Path]:
    if not state.blobs.exists():
        return []
    return [path for path in sorted(state.blobs.iterdir()) if not is_blob_whole(path)]


def _is_lost(state: StateDir, digest: str, bad_blobs: list[Path]) -> bool:
    path = state.blobs / digest
    return path in bad_blobs or not path.exists()


def _misses_blobs(state: StateDir, tables: Tables, bad_blobs: list[Path]) -> set[str]:
    return {digest for digest in tables.blob_uses if _is_lost(state, digest, bad_blobs)}


# -- the new files


def _replace(state: StateDir, salvage: _Salvage, bad_blobs: list[Path]) -> Repair:
    """Originals first, then the new file, then a journal that belongs to it."""
    disk = Disk()
    originals = state.path / f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    disk.make_folder(originals)
    for path in (state.file, state.journal, state.next_journal, *bad_blobs):
        if path.exists():
            disk.link(path, originals / path.name)
    disk.sync_folder(originals)
    disk.sync_folder(state.path)
    tables, origin = salvage.tables, salvage.origin or an_origin(salvage.tables)
    seq = beyond(max([salvage.seq, *tables.arrival.values()]), origin)
    store_id = str(uuid.uuid4())
    TinyFile(state.file, disk).replace(tables.freeze(), Meta(store_id, seq, timestamp(), origin))
    replace_file(disk, state.journal, [encode_header(Header(store_id, seq, origin))])
    for path in (state.next_journal, *bad_blobs):
        if path.exists():
            disk.unlink(path)
    disk.sync_folder(state.path)
    return Repair(salvage.dropped, describe(salvage.tables), originals)
