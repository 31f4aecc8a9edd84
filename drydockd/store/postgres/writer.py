"""Own writes on their way to the database: one group at a time, and none told before it is known.

::

    queue --_send--> in flight --reply--> landed, or refused and back to the queue's front
                         |
                  connection lost --rejoin--> landed after all, or back to the front
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from drydockd.errors import Fenced, InvalidInput, StoreUnavailable
from drydockd.store.backend import Landing
from drydockd.store.base import Epoch
from drydockd.store.postgres import sql
from drydockd.store.postgres.connect import is_away, library, sqlstate, told, within
from drydockd.store.postgres.join import Membership, forgotten, rejoin, superseded
from drydockd.store.postgres.replica import HistoryLost, Replica
from drydockd.store.postgres.rows import Packed, Written, size
from drydockd.store.staging import Batch

log = logging.getLogger(__name__)

GROUP_WRITES, GROUP_BYTES = 512, 1 << 20
# So many conflicts of one write in a row, and it waits a little before it is tried again.
PATIENT_CONFLICTS = 3
LONGEST_PAUSE = 0.05
RETRY_SECONDS = (0.05, 1.0)
# Not the fault of what was written: the same may succeed later.
_RESOURCES = ("53", "57", "58", "XX")
_ORDER = ("40P01", "40001")

PutBlobs = Callable[[dict[str, bytes]], Coroutine[Any, Any, None]]


class _Item:
    """One write, from its staging until it has landed or is refused."""

    __slots__ = ("batch", "conflicts", "deadline", "done", "guard", "has_landed", "size")

    def __init__(
        self, batch: Batch, guard: Epoch | None, deadline: float, done: asyncio.Future[None]
    ) -> None:
        self.batch = batch
        self.guard = guard
        self.size = size(batch)
        self.deadline = deadline
        self.conflicts = 0
        self.has_landed = False
        self.done = done

    def landed(self) -> None:
        self.has_landed = True
        if not self.done.done():
            self.done.set_result(None)

    def refuse(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Writer:
    """Sends what `save` takes, in order. `error`: why nothing can be written now, or None.

    `lost` is called with HistoryLost when this process cannot go on; it calls `give_up`.
    """

    def __init__(
        self,
        who: Membership,
        replica: Replica,
        connection: Any,
        put_blobs: PutBlobs,
        *,
        patience: float,
        first_n: int,
        lost: Callable[[HistoryLost], None],
    ) -> None:

        self.error: str | None = None
        self._who = who
        self._replica = replica
        self._connection: Any | None = connection
        self._put_blobs = put_blobs
        self._patience = patience
        self._next_n = first_n
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Item] = deque()
        self._flying: list[_Item] = []
        self._singly = 0  # so many writes go one by one: one of them is refused by the database
        self._wake = asyncio.Event()
        self._expiry: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._is_over = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, landing: Landing) -> None:
        self._landing = landing
        self._replica.is_answer_due = self._is_answer_due
        self._task = self._loop.create_task(self._run(), name="store writer")

    def save(self, batch: Batch, guard: Epoch | None) -> asyncio.Future[None]:
        """Take a staged batch; see Backend.save."""
        deadline = self._loop.time() + self._patience
        item = _Item(batch, guard, deadline, self._loop.create_future())
        if self._is_over:
            item.refuse(StoreUnavailable(self.error or "the store is closed"))
            return item.done
        if any("\0" in op[1] for op in batch.ops):
            item.refuse(InvalidInput("a key of a record with U+0000 in it cannot be stored"))
            self._replica.is_dirty = True
            return item.done
        self._queue.append(item)
        self._wake.set()
        if self._expiry is None:
            self._expiry = self._loop.call_at(item.deadline, self._expire)
        return item.done

    async def close(self) -> None:
        """Send what waits, as long as patience lasts; what is on its way then is never told."""
        self._is_closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=self._patience)
            self._task.cancel()
            await asyncio.wait({self._task})
        self._end(StoreUnavailable("the store is closed"))

    def _is_answer_due(self) -> bool:
        return self._connection is not None and bool(self._flying or self._queue)

    # -- the one task

    async def _run(self) -> None:
        pause = RETRY_SECONDS[0]
        while not (self._is_closing and not self._queue and not self._flying):
            try:
                if self._connection is None:
                    self._connection = await rejoin(self._who, self._replica)
                    self._rejoined()
                    pause = RETRY_SECONDS[0]
                if not self._queue:
                    await self._idle()
                    continue
                await self._send(self._connection)
                self._replica.answered()
            except HistoryLost as error:
                self._lost(error)
                return
            except Exception as error:
                if not is_away(error) and not isinstance(error, library().PostgresError):
                    log.critical("the store cannot go on", exc_info=error)
                    self._lost(HistoryLost(f"the store cannot go on: {error!r}"))
                    return
                self._disconnected(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_SECONDS[1])

    async def _idle(self) -> None:
        self._wake.clear()
        if not self._queue and not self._is_closing:
            await self._wake.wait()

    def _disconnected(self, error: BaseException) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        self._replica.answered()
        message = f"the store cannot be written: PostgreSQL: {told(error, self._who.url)}"
        if self.error is None:
            log.error("%s", message)
        self.error = message

    def _rejoined(self) -> None:
        log.info("the store can be written again")
        self.error = None
        left = [item for item in self._flying if not item.has_landed]
        for item in self._flying:
            if item.has_landed:
                item.landed()
        self._flying, self._replica.pending = [], {}
        self._back(left)
        self._restage()

    # -- a group

    def _take(self) -> list[_Item]:
        group: list[_Item] = []
        total, epoch = 0, None
        most = 1 if self._singly else GROUP_WRITES
        while self._queue and len(group) < most:
            item = self._queue[0]
            if item.guard is not None and epoch not in (None, item.guard.number):
                break
            total += item.size
            if group and total > GROUP_BYTES:
                break
            epoch = item.guard.number if item.guard is not None else epoch
            group.append(self._queue.popleft())
        self._singly = max(0, self._singly - len(group))
        return group

    async def _send(self, connection: Any) -> None:
        if connection.is_closed():
            raise ConnectionResetError("the connection was closed")  # nothing was sent by it
        if self._replica.is_dirty:
            self._restage()
        group = self._take()
        if not group:
            return
        self._flying = group
        sent = [item for item in group if item.batch.ops]
        idle = [item for item in group if not item.batch.ops]
        if not await self._send_blobs(sent):
            return
        base, first_n, asked_at = self._replica.seq, self._next_n, self._loop.time()
        self._next_n += len(sent)
        self._replica.pending = dict(enumerate(sent, first_n))
        guards = [number for number, item in enumerate(sent, 1) if item.guard is not None]
        epoch = sent[guards[0] - 1].guard.number if guards else 0  # type: ignore[union-attr]
        packed = Packed([item.batch for item in sent], [item.size for item in sent])
        asking = connection.fetchrow(
            sql.CALL_WRITE,
            *(self._who.member, self._who.session, base, epoch, first_n),
            *(guards[0] if guards else 0, *packed.arguments()),
        )
        try:
            reply = await within(connection, self._patience, asking)
        except library().PostgresError as error:
            if is_away(error):
                raise
            self._failed(group, error)
            return
        self._replica.heard()
        self.error = None
        await self._answered(reply, sent, base, first_n)
        if reply["verdict"] == "behind":
            self._back(group)
            await self._replica.catch_up(connection)
            return
        self._replica.whole_at = max(self._replica.whole_at, asked_at)
        for item in idle:
            self._evaluate(item, is_newest=reply["head"] == base)
        if rest := sent[reply["applied"] :]:
            await self._refused(rest, reply["verdict"])

    async def _send_blobs(self, sent: list[_Item]) -> bool:
        blobs = {name: text for item in sent for name, text in item.batch.blobs.items()}
        if not blobs:
            return True
        try:
            await self._put_blobs(blobs)
        except StoreUnavailable as error:
            self._refuse(self._flying, error)
            return False
        return True

    async def _answered(self, reply: Any, sent: list[_Item], base: int, first_n: int) -> None:
        """Land what others wrote before, then those of `sent` that were applied."""
        head, applied = reply["head"], reply["applied"]
        if heads := reply["o_heads"]:
            lines = zip(*(reply[name] or () for name in _COLUMNS), strict=True)
            await self._replica.apply_answer(base, heads, lines)
        mine = [
            Written(head + number, self._who.member, first_n + number - 1, reply["micros"])
            for number in range(1, applied + 1)
        ]
        if mine:
            mine[-1] = mine[-1]._replace(chain=bytes(reply["chain"]))
        await self._replica.apply(mine)
        for item in sent[:applied]:
            item.landed()
        self._flying, self._replica.pending = [], {}

    async def _refused(self, rest: list[_Item], verdict: str) -> None:
        if verdict == "fenced":
            over = Fenced("another daemon is the runner now: nothing was changed")
            for item in rest:
                if item.guard is not None:
                    item.refuse(over)
            rest = [item for item in rest if item.guard is None]
        else:
            rest[0].conflicts += 1
        first = rest[0] if rest else None
        self._back(rest)
        self._restage()
        if first is not None and first.conflicts > PATIENT_CONFLICTS and not first.done.done():
            longest = min(2 ** (first.conflicts - PATIENT_CONFLICTS) / 1000, LONGEST_PAUSE)
            await asyncio.sleep(random.uniform(0, longest))

    def _evaluate(self, item: _Item, *, is_newest: bool) -> None:
        """Tell of a write that changes nothing; it may do so after what others wrote."""
        if is_newest:
            item.landed()
            return
        try:
            item.batch = self._landing.retry(item.batch)
        except Exception as error:
            item.refuse(error)
            return
        if item.batch.ops:
            item.size = size(item.batch)
            self._queue.append(item)
        else:
            item.landed()

    def _failed(self, group: list[_Item], error: BaseException) -> None:
        """The database refused a statement, so nothing of it was done."""
        self._replica.pending = {}
        code = sqlstate(error)
        if code in (sql.SESSION_OVER, sql.HISTORY_LOST):
            self._flying = []
            self._back(group)
            is_over = code == sql.SESSION_OVER
            raise superseded(self._who) if is_over else forgotten(self._replica)
        if code in _ORDER:
            self._flying = []
            self._back(group)
        elif len(group) > 1 and code[:2] not in _RESOURCES:
            self._singly = len(group)
            self._flying = []
            self._back(group)
        else:
            message = f"the store cannot be written: PostgreSQL: {told(error, self._who.url)}"
            log.error("%s", message)
            self.error = message
            self._refuse(group, StoreUnavailable(message))

    # -- the queue

    def _back(self, items: Iterable[_Item]) -> None:
        self._queue.extendleft(reversed(list(items)))

    def _refuse(self, group: list[_Item], error: BaseException) -> None:
        self._flying = []
        for item in group:
            item.refuse(error)
        self._restage()

    def _restage(self) -> None:
        """Evaluate again what waits, on top of what is on its way."""
        self._replica.is_dirty = False
        self._landing.forget()
        for item in self._flying:
            if not item.has_landed:
                self._landing.again(item.batch)
        left = list(self._queue)
        self._queue.clear()
        for item in left:
            try:
                item.batch = self._landing.retry(item.batch)
            except Exception as error:
                item.refuse(error)
            else:
                item.size = size(item.batch)
                self._queue.append(item)

    def _expire(self) -> None:
        """Refuse what waited too long: none of it was done."""
        self._expiry = None
        now = self._loop.time()
        late = []
        while self._queue and self._queue[0].deadline <= now:
            late.append(self._queue.popleft())
        if late:
            told = self.error or "the store cannot be written: the database does not answer"
            for item in late:
                item.refuse(StoreUnavailable(told))
            self._restage()
        if self._queue:
            self._expiry = self._loop.call_at(self._queue[0].deadline, self._expire)

    # -- the end

    def give_up(self, error: HistoryLost) -> None:
        """Write no more: nothing that waits was done."""
        self.error = str(error)
        self._end(StoreUnavailable(self.error))

    def _end(self, error: BaseException) -> None:
        self._is_over = True
        if self._expiry is not None:
            self._expiry.cancel()
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        for item in self._queue:
            item.refuse(error)
        for item in self._flying:
            item.done.cancel()  # whether it was done is not known
        self._queue.clear()
        self._flying = []


_COLUMNS = ("o_seq", "o_tab", "o_key", "o_doc")
