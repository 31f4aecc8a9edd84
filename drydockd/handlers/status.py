"""GET status: the daemon on one screen."""

from __future__ import annotations

import time
from typing import ClassVar

import drydockd
from drydockd.api.status import Status
from drydockd.handlers.base import BaseHandler
from drydockd.model import Task
from drydockd.tasks import FailedNodes, Headway


class StatusHandler(BaseHandler):
    policy: ClassVar = {"GET": "health_data"}
    names: ClassVar = {"GET": "get_status"}
    about: ClassVar = {
        "GET": "version, what it depends on, tasks under way, failed nodes by cause",
    }
    answers: ClassVar = {("GET", 200): Status}

    async def get(self) -> None:
        services = self.services
        dependencies, warnings = await services.health.dependencies()
        failures = await services.tasks.failed_nodes()
        self.reply(
            {
                "version": drydockd.__version__,
                "started": services.started,
                "uptime_seconds": round(time.monotonic() - services.started_clock, 3),
                "dependencies": [one.as_dict() for one in dependencies],
                "warnings": warnings,
                "tasks": [
                    task_json(task, await services.tasks.headway(task))
                    for task in services.store.unfinished()
                ],
                "failures": [failed_json(failed) for failed in failures],
            }
        )


def task_json(task: Task, headway: Headway) -> dict[str, object]:
    return {
        "task_id": task.task_id,
        "action": task.action,
        "status": task.status,
        "created": task.created,
        "created_by": task.created_by,
        "nodes": headway.nodes,
        "passed": headway.passed,
        "failed": headway.failed,
        "step": headway.step,
    }


def failed_json(failed: FailedNodes) -> dict[str, object]:
    return {
        "task_id": failed.task_id,
        "action": failed.action,
        "step": failed.step or None,
        "cause": failed.cause,
        "remedy": failed.remedy,
        "count": len(failed.nodes),
        "nodes": failed.nodes,
    }
