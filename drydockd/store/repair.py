"""Make a damaged state directory startable: keep what is whole, say what is not."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from drydockd.errors import StoreRefused
from drydockd.model import timestamp
from drydockd.store import layout
from drydockd.store.check import describe, is_blob_whole
from drydockd.store.codec import MESSAGES, Document, message_tail
from drydockd.store.damage import Damage
from drydockd.store.disk import Disk, replace_file
from drydockd.store.layout import CHUNK_BYTES, Meta
from drydockd.store.lines import Header, Journal, encode_header, spread, verified
from drydockd.store.mark import Mark, read_mark
from drydockd.store.recovery import an_origin, beyond, mapped, recover
from drydockd.store.statedir import Lock, StateDir, damaged_folder
from drydockd.store.storage import TinyFile
from drydockd.store.tables import Tables


@dataclass(slots=True)
class Repair:
    """What a repair did. `originals` is the folder with the files as they were found.

    `doubtful`: where records were kept that nothing proves to be what they were.
    """

    dropped: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    kept: str = ""
    originals: Path | None = None


@dataclass(slots=True)
class _Salvage:
    tables: Tables = field(default_factory=Tables)
    dropped: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    seq: int = 0
    store_id: str = ""
    origin: int = 0
    has_file: bool = False


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
    mark = _mark(state, salvage)
    if state.file.exists():
        with mapped(state.file) as content:
            _salvage_file(salvage, state.file, content)
    for path in (state.journal, state.next_journal):
        if path.exists():
            _salvage_journal(salvage, path)
        elif path == state.journal:
            salvage.dropped.append(f"{path.name}: it is missing, with the writes in it")
    if mark is not None and mark.seq > salvage.seq:
        _miss(salvage, mark.seq, f"acknowledged ({state.mark.name}), but in no file")
    _drop_orphans(salvage, state, bad_blobs)
    return salvage


def _mark(state: StateDir, salvage: _Salvage) -> Mark | None:
    try:
        return read_mark(state.mark)
    except Damage as damage:
        salvage.dropped.append(f"{state.mark.name}: {damage.what}; nothing of the records is in it")
        return None


# -- the file


def _salvage_file(salvage: _Salvage, path: Path, content: memoryview) -> None:
    end, bad = len(content), set[int]()
    salvage.has_file = True
    try:
        meta, checksums, end = layout.read_meta(path, content)
        bad = set(layout.bad_chunks(content, checksums, end))
        salvage.seq, salvage.store_id = meta.seq, meta.store_id
        salvage.origin = meta.origin
    except Damage as damage:
        salvage.dropped.append(
            f"{path.name}, byte {damage.offset}: {damage.what}; kept what can be read without"
        )
    lost = _salvage_lines(salvage.tables, bytes(content[:end]))
    salvage.tables.number_arrivals(salvage.seq)
    for offset, size in lost:
        salvage.dropped.append(
            f"{path.name}, byte {offset}: a line of {size} bytes cannot be read any more"
        )
    for number in sorted(bad):
        salvage.doubtful.append(
            f"{path.name}, bytes {number * CHUNK_BYTES} to"
            f" {min((number + 1) * CHUNK_BYTES, end) - 1}: they do not match their checksum; what"
            " could be read there is kept, though a value in it may have changed"
        )


def _salvage_lines(tables: Tables, content: bytes) -> list[tuple[int, int]]:
    """Keep every document that can be read; return offset and size of the lines that cannot."""
    lost = []
    start = 0
    for line in content.split(b"\n"):
        offset, start = start, start + len(line) + 1
        if line.startswith(b'"meta":'):
            break
        if line in _FRAME or _salvage_line(tables, line):
            continue
        # A newline that is another byte now joins two lines: each may still be whole.
        parts = _JOINT.split(line)
        results = [_salvage_line(tables, part) for part in parts]
        for part, is_kept in zip(parts, results, strict=True):
            if not is_kept and part not in _FRAME:
                lost.append((offset, len(part)))
            offset += len(part) + 1
    return lost


# What stands around the documents: braces, and the names of the tables.
_FRAME = frozenset(
    (b"", b"{", b"}", b"},", *(b'"%b":{' % name.encode() for name in layout.TABLE_ORDER))
)
# No document has a byte between its comma and the next number, not even in a text of it.
_JOINT = re.compile(rb'(?<=\},).(?="[0-9]+":\{)', re.DOTALL)


def _salvage_line(tables: Tables, line: bytes) -> bool:
    """Keep the document of a line of the file; False if there is none to be read."""
    try:
        document = orjson.loads(line[line.index(b":") + 1 :].rstrip(b","))
        # By its fields, not by the heading above it: that may be among what is lost.
        table = next(name for key, name in _TABLE_BY_FIELD.items() if key in document)
        _keep(tables, table, document)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, StoreRefused):
        return False
    return True


_TABLE_BY_FIELD = {
    "driver": "driver_records",
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
    """Redo every write that is whole, those behind the damage too."""
    content = path.read_bytes()
    offset = _salvage_header(salvage, path, content)
    if offset < 0:
        return
    while (newline := content.find(b"\n", offset)) >= 0:
        document = verified(content[offset:newline])
        why = _BROKEN if document is None else _redo(salvage, document)
        if why:
            salvage.dropped.append(
                f"{path.name}, byte {offset}: {why}; dropped {newline + 1 - offset} bytes"
            )
        offset = newline + 1
    if offset < len(content):
        salvage.dropped.append(
            f"{path.name}, byte {offset}: {len(content) - offset} bytes of a write cut short"
        )


_BROKEN = "the line does not match its checksum"


def _miss(salvage: _Salvage, until: int, why: str) -> None:
    """Tell that the writes behind the last one, up to `until`, are lost."""
    first = salvage.seq + 1
    which = f"write {first}" if first == until else f"writes {first} to {until}"
    salvage.dropped.append(f"{which}: {why}")
    salvage.seq = until


def _salvage_header(salvage: _Salvage, path: Path, content: bytes) -> int:
    """Return where the writes begin, -1 when they are of another store."""
    try:
        journal = Journal(path, content)
    except Damage as damage:
        salvage.dropped.append(f"{path.name}, byte {damage.offset}: {damage.what}")
        return content.find(b"\n") + 1 or len(content)
    header = journal.header
    if salvage.store_id and header.store_id != salvage.store_id:
        lines = content.count(b"\n") - 1
        salvage.dropped.append(
            f"{path.name}: it belongs to another store; dropped all of its {lines} writes"
        )
        return -1
    if header.after > salvage.seq:
        if not salvage.has_file:
            salvage.dropped.append(
                f"drydock.json: it is missing, with all writes up to {header.after}"
            )
        elif salvage.store_id:
            _miss(salvage, header.after, f"what {path.name} continues from")
        salvage.seq = header.after
    salvage.store_id = salvage.store_id or header.store_id
    salvage.origin = salvage.origin or header.origin
    return journal.end


def _redo(salvage: _Salvage, document: Document) -> str:
    """Do what a whole line says, unless it is done; return why it cannot be."""
    seq = document.get("seq")
    if not isinstance(seq, int) or not isinstance(document.get("ops"), list):
        return "the line is no write"
    if seq <= salvage.seq:
        return ""
    if seq > salvage.seq + 1 and salvage.seq:
        _miss(salvage, seq - 1, "not to be read any more")
    salvage.seq = seq
    try:
        for name, value in spread(document["ops"]):
            if name.startswith("-"):
                salvage.tables.remove(name[1:], value)
            else:
                _keep(salvage.tables, name, value, seq)
    except (ValueError, KeyError, TypeError, AttributeError, StoreRefused) as error:
        return f"write {seq} makes no sense ({error!r})"
    return ""


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
            f"the design or source {digest} of tasks or boot contexts, which are kept: its blob is"
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
    originals = damaged_folder(disk, state)
    for path in (state.file, state.journal, state.next_journal, state.mark, *bad_blobs):
        if path.exists():
            disk.link(path, originals / path.name)
    disk.sync_folder(originals)
    disk.sync_folder(state.path)
    if state.mark.exists():  # made anew at the next start
        disk.unlink(state.mark)
    tables, origin = salvage.tables, salvage.origin or an_origin(salvage.tables)
    seq = beyond(max([salvage.seq, *tables.arrival.values()]), origin)
    store_id = str(uuid.uuid4())
    TinyFile(state.file, disk).replace(tables.freeze(), Meta(store_id, seq, timestamp(), origin))
    replace_file(disk, state.journal, [encode_header(Header(store_id, seq, origin))])
    for path in (state.next_journal, *bad_blobs):
        if path.exists():
            disk.unlink(path)
    disk.sync_folder(state.path)
    return Repair(salvage.dropped, salvage.doubtful, describe(salvage.tables), originals)
