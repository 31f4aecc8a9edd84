"""What is recorded: tasks, messages, boot contexts, boot actions, build data. Pure data.

Everything here is immutable; an update makes a new value. Timestamps are text,
``2026-01-31T10:20:30.123456+00:00`` (UTC, always that shape, so text order is time order).
Source: contract, tasks and bootactions.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

from drydockd.api.actions import API_ACTIONS as API_ACTIONS
from drydockd.api.actions import SITE_ACTIONS as SITE_ACTIONS
from drydockd.api.actions import Action as Action
from drydockd.api.states import BootActionStatus as BootActionStatus
from drydockd.api.states import ResultStatus as ResultStatus
from drydockd.api.states import TaskStatus as TaskStatus

Timestamp = str


def timestamp(moment: datetime | None = None) -> Timestamp:
    """Return `moment` (default: now) as text: ISO 8601, UTC, microseconds, ``+00:00``."""
    if moment is None:
        second, microsecond = divmod(time.time_ns() // 1000, 1_000_000)
        return f"{_to_the_second(second)}.{microsecond:06d}+00:00"
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


@lru_cache(maxsize=2)
def _to_the_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


_drawn: list[str] = []
# What the first digit of the fourth group becomes: the variant of RFC 9562.
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_DRAWN_AT_ONCE = 256


def new_id() -> str:
    """Return a new UUID of version 4, as text.

    The kernel is asked for the randomness of many at once: each time it is, other threads get
    their turn, and `uuid.uuid4` took 18 us of a request.
    """
    try:
        digits = _drawn.pop()
    except IndexError:
        random = os.urandom(16 * _DRAWN_AT_ONCE).hex()
        _drawn.extend(random[at : at + 32] for at in range(32, len(random), 32))
        digits = random[:32]
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


# A copy of this process must not give the same ones.
os.register_at_fork(after_in_child=_drawn.clear)


# The result's message of a task that was told to stop, matched on by clients.
TERMINATED = "Action terminated."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as authenticated; kept with the task so that its later steps act for them.

    `user` ... come from the user's token, `service_user` names the service that sent it.
    """

    user: str
    user_id: str = ""
    user_domain_id: str = ""
    project_id: str = ""
    project_domain_id: str = ""
    roles: tuple[str, ...] = ()
    is_admin_project: bool = False
    authenticated: bool = True
    service_user: str | None = None
    service_roles: tuple[str, ...] = ()
    request_id: str = ""
    external_marker: str = ""
    end_user: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    rel: str
    href: str


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of a task without its messages, which are records of their own."""

    status: ResultStatus = ResultStatus.INCOMPLETE
    message: str | None = None
    reason: str | None = None
    successes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


NO_RESULT = Result()  # yet: of every new task


@dataclass(frozen=True, slots=True)
class Task:
    """One task or subtask.

    `design` is the sha256 of the pinned document bytes (a blob in the store), empty until
    pinned; `scope` the node names it was created for, in design order (empty: site-wide);
    a step's are those expected to reach it, and at its end those that did.
    `node_filter` is kept as submitted; a subtask has none, its scope says as much.
    `lives` counts the lives of the daemon that began to compile the design and had not ended
    that yet: three that died of it are enough.
    `retry_of`/`retried_by` link a retry and its origin. `deadline` is the wall-clock end of the
    step, kept over restarts.
    """

    task_id: str
    action: Action
    design_ref: str | None = None
    status: TaskStatus = TaskStatus.QUEUED
    result: Result = NO_RESULT
    parent_task_id: str | None = None
    node_filter: Mapping[str, Any] | None = None
    scope: tuple[str, ...] = ()
    design: str = ""
    created: Timestamp = ""
    created_by: str | None = None
    updated: Timestamp = ""
    started: Timestamp | None = None
    deadline: Timestamp | None = None
    terminate: bool = False
    terminated: Timestamp | None = None
    terminated_by: str | None = None
    retry: int = 0
    retry_of: str | None = None
    retried_by: tuple[str, ...] = ()
    caller: Caller | None = None
    lives: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One status message of a task; `seq` counts from 1 within the task, given by the store."""

    task_id: str
    message: str
    error: bool = False
    context_type: str = "NA"
    context: str = "NA"
    ts: Timestamp = ""
    extra: Mapping[str, object] = field(default_factory=dict)
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Pin:
    """What an asset fetched when its deployment was rendered first, kept deflated in blobs.

    `asset` is ``<boot action>/<place among its assets>``, `source` the sha256 of the rendered
    location (which may hold a key). `size` and `crc` (CRC-32) are of the content as fetched,
    `packed` is the bytes of all `parts`, which are the blobs' digests; see `render.packing`.
    """

    asset: str
    source: str
    size: int
    crc: int
    packed: int
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BootContext:
    """The current deployment of one node: which task, which design, since when.

    One per node, replaced by the next deployment. `context_id` enters the derivation of
    the node's key (architecture, decision 4), so a new context voids the old key. `closed`
    is set on destroy: nothing of it is served any more. `delivered` maps ``units``/``files``
    to the time the node first fetched them, `failed` to why they could not be rendered when it
    last asked, `troubles` to what was told last of why they could not be for a time. `pins` are the
    fetched sources of its assets; a closed one has none. `reports` and `report_bytes` are what the
    node has sent about all its boot actions, and what of it is kept; noted where a limit is near.

    `key_digest` is there of a deployment that another program began and whose node goes on with
    the key it was given then: the sha256 of that key, in hex, in place of all derived ones.
    `key_since` is when it was taken over: from then on its lifetime counts. Such a context need
    not have a `design`; then it is what `design_ref` names whenever it is asked for.
    """

    node: str
    context_id: str
    task_id: str
    design_ref: str
    design: str
    created: Timestamp
    closed: Timestamp | None = None
    delivered: Mapping[str, Timestamp] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    pins: tuple[Pin, ...] = ()
    key_digest: str = ""
    key_since: Timestamp | None = None
    troubles: Mapping[str, str] = field(default_factory=dict)
    reports: int = 0
    report_bytes: int = 0


@dataclass(frozen=True, slots=True)
class BootAction:
    """State of one boot action in one boot context; `action_id` is an upper-case ULID.

    `closed` is set when a later deployment or a destroy supersedes it: no longer postable.
    `reports` and `report_bytes` are what the node has sent about it, and what of it is kept.
    """

    action_id: str
    node: str
    name: str
    task_id: str
    context_id: str
    status: BootActionStatus
    created: Timestamp
    updated: Timestamp = ""
    closed: Timestamp | None = None
    reports: int = 0
    report_bytes: int = 0


@dataclass(frozen=True, slots=True)
class BuildData:
    """What was learnt about a node: lshw, lldp, install logs; many per node and generator."""

    node: str
    task_id: str
    collected: Timestamp
    generator: str
    data_format: str
    data_element: str
    build_data_id: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """A durable note written before a destructive driver call, and closed after it.

    `key` is ``<task id>/<node>/<operation>``; found open after a restart it says that the
    call may have happened, so the backend is asked before anything is repeated. `session` is
    the one at the device in which the call was made, where there is such a thing. `member` and
    `epoch` say which of several daemons made it, and by which right.
    """

    key: str
    task_id: str
    node: str
    operation: str
    opened: Timestamp
    closed: Timestamp | None = None
    outcome: str | None = None
    session: str | None = None
    member: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class DriverRecord:
    """What a driver keeps for itself: a JSON object, and a blob that it names.

    `key` is ``<driver>/<name>``. Nobody but the driver understands `document`.
    """

    key: str
    driver: str
    document: Mapping[str, Any]
    blob: str = ""


Record = Task | Message | BootContext | BootAction | BuildData | Intent | DriverRecord


R = TypeVar("R", Task, BootContext, BootAction, Caller)


def _ways(kind: type[Any]) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, Any]]:
    """Return what reads all fields of a record, and what sets each of them."""
    names = tuple(f.name for f in fields(kind))
    return attrgetter(*names), {name: getattr(kind, name).__set__ for name in names}


_WAYS = {kind: _ways(kind) for kind in (Task, BootContext, BootAction, Caller)}


def changed(record: R, **values: Any) -> R:
    """Return the record with `values` in the place of its own.

    As `dataclasses.replace`, in half the time: each step of each node comes here several times,
    and each request. Raises TypeError for other names.
    """
    kind = type(record)
    read, slots = _WAYS[kind]
    new = object.__new__(kind)
    for set_slot, value in zip(slots.values(), read(record), strict=True):
        set_slot(new, value)
    for name, value in values.items():
        try:
            slots[name](new, value)
        except KeyError:
            raise TypeError(f"a {kind.__name__} has no field {name!r}") from None
    return new
