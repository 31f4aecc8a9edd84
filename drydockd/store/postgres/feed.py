"""What others write: told by a notification, asked for at least twice a second.

A daemon that writes itself is told by the answers to its own writes, and asks only when they do
not come: everything would come twice, and cost most of what the daemon and the database can do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from drydockd.errors import StoreStale
from drydockd.store.postgres.connect import connect, is_away, library, told
from drydockd.store.postgres.join import Membership, settle_history
from drydockd.store.postgres.replica import HistoryLost, Replica
from drydockd.store.postgres.schema import CHANNEL

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
# An answer that is due may tell what was notified, if it comes within this.
ANSWER_SECONDS = 0.2
RETRY_SECONDS = (0.05, 1.0)


class Feed:
    """Keeps `replica` up to date by a connection of its own. `error`: why it cannot, or None.

    `lost` is called with HistoryLost when this process cannot go on.
    """

    def __init__(
        self,
        who: Membership,
        replica: Replica,
        connection: Any,
        *,
        lost: Callable[[HistoryLost], None],
    ) -> None:
        self.error: str | None = None
        self._who = who
        self._replica = replica
        self._connection: Any | None = connection
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._heard_at = self._loop.time()
        self._pause = RETRY_SECONDS[0]
        self._task: asyncio.Task[None] | None = None
        self._notified_seq = 0
        self._patience: asyncio.TimerHandle | None = None
        replica.heard = self._heard
        replica.answered = self._answered

    def begin(self) -> None:
        self._task = self._loop.create_task(self._run(), name="store feed")

    def silent_seconds(self) -> float:
        return self._loop.time() - self._heard_at

    async def fresh(self, seconds: float) -> None:
        """See Store.fresh. Those who ask within one round trip share the next."""
        waiting = self._loop.create_future()
        self._waiting.append(waiting)
        self._asked.set()
        try:
            async with asyncio.timeout(seconds):
                await waiting
        except TimeoutError:
            raise StoreStale(
                f"what other daemons wrote last cannot be read within {seconds:g} s;"
                f" the database was last heard {self.silent_seconds():.1f} s ago"
            ) from None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._stop_waiting()
        if self._connection is not None:
            self._connection.terminate()
        for waiting in self._waiting:
            waiting.cancel()

    async def listen(self) -> None:
        """Begin to hear notifications, so that none is missed of what is read from now on."""
        assert self._connection is not None  # noqa: S101 - called with one
        self._connection.add_termination_listener(lambda _: self._asked.set())
        await self._connection.add_listener(CHANNEL, self._notified)

    def _heard(self) -> None:
        self._heard_at = self._loop.time()

    def _notified(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        self._heard()
        seq, member = map(int, payload.split())
        # What this daemon writes its writer tells.
        if member == self._replica.member or seq <= self._replica.seq:
            return
        self._notified_seq = seq
        if not self._replica.is_answer_due():
            self._asked.set()
        elif self._patience is None:
            self._patience = self._loop.call_later(ANSWER_SECONDS, self._asked.set)

    def _answered(self) -> None:
        # Those who waited for the answer may write again at once, and another is due then.
        self._loop.call_soon(self._after_answer)

    def _after_answer(self) -> None:
        if self._replica.seq >= self._notified_seq:
            self._stop_waiting()
        elif not self._replica.is_answer_due():
            self._asked.set()

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    async def _run(self) -> None:
        while True:
            try:
                if self._connection is None:
                    await self._reconnect()
                await self._follow(self._connection)
            except HistoryLost as error:
                self._lost(error)
                return
            except Exception as error:
                if not is_away(error) and not isinstance(error, library().PostgresError):
                    log.critical("the store cannot go on", exc_info=error)
                    self._lost(HistoryLost(f"the store cannot go on: {error!r}"))
                    return
                self._disconnected(error)
                await asyncio.sleep(self._pause)
                self._pause = min(self._pause * 2, RETRY_SECONDS[1])

    async def _reconnect(self) -> None:
        connection = await connect(self._who.url, purpose=f"{self._who.name}/feed")
        try:
            await settle_history(self._who, connection, self._replica)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        await self.listen()
        self.error = None
        log.info("the database is read again")

    def _disconnected(self, error: BaseException) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        if self.error is None:
            log.warning("the database cannot be read: %s", told(error, self._who.url))
        self.error = f"the database cannot be read: {told(error, self._who.url)}"

    async def _follow(self, connection: Any) -> None:
        while True:
            self._asked.clear()
            self._stop_waiting()
            waiting, self._waiting = self._waiting, []
            try:
                await self._replica.catch_up(connection)
            except BaseException:
                self._waiting += waiting
                raise
            self._pause = RETRY_SECONDS[0]
            for one in waiting:
                if not one.done():
                    one.set_result(None)
            await self._rest()

    async def _rest(self) -> None:
        """Wait until somebody asks, or nothing told all there was for so long."""
        while (left := self._replica.whole_at + POLL_SECONDS - self._loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._asked.wait()
                return
            except TimeoutError:
                continue
