"""Older formats of the state directory, brought to today's after a backup copy."""

from __future__ import annotations

import logging
import uuid
from pathlib import Path
from typing import Any

import orjson

from drydockd.store.codec import MESSAGES, ROW_CLASSES
from drydockd.store.damage import Damage
from drydockd.store.disk import Disk, replace_file
from drydockd.store.format import FORMAT, newer
from drydockd.store.layout import find_meta
from drydockd.store.lines import Header, Journal, encode_header
from drydockd.store.recovery import mapped
from drydockd.store.statedir import StateDir
from drydockd.store.storage import META, TinyFile

log = logging.getLogger(__name__)

Data = dict[str, dict[str, Any]]


def migrate(disk: Disk, state: StateDir) -> None:
    """Bring `state` to FORMAT; a no-op when it is. Raises StoreRefused, Damage, OSError.

    The original stays as ``drydock.json.format0``. A crash at any point is harmless: the
    next start does it again.
    """
    if not state.file.exists() or not _may_be_old(state):
        return
    content = state.file.read_bytes()
    data = _read_old(state.file, content)
    backup = state.file.with_name(f"{state.file.name}.format0")
    replace_file(disk, backup, [content])
    _messages_out_of_tasks(data)
    store_id = str(uuid.uuid4())
    # The journal first: a file of today without one is refused.
    replace_file(disk, state.journal, [encode_header(Header(store_id, 0))])
    TinyFile(state.file, disk).write(data | {META: {"1": {"store": store_id, "seq": 0}}})
    log.info("%s: brought from format 0 to %d, the original is %s", state.file, FORMAT, backup)


def _may_be_old(state: StateDir) -> bool:
    """Format 0 had neither checksums nor a journal (an unused one may stem from a crash here)."""
    with mapped(state.file) as content:
        if find_meta(content) >= 0:
            return False
    if not state.journal.exists():
        return True
    journal = Journal(state.journal, state.journal.read_bytes())
    return journal.header is not None and journal.header.after == 0 and not any(journal.writes())


def _read_old(path: Path, content: bytes) -> Data:
    try:
        data = orjson.loads(content)
    except ValueError as error:
        raise Damage(path, 0, f"it is no JSON ({error})") from error
    if not isinstance(data, dict):
        raise Damage(path, 0, "it is no TinyDB file")
    if META in data:
        found = data[META].get("1", {}).get("format")
        if isinstance(found, int) and found > FORMAT:
            raise newer(path, found)
        raise Damage(path, content.rfind(b'"meta"'), "its meta table is not as it was written")
    unknown = sorted(set(data) - {*ROW_CLASSES, MESSAGES, "_default"})
    if unknown:
        raise Damage(path, content.find(unknown[0].encode()), f"table {unknown[0]!r} is unknown")
    return data


def _messages_out_of_tasks(data: Data) -> None:
    """Format 0 kept the messages of a task inside it, as a list."""
    messages: dict[str, Any] = {}
    for task in data.get("tasks", {}).values():
        for seq, message in enumerate(task.pop("messages", ()), start=1):
            document = {"task_id": task["task_id"], "seq": seq, **message}
            messages[str(len(messages) + 1)] = document
    data[MESSAGES] = messages
