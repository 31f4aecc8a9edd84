"""Group commit: writes wait together, and all that arrive during one sync share the next."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from drydockd.errors import StoreUnavailable
from drydockd.store.staging import Batch
from drydockd.store.worker import Job, Worker

log = logging.getLogger(__name__)


# A lone write is synced right on the loop while the disk answers so quickly: handing it to
# the thread and back costs 80 µs, on a disk that needs 200. After one slower answer the
# thread does it, until the disk was quick so many times again; so a disk that stalls holds
# up the loop once, and one that is slow never.
QUICK_SECONDS = 0.003
_QUICK_IN_A_ROW = 16
_ALONE = 2
# Where several write, a group waits for more while they keep coming: each has its sync, which
# costs the processor 0.2 ms, and its way to the thread and back 0.1 ms, as much as a request.
# So many turns of the loop bring a request from its socket to its write.
_TURNS = 6
# So long at most; not at all when the disk took far longer for the last group: it works better
# meanwhile for those who came first. One of 1 to 5 ms is shared: 16 clients on a busy machine cost
# 4 to 10 % less CPU, at 0.9 to 1.4 times the rate.
_GATHER_SECONDS = 0.002
_GATHER_BELOW_SECONDS = 0.005


class _Waiting(NamedTuple):
    batch: Batch
    done: asyncio.Future[None]


class _Exclusive(NamedTuple):
    job: Job
    done: asyncio.Future[None]


class _Gathering:
    """A group that waits for more, until nobody came for some turns or its time is over."""

    __slots__ = ("_quiet", "_size", "_until")

    def __init__(self, seconds: float) -> None:
        self._until = time.perf_counter() + seconds
        self._size = self._quiet = 0

    def goes_on(self, size: int) -> bool:
        """Return whether the group, which is of this size now, waits another turn."""
        self._quiet = 0 if size > self._size else self._quiet + 1
        self._size = size
        return self._quiet < _TURNS and time.perf_counter() < self._until


class GroupCommit:
    """Takes staged batches in order to the disk and then to the tables.

    `save` puts a group on disk, in the worker's thread; `land` makes it visible (see
    backend.Landing) and `forget` drops all that are staged, both on the loop. After a failure
    the disk is tried with an empty write every `probe_seconds` until it works again.
    """

    def __init__(
        self,
        worker: Worker,
        save: Callable[[list[Batch]], None],
        land: Callable[[list[Batch]], asyncio.Future[None] | None],
        forget: Callable[[], None],
        *,
        probe_seconds: float,
        quick_seconds: float = QUICK_SECONDS,
    ) -> None:
        self.error: str | None = None
        self._worker = worker
        self._save = save
        self._land = land
        self._forget = forget
        self._probe_seconds = probe_seconds
        self._quick_seconds = quick_seconds
        self._quick_in_a_row = 0
        self._alone_in_a_row = 0
        self._is_sole_writer = False
        self._has_blocked = False  # in this turn of the loop
        self.is_contended = False  # set while something else writes a lot
        self._loop = asyncio.get_running_loop()
        self._queue: list[_Waiting] = []
        self._exclusives: deque[_Exclusive] = deque()
        self._is_busy = False
        self._flush_at: asyncio.Handle | None = None
        self._gathering: _Gathering | None = None
        self._last_seconds = 0.0
        self._last_size = 0
        self._is_stopping = False
        self._probe_at: asyncio.TimerHandle | None = None

    def save(self, batch: Batch) -> asyncio.Future[None] | None:
        """Queue `batch` and return its future (see `add`), or save it here and now: None.

        Raises StoreUnavailable.
        """
        if self._is_busy or self._queue or not (self._is_sole_writer and self._may_block([batch])):
            return self.add(batch)
        if self._has_blocked:
            # Someone else wrote in this very turn of the loop: gather writes from now on.
            self._is_sole_writer = False
            self._alone_in_a_row = 0
            return self.add(batch)
        failure = self._try_to_save([batch])
        if failure is not None:
            self._failed([], failure)
            raise StoreUnavailable(str(self.error))
        self._has_blocked = True
        self._loop.call_soon(self._end_turn)
        return self._saved([batch])

    def _end_turn(self) -> None:
        self._has_blocked = False

    def add(self, batch: Batch) -> asyncio.Future[None]:
        """Queue `batch`; the future ends when it is visible, or with StoreUnavailable."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.append(_Waiting(batch, done))
        self._schedule()
        return done

    def alone(self, job: Job) -> asyncio.Future[None]:
        """Run `job` in the thread between two groups.

        Until it ends memory and disk are the same. The future ends as the job does.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        self._exclusives.append(_Exclusive(job, done))
        self._schedule()
        return done

    def stop(self) -> None:
        """Try a failing disk no more, and wait for nobody: what is queued goes at once."""
        self._is_stopping = True
        if self._probe_at is not None:
            self._probe_at.cancel()
        self._probe_seconds = 0

    def _schedule(self) -> None:
        # At the end of this turn of the loop, so that writers woken together go together.
        if not self._is_busy and self._flush_at is None:
            self._flush_at = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_at = None
        if self._is_busy:
            return
        if self._exclusives:
            self._run_alone(self._exclusives.popleft())
        elif self._queue:
            if self._gathers():
                self._schedule()
            else:
                self._run_group()

    def _gathers(self) -> bool:
        """Return whether it is worth to wait another turn of the loop for more writes."""
        if self._gathering is None:
            is_one = len(self._queue) == 1 and self._last_size <= 1
            if is_one or self._last_seconds > _GATHER_BELOW_SECONDS:
                return False
            self._gathering = _Gathering(_GATHER_SECONDS)
        if not self._is_stopping and self._gathering.goes_on(len(self._queue)):
            return True
        self._gathering = None
        return False

    def _run_group(self) -> None:
        group, self._queue = self._queue, []
        self._last_size = len(group)
        batches = [waiting.batch for waiting in group]
        self._alone_in_a_row = self._alone_in_a_row + 1 if len(group) == 1 else 0
        self._is_sole_writer = self._alone_in_a_row >= _QUICK_IN_A_ROW
        self._is_busy = True

        def done(failure: Exception | None) -> None:
            if failure is not None:
                self._failed(group, failure)
                self._rest()
            elif (landing := self._saved(batches)) is not None:
                landing.add_done_callback(landed)
            else:
                landed()

        def landed(*_: object) -> None:
            for waiting in group:
                if not waiting.done.done():
                    waiting.done.set_result(None)
            self._rest()

        if self._may_block(batches):
            done(self._try_to_save(batches))
        else:
            self._worker.submit(lambda: self._timed_save(batches), done)

    def _rest(self) -> None:
        self._is_busy = False
        if self._queue or self._exclusives:
            self._schedule()

    def _may_block(self, batches: list[Batch]) -> bool:
        return (
            len(batches) <= _ALONE
            and self._quick_in_a_row >= _QUICK_IN_A_ROW
            and not self.is_contended
            and not any(batch.blobs or batch.is_long for batch in batches)
        )

    def _try_to_save(self, batches: list[Batch]) -> Exception | None:
        try:
            self._timed_save(batches)
        except Exception as error:
            return error
        return None

    def _timed_save(self, batches: list[Batch]) -> None:
        begun = time.perf_counter()
        try:
            self._save(batches)
        finally:
            self._last_seconds = time.perf_counter() - begun
            is_quick = self._last_seconds < self._quick_seconds
            self._quick_in_a_row = self._quick_in_a_row + 1 if is_quick else 0

    def _run_alone(self, exclusive: _Exclusive) -> None:
        self._is_busy = True

        def done(failure: Exception | None) -> None:
            if not exclusive.done.done():
                if failure is None:
                    exclusive.done.set_result(None)
                else:
                    exclusive.done.set_exception(failure)
            self._rest()

        self._worker.submit(exclusive.job, done)

    def _saved(self, batches: list[Batch]) -> asyncio.Future[None] | None:
        if self.error is not None:
            log.info("the store can be written again")
            self.error = None
        return self._land(batches)

    def _failed(self, group: list[_Waiting], failure: Exception) -> None:
        message = f"the store cannot be written: {_named(failure)}"
        if self.error is None:
            log.error("%s", message, exc_info=None if isinstance(failure, OSError) else failure)
        self.error = message
        # What waits was evaluated on top of what failed, so it fails with it.
        group, self._queue = [*group, *self._queue], []
        self._forget()
        for _, done in group:
            if not done.done():
                done.set_exception(StoreUnavailable(message))
        if self._probe_at is None and self._probe_seconds:
            self._probe_at = self._loop.call_later(self._probe_seconds, self._probe)

    def _probe(self) -> None:
        """Write nothing, durably: does the disk work again?"""
        self._probe_at = None
        if self.error is not None and self._probe_seconds:
            # Its failure is already told by `error`.
            self.add(Batch()).add_done_callback(lambda done: done.exception())


def _named(failure: Exception) -> str:
    """Return a failure of the disk with what it is called by people."""
    number = failure.errno if isinstance(failure, OSError) else None
    name = _FAILURES.get(number) if number is not None else None
    return f"{name}: {failure}" if name else str(failure)


_FAILURES = {
    errno.ENOSPC: "disk full",
    errno.EDQUOT: "disk quota used up",
    errno.EROFS: "disk read-only",
    errno.EIO: "disk failing",
}
