"""What other daemons of the database ask this one; nobody else can, so the API has it not."""

from __future__ import annotations

from typing import ClassVar

from drydockd.cluster.peers import HEADER, WAITS, Seal
from drydockd.errors import NotFound
from drydockd.handlers.base import OPEN, BaseHandler
from drydockd.handlers.routing import Route
from drydockd.handlers.services import Services


class WaitsHandler(BaseHandler):
    """What steps wait for: known to the daemon that runs them alone."""

    policy: ClassVar = {"GET": OPEN}

    def initialize(  # type: ignore[override]
        self, services: Services, route: Route, seal: Seal
    ) -> None:
        super().initialize(services, route)
        self._seal = seal

    def get(self) -> None:
        if not self._seal.is_good(self.request.uri or "", self.request.headers.get(HEADER)):
            # As if it was not there: it is for nobody who has to be told why.
            raise NotFound(f"Path not found: {self.request.path}")
        self.reply({"waits": self.services.tasks.waits(self.query("task"))})


def peer_routes(seal: Seal) -> list[Route]:
    """Return the routes that daemons ask each other by."""
    return [Route(WAITS, WaitsHandler, None, {"seal": seal})]
