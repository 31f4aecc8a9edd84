"""HTTP in and out, nothing else. This is the whole API on one screen.

Paths and methods: contract, api. Who may call what stands in each handler's `policy`.
"""

from __future__ import annotations

from drydockd.handlers.bootaction import BootActionHandler, BootActionsHandler
from drydockd.handlers.bootdata import FilesHandler, UnitsHandler
from drydockd.handlers.designs import (
    DesignHandler,
    DesignPartsHandler,
    DesignsHandler,
    ValidateDesignHandler,
)
from drydockd.handlers.events import EventsHandler, TaskEventsHandler
from drydockd.handlers.health import (
    ExtendedHealthHandler,
    HealthHandler,
    MetricsHandler,
    VersionsHandler,
)
from drydockd.handlers.nodes import (
    NodeBuildDataHandler,
    NodeFilterHandler,
    NodeHandler,
    NodesHandler,
)
from drydockd.handlers.openapi import OpenApiHandler
from drydockd.handlers.routing import Route, Routes
from drydockd.handlers.status import StatusHandler
from drydockd.handlers.task import (
    RetryHandler,
    TaskBuildDataHandler,
    TaskHandler,
    TerminateHandler,
)
from drydockd.handlers.tasks import TasksHandler

V1 = "/api/v1.0"


def node_routes(bootaction_bytes: int) -> list[Route]:
    """Return what deploying nodes call; both families: as documented, as the original's code."""
    return [
        Route(f"{V1}/bootdata/{{host}}/units", UnitsHandler),
        Route(f"{V1}/bootdata/{{host}}/files", FilesHandler),
        Route(f"{V1}/bootactions/nodes/{{host}}/units", UnitsHandler),
        Route(f"{V1}/bootactions/nodes/{{host}}/files", FilesHandler),
        Route(f"{V1}/bootaction/{{action_id}}", BootActionHandler, bootaction_bytes),
        Route(f"{V1}/bootactions/{{action_id}}", BootActionHandler, bootaction_bytes),
    ]


def all_routes(body_bytes: int, bootaction_bytes: int) -> Routes:
    """Return the API."""
    return Routes(
        [
            Route("/versions", VersionsHandler),
            Route("/metrics", MetricsHandler),
            Route(f"{V1}/openapi.json", OpenApiHandler),
            Route(f"{V1}/health", HealthHandler),
            Route(f"{V1}/health/extended", ExtendedHealthHandler),
            Route(f"{V1}/status", StatusHandler),
            Route(f"{V1}/tasks", TasksHandler, body_bytes),
            Route(f"{V1}/tasks/{{task_id}}", TaskHandler),
            Route(f"{V1}/tasks/{{task_id}}/builddata", TaskBuildDataHandler),
            Route(f"{V1}/tasks/{{task_id}}/events", TaskEventsHandler),
            Route(f"{V1}/events", EventsHandler),
            Route(f"{V1}/tasks/{{task_id}}/terminate", TerminateHandler, body_bytes),
            Route(f"{V1}/tasks/{{task_id}}/retry", RetryHandler, body_bytes),
            Route(f"{V1}/nodes", NodesHandler),
            Route(f"{V1}/nodes/{{host}}", NodeHandler),
            Route(f"{V1}/nodes/{{host}}/builddata", NodeBuildDataHandler),
            Route(f"{V1}/nodefilter", NodeFilterHandler, body_bytes),
            Route(f"{V1}/validatedesign", ValidateDesignHandler, body_bytes),
            *node_routes(bootaction_bytes),
            Route(f"{V1}/bootactions", BootActionsHandler),
            Route(f"{V1}/designs", DesignsHandler, body_bytes),
            Route(f"{V1}/designs/{{design_id}}", DesignHandler),
            Route(f"{V1}/designs/{{design_id}}/parts", DesignPartsHandler, body_bytes),
            Route(f"{V1}/designs/{{design_id}}/parts/{{kind}}", DesignHandler),
            Route(f"{V1}/designs/{{design_id}}/parts/{{kind}}/{{name}}", DesignHandler),
        ]
    )
