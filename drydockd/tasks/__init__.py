"""Top-level tasks: accept, run, resume, stop, retry, and tell about them."""

from drydockd.tasks.deployments import Deployments, ReportDetail
from drydockd.tasks.service import Tasks
from drydockd.tasks.views.events import EventStream, TooSlow
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.requests import DryRun, Event, NodeView, TaskRequest
from drydockd.tasks.words.settings import DRIVER_KINDS, TaskSettings

__all__ = [
    "DRIVER_KINDS",
    "Deployments",
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
