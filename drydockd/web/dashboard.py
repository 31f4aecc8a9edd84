"""What the pages share: one of each per daemon."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment

from drydockd.handlers.places import Places
from drydockd.handlers.services import Services
from drydockd.web.assets import Assets
from drydockd.web.attempts import Attempts
from drydockd.web.inuse import InUse
from drydockd.web.links import Links
from drydockd.web.looks import make_environment
from drydockd.web.machinerows import Rows
from drydockd.web.sessions import LONGEST_SECONDS, MOST, Sessions
from drydockd.web.sharing import Sharing


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`base` is the path of the page, without a slash at its end; `streams` the places of what is
    held open, counted by the name of a session."""

    base: str
    sessions: Sessions
    links: Links
    attempts: Attempts
    assets: Assets
    looks: Environment
    streams: Places
    in_use: InUse
    rows: Rows

    def login_path(self, token: str) -> str:
        """Return a path that logs in with `token`: once, within ten minutes."""
        return f"{self.base}/login/{self.links.offer(token)}"


def make_dashboard(services: Services, secret: bytes | None = None) -> Dashboard:
    """Return the dashboard; reads its files, a few hundred KiB.

    `secret`: the server's, where several daemons share the store, and so the logins.
    """
    settings = services.settings
    base, assets = settings.web.base_path, Assets()
    sharing = None
    if secret is not None:
        sharing = Sharing(services.store, secret, longest_seconds=LONGEST_SECONDS, most=MOST)
    return Dashboard(
        base=base,
        sessions=Sessions(sharing=sharing),
        links=Links(),
        attempts=Attempts(services.audit),
        assets=assets,
        looks=make_environment(base, assets),
        streams=Places(
            "live views",
            per_caller=settings.web.streams_per_session,
            most=settings.web.streams,
            options=("web.streams_per_session", "web.streams"),
            retry_seconds=30,
        ),
        in_use=InUse(services.store, services.designs),
        rows=Rows(),
    )
