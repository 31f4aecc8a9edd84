"""This daemon among those of its database: when it gets the work, and what it tells the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from drydockd.cluster import digests
from drydockd.cluster.lease import Lease
from drydockd.cluster.peers import Peers
from drydockd.errors import StoreStale, StoreUnavailable
from drydockd.model import DriverRecord, Timestamp
from drydockd.store.base import Member, Put, Store
from drydockd.store.lease import Keeper, Report
from drydockd.store.news import News

log = logging.getLogger(__name__)

T = TypeVar("T")

OWNER = "cluster"
CONTACTS = f"{OWNER}/contacts/"
# So often nodes that were heard of are told on, and the others' settings read.
TELL_SECONDS = 10.0
# So often the runner tidies the database up.
TIDY_SECONDS = 3600.0
# So long is waited for what others wrote, before that is tried again.
STEP_SECONDS = 10.0
PAUSE_SECONDS = 0.2


class Backend(Protocol):
    """What of the store's backend is the runner's to do."""

    @property
    def applied(self) -> int: ...

    async def trim(self) -> int:
        """Remove from the feed what every daemon has seen. Raises StoreUnavailable."""
        ...

    async def sweep(self) -> int:
        """Remove blobs that no record names. Raises StoreUnavailable."""
        ...


class Heard(Protocol):
    """Which nodes were heard of, and when; see tasks.shared.contacts."""

    def take(self) -> Mapping[str, Timestamp]: ...

    def learn(self, heard: Mapping[str, Timestamp]) -> None: ...


class Cluster:
    """One per daemon that shares its store. Event-loop thread only.

    Begins with `start`; from the moment it is the runner `take_up` has been called with the name
    of the daemon that had the work before, empty if none had. `end` is called with the reason when
    the process has to end.
    """

    def __init__(
        self,
        store: Store,
        backend: Backend,
        keeper: Keeper,
        lease: Lease,
        peers: Peers,
        settings: Callable[[], Mapping[str, str]],
        end: Callable[[str], None],
    ) -> None:
        self.lease = lease
        self._end = end
        self.leads = asyncio.Event()
        self._store = store
        self._backend = backend
        self._keeper = keeper
        self._peers = peers
        self._settings = settings
        self._members: Sequence[Member] = ()
        self._heard: Heard | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._unwatch: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        return self.lease.member

    def start(self, heard: Heard, take_up: Callable[[str], Awaitable[None]]) -> None:
        """Begin to beat, and to want the work; call it once."""
        self._heard = heard
        self._unwatch = self._store.watch(self._seen)
        self.lease.start()
        for name, work in (("runner", self._lead(take_up)), ("members", self._tell_on())):
            task = asyncio.create_task(work, name=f"cluster {name}")
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def leave(self) -> None:
        """Give the work away; call it when nothing is at work any more. Safe twice."""
        self._unwatch()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.lease.leave()
        await self._peers.close()

    # -- the others

    def members(self) -> Sequence[Member]:
        """All daemons as they were a few seconds ago, gone ones too."""
        return self._members

    def differences(self) -> list[str]:
        """Return a line for each live member that has something set that has to be the same."""
        longest = 3 * max(self.lease.ttl, TELL_SECONDS)
        live = [member for member in self._members if member.silent_seconds < longest]
        return digests.differences(self.name, self._settings(), live)

    @property
    def is_here(self) -> bool:
        """Whether this daemon has the work: see tasks.views.waits.Runner."""
        return self.lease.is_runner

    async def waits(self, task_id: str | None) -> Mapping[str, str] | None:
        """Ask the runner what one step, or each, waits for; None: it cannot be asked."""
        address = await self._address_of_runner()
        return await self._peers.waits(address, task_id) if address else None

    async def _address_of_runner(self) -> str | None:
        for _ in range(2):
            for member in self._members:
                if member.name == self.lease.runner:
                    return member.address or None
            await self._look_around()
        return None

    async def _look_around(self) -> None:
        # What is known goes on to hold while the database is away.
        with suppress(StoreUnavailable):
            self._members = await self._store.members()

    async def _tell_on(self) -> None:
        while True:
            await self._look_around()
            await self.tell_contacts()
            await asyncio.sleep(TELL_SECONDS)

    async def tell_contacts(self) -> None:
        """Tell the others which nodes were heard of here since the last time."""
        heard = self._heard.take() if self._heard is not None else {}
        if not heard:
            return
        record = DriverRecord(CONTACTS + self.name, OWNER, {"heard": dict(heard)})
        try:
            await self._store.write(Put(record))
        except StoreUnavailable as error:
            # They are told when each node is heard of again; what must last is in the records.
            log.warning("other daemons are not told of %d nodes: %s", len(heard), error)

    def _seen(self, seq: int, news: News) -> None:
        for part in news.parts:
            if isinstance(part, DriverRecord) and part.driver == OWNER and self._heard is not None:
                self._heard.learn(part.document.get("heard", {}))

    # -- the work

    async def _lead(self, take_up: Callable[[str], Awaitable[None]]) -> None:
        await self.lease.gained()
        before = await _insist("end what the runner before had sent", self._keeper.take_over)
        await _insist("learn what it wrote", self._catch_up)
        log.info("%s takes the work up, after %s", self.name, before or "nobody")
        await take_up("" if before in (None, self.name) else str(before))
        self.leads.set()
        while True:
            await self._tidy_up()
            await asyncio.sleep(TIDY_SECONDS)

    async def _catch_up(self) -> None:
        await self._store.fresh(STEP_SECONDS)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Neither ends by itself: who cannot do the work must not keep others from it."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("%s ended", task.get_name(), exc_info=error)
            self._end(f"{task.get_name()} failed: {error}")

    async def _tidy_up(self) -> None:
        try:
            trimmed, swept = await self._backend.trim(), await self._backend.sweep()
        except StoreUnavailable as error:
            log.error("the database is not tidied up, which is tried again later: %s", error)
        else:
            log.info("%d old writes and %d unused blobs are removed", trimmed, swept)


def report(backend: Backend, settings: Callable[[], Mapping[str, str]]) -> Report:
    """Return what each beat tells of this daemon."""
    return Report(backend.applied, settings())


async def _insist(what: str, step: Callable[[], Awaitable[T]]) -> T:
    """Do a step of the take-over, again while the database is away: without it nothing begins.

    A lease that ends meanwhile ends the process.
    """
    while True:
        try:
            return await step()
        except (StoreUnavailable, StoreStale) as error:
            log.warning("cannot %s yet, trying again: %s", what, error)
            await asyncio.sleep(PAUSE_SECONDS)
