"""The events of a task's tree, and of everything: the data of each line of their streams.

`root_task_id`, the top-level task, is there in the stream of everything only, and there only while
the store has the task.
"""

from __future__ import annotations

from drydockd.api.base import Answer
from drydockd.api.message import Message
from drydockd.api.states import BootActionStatus, ResultStatus, TaskStatus


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
    root_task_id: str | None = None


class NodeEvent(StateEvent):
    """Event ``node``: a step of one node changed."""

    node: str


class MessageEvent(Message):
    """Event ``message``: something was said; `seq` counts from 1 within its task."""

    task_id: str
    seq: int
    root_task_id: str | None = None


class BootActionEvent(Answer):
    """Event ``boot_action``: a boot action of a node has ended, with the verdict `status`."""

    action_id: str
    action_name: str
    node: str
    task_id: str
    status: BootActionStatus
    updated: str
    root_task_id: str | None = None


class GapEvent(Answer):
    """Event ``gap``: events behind the one that was asked for are kept no more.

    What follows is all that is kept. Ask for the tasks themselves to see how they are now.
    """

    message: str


class PlaceEvent(Answer):
    """Event ``place``: nothing happened; its id says how far the stream has come."""


EventData = StateEvent | NodeEvent | MessageEvent | BootActionEvent | GapEvent | PlaceEvent
# Of the stream of one task.
TASK_KINDS: dict[str, type[EventData]] = {
    "state": StateEvent,
    "node": NodeEvent,
    "message": MessageEvent,
}
KINDS: dict[str, type[EventData]] = TASK_KINDS | {
    "boot_action": BootActionEvent,
    "gap": GapEvent,
    "place": PlaceEvent,
}
# Those that tell of something that happened, and may be chosen.
CHOICES = ("state", "node", "message", "boot_action")
