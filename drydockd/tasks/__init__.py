"""Top-level tasks: accept, run, resume, stop, retry, and tell about them."""

from drydockd.tasks.deployments import Deployments
from drydockd.tasks.service import Tasks
from drydockd.tasks.shared.pinned import OfContext, Pinned
from drydockd.tasks.views.events import EventStream, TooSlow
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.reports import ReportDetail
from drydockd.tasks.words.requests import (
    DryRun,
    Event,
    FailedNodes,
    Headway,
    Machines,
    NodeLast,
    NodeView,
    TaskRequest,
)
from drydockd.tasks.words.settings import DRIVER_KINDS, PinLimits, ReportLimits, TaskSettings

__all__ = [
    "DRIVER_KINDS",
    "Deployments",
    "Drivers",
    "DryRun",
    "Event",
    "EventStream",
    "FailedNodes",
    "Headway",
    "Machines",
    "NodeLast",
    "NodeView",
    "OfContext",
    "PinLimits",
    "Pinned",
    "ReportDetail",
    "ReportLimits",
    "TaskRequest",
    "TaskSettings",
    "Tasks",
    "TooSlow",
]
