"""The records as JSON lines, for people and other programs; without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from drydockd.errors import NotFound, StoreRefused
from drydockd.store.blobs import Blobs
from drydockd.store.disk import Disk
from drydockd.store.layout import TABLE_ORDER
from drydockd.store.recovery import recover_running
from drydockd.store.statedir import StateDir
from drydockd.store.table import RecordsDB
from drydockd.store.tables import Tables

HIDDEN = "***"
_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_URL_SECRET = re.compile(
    r"(?i)(?<=[?&;])((?:[\w-]*(?:token|password|passwd|secret|signature|api_?key))=)[^&;\s]*"
)
_SECRET_NAME = re.compile(r"(?i)passw|secret|token|credential|private|api_?key|_key$|^key$")


def export(state: StateDir) -> Iterator[bytes]:
    """Return ``{"table":"tasks","record":{...}}`` and a newline for every record.

    May run beside the daemon. Build data comes with its element. User names and passwords in
    URLs, and values whose name says they are secret, are ``***``. Raises StoreRefused, Damage.
    """
    found = recover_running(state)
    return lines(found.tables, Blobs(Disk(), state.blobs).read)


def lines(tables: Tables, read_blob: Callable[[str], bytes]) -> Iterator[bytes]:
    """Yield the same of records in memory. `read_blob` raises NotFound for what is not there."""
    db = RecordsDB(tables)
    for table in TABLE_ORDER:
        for document in db.table(table):
            record = _whole(dict(document), read_blob) if table == "build_data" else dict(document)
            yield orjson.dumps({"table": table, "record": without_secrets(record)}) + b"\n"


def _whole(record: dict[str, Any], read_blob: Callable[[str], bytes]) -> dict[str, Any]:
    digest = record.pop("blob", "")
    if digest:
        try:
            record["data_element"] = read_blob(digest).decode()
        except NotFound as error:
            raise StoreRefused(f"{error}; see `drydock store check`") from error
    return record


def without_secrets(record: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a document with its secrets hidden."""
    clean = {name: _hidden(value) for name, value in record.items()}
    if "extra" in record:
        clean["extra"] = _hidden_by_name(clean["extra"])
    return clean


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return _URL_SECRET.sub(rf"\1{HIDDEN}", _URL_PASSWORD.sub(HIDDEN, value))
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    if isinstance(value, dict):
        return {name: _hidden(item) for name, item in value.items()}
    return value


def _hidden_by_name(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: HIDDEN if _SECRET_NAME.search(name) else _hidden_by_name(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_hidden_by_name(item) for item in value]
    return value
