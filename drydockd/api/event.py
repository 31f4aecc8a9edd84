"""The events of a task's tree: the data of each line of its stream."""

from __future__ import annotations

from drydockd.api.base import Answer
from drydockd.api.message import Message
from drydockd.api.states import ResultStatus, TaskStatus


class StateEvent(Answer):
    """Event ``state``: a task or a step changed; `nodes` counts those it is for."""

    task_id: str
    parent_task_id: str | None
    action: str
    status: TaskStatus
    result: ResultStatus
    retry: int
    started: str | None
    deadline: str | None
    updated: str
    nodes: int | None = None
    node: str | None = None


class NodeEvent(StateEvent):
    """Event ``node``: a step of one node changed."""

    node: str


class MessageEvent(Message):
    """Event ``message``: something was said; `seq` counts from 1 within its task."""

    task_id: str
    seq: int


EventData = StateEvent | NodeEvent | MessageEvent
KINDS: dict[str, type[StateEvent] | type[NodeEvent] | type[MessageEvent]] = {
    "state": StateEvent,
    "node": NodeEvent,
    "message": MessageEvent,
}
