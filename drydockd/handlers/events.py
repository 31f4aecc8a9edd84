"""GET tasks/<id>/events: a task's whole tree as Server-Sent Events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import orjson
from tornado.iostream import StreamClosedError

from drydockd import errors
from drydockd.api.event import KINDS
from drydockd.handlers import parameters
from drydockd.handlers.base import Media
from drydockd.handlers.tasks import OfTasks
from drydockd.tasks import Event, EventStream, TooSlow

log = logging.getLogger(__name__)

# A line now and then keeps proxies from closing a quiet stream and finds readers that left.
SILENCE_SECONDS = 15.0
# The same for a reader that sends no more: it may be gone.
DOUBT_SECONDS = 1.0
# So long may a reader leave its buffers full before it is dropped.
SLOW_SECONDS = 10.0

LAST_EVENT_ID = parameters.text("last_event_id", "go on behind this event", header="Last-Event-ID")


class EventsHandler(OfTasks):
    """Ends with the task. Source of the format: WHATWG HTML, server-sent events."""

    policy: ClassVar = {"GET": "read_task"}
    names: ClassVar = {"GET": "get_task_events"}
    about: ClassVar = {
        "GET": "the [events](tasks.md#watching) of its tree, as they happen",
    }
    parameters: ClassVar = {"GET": (LAST_EVENT_ID,)}
    answers: ClassVar = {("GET", 200): Media("text/event-stream", KINDS)}

    async def get(self, task_id: str) -> None:
        task = self.task_of(task_id)
        last = last_id(self.request.headers.get(LAST_EVENT_ID.header) or self.given(LAST_EVENT_ID))
        services = self.services
        with services.streams.taken(self.holder):
            self.set_header("Content-Type", "text/event-stream")
            self.set_header("X-Accel-Buffering", "no")
            try:
                if self.request.method != "HEAD":
                    await self._send(services.tasks.events(task.task_id, last))
            except (StreamClosedError, TimeoutError, TooSlow) as error:
                # Words only: a record that is kept would keep the error, its frames and all this.
                log.info("event reader dropped: %s", str(error) or "it reads too slowly")
                if not self._finished:
                    self.cut()

    async def _send(self, stream: EventStream) -> None:
        events = aiter(stream)
        await self._put(b": drydockd\nretry: 2000\n\n")
        coming = asyncio.create_task(self._next(events))
        closing = asyncio.ensure_future(self.services.closing.wait())
        leaving = self.leaving()
        try:
            while True:
                # Who sends no more may still read: a line tells, and soon another.
                has_left = leaving.done()
                causes: list[asyncio.Future[Any]] = [coming, closing]
                await asyncio.wait(
                    causes if has_left else [*causes, leaving],
                    timeout=DOUBT_SECONDS if has_left else SILENCE_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if closing.done():
                    return
                if not coming.done():
                    await self._put(b": still here\n\n")
                    continue
                event = coming.result()
                if event is None:
                    return
                coming = asyncio.create_task(self._next(events))
                await self._put(encode(event))
        finally:
            coming.cancel()
            closing.cancel()
            await asyncio.wait([coming, closing])
            stream.close()

    async def _next(self, events: AsyncIterator[Event]) -> Event | None:
        """Return the next event, made in a turn of its own: of large trees that is long work."""
        await self.services.slices.turn(self.holder)
        return await anext(events, None)

    async def _put(self, data: bytes) -> None:
        self.write(data)
        async with asyncio.timeout(SLOW_SECONDS):
            await self.flush()


def encode(event: Event) -> bytes:
    """Return one event; JSON has no line ends, so the data is one line."""
    head = f"id: {event.id}\nevent: {event.kind}\ndata: ".encode()
    return head + orjson.dumps(event.data) + b"\n\n"


def last_id(text: str | None) -> int | None:
    """Return the id after which to go on; None, the beginning, when there is none."""
    if text is None or not text.strip():
        return None
    if not text.strip().isdecimal() or len(text) > 20:
        raise errors.InvalidInput("Last-Event-ID: the id of an event is required")
    return int(text)
