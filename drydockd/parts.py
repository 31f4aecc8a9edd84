"""Each part of the daemon, made from the settings: nothing is opened, bound or asked here.

`app` puts them together, `preflight` makes each to see whether it can be made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from drydockd import drivers as driver_table
from drydockd.auth.audit import Audit
from drydockd.auth.certificates import Expiry, read_expiry
from drydockd.auth.identity import Account, ServiceIdentity
from drydockd.auth.jwt import LocalTokens
from drydockd.auth.jwtkeys import SECRET_FILE, Key, public_keys, secret_keys
from drydockd.auth.keystone import Keystone, load_jws_keys
from drydockd.auth.lookups import Lookups
from drydockd.auth.noauth import NoAuth
from drydockd.auth.passwords import Passwords
from drydockd.auth.policy import Policy
from drydockd.auth.secret import load_secret
from drydockd.auth.strategy import Authenticator, Strategy
from drydockd.auth.throttle import Throttle
from drydockd.config import Schema, Settings
from drydockd.config.events import SHORTEST_SECRET, Webhook
from drydockd.design import Designs
from drydockd.design.compiler import CompileLimits
from drydockd.design.confinement import Hosts
from drydockd.drivers.options import Offer
from drydockd.errors import InvalidConfig, InvalidDesign, StoreRefused
from drydockd.render import Limits, Templates, unrenderable
from drydockd.store.base import Store
from drydockd.store.check import missing_secret
from drydockd.store.statedir import StateDir
from drydockd.tasks import DRIVER_KINDS, EventFilter, PinLimits, ReportLimits, Tasks, TaskSettings
from drydockd.webhooks import Courier, Couriers, Sender

VIRTUAL_ONLY = "virtual machines only"


def schema() -> Schema:
    """Return what a configuration may hold, the sections of the drivers included."""
    return Schema(driver_table.sections())


def lifetime(settings: Settings) -> timedelta | None:
    seconds = settings.bootactions.key_lifetime
    return None if seconds is None else timedelta(seconds=seconds)


def limits(settings: Settings) -> Limits:
    bootactions = settings.bootactions
    return Limits(
        asset_bytes=bootactions.asset_bytes,
        total_bytes=bootactions.archive_bytes,
        template_seconds=bootactions.template_seconds,
        template_workers=bootactions.template_workers,
    )


def identity(settings: Settings) -> ServiceIdentity | None:
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


def server_secret(settings: Settings, *, contexts: int = 0, create: bool = True) -> bytes:
    """Return what the keys of nodes are derived from; made where no record needs the old one.

    `contexts` is the number of boot contexts there are. Daemons that share a store never make it:
    the keys of nodes would differ. Raises InvalidConfig, StoreRefused.
    """
    state = StateDir(settings.store.state_dir)
    if settings.store.backend == "postgres":
        _check_shared(secret_file(settings), "auth.secret_file")
        create = False
    elif settings.auth.secret_file is None:
        if (problem := missing_secret(state, contexts)) is not None:
            raise StoreRefused(problem)
    elif contexts and not os.path.lexists(settings.auth.secret_file):
        raise StoreRefused(
            f"auth.secret_file {settings.auth.secret_file} is missing, and the boot keys of"
            f" {contexts} nodes are derived from it. Put it back"
        )
    return load_secret(secret_file(settings), create=create, anew=new_secret(state.path))


def secret_file(settings: Settings) -> Path:
    """Return where the server's secret is."""
    return settings.auth.secret_file or StateDir(settings.store.state_dir).secret


def jwt_secret_file(settings: Settings) -> Path:
    """Return where the secret of local tokens is; see jwtkeys.secret_keys."""
    return settings.auth.jwt_secret_file or settings.store.state_dir / SECRET_FILE


def _check_shared(path: Path, option: str) -> None:
    """Raise InvalidConfig for a secret that is not there, and has to be that of other daemons."""
    if not os.path.lexists(path):
        raise InvalidConfig(
            f"{option}: {path} is missing; all daemons of one database have the same: copy it from"
            f" another one. For the first: (umask 077; openssl rand -hex 32 > {path})"
        )


def new_secret(state_dir: Path) -> str:
    """Say how a new secret is made on purpose."""
    return (
        f"run `drydock store new-secret --state-dir {state_dir}` to make a new one (which voids"
        " the boot keys of all nodes that are being deployed)"
    )


def authenticator(
    settings: Settings,
    identity: ServiceIdentity | None,
    throttle: Throttle,
    audit: Audit,
    lookups: Lookups,
) -> Authenticator:
    auth, keystone = settings.auth, settings.keystone_authtoken
    made: dict[str, Callable[[], Strategy]] = {
        "keystone": lambda: _keystone(settings, identity, lookups),
        "jwt": lambda: local_tokens(settings, jwt_keys(settings)),
        "noauth": lambda: NoAuth(
            auth.noauth_roles,
            [settings.api.listen.rpartition(":")[0]],
            names=_public_names(settings),
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


def _public_names(settings: Settings) -> list[str]:
    url = settings.api.public_url
    return [urlsplit(url).hostname or ""] if url else []


def lookups(settings: Settings, audit: Audit) -> Lookups:
    auth = settings.auth
    return Lookups(
        per_address=auth.unknown_tokens_per_address, total=auth.unknown_tokens, audit=audit
    )


def _keystone(settings: Settings, identity: ServiceIdentity | None, lookups: Lookups) -> Keystone:
    if identity is None:
        raise InvalidConfig("keystone_authtoken.auth_url is required by auth.strategy keystone")
    return Keystone(
        identity,
        www_authenticate_uri=settings.keystone_authtoken.www_authenticate_uri or "",
        cache_seconds=settings.keystone_authtoken.token_cache_time,
        refused_seconds=settings.auth.refused_seconds,
        lookups=lookups,
        jws_keys=load_jws_keys(settings.auth.keystone_jws_keys),
    )


def passwords(settings: Settings, identity: ServiceIdentity | None) -> Passwords | None:
    """Return what logs people in by their passwords; None where Keystone is not asked."""
    is_asked = identity is not None and "keystone" in settings.auth.strategy
    return Passwords(identity) if is_asked and identity is not None else None


def local_tokens(settings: Settings, keys: list[Key]) -> LocalTokens:
    """Return the strategy ``jwt``. Raises InvalidConfig."""
    auth = settings.auth
    return LocalTokens(
        keys,
        issuer=auth.jwt_issuer,
        audience=auth.jwt_audience,
        leeway_seconds=auth.jwt_leeway,
    )


def jwt_keys(settings: Settings, *, create: bool = True) -> list[Key]:
    """Return the keys of local tokens; the secret is made if need be, and if `create`.

    Raises InvalidConfig.
    """
    auth = settings.auth
    keys = [key for path in auth.jwt_public_keys for key in public_keys(path)]
    path, is_shared = jwt_secret_file(settings), settings.store.backend == "postgres"
    if "HS256" in auth.jwt_algorithms and (create or is_shared or os.path.exists(path)):
        if is_shared:
            _check_shared(path, "auth.jwt_secret_file")
        keys.extend(secret_keys(path, create=create and not is_shared))
    for key in keys:
        if key.algorithm not in auth.jwt_algorithms:
            raise InvalidConfig(
                f"auth.jwt_public_keys: {key.source} is for {key.algorithm}, which "
                "auth.jwt_algorithms does not list"
            )
    return keys


def sender(settings: Settings, webhook: Webhook) -> Sender:
    """Return what posts to a webhook. Raises InvalidConfig if it may not, or has no secret."""
    network = settings.network
    hosts = Hosts(network.allowed_hosts, trusted=settings.auth.service_hosts)
    made = Sender(webhook.url, _signed(webhook), hosts, seconds=settings.events.webhook_seconds)
    try:
        made.check()
    except InvalidDesign as error:
        raise InvalidConfig(f"events.webhooks, {webhook.name}: {error}") from error
    return made


def _signed(webhook: Webhook) -> bytes:
    if webhook.secret is not None:
        return webhook.secret.get_secret_value().encode()
    path, named = webhook.secret_file, f"events.webhooks, {webhook.name}: {webhook.secret_file}"
    try:
        secret = path.read_bytes().strip() if path is not None else b""
    except OSError as error:
        raise InvalidConfig(f"{named}: {error.strerror}") from error
    if len(secret) < SHORTEST_SECRET:
        raise InvalidConfig(f"{named} is shorter than {SHORTEST_SECRET} characters")
    return secret


def couriers(settings: Settings, store: Store, tasks: Tasks) -> Couriers:
    """Return what brings events to the webhooks. Raises InvalidConfig as `sender` does."""
    events = settings.events
    return Couriers(
        [
            Courier(
                webhook.name,
                sender(settings, webhook),
                EventFilter(frozenset(webhook.filter.kind), frozenset(webhook.filter.node)),
                store,
                tasks.feed,
                longest_pause=events.webhook_retry_seconds,
                source=settings.api.public_url or "/drydock",
            )
            for webhook in events.webhooks
        ]
    )


def designs(
    settings: Settings,
    identity: ServiceIdentity | None,
    templates: Templates,
    oob_types: Iterable[str],
) -> Designs:
    """Return what loads and judges designs; `oob_types` are those of the enabled drivers."""
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
        fetches=network.fetches,
        fetch_bytes=network.fetch_bytes,
        lifetime_seconds=network.design_cache,
        compile_limits=CompileLimits(
            seconds=settings.limits.design_seconds,
            memory_bytes=settings.limits.design_memory,
            expansion=settings.limits.design_expansion,
        ),
        kept_bytes=settings.limits.designs_kept,
        trial=lambda site: unrenderable(site, templates),
        oob_types=dict.fromkeys(oob_types),
        stubs_absent=settings.bootactions.absent_sources == "stub",
    )


def policy(settings: Settings, base: Path) -> Policy:
    chosen = settings.oslo_policy
    return Policy(
        base / chosen.policy_file,
        [base / folder for folder in chosen.policy_dirs],
        chosen.policy_default_rule,
    )


def task_settings(settings: Settings) -> TaskSettings:
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
        reports=_report_limits(settings),
        pins=PinLimits(settings.bootactions.asset_bytes, settings.bootactions.pinned_bytes),
        report_url=settings.bootactions.report_url,
        boot_url=public,
        internal_url=public,
        retention_days=settings.store.retention_days,
        longest_wait=settings.api.wait_limit,
    )


def _report_limits(settings: Settings) -> ReportLimits:
    names = ReportLimits.__dataclass_fields__
    return ReportLimits(**{name: getattr(settings.bootactions, name) for name in names})


def _own_url(settings: Settings) -> str:
    """Return the address nodes report to, without its path: they fetch from there too."""
    scheme, _, rest = settings.bootactions.report_url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def certificates(settings: Settings) -> list[Expiry]:
    """Return when the certificates end that each connection to others reads from its file.

    The one that is served is in memory; whoever serves it knows its end.
    """
    keystone = settings.keystone_authtoken
    configured = {
        "keystone_authtoken.certfile": keystone.certfile,
        "keystone_authtoken.cafile": keystone.cafile,
    }
    return [read_expiry(name, path) for name, path in configured.items() if path is not None]


def enabled(settings: Settings) -> Iterator[tuple[driver_table.Kind, str]]:
    """Yield kind and name of every driver that is configured."""
    plugins = settings.plugins
    for name in plugins.oob_driver:
        yield "oob", name
    if plugins.node_driver:
        yield "node", plugins.node_driver
    if plugins.kubernetes_driver:
        yield "kubernetes", plugins.kubernetes_driver


def virtual_only(settings: Settings) -> str | None:
    """Return that no machine of metal is deployed, and why; None with a real provisioner.

    The one place that decides it: the log of the start and health/extended repeat the sentence.
    """
    name = settings.plugins.node_driver
    if name is None:
        return f"{VIRTUAL_ONLY}: plugins.node_driver is not set"
    factory = driver_table.find("node", name).factory
    if isinstance(factory, Offer) and factory.is_virtual:
        return f"{VIRTUAL_ONLY}: plugins.node_driver is {name}, no provisioner of real machines"
    return None


def driver(settings: Settings, kind: driver_table.Kind, name: str) -> Any:
    """Return one driver with its options. Raises InvalidConfig."""
    found = driver_table.find(kind, name)
    needs_account = isinstance(found.factory, Offer) and found.factory.uses_keystone
    if needs_account and not settings.keystone_authtoken.auth_url:
        raise InvalidConfig(
            f"{kind} driver {name}: keystone_authtoken.auth_url is missing; it is spoken to with "
            "the account of that section"
        )
    own = settings.plugins.options.get(name)
    given = settings.drivers.get(found.section or "", {}) if own is None else own
    return found.make(given, is_shared=settings.store.backend == "postgres")
