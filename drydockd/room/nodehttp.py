"""HTTP as a node's scripts do it: with its key, and again until the daemon is back."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import BinaryIO

import orjson

from drydockd.room.config import Reports
from drydockd.room.exchange import Exchange, Lost, NotSent, TooMuch

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
        self._exchange = Exchange(reports.connections)

    def close(self) -> None:
        self._exchange.close()

    async def download(self, url: str, key: str, sink: BinaryIO) -> None:
        """Fetch into `sink`, again from its start after each failure. Raises BootFailed."""
        patience = _Patience(self._reports)
        headers = {"X-Bootaction-Key": key}
        limit = self._reports.archive_bytes
        while True:
            sink.seek(0)
            sink.truncate()
            try:
                answer = await self._exchange.get(
                    url, headers, seconds=REQUEST_SECONDS, sink=sink, limit=limit
                )
            except TooMuch as error:
                raise BootFailed(f"GET {url}: {error}") from error
            except (NotSent, Lost) as error:
                await patience.wait(f"GET {url}: {error}")
                continue
            if answer.status == 200:
                return
            if answer.status not in AGAIN:
                raise BootFailed(f"GET {url}: status {answer.status}")
            await patience.wait(f"GET {url}: status {answer.status}")

    async def post(self, url: str, key: str, body: object) -> Posted:
        """Post JSON until there is an answer that is one. Raises BootFailed after `give_up`."""
        patience = _Patience(self._reports)
        headers = {"X-Bootaction-Key": key, "Content-Type": "application/json"}
        content = orjson.dumps(body)
        repeated = False
        while True:
            try:
                answer = await self._exchange.post(url, content, headers, seconds=REQUEST_SECONDS)
            except NotSent as error:
                seen = str(error)
            except Lost as error:
                seen, repeated = str(error), True
            else:
                if answer.status not in AGAIN:
                    return Posted(answer.status, repeated)
                # Behind a 5xx the post may have been recorded; behind 429 it was not looked at.
                seen, repeated = f"status {answer.status}", repeated or answer.status != 429
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
