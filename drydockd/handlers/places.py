"""Answers that are held open: so many per caller, so many in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from drydockd.config import Settings
from drydockd.errors import TooMany, Unavailable


class Places:
    """Counts what is held open, such as ``long polls``.

    `per_caller` and `most` are the bounds, `options` the names of their options in that order;
    `retry_seconds` is what who gets no place is told to wait.
    """

    def __init__(
        self,
        what: str,
        *,
        per_caller: int,
        most: int,
        options: tuple[str, str],
        retry_seconds: int,
    ) -> None:
        self._what = what
        self._per_caller = per_caller
        self._most = most
        self._options = options
        self._retry_seconds = retry_seconds
        self._callers: Counter[str] = Counter()
        self.open = 0

    @contextmanager
    def taken(self, caller: str) -> Iterator[None]:
        """Hold a place of `caller`. Raises TooMany, Unavailable."""
        if self._callers[caller] >= self._per_caller:
            raise TooMany(
                f"{self._per_caller} {self._what} of one caller are open "
                f"({self._options[0]}): end one of them first",
                self._retry_seconds,
            )
        if self.open >= self._most:
            raise Unavailable(
                f"All {self._most} {self._what} are taken ({self._options[1]}): ask again later",
                self._retry_seconds,
            )
        self.open += 1
        self._callers[caller] += 1
        try:
            yield
        finally:
            self.open -= 1
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]


def long_polls(settings: Settings) -> Places:
    """Return the places of requests with ``?wait=``."""
    return Places(
        "long polls",
        per_caller=settings.api.long_polls_per_caller,
        most=settings.api.long_polls,
        options=("api.long_polls_per_caller", "api.long_polls"),
        retry_seconds=5,
    )


def event_streams(settings: Settings) -> Places:
    """Return the places of event streams."""
    return Places(
        "event streams",
        per_caller=settings.api.event_streams_per_caller,
        most=settings.api.event_streams,
        options=("api.event_streams_per_caller", "api.event_streams"),
        retry_seconds=30,
    )
