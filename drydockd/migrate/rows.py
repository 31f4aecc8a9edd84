"""One row of the original's database to one record of ours; a row that is none says why.

Source: contract, tasks (sections 1 to 3 and 12) and bootactions (section 4). Ids are 16 bytes
(a UUID, of boot actions a ULID), keys 32, times without a zone are UTC, and JSON was often
encoded twice: a string that holds JSON is read as that.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

import orjson
from ulid import ULID

from drydockd.auth.bootkey import digest_of
from drydockd.model import (
    TERMINATED,
    Action,
    BootAction,
    BootActionStatus,
    BootContext,
    BuildData,
    Caller,
    Link,
    Message,
    Result,
    ResultStatus,
    Task,
    TaskStatus,
    Timestamp,
    timestamp,
)

Row = Mapping[str, Any]
E = TypeVar("E", bound=StrEnum)

BY = "drydock migrate"
ENDED = (
    "This task had not ended when the site moved to drydockd; it was ended then, and nothing of it "
    "goes on. Create it again if it is still wanted."
)
MESSAGE_LIMIT = 1024
CUT = " ... (cut)"
KEY_BYTES = 32


class Odd(Exception):
    """A row that is no record; the text says why, in words that many rows share."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A node's boot context, and whether its node was destroyed since."""

    context: BootContext
    is_destroyed: bool


def identifier(row: Row, column: str = "task_id") -> str:
    """Return the UUID in a column. Raises Odd."""
    value = _needed(row, column)
    if not isinstance(value, bytes) or len(value) != 16:
        raise Odd(f"{column} is not 16 bytes")
    return str(uuid.UUID(bytes=value))


def task(row: Row) -> Task:
    """Return the task as the original has it, unfinished ones too. Raises Odd."""
    _refuse_oversized(row)
    parent = None if row["parent_task_id"] is None else identifier(row, "parent_task_id")
    result = Result(
        status=_one_of(ResultStatus, row, "result_status", ResultStatus.INCOMPLETE),
        message=row["result_message"],
        reason=row["result_reason"],
        successes=_names(row, "result_successes"),
        failures=_names(row, "result_failures"),
        links=_links(_json(row, "result_links")),
    )
    node_filter = _object(row, "node_filter")
    created = _time(row, "created")
    return Task(
        task_id=identifier(row),
        action=_one_of(Action, row, "action"),
        design_ref=row["design_ref"],
        status=_one_of(TaskStatus, row, "status"),
        result=result,
        parent_task_id=parent,
        node_filter=node_filter,
        scope=_scope(node_filter, result),
        created=created,
        created_by=row["created_by"],
        updated=_time(row, "updated", created),
        terminate=bool(row["terminate"]),
        terminated=_time(row, "terminated", "") or None,
        terminated_by=row["terminated_by"],
        retry=row["retry"] or 0,
        caller=_caller(_object(row, "request_context")),
    )


def ended(unfinished: Task, moment: Timestamp) -> tuple[Task, Message | None]:
    """Return a task that can be kept, and what is said with it: an unfinished one ends now.

    Nobody knows what became of its last call, and the original left tasks `running` for ever:
    taking it up would wipe or deploy a machine that has long been in use. Source: contract,
    tasks, section 9 (what cannot be resumed is closed).
    """
    if unfinished.status.is_final:
        return unfinished, None
    was_running = unfinished.status is TaskStatus.RUNNING
    result = replace(unfinished.result, status=ResultStatus.FAILURE)
    closed = replace(unfinished, status=TaskStatus.COMPLETE, result=result, updated=moment)
    if not was_running:
        closed = replace(
            closed,
            status=TaskStatus.TERMINATED,
            result=replace(result, message=result.message or TERMINATED),
            terminate=True,
            terminated=closed.terminated or moment,
            terminated_by=closed.terminated_by or BY,
        )
    task_id = unfinished.task_id
    return closed, Message(task_id, ENDED, True, "task", task_id, moment)


def message(row: Row) -> Message:
    """Return a message; a text that is too long is cut where everybody sees it. Raises Odd."""
    _refuse_oversized(row)
    text = _text(row, "message")
    extra = _json(row, "extra", broken=dict)
    return Message(
        task_id=identifier(row),
        message=text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - len(CUT)] + CUT,
        error=bool(_needed(row, "error")),
        context_type=_text(row, "context_type"),
        context=_text(row, "context"),
        ts=_time(row, "ts"),
        extra={} if extra is None else extra if isinstance(extra, dict) else {"original": extra},
    )


def deployment(row: Row, moment: Timestamp) -> Deployment:
    """Return a node's current deployment; of its key nothing but a digest. Raises Odd."""
    _refuse_oversized(row)
    task_id = identifier(row)
    destroyed = _time(row, "destroyed", "")
    began = _time(row, "created", moment)
    is_destroyed = destroyed > began
    context = BootContext(
        node=_text(row, "node_name"),
        context_id=task_id,
        task_id=task_id,
        design_ref=row["design_ref"] or "",
        design="",
        created=began,
        closed=destroyed if is_destroyed else None,
        key_digest=digest_of(_key(row)),
        key_since=moment,
    )
    return Deployment(context, is_destroyed)


def boot_action(row: Row, moment: Timestamp) -> BootAction:
    """Return a boot action; `is_current`: it belongs to what is deployed now. Raises Odd."""
    _refuse_oversized(row)
    value = _needed(row, "action_id")
    if not isinstance(value, bytes) or len(value) != 16:
        raise Odd("action_id is not 16 bytes")
    _key(row)
    ulid = ULID.from_bytes(value)
    created = _time(row, "created", "") or _ulid_time(ulid) or moment
    task_id = identifier(row)
    return BootAction(
        action_id=str(ulid),
        node=_text(row, "node_name"),
        name=_text(row, "action_name"),
        task_id=task_id,
        context_id=task_id,
        status=_one_of(BootActionStatus, row, "action_status"),
        created=created,
        updated=created,
        closed=None if row["is_current"] else _time(row, "superseded", moment),
    )


def build_data(row: Row) -> BuildData:
    """Return a document about a node; its id follows from all that is in it. Raises Odd."""
    _refuse_oversized(row)
    values = (
        _text(row, "node_name"),
        identifier(row),
        _time(row, "collected_date"),
        _text(row, "generator"),
        _text(row, "data_format"),
        _text(row, "data_element"),
    )
    digest = hashlib.sha256()
    for value in values:
        data = value.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    made = uuid.UUID(bytes=digest.digest()[:16], version=4)
    return BuildData(*values, build_data_id=str(made))


def _refuse_oversized(row: Row) -> None:
    if row["oversized"]:
        raise Odd(f"oversized: {row['oversized']}")


def _needed(row: Row, column: str) -> Any:
    value = row[column]
    if value is None:
        raise Odd(f"{column} is null")
    return value


def _text(row: Row, column: str) -> str:
    value = _needed(row, column)
    if not value:
        raise Odd(f"{column} is empty")
    return str(value)


def _one_of(kind: type[E], row: Row, column: str, default: E | None = None) -> E:
    if row[column] is None and default is not None:
        return default
    value = _needed(row, column)
    try:
        return kind(value)
    except ValueError:
        raise Odd(f"{column} {value!r} is unknown here") from None


def _time(row: Row, column: str, default: Timestamp | None = None) -> Timestamp:
    if row[column] is None and default is not None:
        return default
    value = _needed(row, column)
    try:
        moment = datetime.fromisoformat(value)
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise Odd(f"{column} is no moment of our calendar") from None


def _ulid_time(ulid: ULID) -> Timestamp:
    try:
        return timestamp(ulid.datetime)
    except (ValueError, OverflowError):
        return ""


def _names(row: Row, column: str) -> tuple[str, ...]:
    names = row[column] or ()
    if not all(isinstance(name, str) and name for name in names):
        raise Odd(f"{column} names no node")
    return tuple(dict.fromkeys(names))


def _json(row: Row, column: str, broken: Any = None) -> Any:
    """Return what a column of JSON holds; `broken` makes something of text that is none."""
    value = row[column]
    for _ in range(2):
        if not isinstance(value, str):
            break
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            if broken is None:
                raise Odd(f"{column} is not JSON") from None
            return broken(original=value)
    return value


def _object(row: Row, column: str) -> dict[str, Any] | None:
    value = _json(row, column)
    if value is not None and not isinstance(value, dict):
        raise Odd(f"{column} is not a JSON object")
    return value


def _links(value: Any) -> tuple[Link, ...]:
    if not value:
        return ()
    try:
        # A map of relation -> addresses; read back it was a list of both.
        pairs = (
            [(rel, href) for rel, hrefs in value.items() for href in hrefs]
            if isinstance(value, dict)
            else [(link["rel"], link["href"]) for link in value]
        )
    except (AttributeError, TypeError, KeyError):
        raise Odd("result_links are no links") from None
    return tuple(Link(str(rel), str(href)) for rel, href in pairs)


def _scope(node_filter: dict[str, Any] | None, result: Result) -> tuple[str, ...]:
    """Return the nodes a task was for, as far as its row tells: those of a filter by name alone,
    else those in its result."""
    filters = node_filter.get("filter_set") if node_filter else None
    if isinstance(filters, list) and len(filters) == 1 and isinstance(filters[0], dict):
        used = {key: value for key, value in filters[0].items() if value and key != "filter_type"}
        names = used.get("node_names")
        if set(used) == {"node_names"} and isinstance(names, list):
            return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))
    return tuple(dict.fromkeys((*result.successes, *result.failures)))


def _caller(context: dict[str, Any] | None) -> Caller | None:
    if not context:
        return None
    roles = context.get("roles") or ()

    def text(name: str) -> str:
        return str(context.get(name) or "")

    return Caller(
        user=text("user"),
        user_id=text("user_id"),
        user_domain_id=text("user_domain_id"),
        project_id=text("project_id"),
        project_domain_id=text("project_domain_id"),
        roles=tuple(map(str, roles)) if isinstance(roles, list) else (),
        is_admin_project=context.get("is_admin_project") is True,
        authenticated=context.get("authenticated") is not False,
        request_id=text("request_id"),
        external_marker=text("external_marker"),
        end_user=text("end_user"),
    )


def _key(row: Row) -> bytes:
    value = _needed(row, "identity_key")
    if not isinstance(value, bytes) or len(value) != KEY_BYTES:
        raise Odd(f"identity_key is not {KEY_BYTES} bytes")
    return value
