"""From the files at rest to the records in memory. Only reads; raises Damage for what is wrong."""

from __future__ import annotations

import gc
import mmap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from drydockd.errors import StoreRefused
from drydockd.store.codec import MESSAGES, Document, message_tail
from drydockd.store.damage import Damage
from drydockd.store.format import FORMAT
from drydockd.store.layout import Meta, load_file
from drydockd.store.lines import SAID, Header, Journal, Line
from drydockd.store.mark import Mark, read_mark
from drydockd.store.statedir import StateDir
from drydockd.store.tables import Tables

_ATTEMPTS = 20
# 16 million lines are a journal of 500 MB; it is folded at 8 MiB or the size of the file.
GAP = 1 << 24


@dataclass(slots=True)
class Recovered:
    """The records of a state directory and how far they go.

    `path` and `size` are the journal to continue (None: there never was one) and its good
    part; `torn_bytes` follow that, from a write that was never acknowledged.
    """

    tables: Tables = field(default_factory=Tables)
    store_id: str = ""
    origin: int = 0  # not known
    seq: int = 0
    meta: Meta | None = None
    path: Path | None = None
    size: int = 0
    torn_bytes: int = 0
    format: int = FORMAT  # of that journal
    replayed: int = 0
    # The next journal continues the journal, but the file already includes that one.
    is_promotable: bool = False
    mark: Mark | None = None


def recover(state: StateDir) -> Recovered:
    """Read `state`: the mark, the file, then the journals. Raises Damage, StoreRefused.

    Whatever it refuses is left as it is.
    """
    # First: what is read after it, beside a writing daemon, holds all that it says.
    mark = read_mark(state.mark)
    found = Recovered(mark=mark)
    with _without_collector():
        if state.file.exists():
            with mapped(state.file) as content:
                found.meta = load_file(state.file, content, found.tables)
            found.store_id, found.seq = found.meta.store_id, found.meta.seq
            found.origin = found.meta.origin
        if not state.journal.exists():
            _refuse_without_journal(state, found, mark)
            return found
        try:
            last = _replay_journals(state, found)
        except Damage as damage:
            raise _with_loss(damage, found.seq, mark) from damage
    _refuse_less(state, found, last, mark)
    return found


def _refuse_without_journal(state: StateDir, found: Recovered, mark: Mark | None) -> None:
    """A directory in which there never was a store is the only one without a journal."""
    lost = _lost(found.seq, mark)
    if state.holds_records():
        others = [path.name for path in (state.file, state.next_journal) if path.exists()]
        raise StoreRefused(
            f"{state.journal} is missing beside {' and '.join(others)}, and with it the latest"
            f" writes{lost and f' ({lost})'}. Put it back, or run"
            f" `drydock store repair --state-dir {state.path}` to go on without them"
        )
    blobs = list(state.blobs.iterdir()) if state.blobs.exists() else []
    if mark is None and not blobs:
        return
    left = state.mark.name if mark is not None else f"{len(blobs)} blobs"
    raise StoreRefused(
        f"{state.path}: {left} but neither {state.file.name} nor {state.journal.name}: all"
        f" records are missing{lost and f' ({lost})'}. Put them back, or restore a backup with"
        " `drydock store restore`; to begin with no records, move what is left out of the folder"
    )


def _with_loss(damage: Damage, seq: int, mark: Mark | None) -> Damage:
    lost = _lost(seq, mark)
    what = f"{damage.what}; {lost}" if lost else damage.what
    return Damage(damage.path, damage.offset, what)


def _lost(seq: int, mark: Mark | None) -> str:
    """Say which writes are known to be lost when the records end at `seq`."""
    if mark is None or mark.seq <= seq:
        return ""
    return f"writes {seq + 1} to {mark.seq} were acknowledged"


def _refuse_less(state: StateDir, found: Recovered, last: int, mark: Mark | None) -> None:
    """Refuse whole files that hold less than was certainly on disk."""
    remedy = (
        "Put the latest files back, or restore a backup; or run `drydock store repair --state-dir"
        f" {state.path}` to go on with what is there"
    )
    if found.meta is not None and last < found.meta.seq:
        raise StoreRefused(
            f"{found.path or state.journal} ends with write {last}, but {state.file.name} holds"
            f" all up to {found.meta.seq}: it is an older one, or has lost its end. {remedy}"
        )
    if mark is None:
        return
    if mark.store_id != found.store_id:
        raise StoreRefused(
            f"{state.path} holds the records of the store {found.store_id}, but {state.mark.name}"
            f" is that of {mark.store_id}: they are not those that were written here. {remedy}"
        )
    if lost := _lost(found.seq, mark):
        raise StoreRefused(
            f"{state.path}: the records end with write {found.seq}, but {lost}"
            f" ({state.mark.name}): the files are of an earlier moment, or a journal has lost its"
            f" end. {remedy}"
        )


def an_origin(tables: Tables) -> int:
    """Return the origin of a store that has none yet, in microseconds.

    Ids built on it lie above all moments in the records: earlier ids were such moments.
    """
    latest = max((task.updated for task in tables.tasks.values()), default="")
    told = int(datetime.fromisoformat(latest).timestamp() * 1_000_000) if latest else 0
    return max(time.time_ns() // 1000, told + 1)


def beyond(seq: int, origin: int) -> int:
    """Return a number no write after `seq` that is lost now can have had.

    Of those a repair drops there are fewer than GAP. Those acknowledged since a backup are
    unknown; but a store writes fewer than 1,000 times a second in the mean over its life, so
    that ``origin + seq * 1024`` stays behind the clock.
    """
    return max(seq + GAP, (time.time_ns() // 1000 - origin) // 1024)


def recover_running(state: StateDir) -> Recovered:
    """Read `state` while a daemon may be writing: one moment of it, with all before that.

    Files replaced while they were read show as numbers that do not fit; then it reads
    again. Raises as `recover` does, and StoreRefused if nothing is there.
    """
    for _ in range(_ATTEMPTS):
        before = _identity(state)
        if not any(before):
            recover(state)  # says so if there are traces of some
            raise StoreRefused(f"{state.path} holds no records: there is no drydock.json in it")
        try:
            return recover(state)
        except (StoreRefused, FileNotFoundError):
            if before == _identity(state):
                raise
    raise StoreRefused(f"{state.path} changed {_ATTEMPTS} times while it was read; try again")


def _identity(state: StateDir) -> list[int]:
    """Which files are there now: a replaced file is another inode."""
    found = []
    for path in (state.file, state.journal, state.next_journal):
        try:
            found.append(path.stat().st_ino)
        except FileNotFoundError:
            found.append(0)
    return found


def _replay_journals(state: StateDir, found: Recovered) -> int:
    """Apply the journals; return the number of their last write."""
    journal = Journal(state.journal, state.journal.read_bytes())
    last = _replay(journal, found)
    successor = _successor(state)
    if successor is not None:
        if journal.torn_bytes:
            raise Damage(journal.path, journal.end, "the line is cut, but later writes exist")
        if successor.header.after != last:
            raise Damage(successor.path, 0, f"it does not continue from write {last}")
        found.is_promotable = found.meta is not None and found.meta.seq >= last
        journal, last = successor, _replay(successor, found)
    found.torn_bytes = journal.torn_bytes
    found.size = journal.end
    found.path = journal.path
    found.format = journal.header.format
    return last


def _successor(state: StateDir) -> Journal | None:
    """The next journal, if it was ever written to."""
    if not state.next_journal.exists():
        return None
    content = state.next_journal.read_bytes()
    probe = Journal(state.next_journal, content)
    if next(probe.writes(), None) is None:
        return None
    return Journal(state.next_journal, content)


def _replay(journal: Journal, found: Recovered) -> int:
    """Apply what the tables lack; return the number of the journal's last write."""
    header = journal.header
    _check_origin(journal, header, found)
    last = header.after
    for line in journal.writes():
        last = line.seq
        if line.seq > found.seq:
            apply_line(found.tables, line, journal.path)
            found.seq = line.seq
            found.replayed += 1
    return last


def _check_origin(journal: Journal, header: Header, found: Recovered) -> None:
    if found.store_id and header.store_id != found.store_id:
        raise StoreRefused(
            f"{journal.path} belongs to another store than the file beside it"
            f" ({header.store_id}, not {found.store_id}); put back the one that belongs here, or"
            f" run `drydock store repair --state-dir {journal.path.parent}` to go on without it"
        )
    if header.after > found.seq:
        raise StoreRefused(
            f"{journal.path} continues from write {header.after}, but the records before it end"
            f" at {found.seq}: the drydock.json beside it is missing or too old; put it back, or"
            f" run `drydock store repair --state-dir {journal.path.parent}` to go on without it"
        )
    found.store_id = header.store_id
    found.origin = found.origin or header.origin


def apply_line(tables: Tables, line: Line, path: Path) -> None:
    """Do to `tables` what the write did. Raises Damage."""
    said: list[bytes] | None = None
    try:
        for name, value in line.ops:
            if name.startswith("-"):
                tables.remove(name[1:], value)
            elif name == MESSAGES:
                _append_message(tables, value)
            elif name == SAID:
                if "messages" in value:
                    said = [message_tail(message) for message in value["messages"]]
                _append_said(tables, value, said)
            else:
                tables.load_document(name, value, line.seq)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damage(path, line.offset, f"write {line.seq} makes no sense ({error!r})") from error


def _append_message(tables: Tables, document: Document) -> None:
    task_id = document["task_id"]
    log = tables.logs.get(task_id)
    if document["seq"] != (len(log.tails) if log else 0) + 1:
        raise ValueError(f"message {document['seq']} of task {task_id} is out of sequence")
    tables.append_message(task_id, message_tail(document))


def _append_said(tables: Tables, document: Document, tails: list[bytes] | None) -> None:
    """Append what was said of many tasks: they share the text, as they did before."""
    task_id, after = document["task_id"], document["after"]
    log = tables.logs.get(task_id)
    if tails is None or after != (len(log.tails) if log else 0):
        raise ValueError(f"what was said of task {task_id} is out of sequence")
    tables.append_messages(task_id, tails)


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """Give the content of a file, without a copy of it."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            yield memoryview(b"")
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
            view = memoryview(pages)
            try:
                yield view
            finally:
                view.release()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Load a million records without the collector walking over them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
