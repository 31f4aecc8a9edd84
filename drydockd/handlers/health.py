"""GET health, GET health/extended, GET versions, GET metrics: the daemon about itself."""

from __future__ import annotations

from typing import ClassVar

from prometheus_client import exposition
from tornado.web import HTTPError

from drydockd.api.error import Error
from drydockd.api.health import Health
from drydockd.api.version import Version
from drydockd.handlers.barrier import Reads
from drydockd.handlers.base import OPEN, BaseHandler, Media
from drydockd.handlers.healthcheck import report


class VersionsHandler(BaseHandler):
    reads: ClassVar = Reads.ITSELF
    policy: ClassVar = {"GET": OPEN}
    names: ClassVar = {"GET": "get_versions"}
    about: ClassVar = {
        "GET": "where each version of the API begins",
    }
    answers: ClassVar = {("GET", 200): dict[str, Version]}

    def get(self) -> None:
        self.reply({"v1.0": {"path": "/api/v1.0", "status": "stable"}})


class HealthHandler(BaseHandler):
    """204, or 503 without a body."""

    reads: ClassVar = Reads.ITSELF
    policy: ClassVar = {"GET": OPEN}
    names: ClassVar = {"GET": "get_health"}
    about: ClassVar = {
        "GET": "204, or 503",
    }
    answers: ClassVar = {("GET", 204): None, ("GET", 503): None}

    async def get(self) -> None:
        self.set_status(204 if await self.services.health.is_ready() else 503)
        self.clear_header("Content-Type")
        self.finish()


class ExtendedHealthHandler(BaseHandler):
    reads: ClassVar = Reads.ITSELF
    policy: ClassVar = {"GET": "health_data"}
    names: ClassVar = {"GET": "get_health_extended"}
    about: ClassVar = {
        "GET": "one message per failed check, and who shares the store",
    }
    answers: ClassVar = {("GET", 200): Health, ("GET", 503): Health}

    async def get(self) -> None:
        health = self.services.health
        answer = report([*await health.messages(), *await health.members()])
        self.reply(answer.as_dict(), answer.code)


class MetricsHandler(BaseHandler):
    """For Prometheus. Open: nothing in it names a host, a task or a person."""

    reads: ClassVar = Reads.ITSELF
    policy: ClassVar = {"GET": OPEN}
    names: ClassVar = {"GET": "get_metrics"}
    about: ClassVar = {
        "GET": "[numbers](metrics.md) for Prometheus; 404 when turned off",
    }
    answers: ClassVar = {("GET", 200): Media("text/plain"), ("GET", 404): Error}

    async def get(self) -> None:
        if not self.services.settings.metrics.enabled:
            raise HTTPError(404)
        await self.services.outlook.look()
        self.set_header("Content-Type", exposition.CONTENT_TYPE_LATEST)
        self.finish(await self.services.measures.shown())
