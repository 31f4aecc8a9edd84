"""Top-level tasks: accept, run, resume, stop, retry, and tell about them."""

from drydockd.tasks.bootreports import ReportDetail
from drydockd.tasks.events import EventStream, TooSlow
from drydockd.tasks.requests import Drivers, DryRun, Event, NodeView, TaskRequest
from drydockd.tasks.service import Tasks
from drydockd.tasks.settings import TaskSettings

__all__ = [
    "Drivers",
    "DryRun",
    "Event",
    "EventStream",
    "NodeView",
    "ReportDetail",
    "TaskRequest",
    "TaskSettings",
    "Tasks",
    "TooSlow",
]
