"""How this daemon comes to its store: one of its own, or as one of several of a database."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from drydockd import __version__, acting, parts
from drydockd.cluster.cluster import Cluster, report
from drydockd.cluster.digests import digests
from drydockd.cluster.lease import Lease, Watched
from drydockd.cluster.peers import Peers, Seal
from drydockd.config import Settings
from drydockd.errors import InvalidConfig, StoreRefused, StoreUnavailable
from drydockd.model import Timestamp, timestamp
from drydockd.store import Store, open_store
from drydockd.store.records import Records
from drydockd.tasks import ALONE, Authority

if TYPE_CHECKING:
    from drydockd.auth.policy import Policy

log = logging.getLogger(__name__)

T = TypeVar("T")

# So long a start waits for a database that does not answer, and looks so often.
START_SECONDS, RETRY_SECONDS = 30.0, 0.5
# Told why this process has to end, at once.
End = Callable[[str], None]
WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 (compared, not bound)


@dataclass(slots=True)
class Opened:
    """The store, the server's secret, and where several daemons share the store, how.

    `settings` are the digests of what has to be the same everywhere, told with each beat.
    """

    store: Store
    secret: bytes = field(repr=False)
    cluster: Cluster | None = None
    seal: Seal | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def authority(self) -> Authority:
        return ALONE if self.cluster is None else self.cluster.lease

    def now(self) -> Timestamp:
        """The time by the database's clock, as well as it is known; alone by our own."""
        if self.cluster is None:
            return timestamp()
        ahead = timedelta(seconds=self.cluster.lease.offset_seconds)
        return timestamp(datetime.now(UTC) + ahead)

    def tell(self, settings: Settings, policy: Policy) -> None:
        """Have the others told what is in force here now."""
        if self.cluster is not None:
            jwt = parts.jwt_keys(settings) if "jwt" in settings.auth.strategy else ()
            keys = (key.kid for key in jwt)
            self.settings |= digests(settings, policy.checks(), self.secret, keys)


async def opened(
    settings: Settings,
    ending: AsyncExitStack,
    listening: Callable[[], str],
    end: End,
    warden: Watched | None,
) -> Opened:
    """Open the store; `ending` closes it.

    `listening` is the URL of the API's socket. Raises InvalidConfig, StoreRefused,
    StoreUnavailable.
    """
    _make_folder(settings)
    if settings.store.backend == "postgres":
        return await _joined(settings, ending, listening, end, warden)
    store = await open_store(
        settings.store.backend,
        settings.store.state_dir,
        compact_bytes=settings.store.compact_bytes,
        past_bytes=settings.events.keep_bytes,
    )
    ending.push_async_callback(store.close)
    return Opened(store, parts.server_secret(settings, contexts=store.health().boot_contexts))


def _make_folder(settings: Settings) -> None:
    folder = settings.store.state_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidConfig(f"store.state_dir {folder}: {error.strerror}") from error


def member_name(settings: Settings) -> str:
    """Return this daemon's name among those of its database."""
    return settings.cluster.name or socket.gethostname()


def member_address(settings: Settings, listening: str) -> str:
    """Return where other daemons reach this one. Raises InvalidConfig where nobody says it."""
    if settings.cluster.address is not None:
        return settings.cluster.address
    if settings.api.listen.rpartition(":")[0].strip("[]") in WILDCARDS:
        raise InvalidConfig(
            f"cluster.address is missing: api.listen, {settings.api.listen}, does not tell the"
            " other daemons where they reach this one"
        )
    return listening


async def _patiently(join: Callable[[], Awaitable[T]]) -> T:
    """Join as soon as the database answers. Raises what `join` does, StoreUnavailable late.

    It may be on its way up as we are. Who starts this daemon again and again would soon give up.
    """
    until, told = time.monotonic() + START_SECONDS, ""
    while True:
        try:
            return await join()
        except StoreUnavailable as error:
            if time.monotonic() >= until:
                raise
            if str(error) != told:
                log.warning("cannot start yet, trying again: %s", error)
            told = str(error)
        await asyncio.sleep(RETRY_SECONDS)


async def _joined(
    settings: Settings,
    ending: AsyncExitStack,
    listening: Callable[[], str],
    end: End,
    warden: Watched | None,
) -> Opened:
    # Not at the top: an extra, which only this backend needs.
    from drydockd.store import postgres
    from drydockd.store.postgres.connect import connect
    from drydockd.store.postgres.lease import PostgresKeeper
    from drydockd.store.postgres.making import OtherSecret, secret_mark

    chosen, secret = settings.store, parts.server_secret(settings)
    url, name = chosen.url.get_secret_value() if chosen.url else "", member_name(settings)
    join = partial(
        postgres.open_backend,
        chosen.state_dir,
        url=url,
        name=name,
        address=member_address(settings, listening()),
        version=__version__,
        secret_mark=secret_mark(secret),
        patience=chosen.patience,
        on_lost=lambda lost: end(str(lost)),
    )
    try:
        backend, loaded = await _patiently(join)
    except OtherSecret as error:
        raise StoreRefused(f"{error}. Here it is {parts.secret_file(settings)}") from None
    store = Records(backend, loaded)
    ending.push_async_callback(store.close)
    told: dict[str, str] = {}

    def settings_told() -> Mapping[str, str]:
        return told

    keeper = PostgresKeeper(partial(connect, url, purpose=f"{name}/lease"), backend.member_id, name)
    lease = Lease(
        keeper,
        settings.cluster.lease_seconds,
        name=name,
        report=partial(report, backend, settings_told),
        lost=end,
        warden=warden,
    )
    # For the whole process: a connection that a look opened may be used for an act later.
    acting.bind_here(lease)
    seal = Seal(secret)
    peers = Peers(seal, settings.api.tls_cert)
    cluster = Cluster(store, backend, keeper, lease, peers, settings_told, end)
    ending.push_async_callback(cluster.leave)
    # Before anything is served: what is created then has the database's time.
    await _patiently(lease.measure)
    return Opened(store, secret, cluster, seal, told)
