"""Bytes for a reference: which source, how often tried, how long believed.

Source: contract, design, sections 1.3 and 1.4.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from drydockd.api.headers import encoded
from drydockd.design.documents.fields import SCHEMES
from drydockd.design.file_source import Roots
from drydockd.design.flights import Flights
from drydockd.design.http_source import Answer, HttpSource
from drydockd.design.references import Reference, parse
from drydockd.errors import InvalidDesign, SourceUnavailable

log = logging.getLogger(__name__)

LONGEST_LIFETIME = 180.0
KEPT_ANSWERS = 256
KEPT_BYTES = 128 * 1024 * 1024
LONGEST_PAUSE = 300.0
Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]


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

    async def fetch(self, ref: str, *, marker: str = "", end_user: str = "") -> bytes:
        """Return the bytes `ref` names. `marker` and `end_user` are forwarded to services.

        Files are read anew each time; http answers are believed for the lifetime, then asked
        for news. Raises SourceUnavailable after the last attempt, InvalidDesign at once.
        """
        reference = parse(ref)
        if reference.scheme not in self._schemes:
            raise InvalidDesign(
                f"{reference.shown}: {reference.scheme} references are switched off; "
                "the option network.allowed_schemes lists the schemes that are not"
            )
        if reference.scheme == "file":
            return await asyncio.to_thread(self._roots.read, reference.shown, reference.path)
        kept = self._kept.get(ref)
        if kept is not None and self._clock() < kept.until:
            self._kept.move_to_end(ref)
            return kept.answer.content
        headers = _service_headers(reference, marker, end_user)
        return await self._flights.join(ref, lambda: self._renew(ref, reference, headers))

    async def close(self) -> None:
        """Stop fetching."""
        await self._flights.close()

    async def _renew(self, ref: str, reference: Reference, headers: dict[str, str]) -> bytes:
        kept = self._kept.get(ref)
        answer = await self._insist(reference, headers, kept.answer if kept else None)
        self._keep(ref, answer)
        return answer.content

    async def _insist(
        self, reference: Reference, headers: dict[str, str], known: Answer | None
    ) -> Answer:
        """Try as often as configured, with pauses; only failures that may pass."""
        attempt = 1
        while True:
            try:
                return await self._http.get(reference, headers=headers, known=known)
            except SourceUnavailable as error:
                log.warning("attempt %d of %d: %s", attempt, self._attempts, error)
                if attempt >= self._attempts:
                    raise
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
    """Return the seconds after which a source that never answers is given up."""
    pauses = sum(_pause_after(attempt) for attempt in range(1, attempts))
    return max(1, attempts) * (connect_timeout + read_timeout) + pauses


def _pause_after(attempt: int) -> float:
    """5 s, 25 s, 125 s, and then always the longest: there may be 20 attempts."""
    return min(5.0**attempt, LONGEST_PAUSE)


def _service_headers(reference: Reference, marker: str, end_user: str) -> dict[str, str]:
    if not reference.service:
        return {}
    headers = {"X-Context-Marker": marker, "X-End-User": encoded(end_user)}
    return {name: value for name, value in headers.items() if value}
