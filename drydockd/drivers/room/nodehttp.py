"""HTTP as a node's scripts do it: with its key, and again until the daemon is back."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import BinaryIO

import httpx
import orjson

from drydockd.drivers.room.config import Reports

AGAIN = (429, 500, 502, 503, 504)
REQUEST_SECONDS = 60.0


class BootFailed(Exception):
    """The node gives up; the message says over what. Carries no key."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The answer to a post; `repeated` = an earlier try may have arrived without an answer."""

    status_code: int
    repeated: bool

    @property
    def accepted(self) -> bool:
        """Recorded now, or (409 after an unanswered try) most likely before."""
        return self.status_code < 300 or (self.status_code == 409 and self.repeated)


class NodeHttp:
    """One client for all nodes of a room; at most `connections` requests at a time."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._turn = asyncio.Semaphore(reports.connections)
        limits = httpx.Limits(
            max_connections=reports.connections, max_keepalive_connections=reports.connections
        )
        # No proxies: nodes reach the daemon directly, and so do machines of a room.
        self._client = httpx.AsyncClient(timeout=REQUEST_SECONDS, limits=limits, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def download(self, url: str, key: str, sink: BinaryIO) -> None:
        """Fetch into `sink`, again from its start after each failure. Raises BootFailed."""
        patience = _Patience(self._reports)
        while True:
            sink.seek(0)
            sink.truncate()
            try:
                async with self._turn:
                    status = await self._try_download(url, key, sink)
                seen = f"status {status}"
            except httpx.TransportError as error:
                status, seen = 0, type(error).__name__
            if status == 200:
                return
            if status and status not in AGAIN:
                raise BootFailed(f"GET {url}: status {status}")
            await patience.wait(f"GET {url}: {seen}")

    async def _try_download(self, url: str, key: str, sink: BinaryIO) -> int:
        headers = {"X-Bootaction-Key": key, "Accept-Encoding": "identity"}
        got = 0
        async with self._client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == 200:
                async for chunk in answer.aiter_raw():
                    got += len(chunk)
                    if got > self._reports.archive_bytes:
                        raise BootFailed(
                            f"GET {url}: more than {self._reports.archive_bytes} bytes"
                        )
                    sink.write(chunk)
            return answer.status_code

    async def post(self, url: str, key: str, body: object) -> Posted:
        """Post JSON until there is an answer that is one. Raises BootFailed after `give_up`."""
        patience = _Patience(self._reports)
        headers = {"X-Bootaction-Key": key, "Content-Type": "application/json"}
        content = orjson.dumps(body)
        repeated = False
        while True:
            try:
                async with self._turn:
                    answer = await self._client.post(url, headers=headers, content=content)
                seen = f"status {answer.status_code}"
                if answer.status_code not in AGAIN:
                    return Posted(answer.status_code, repeated)
                repeated = repeated or answer.status_code != 429
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                seen = type(error).__name__
            except httpx.TransportError as error:
                seen = type(error).__name__
                repeated = True
            await patience.wait(f"POST {url}: {seen}")


class _Patience:
    """Growing pauses, with some chance in them, until the time to give up."""

    def __init__(self, reports: Reports) -> None:
        self._pause, self._longest = reports.retry_seconds
        self._end = time.monotonic() + reports.give_up_seconds

    async def wait(self, seen: str) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise BootFailed(f"gave up, last seen: {seen}")
        await asyncio.sleep(min(left, self._pause * random.uniform(0.5, 1.0)))
        self._pause = min(self._longest, self._pause * 2)
