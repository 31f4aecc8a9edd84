"""A thread with a loop and a connection of its own: for what threads ask and what takes long."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from drydockd.errors import StoreUnavailable
from drydockd.store.postgres.connect import connect, is_away, library, told

T = TypeVar("T")
Job = Callable[[Any], Awaitable[T]]

RETRY_SECONDS = 0.1


class Side:
    """Runs jobs, given the connection, one after the other; each may run twice."""

    def __init__(self, url: str, purpose: str, patience: float) -> None:
        self._url = url
        self._purpose = purpose
        self._patience = patience
        self._connection: Any | None = None
        self._loop = asyncio.new_event_loop()
        self._turn = asyncio.Lock()
        self._is_over = False
        self._door = threading.Lock()  # nobody comes in behind the one who ends it
        self._thread = threading.Thread(target=self._loop.run_forever, name="drydock-side")
        self._thread.daemon = True
        self._thread.start()

    def ask(self, job: Job[T]) -> T:
        """Run a job and wait for it; in any thread. Raises StoreUnavailable when the database is
        away for longer than patience lasts."""
        return self._submit(job).result()

    async def run(self, job: Job[T]) -> T:
        """The same from the daemon's loop."""
        return await asyncio.wrap_future(self._submit(job))

    def _submit(self, job: Job[T]) -> Future[T]:
        with self._door:
            if self._is_over:
                raise StoreUnavailable("the store is closed")
            return asyncio.run_coroutine_threadsafe(self._patiently(job), self._loop)

    async def _patiently(self, job: Job[T]) -> T:
        until = time.monotonic() + self._patience
        while True:
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())), self._turn:
                    return await job(await self._connected())
            except Exception as error:
                is_lost = is_away(error)
                if not is_lost and not isinstance(error, library().PostgresError):
                    raise
                if is_lost:
                    self._drop()
                if not is_lost or time.monotonic() + RETRY_SECONDS >= until:
                    raise StoreUnavailable(
                        f"the database does not answer: {told(error, self._url)}"
                    ) from None
            await asyncio.sleep(RETRY_SECONDS)

    async def _connected(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url, purpose=self._purpose)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def stop(self) -> None:
        """End the thread, and what it is doing; safe to call twice."""
        with self._door:
            if self._is_over:
                return
            self._is_over = True
            asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        await self._cancel_all()
        self._drop()
        # asyncpg's own: it asks for the end of a statement by another connection.
        await self._cancel_all()
        await asyncio.sleep(0)  # a transport is closed by the turn that follows
        self._loop.stop()

    async def _cancel_all(self) -> None:
        jobs = asyncio.all_tasks(self._loop) - {asyncio.current_task(self._loop)}
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
