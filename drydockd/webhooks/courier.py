"""Brings the events of everything to one receiver, one after another, for as long as it takes.

Nothing waits in memory: what the receiver has not taken is read from the store again, behind the
place up to which it has taken all. That place is a record of the store, written after delivery.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from drydockd.errors import StoreRefused, StoreUnavailable
from drydockd.model import DriverRecord
from drydockd.store.base import Put, Store
from drydockd.tasks import Event, EventFilter, Feed, Place, parse_place
from drydockd.webhooks import cloudevent
from drydockd.webhooks.sender import Answer, Sender

log = logging.getLogger(__name__)

OWNER = "webhooks"
FIRST_PAUSE_SECONDS = 1.0
# Answers by which a receiver says that it will never take this one.
_NEVER = frozenset({400, 413, 415, 422})
# So often an event is sent that gets one of them.
TRIES = 5
_GONE = 410
# Its place is written once a second while events flow, when it has all, and now and then while
# there are none.
_SAVE_SECONDS = 1.0

# Makes a feed of these events behind a place, or from now on.
MakeFeed = Callable[..., Feed]


class State(StrEnum):
    """How a receiver is doing."""

    WELL = "well"  # it takes what comes
    FAILING = "failing"  # the last attempt failed; it is tried again
    GONE = "gone"  # it said so (410): it is asked no more until the daemon is started anew


class Courier:
    """One receiver. `run` goes on until it is cancelled, or the receiver says that it is gone.

    `seen` and `delivered` count events since the start, what was behind then included; `refused`
    those left out because the receiver would never take them, `failures` attempts.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        wanted: EventFilter,
        store: Store,
        feed: MakeFeed,
        *,
        longest_pause: float,
        source: str = "/drydock",
    ) -> None:
        self.name = name
        self.state = State.WELL
        self.seen = self.delivered = self.refused = self.failures = 0
        self.error: str | None = None
        self._sender = sender
        self._wanted = wanted
        self._store = store
        self._make_feed = feed
        self._longest_pause = longest_pause
        self._source = source
        self._waiting_since: str | None = None
        self._saved: Place | None = None
        self._done = Place(0)
        self._saved_at = 0.0
        self._counting: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return self._sender.shown

    @property
    def lag_events(self) -> int:
        """How many events it has not taken yet."""
        return max(0, self.seen - self.delivered - self.refused)

    @property
    def lag_seconds(self) -> float:
        """How old the event is that is on its way; 0 when it has all."""
        if self._waiting_since is None:
            return 0.0
        return max(0.0, time.time() - datetime.fromisoformat(self._waiting_since).timestamp())

    def problem(self) -> str | None:
        """Say in one line what is wrong with the receiver; None while it takes what comes."""
        if self.state is State.WELL:
            return None
        what = (
            "said that it is gone (410) and is asked no more"
            if self.state is State.GONE
            else f"does not take events: {self.error}"
        )
        return (
            f"webhook {self.name} ({self.url}) {what};"
            f" {self.lag_events} events wait, for {self.lag_seconds:.0f} s"
        )

    async def run(self) -> None:
        """Deliver until cancelled; then the place is written a last time."""
        self._done = await self._place()
        try:
            while True:
                try:
                    await self._follow()
                except (OSError, StoreRefused) as error:
                    # The store cannot be read where it has come to: no receiver's fault.
                    self.state, self.error = State.FAILING, f"the store cannot be read: {error}"
                    log.error("webhook %s: %s", self.name, self.error)
                    await asyncio.sleep(self._wait(self._longest_pause, None))
        finally:
            await self._save(self._done)
            await self._sender.close()
            await self._stop_counting()

    async def _follow(self) -> None:
        feed = self._make_feed(self._wanted, after=self._done)
        await self._recount(self._done)
        try:
            async for event in feed:
                if event.kind != "place" and not await self._deliver(event):
                    await asyncio.Event().wait()  # until the daemon ends
                self._done = parse_place(str(event.id)) or self._done
                if event.kind == "gap":
                    await self._recount(self._done)
                await self._note(self._done, is_due=event.kind == "place")
        finally:
            feed.close()

    # -- the place ---------------------------------------------------------------------

    async def _place(self) -> Place:
        """Where it goes on; of a receiver that is new that is now, and written at once."""
        record = self._store.driver_record(self._key)
        if record is not None:
            self._saved = parse_place(str(record.document["place"]))
        if self._saved is not None:
            return self._saved
        place = self._make_feed(self._wanted).place
        await self._save(place)
        return place

    @property
    def _key(self) -> str:
        return f"{OWNER}/{self.name}"

    async def _note(self, place: Place, *, is_due: bool) -> None:
        now = time.monotonic()
        if is_due or self.lag_events == 0 or now - self._saved_at >= _SAVE_SECONDS:
            await self._save(place)

    async def _save(self, place: Place) -> None:
        if place == self._saved:
            return
        try:
            await self._store.write(Put(DriverRecord(self._key, OWNER, {"place": str(place)})))
        except StoreUnavailable as error:
            # It is written with the next; after a crash the receiver gets some a second time.
            log.warning("webhook %s: its place is not written: %s", self.name, error)
            return
        self._saved, self._saved_at = place, time.monotonic()

    # -- how much is behind ------------------------------------------------------------

    async def _recount(self, place: Place) -> None:
        """Count anew what lies behind `place`: of what a gap passes over some was counted."""
        await self._stop_counting()
        self.seen = self.delivered + self.refused
        name = f"webhook {self.name} counts"
        self._counting = asyncio.create_task(self._count(place), name=name)

    async def _stop_counting(self) -> None:
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.wait([self._counting])
            if not self._counting.cancelled():
                self._counting.exception()  # the deliveries meet it too, and tell

    async def _count(self, place: Place) -> None:
        """Read what is to be delivered as it comes."""
        feed = self._make_feed(self._wanted, after=place)
        try:
            async for event in feed:
                self.seen += event.kind not in ("place", "gap")
        finally:
            feed.close()

    # -- delivery ----------------------------------------------------------------------

    async def _deliver(self, event: Event) -> bool:
        """Send until it is taken or never will be; False once the receiver is gone."""
        self._waiting_since = cloudevent.time_of(event) or self._waiting_since
        body = cloudevent.encode(event, self._source)
        pause, tries = FIRST_PAUSE_SECONDS, 0
        while True:
            answer = await self._sender.send(body)
            tries += 1
            if 200 <= answer.status < 300:
                self._took(event)
                return True
            self._failed(event, answer)
            if answer.status == _GONE:
                self.state = State.GONE
                log.error("%s", self.problem())
                return False
            if answer.status in _NEVER and tries >= TRIES:
                self.refused += 1
                self._waiting_since = None
                log.error(
                    "webhook %s: event %s is left out: answered with %d %d times",
                    self.name, event.id, answer.status, tries,
                )  # fmt: skip
                return True
            await asyncio.sleep(self._wait(pause, answer.pause))
            pause = min(2 * pause, self._longest_pause)

    def _took(self, event: Event) -> None:
        self.delivered += event.kind != "gap"
        if self.state is not State.WELL:
            log.info("webhook %s takes events again", self.name)
        self.state, self.error, self._waiting_since = State.WELL, None, None

    def _failed(self, event: Event, answer: Answer) -> None:
        self.failures += 1
        self.error = answer.trouble or f"answered with {answer.status}"
        if self.state is State.WELL:
            log.warning("webhook %s: event %s: %s", self.name, event.id, self.error)
        self.state = State.FAILING

    def _wait(self, pause: float, asked: float | None) -> float:
        """Seconds until the next attempt: between half and all of `pause`, or as it asks."""
        waited = pause * (0.5 + random.random() / 2)
        if asked is not None:
            waited = max(waited, asked)
        return min(waited, self._longest_pause)
