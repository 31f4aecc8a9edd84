"""The composition root: makes every part from the settings, and knows in which order they end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from drydockd import drivers as driver_table
from drydockd.auth.audit import Audit, Event
from drydockd.auth.bootkey import BootKeys
from drydockd.auth.certificates import Expiry, read_expiry
from drydockd.auth.identity import Account, ServiceIdentity
from drydockd.auth.jwt import LocalTokens
from drydockd.auth.jwtkeys import Key, public_keys, secret_keys
from drydockd.auth.keystone import Keystone, load_jws_keys
from drydockd.auth.noauth import NoAuth
from drydockd.auth.policy import Policy
from drydockd.auth.secret import load_secret
from drydockd.auth.strategy import Authenticator, Strategy
from drydockd.auth.throttle import Throttle
from drydockd.config import Schema, Settings
from drydockd.design import Designs
from drydockd.drivers.base import KubernetesDriver, NodeProvisioner, OobDriver
from drydockd.errors import InvalidConfig
from drydockd.handlers.bootrender import BootRenderer
from drydockd.handlers.healthcheck import HealthChecks
from drydockd.handlers.listen import API_SOCKETS as API_SOCKETS  # the lab names its socket so
from drydockd.handlers.listen import Sockets, listeners, serve
from drydockd.handlers.measure import Measures
from drydockd.handlers.proxies import Proxies
from drydockd.handlers.published import publish
from drydockd.handlers.server import Server
from drydockd.handlers.services import Services
from drydockd.handlers.taskview import TaskViews
from drydockd.render import Limits, Templates
from drydockd.store import Store, open_store
from drydockd.tasks import DRIVER_KINDS, Drivers, Tasks, TaskSettings

log = logging.getLogger(__name__)


def schema() -> Schema:
    """Return what a configuration may hold, drivers' sections included."""
    return Schema(driver_table.sections())


@dataclass(slots=True)
class App:
    """A running daemon. `url` and `node_url` are where it really listens (port 0: a free one)."""

    settings: Settings
    services: Services
    sockets: list[socket.socket]
    node_sockets: list[socket.socket]
    servers: list[Server]
    certificates: list[Expiry]
    _ending: AsyncExitStack = field(repr=False)
    _is_stopping: bool = False

    @property
    def url(self) -> str:
        return self._url(self.sockets[0])

    @property
    def node_url(self) -> str | None:
        return self._url(self.node_sockets[0]) if self.node_sockets else None

    def _url(self, listener: socket.socket) -> str:
        host, port = listener.getsockname()[:2]
        if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
        scheme = "https" if self.settings.api.tls_cert else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def reload_policy(self) -> None:
        """Read the policy files and certificates again. Raises InvalidConfig, keeping the old."""
        audit = self.services.audit
        try:
            self.services.policy.reload()
        except InvalidConfig:
            audit.record(Event.AUTHZ_CHANGE, "policy", description="refused, the old one is kept")
            raise
        audit.record(Event.AUTHZ_CHANGE, "policy", description="policy reloaded")
        self.certificates[:] = _certificates(self.settings)

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
    settings: Settings, *, base: Path | None = None, sockets: Sockets | None = None
) -> App:
    """Compose and start everything; when it returns, the sockets listen.

    `base` is where relative policy files are; `sockets` are listening ones by name, instead
    of those of ``api.listen`` and ``api.node_listen``. Raises InvalidConfig or StoreRefused
    with the message to show; then nothing is left open.
    """
    async with AsyncExitStack() as ending:
        api, nodes = listeners(settings, sockets or {})
        for listener in (*api, *nodes):
            ending.callback(listener.close)
        certificates = _certificates(settings)
        services = await _services(settings, base or Path.cwd(), certificates, ending)
        # Reports and boot data are served before the first task goes on.
        servers = serve(settings, services, api, nodes)
        app = App(settings, services, api, nodes, servers, certificates, ending.pop_all())
    try:
        await services.tasks.start()
    except BaseException:
        await app.stop()
        raise
    services.audit.record(Event.STARTUP, "drydockd", description=f"serves {app.url}")
    return app


async def _services(
    settings: Settings, base: Path, certificates: list[Expiry], ending: AsyncExitStack
) -> Services:
    store = await _store(settings)
    ending.push_async_callback(store.close)
    bootkeys = BootKeys(load_secret(settings.store.state_dir / "secret"), _lifetime(settings))
    identity = _identity(settings)
    if identity is not None:
        ending.push_async_callback(identity.close)
    audit = Audit()
    throttle = Throttle(free=settings.auth.throttle_failures, audit=audit)
    auth = _authenticator(settings, identity, throttle, audit)
    ending.push_async_callback(auth.close)
    designs = _designs(settings, identity)
    ending.push_async_callback(designs.close)
    templates = Templates(_limits(settings))
    ending.push_async_callback(templates.close)
    enabled = _drivers(settings, ending)
    tasks = Tasks(store, designs, enabled, bootkeys, _task_settings(settings), templates=templates)
    ending.push_async_callback(tasks.drain, 0.0)
    health = HealthChecks(
        store,
        enabled.node,
        timeout_seconds=settings.health.timeout,
        cache_seconds=settings.health.cache,
        certificates=lambda: certificates,
    )
    ending.push_async_callback(health.close)
    views = TaskViews(store)
    ending.callback(views.close)
    services = Services(
        settings=settings,
        store=store,
        designs=designs,
        tasks=tasks,
        auth=auth,
        policy=_policy(settings, base),
        throttle=throttle,
        audit=audit,
        node_driver=enabled.node,
        bootdata=BootRenderer(
            store, designs, tasks.deployments, templates, settings.bootactions.report_url
        ),
        health=health,
        measures=Measures(),
        proxies=Proxies(settings.api.trusted_proxies),
        views=views,
    )
    publish(services, certificates, identity)
    return services


async def _store(settings: Settings) -> Store:
    store = settings.store
    try:
        store.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidConfig(f"store.state_dir {store.state_dir}: {error.strerror}") from error
    return await open_store(store.backend, store.state_dir, compact_bytes=store.compact_bytes)


def _lifetime(settings: Settings) -> timedelta | None:
    seconds = settings.bootactions.key_lifetime
    return None if seconds is None else timedelta(seconds=seconds)


def _limits(settings: Settings) -> Limits:
    bootactions = settings.bootactions
    return Limits(
        asset_bytes=bootactions.asset_bytes,
        total_bytes=bootactions.archive_bytes,
        template_seconds=bootactions.template_seconds,
    )


def _identity(settings: Settings) -> ServiceIdentity | None:
    """Return drydockd's own account, None where no Keystone is configured."""
    k = settings.keystone_authtoken
    if not k.auth_url:
        return None
    names = (
        "username user_id user_domain_name user_domain_id project_name project_id "
        "project_domain_name project_domain_id domain_id domain_name system_scope trust_id "
        "default_domain_id default_domain_name cafile certfile keyfile insecure"
    )
    return ServiceIdentity(
        Account(
            auth_url=k.auth_url,
            password=k.password.get_secret_value() if k.password else "",
            timeout_seconds=k.http_connect_timeout or 5,
            retries=k.http_request_max_retries,
            **{name: getattr(k, name) for name in names.split()},
        )
    )


def _authenticator(
    settings: Settings, identity: ServiceIdentity | None, throttle: Throttle, audit: Audit
) -> Authenticator:
    auth, keystone = settings.auth, settings.keystone_authtoken
    made: dict[str, Callable[[], Strategy]] = {
        "keystone": lambda: _keystone(settings, identity),
        "jwt": lambda: LocalTokens(
            _jwt_keys(settings),
            issuer=auth.jwt_issuer,
            audience=auth.jwt_audience,
            leeway_seconds=auth.jwt_leeway,
        ),
        "noauth": lambda: NoAuth(
            auth.noauth_roles,
            [settings.api.listen.rpartition(":")[0]],
            is_forced=auth.noauth_force,
        ),
    }
    required = keystone.service_token_roles_required
    return Authenticator(
        [made[name]() for name in auth.strategy],
        throttle=throttle,
        audit=audit,
        service_roles=keystone.service_token_roles if required else (),
    )


def _keystone(settings: Settings, identity: ServiceIdentity | None) -> Keystone:
    if identity is None:
        raise InvalidConfig("keystone_authtoken.auth_url is required by auth.strategy keystone")
    return Keystone(
        identity,
        www_authenticate_uri=settings.keystone_authtoken.www_authenticate_uri or "",
        cache_seconds=settings.keystone_authtoken.token_cache_time,
        jws_keys=load_jws_keys(settings.auth.keystone_jws_keys),
    )


def _jwt_keys(settings: Settings) -> list[Key]:
    auth = settings.auth
    keys = [key for path in auth.jwt_public_keys for key in public_keys(path)]
    if "HS256" in auth.jwt_algorithms:
        keys.extend(secret_keys(settings.store.state_dir, create=True))
    for key in keys:
        if key.algorithm not in auth.jwt_algorithms:
            raise InvalidConfig(
                f"auth.jwt_public_keys: {key.source} is for {key.algorithm}, which "
                "auth.jwt_algorithms does not list"
            )
    return keys


def _designs(settings: Settings, identity: ServiceIdentity | None) -> Designs:
    network = settings.network
    return Designs(
        token=identity,
        allowed_schemes=network.allowed_schemes,
        allowed_roots=network.allowed_roots,
        allowed_hosts=network.allowed_hosts,
        service_hosts=settings.auth.service_hosts,
        connect_timeout=network.http_client_connect_timeout,
        read_timeout=network.http_client_read_timeout,
        attempts=network.http_client_retries,
        max_bytes=network.max_document_bytes,
        lifetime_seconds=network.design_cache,
    )


def _policy(settings: Settings, base: Path) -> Policy:
    chosen = settings.oslo_policy
    return Policy(
        base / chosen.policy_file,
        [base / folder for folder in chosen.policy_dirs],
        chosen.policy_default_rule,
    )


def _drivers(settings: Settings, ending: AsyncExitStack) -> Drivers:
    plugins = settings.plugins

    def made(kind: driver_table.Kind, name: str) -> Any:
        found = driver_table.find(kind, name)
        given = plugins.options.get(name) or settings.drivers.get(found.section or "", {})
        return found.make(given)

    oob: list[OobDriver] = [made("oob", name) for name in plugins.oob_driver]
    node: NodeProvisioner | None = None
    kubernetes: KubernetesDriver | None = None
    if plugins.node_driver:
        node = made("node", plugins.node_driver)
        ending.push_async_callback(node.close)
    if plugins.kubernetes_driver:
        kubernetes = made("kubernetes", plugins.kubernetes_driver)
        ending.push_async_callback(kubernetes.close)
    for driver in oob:
        ending.push_async_callback(driver.close)
    return Drivers(oob, node, kubernetes)


def _task_settings(settings: Settings) -> TaskSettings:
    limits = {name: minutes * 60.0 for name, minutes in settings.timeouts}
    retries, network = settings.limits.retries, settings.networkconfig
    public = (settings.api.public_url or _own_url(settings)).rstrip("/") + "/api/v1.0"
    return TaskSettings(
        **limits,
        poll_interval=settings.default.poll_interval,
        parallel_tasks=settings.limits.parallel_tasks,
        fan_out=settings.limits.fan_out,
        total_limit=2 * settings.limits.driver_calls,
        driver_limits=dict.fromkeys(DRIVER_KINDS, settings.limits.driver_calls),
        commission_retries=retries,
        deploy_retries=retries,
        destroy_retries=retries,
        network_max_retries=network.max_retries,
        network_retry_min_delay=network.retry_min_delay,
        network_retry_max_delay=network.retry_max_delay,
        report_url=settings.bootactions.report_url,
        boot_url=public,
        internal_url=public,
        retention_days=settings.store.retention_days,
        longest_wait=settings.api.wait_limit,
    )


def _own_url(settings: Settings) -> str:
    """Return the address nodes report to, without its path: they fetch from there too."""
    scheme, _, rest = settings.bootactions.report_url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _certificates(settings: Settings) -> list[Expiry]:
    keystone = settings.keystone_authtoken
    configured = {
        "api.tls_cert": settings.api.tls_cert,
        "keystone_authtoken.certfile": keystone.certfile,
        "keystone_authtoken.cafile": keystone.cafile,
    }
    return [read_expiry(name, path) for name, path in configured.items() if path is not None]
