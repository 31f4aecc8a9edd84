"""Top-level tasks: accept, run, resume, stop, retry, and tell about them."""

from drydockd.tasks.deployments import Deployments
from drydockd.tasks.service import Tasks
from drydockd.tasks.shared.authority import ALONE, Authority
from drydockd.tasks.shared.pinned import OfContext, Pinned
from drydockd.tasks.shared.places import Place, parse_place
from drydockd.tasks.views.events import EventStream, TooSlow
from drydockd.tasks.views.feed import Feed
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.reports import ReportDetail
from drydockd.tasks.words.requests import (
    DryRun,
    Event,
    EventFilter,
    FailedNodes,
    Headway,
    Machines,
    NodeLast,
    NodeView,
    TaskRequest,
)
from drydockd.tasks.words.settings import DRIVER_KINDS, PinLimits, ReportLimits, TaskSettings

__all__ = [
    "ALONE",
    "DRIVER_KINDS",
    "Authority",
    "Deployments",
    "Drivers",
    "DryRun",
    "Event",
    "EventFilter",
    "EventStream",
    "FailedNodes",
    "Feed",
    "Headway",
    "Machines",
    "NodeLast",
    "NodeView",
    "OfContext",
    "PinLimits",
    "Pinned",
    "Place",
    "ReportDetail",
    "ReportLimits",
    "TaskRequest",
    "TaskSettings",
    "Tasks",
    "TooSlow",
    "parse_place",
]
