"""Records to JSON documents and back; the one place that knows how a record is spelt on disk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, TypeVar

import orjson

from drydockd.errors import InvalidInput, StoreRefused
from drydockd.model import (
    Action,
    BootAction,
    BootActionStatus,
    BootContext,
    BuildData,
    Caller,
    DriverRecord,
    Intent,
    Link,
    Message,
    Pin,
    Result,
    ResultStatus,
    Task,
    TaskStatus,
)

Document = dict[str, Any]
V = TypeVar("V")

BLOB_OVER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class BuildRow:
    """Build data as kept: `record` without its element when that lies in the blob `blob`."""

    record: BuildData
    blob: str = ""


Row = Task | BootContext | BootAction | BuildRow | Intent | DriverRecord

# Table name -> the class of its rows. The order is that of the file.
ROW_CLASSES: dict[str, type[Any]] = {
    "tasks": Task,
    "boot_contexts": BootContext,
    "boot_actions": BootAction,
    "build_data": BuildData,
    "intents": Intent,
    "driver_records": DriverRecord,
}
MESSAGES = "messages"
TABLES: dict[type[Any], str] = {cls: name for name, cls in ROW_CLASSES.items()}
KEYS = {
    "tasks": "task_id",
    "boot_contexts": "node",
    "boot_actions": "action_id",
    "build_data": "build_data_id",
    "intents": "key",
    "driver_records": "key",
}

# A message document begins with these two and "error"; what follows "error": is kept in
# memory as the bytes they are, and decoded when read: a million of them cost their text.
_MESSAGE_HEAD = ("task_id", "seq", "error")
_MESSAGE_REST = tuple(f.name for f in fields(Message) if f.name not in _MESSAGE_HEAD)
_rest_of = attrgetter(*_MESSAGE_REST)
ERROR_MARK = b',"error":'
_NO_TIME = b'","ts":""'


def dumps(document: object, what: str = "record") -> bytes:
    """Return `document` as JSON. Raises InvalidInput for what JSON cannot hold."""
    try:
        return orjson.dumps(document, default=_plain)
    except TypeError as error:
        raise InvalidInput(f"{what} cannot be stored: {error}") from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def key_of(table: str, row: Any) -> str:
    record = row.record if isinstance(row, BuildRow) else row
    key: str = getattr(record, KEYS[table])
    return key


def encode_row(table: str, row: Row) -> bytes:
    """Return the JSON document of `row`. Raises InvalidInput."""
    what = f"{table} {key_of(table, row)}"
    if isinstance(row, BuildRow):
        document = {f.name: getattr(row.record, f.name) for f in fields(BuildData)}
        return dumps(document | {"blob": row.blob} if row.blob else document, what)
    return dumps(row, what)


def with_arrival(document: bytes, arrival: int | None) -> bytes:
    """Return a task's document with its arrival, as the file has it of top-level tasks."""
    return document if arrival is None else b'%b,"arrival":%d}' % (document[:-1], arrival)


def encode_message(message: Message) -> bytes:
    """Return what memory keeps of a message: its document behind ``"error":``."""
    try:
        rest = orjson.dumps(
            dict(zip(_MESSAGE_REST, _rest_of(message), strict=True)), default=_plain
        )
    except TypeError as error:
        what = f"message {message.seq} of task {message.task_id}"
        raise InvalidInput(f"{what} cannot be stored: {error}") from error
    return (b"true," if message.error else b"false,") + rest[1:]


def encode_wording(message: Message) -> tuple[bytes, bytes]:
    """Return the same of a message without a time: what stands before its text, and behind."""
    tail = encode_message(replace(message, ts=""))
    # Nothing before the time is an object: in a text there would be backslashes.
    head, mark, rest = tail.partition(_NO_TIME)
    return head + mark[:-1], b'"' + rest


def message_tail(document: Document) -> bytes:
    """Return the same of a decoded message document."""
    rest = {name: value for name, value in document.items() if name not in _MESSAGE_HEAD}
    return (b"true," if document["error"] else b"false,") + orjson.dumps(rest)[1:]


def message_document(task_id: str, seq: int, tail: bytes) -> bytes:
    """Return the whole JSON document again, from what memory keeps."""
    return b'{"task_id":%b,"seq":%d,"error":%b' % (orjson.dumps(task_id), seq, tail)


def said_document(task_id: str, after: int) -> bytes:
    """Return what a journal has of each task that is told the same, beside the messages."""
    return b'{"task_id":%b,"after":%d}' % (orjson.dumps(task_id), after)


def decode_message(task_id: str, seq: int, tail: bytes) -> Message:
    return Message(task_id=task_id, seq=seq, **orjson.loads(b'{"error":' + tail))


def decode_row(table: str, document: Document) -> Row:
    """Return the record of `document` (which is consumed). Raises StoreRefused.

    Fields the document lacks take their defaults; an unknown field means a newer drydockd.
    """
    try:
        if table == "build_data":
            blob = document.pop("blob", "")
            return BuildRow(BuildData(**document), blob)
        if table == "tasks":
            # Written before 2026; whose subtask it is says each subtask itself.
            document.pop("subtask_id_list", None)
        for name, convert in _CONVERTERS[table]:
            if name in document:
                document[name] = convert(document[name])
        row: Row = ROW_CLASSES[table](**document)
        return row
    except (TypeError, KeyError, ValueError) as error:
        raise StoreRefused(
            f"a document of table {table} is not one this drydockd knows: {error!r};"
            " was it written by a newer version?"
        ) from error


def element_bytes(record: BuildData) -> bytes:
    """Return the element as UTF-8. Raises InvalidInput."""
    try:
        return record.data_element.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"build data of {record.node} cannot be stored: {error}") from error


def without_element(record: BuildData, digest: str) -> BuildRow:
    return BuildRow(replace(record, data_element=""), digest)


def _result(document: Document) -> Result:
    links = tuple([Link(**link) for link in document["links"]]) if document["links"] else ()
    values = (
        _RESULT_STATUS[document["status"]],
        document["message"],
        document["reason"],
        _names(document["successes"]),
        _names(document["failures"]),
        links,
    )
    return _RESULTS.get(values) or _remember(_RESULTS, values, Result(*values))


def _caller(document: Document | None) -> Caller | None:
    if document is None:
        return None
    document["roles"] = tuple(document.get("roles", ()))
    document["service_roles"] = tuple(document.get("service_roles", ()))
    values = tuple(document.values())
    return _CALLERS.get(values) or _remember(_CALLERS, values, Caller(**document))


def _pins(documents: list[Document]) -> tuple[Pin, ...]:
    return tuple([Pin(**document | {"parts": _names(document["parts"])}) for document in documents])


def _node_filter(document: Document | None) -> Document | None:
    if document is None:
        return None
    text = orjson.dumps(document)
    return _FILTERS.get(text) or _remember(_FILTERS, text, document)


def _remember(known: dict[Any, Any], key: object, made: V) -> V:
    # A hundred thousand tasks have a handful of callers and filters: share them. Records
    # are immutable, so that is safe.
    if len(known) > 10_000:
        known.clear()
    known[key] = made
    return made


def _names(values: list[str]) -> tuple[str, ...]:
    return tuple(map(sys.intern, values)) if values else ()


def _shared(value: str | None) -> str | None:
    return None if value is None else sys.intern(value)


_CALLERS: dict[tuple[Any, ...], Caller] = {}
_FILTERS: dict[bytes, Document] = {}
_RESULTS: dict[tuple[Any, ...], Result] = {}
_RESULT_STATUS = {str(s): s for s in ResultStatus}
_BY_ANNOTATION: dict[str, Callable[[Any], Any]] = {
    "Action": {str(a): a for a in Action}.__getitem__,
    "TaskStatus": {str(s): s for s in TaskStatus}.__getitem__,
    "BootActionStatus": {str(s): s for s in BootActionStatus}.__getitem__,
    "Result": _result,
    "Caller | None": _caller,
    "Mapping[str, Any] | None": _node_filter,
    "tuple[str, ...]": _names,
    "tuple[Pin, ...]": _pins,
}
_SHARED = {"design_ref", "design", "created_by", "terminated_by", "parent_task_id", "node"}


def _converters(cls: type[Any]) -> list[tuple[str, Callable[[Any], Any]]]:
    found = []
    for field in fields(cls):
        convert = _BY_ANNOTATION.get(str(field.type))
        if field.name in _SHARED:
            convert = _shared
        if convert is not None:
            found.append((field.name, convert))
    return found


_CONVERTERS = {name: _converters(cls) for name, cls in ROW_CLASSES.items()}
