"""Whether a service answers: after a failure calls end at once, until one probe went well."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from drydockd.errors import Unavailable

log = logging.getLogger(__name__)

# A call while the service is away waits so long for the probe, and then ends.
PATIENCE_SECONDS = 0.8


class Circuit:
    """Closed while `trouble` is None. Event-loop thread only.

    `probe` asks the service one cheap question; one runs at a time, and none within
    `pause_seconds` after a failure. `name` is the service's, for messages.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], asyncio.Future[None]],
        *,
        pause_seconds: float,
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trouble: str | None = None
        self._name = name
        self._probe = probe
        self._pause = pause_seconds
        self._patience = patience_seconds
        self._clock = clock
        self._away_until = 0.0
        self._said = ""
        self._asking: asyncio.Future[None] | None = None
        self._failure: asyncio.Future[None] | None = None

    async def ready(self) -> None:
        """Return when calls may be made; raises Unavailable within `patience_seconds`."""
        if self.trouble is None:
            return
        if self._clock() >= self._away_until:
            self._ask()
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=self._patience)
        if self.trouble is not None:
            raise Unavailable(self._said)

    async def check(self, seconds: float) -> str | None:
        """Ask now, whatever is known; return what is wrong, None if nothing is."""
        asking = self._ask()
        await asyncio.wait({asking}, timeout=seconds)
        return self.trouble if asking.done() else f"{self._name} does not answer in time"

    def failure(self) -> asyncio.Future[None]:
        """Return what is done at the next failure: whoever waits then need not wait longer."""
        if self._failure is None:
            self._failure = asyncio.get_running_loop().create_future()
        return self._failure

    def open(self, trouble: str, said: str, *, level: int = logging.WARNING) -> None:
        """Let calls end with `said`; `trouble` is for the log and the health report."""
        if self.trouble is None:
            log.log(level, "%s", trouble)
        self.trouble, self._said = trouble, said
        self._away_until = self._clock() + self._pause
        if self._failure is not None:
            self._failure.set_result(None)
            self._failure = None

    def close(self) -> None:
        """Note that the service answered. Safe to call while closed."""
        if self.trouble is not None:
            log.info("%s answers again", self._name)
        self.trouble = None

    def _ask(self) -> asyncio.Future[None]:
        if self._asking is None:
            self._asking = self._probe()
            self._asking.add_done_callback(self._asked)
        return self._asking

    def _asked(self, asking: asyncio.Future[None]) -> None:
        """Its failure is told by whoever made the probe: see `open`."""
        self._asking = None
        if not asking.cancelled() and asking.exception() is None:
            self.close()
