"""The composition root: makes every part from the settings, and knows in which order they end."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from drydockd import drivers as driver_table
from drydockd import membership, parts
from drydockd.auth.audit import Audit, Event
from drydockd.auth.bootkey import BootKeys
from drydockd.auth.certificates import Expiry, expiry_of
from drydockd.auth.throttle import Throttle
from drydockd.cluster.lease import Watched
from drydockd.config import Settings
from drydockd.drivers.base import Certified, Leader, Resident, ServiceAccount, Surroundings
from drydockd.drivers.counted import CountedOob
from drydockd.errors import InvalidConfig
from drydockd.handlers.bootrender import BootRenderer
from drydockd.handlers.company import company_of
from drydockd.handlers.healthcheck import HealthChecks
from drydockd.handlers.listen import API_SOCKETS as API_SOCKETS  # the lab names its sockets so
from drydockd.handlers.listen import NODE_SOCKETS as NODE_SOCKETS
from drydockd.handlers.listen import Sockets, bounded, listeners, serve, shown
from drydockd.handlers.measure import Measures
from drydockd.handlers.outcomes import Outcomes
from drydockd.handlers.outlook import Outlook
from drydockd.handlers.peers import peer_routes
from drydockd.handlers.places import event_streams, long_polls
from drydockd.handlers.proxies import Proxies
from drydockd.handlers.published import publish
from drydockd.handlers.server import Server
from drydockd.handlers.services import Services
from drydockd.handlers.taskview import TaskViews
from drydockd.membership import End, Opened
from drydockd.render import Templates
from drydockd.store.shelf import StoreShelf
from drydockd.tasks import Drivers, Tasks
from drydockd.tls import Tls, load_tls
from drydockd.web import page_routes
from drydockd.web.dashboard import Dashboard, make_dashboard

log = logging.getLogger(__name__)

# Kind, name in the configuration, driver.
Made = tuple[driver_table.Kind, str, Any]


@dataclass(slots=True)
class App:
    """A running daemon. `url` and `node_url` are where it really listens (port 0: a free one)."""

    settings: Settings
    services: Services
    sockets: list[socket.socket]
    node_sockets: list[socket.socket]
    servers: list[Server]
    certificates: list[Expiry]
    dashboard: Dashboard | None
    # Where several daemons share the store: why this process has to end, once it has to.
    over: asyncio.Future[str]
    _opened: Opened = field(repr=False)
    _ending: AsyncExitStack = field(repr=False)
    _is_stopping: bool = False

    @property
    def url(self) -> str:
        return _url(self.settings, self.sockets[0])

    @property
    def node_url(self) -> str | None:
        return _url(self.settings, self.node_sockets[0]) if self.node_sockets else None

    @property
    def listens(self) -> str:
        """The addresses of the sockets themselves, as they were bound or handed over."""
        return shown(self.sockets)

    def reload(self, settings: Settings | None = None) -> None:
        """Read the policy files and the certificates of `settings` again, all or none.

        Without `settings`, those of the start. New connections get the new certificate. Raises
        InvalidConfig, keeping the old.
        """
        audit = self.services.audit
        settings = settings or self.settings
        try:
            tls = _tls(settings) if self.settings.api.tls_cert else None
            driver = self.services.node_driver
            renew = driver.renewal() if isinstance(driver, Certified) else None
            self.services.policy.reload()
        except InvalidConfig:
            audit.record(Event.AUTHZ_CHANGE, "policy", description="refused, the old one is kept")
            raise
        audit.record(Event.AUTHZ_CHANGE, "policy", description="policy reloaded")
        self._opened.tell(self.settings, self.services.policy)
        if tls is not None:
            for server in self.servers:
                server.serve_with(tls.context)
        if renew is not None:
            renew()
        self.certificates[:] = _certificates(settings, tls, driver)

    async def stop(self) -> None:
        """Stop accepting, drain within `api.shutdown_grace`, close every part. Safe twice."""
        if not self._is_stopping:
            self._is_stopping = True
            self.services.audit.record(Event.SHUTDOWN, "drydockd", description="shutting down")
        for server in self.servers:
            server.stop()
        grace = self.settings.api.shutdown_grace
        try:
            async with asyncio.timeout(grace):
                await asyncio.gather(self.services.tasks.drain(grace), self.services.drained())
        except TimeoutError:
            log.warning("%d requests unanswered after %d s", self.services.in_flight, grace)
        for server in self.servers:
            await server.close_all_connections()
        await self._ending.aclose()


def _url(settings: Settings, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    scheme = "https" if settings.api.tls_cert else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@asynccontextmanager
async def running(
    settings: Settings, *, base: Path | None = None, sockets: Sockets | None = None
) -> AsyncIterator[App]:
    """Run a daemon inside the ``async with``; used by tests, the lab and `__main__`."""
    app = await start(settings, base=base, sockets=sockets)
    try:
        yield app
    finally:
        await app.stop()


async def start(
    settings: Settings,
    *,
    base: Path | None = None,
    sockets: Sockets | None = None,
    end: End | None = None,
    warden: Watched | None = None,
) -> App:
    """Compose and start everything; when it returns, the sockets listen.

    `base` is where relative policy files are; `sockets` are listening ones by name, instead
    of those of ``api.listen`` and ``api.node_listen``. `end` is called with the reason when this
    process, one of several on a database, has to end at once, and so is ``App.over`` set; `warden`
    sees to it if it does not. Raises InvalidConfig or StoreRefused with the message to show; then
    nothing is left open.
    """
    over = asyncio.get_running_loop().create_future()

    def ended(why: str) -> None:
        if not over.done():
            over.set_result(why)
            if end is not None:
                end(why)

    async with AsyncExitStack() as ending:
        api, nodes = listeners(settings, sockets or {})
        for listener in (*api, *nodes):
            ending.callback(listener.close)
        tls = _tls(settings)
        certificates: list[Expiry] = []
        listening = partial(_url, settings, api[0])
        opened = await membership.opened(settings, ending, listening, ended, warden)
        made: list[Made] = []
        services = await _services(settings, base or Path.cwd(), certificates, ending, opened, made)
        certificates += _certificates(settings, tls, services.node_driver)
        # Reports and boot data are served before the first task goes on.
        dashboard = make_dashboard(services) if settings.web.enabled else None
        pages = page_routes(dashboard, settings.api.body_bytes) if dashboard else []
        if opened.seal is not None:
            pages += peer_routes(opened.seal)
        servers = serve(settings, services, api, nodes, tls, pages)
        ends = ending.pop_all()
        app = App(
            settings, services, api, nodes, servers, certificates, dashboard, over, opened, ends
        )
    take_up = partial(_take_up, services, made)
    try:
        if opened.cluster is None:
            await take_up("")
        else:
            opened.cluster.start(services.tasks.deployments.contacts, take_up)
    except BaseException:
        await app.stop()
        raise
    services.audit.record(Event.STARTUP, "drydockd", description=f"serves {app.url}")
    return app


async def _take_up(services: Services, made: list[Made], before: str) -> None:
    """Begin with what one daemon does for all that share the store; alone with everything.

    `before`: the daemon that had the work, if it was another one.
    """
    for _, _, driver in made:
        if isinstance(driver, Leader):
            await driver.lead()
    # First: what a task says as it is taken up again is news already.
    services.couriers.start()
    await services.tasks.start(before)


async def _services(
    settings: Settings,
    base: Path,
    certificates: list[Expiry],
    ending: AsyncExitStack,
    opened: Opened,
    made: list[Made],
) -> Services:
    store, secret, authority = opened.store, opened.secret, opened.authority
    bootkeys = BootKeys(secret, parts.lifetime(settings))
    identity = parts.identity(settings)
    if identity is not None:
        ending.push_async_callback(identity.close)
    audit = Audit()
    company = company_of(store, opened.cluster, settings.store.stale_seconds)
    throttle = Throttle(
        free=settings.auth.throttle_failures,
        audit=audit,
        daemons=company.live if company is not None else lambda: 1,
    )
    lookups = parts.lookups(settings, audit)
    auth = parts.authenticator(settings, identity, throttle, audit, lookups)
    ending.push_async_callback(auth.close)
    templates = Templates(parts.limits(settings))
    ending.push_async_callback(templates.close)
    made += _drivers(settings, ending)
    enabled = _by_kind(made)
    bmcs = [driver for kind, _, driver in made if kind == "oob"]
    oob_types = (kind for driver in enabled.oob for kind in driver.oob_types)
    designs = parts.designs(settings, identity, templates, oob_types)
    ending.push_async_callback(designs.close)
    tasks = Tasks(
        store,
        designs,
        enabled,
        bootkeys,
        parts.task_settings(settings),
        templates=templates,
        authority=authority,
        runner=opened.cluster,
        clock=opened.now,
    )
    ending.push_async_callback(tasks.drain, 0.0)
    couriers = parts.couriers(settings, store, tasks)
    ending.push_async_callback(couriers.close)
    await _start_residents(made, enabled, opened, identity)
    proxies = Proxies(settings.api.trusted_proxies)
    connections = bounded(settings, proxies)
    health = HealthChecks(
        store,
        enabled.node,
        timeout_seconds=settings.health.timeout,
        cache_seconds=settings.health.cache,
        certificates=lambda: certificates,
        keystone=identity.check if identity is not None else None,
        shortage=connections.problem,
        troubles=couriers.problems,
        notes=[limited] if (limited := parts.virtual_only(settings)) else [],
        company=company,
    )
    ending.push_async_callback(health.close)
    outlook = Outlook(
        health,
        enabled.node,
        settings.store.state_dir,
        timeout_seconds=settings.health.timeout,
    )
    ending.push_async_callback(outlook.close)
    measures = Measures()
    counts = company.is_runner if company is not None else lambda: True
    outcomes = Outcomes(store, measures.registry, counts)
    ending.callback(outcomes.close)
    views = TaskViews(store)
    ending.callback(views.close)
    services = Services(
        settings=settings,
        store=store,
        designs=designs,
        tasks=tasks,
        auth=auth,
        policy=parts.policy(settings, base),
        throttle=throttle,
        audit=audit,
        node_driver=enabled.node,
        bootdata=BootRenderer(store, designs, tasks, settings.bootactions.report_url),
        health=health,
        measures=measures,
        outlook=outlook,
        proxies=proxies,
        views=views,
        connections=connections,
        polls=long_polls(settings),
        streams=event_streams(settings),
        couriers=couriers,
        passwords=parts.passwords(settings, identity),
        barrier=company.barrier if company is not None else None,
        cluster=opened.cluster,
    )
    opened.tell(settings, services.policy)
    publish(services, certificates, identity, lookups, bmcs)
    return services


def _tls(settings: Settings) -> Tls | None:
    api = settings.api
    return load_tls(api.tls_cert, api.tls_key) if api.tls_cert and api.tls_key else None


def _certificates(settings: Settings, tls: Tls | None, driver: object) -> list[Expiry]:
    """Return when the certificates in use end: the one served first, if there is one, then those
    that the node driver serves."""
    served = []
    if tls is not None and settings.api.tls_cert:
        served = [expiry_of("api.tls_cert", settings.api.tls_cert, tls.chain)]
    if isinstance(driver, Certified):
        served += [expiry_of(name, *mine) for name, mine in driver.served().items()]
    return served + parts.certificates(settings)


def _drivers(settings: Settings, ending: AsyncExitStack) -> list[Made]:
    made = []
    for kind, name in parts.enabled(settings):
        driver = parts.driver(settings, kind, name)
        ending.push_async_callback(driver.close)
        made.append((kind, name, CountedOob(driver, name) if kind == "oob" else driver))
    return made


def _by_kind(made: list[Made]) -> Drivers:
    of: dict[driver_table.Kind, list[Any]] = {kind: [] for kind in driver_table.KINDS}
    for kind, _, driver in made:
        of[kind].append(driver)
    node, kubernetes = of["node"], of["kubernetes"]
    return Drivers(of["oob"], node[0] if node else None, kubernetes[0] if kubernetes else None)


async def _start_residents(
    made: list[Made], enabled: Drivers, opened: Opened, account: ServiceAccount | None
) -> None:
    """Give each driver that works between the calls too what it keeps and listens with."""
    for kind, name, driver in made:
        if isinstance(driver, Resident):
            label = f"driver/{kind}/{name}".encode()
            own = hmac.new(opened.secret, label, hashlib.sha256).digest()
            shelf = StoreShelf(opened.store, name, opened.authority.guard)
            await driver.start(Surroundings(shelf, own, enabled.needed_oob, account))
