"""The page: what people see of the daemon. Pages are templates over the same views as the API.

This is the whole page on one screen. Only the operators' address serves it, under
``web.base_path``. Import from the modules: `dashboard` makes the parts, `page` is what every
handler stands on.
"""

from __future__ import annotations

from drydockd.handlers.routing import Route
from drydockd.web.apipage import ApiHandler
from drydockd.web.assets import AssetHandler
from drydockd.web.daemons import DaemonsHandler
from drydockd.web.dashboard import Dashboard
from drydockd.web.login import LinkHandler, LoginHandler, LogoutHandler
from drydockd.web.machines import MachinesHandler, RowsHandler
from drydockd.web.node import NodeHandler, PowerHandler
from drydockd.web.site import FindingsHandler, SiteHandler, SitesHandler
from drydockd.web.taskroutes import task_routes


def page_routes(dashboard: Dashboard, body_bytes: int) -> list[Route]:
    """Return the routes of the page; `body_bytes` is what a form may have."""
    base = dashboard.base

    def route(path: str, handler: type, body: int | None = None) -> Route:
        return Route(f"{base}{path}", handler, body, {"dashboard": dashboard})

    return [
        route("/", MachinesHandler),
        route("/machines/rows", RowsHandler),
        route("/daemons", DaemonsHandler),
        route("/nodes/{host}", NodeHandler),
        route("/nodes/{host}/power", PowerHandler, body_bytes),
        route("/sites", SitesHandler),
        route("/site", SiteHandler),
        route("/site/findings", FindingsHandler),
        route("/api", ApiHandler),
        route("/static/{name}", AssetHandler),
        route("/login", LoginHandler, body_bytes),
        route("/login/{code}", LinkHandler),
        route("/logout", LogoutHandler, body_bytes),
        *task_routes(dashboard, body_bytes),
    ]
