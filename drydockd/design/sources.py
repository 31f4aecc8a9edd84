"""Bytes for a reference: which source, how often tried, how long believed.

Source: contract, design, sections 1.3 and 1.4.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from drydockd.api.headers import encoded
from drydockd.design.budget import Budget, Hold
from drydockd.design.documents.fields import SCHEMES
from drydockd.design.file_source import Roots
from drydockd.design.flights import Flights
from drydockd.design.http_source import Answer, HttpSource
from drydockd.design.references import Reference, parse
from drydockd.errors import InvalidDesign, SourceUnavailable

log = logging.getLogger(__name__)

LONGEST_LIFETIME = 180.0
KEPT_ANSWERS = 256
KEPT_BYTES = 64 * 1024 * 1024
# A file up to this size is read at once, and counted then: one visit of a thread, not two.
SMALL_BYTES = 64 * 1024
LONGEST_PAUSE = 300.0
Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]


@dataclass(slots=True)
class _Held:
    """A count that several share: those who fetch, and those who use what was fetched."""

    hold: Hold
    users: int = 0


@dataclass(slots=True)
class _Kept:
    answer: Answer
    until: float


class Sources:
    """Fetches references; one per daemon, event-loop thread only."""

    def __init__(
        self,
        roots: Roots,
        http: HttpSource,
        *,
        schemes: Iterable[str] = SCHEMES,
        attempts: int = 3,
        lifetime_seconds: float = LONGEST_LIFETIME,
        budget: Budget | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
    ) -> None:
        self._roots = roots
        self._http = http
        self._schemes = frozenset(schemes)
        self._attempts = max(1, attempts)
        self._lifetime = min(lifetime_seconds, LONGEST_LIFETIME)
        self._sleep = sleep
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._kept_bytes = 0
        self._flights: Flights[bytes] = Flights()
        self._budget = budget or Budget(fetches=32, most_bytes=KEPT_BYTES, wait_seconds=316)
        self._held: dict[str, _Held] = {}

    async def fetch(self, ref: str, *, marker: str = "", end_user: str = "") -> bytes:
        """Return the bytes `ref` names, which count no more; as `fetched`."""
        async with self.fetched(ref, marker=marker, end_user=end_user) as content:
            return content

    @asynccontextmanager
    async def fetched(
        self, ref: str, *, marker: str = "", end_user: str = ""
    ) -> AsyncIterator[bytes]:
        """Yield the bytes `ref` names, counted until the block ends.

        `marker` and `end_user` are forwarded to services. Files are read anew each time; http
        answers are believed for the lifetime, then asked for news. Raises SourceUnavailable
        after the last attempt, InvalidDesign at once, Busy when too many wait.
        """
        reference = parse(ref)
        if reference.scheme not in self._schemes:
            raise InvalidDesign(
                f"{reference.shown}: {reference.scheme} references are switched off; "
                "the option network.allowed_schemes lists the schemes that are not"
            )
        if reference.scheme == "file":
            with self._budget.hold() as hold:
                yield await self._read(reference, hold)
            return
        kept = self._kept.get(ref)
        if kept is not None and self._clock() < kept.until:
            self._kept.move_to_end(ref)
            yield kept.answer.content
            return
        headers = _service_headers(reference, marker, end_user)
        with self._holding(ref):
            yield await self._flights.join(ref, lambda: self._renew(ref, reference, headers))

    async def _read(self, reference: Reference, hold: Hold) -> bytes:
        shown, path = reference.shown, reference.path
        content = await asyncio.to_thread(self._roots.read_small, shown, path, SMALL_BYTES)
        if content is None or not hold.takes(len(content)):
            content = None  # nothing is held while it waits for room
            await hold.grow(await asyncio.to_thread(self._roots.size, shown, path))
            content = await asyncio.to_thread(self._roots.read, shown, path)
        hold.settle()
        return content

    @contextmanager
    def _holding(self, ref: str) -> Iterator[Hold]:
        """Share the count of the bytes of `ref` with whoever fetches or uses them now."""
        held = self._held.get(ref)
        if held is None:
            held = self._held[ref] = _Held(self._budget.open())
        held.users += 1
        try:
            yield held.hold
        finally:
            held.users -= 1
            if not held.users:
                del self._held[ref]
                self._budget.close(held.hold)

    async def close(self) -> None:
        """Stop fetching."""
        await self._flights.close()

    async def _renew(self, ref: str, reference: Reference, headers: dict[str, str]) -> bytes:
        kept = self._kept.get(ref)
        # It counts by itself: who asked may have given up.
        with self._holding(ref) as hold:
            answer = await self._insist(reference, headers, kept.answer if kept else None, hold)
            hold.settle()
        self._keep(ref, answer)
        return answer.content

    async def _insist(
        self, reference: Reference, headers: dict[str, str], known: Answer | None, hold: Hold
    ) -> Answer:
        """Try as often as configured, with pauses; only failures that may pass."""
        attempt = 1
        while True:
            async with self._budget.turn(reference.shown, reference.host):
                try:
                    return await self._http.get(reference, headers=headers, known=known, hold=hold)
                except SourceUnavailable as error:
                    log.warning("attempt %d of %d: %s", attempt, self._attempts, error)
                    if attempt >= self._attempts:
                        raise
                # What came of it is gone.
                hold.forget()
            await self._sleep(_pause_after(attempt))
            attempt += 1

    def _keep(self, ref: str, answer: Answer) -> None:
        self._drop(ref)
        if self._lifetime <= 0 or len(answer.content) > KEPT_BYTES:
            return
        self._kept[ref] = _Kept(answer, self._clock() + self._lifetime)
        self._kept_bytes += len(answer.content)
        while len(self._kept) > KEPT_ANSWERS or self._kept_bytes > KEPT_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, ref: str) -> None:
        kept = self._kept.pop(ref, None)
        if kept is not None:
            self._kept_bytes -= len(kept.answer.content)


def longest_fetch(*, connect_timeout: float, read_timeout: float, attempts: int) -> float:
    """Return the seconds after which a source that never answers is given up.

    Each attempt may wait for its turn as long as for the source.
    """
    pauses = sum(_pause_after(attempt) for attempt in range(1, attempts))
    return max(1, attempts) * 2 * (connect_timeout + read_timeout) + pauses


def _pause_after(attempt: int) -> float:
    """5 s, 25 s, 125 s, and then always the longest: there may be 20 attempts."""
    return min(5.0**attempt, LONGEST_PAUSE)


def _service_headers(reference: Reference, marker: str, end_user: str) -> dict[str, str]:
    if not reference.service:
        return {}
    headers = {"X-Context-Marker": marker, "X-End-User": encoded(end_user)}
    return {name: value for name, value in headers.items() if value}
