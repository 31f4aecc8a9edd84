"""GET tasks/<id>/events, GET events: a task's whole tree, or everything, as Server-Sent Events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, Protocol

import orjson
from tornado.iostream import StreamClosedError

from drydockd import errors
from drydockd.api.error import Error
from drydockd.api.event import CHOICES, KINDS, TASK_KINDS
from drydockd.handlers import parameters
from drydockd.handlers.barrier import RETRY_SECONDS
from drydockd.handlers.base import Media
from drydockd.handlers.tasks import OfTasks
from drydockd.tasks import Event, EventFilter, TooSlow, parse_place

log = logging.getLogger(__name__)

# A line now and then keeps proxies from closing a quiet stream and finds readers that left.
SILENCE_SECONDS = 15.0
# The same for a reader that sends no more: it may be gone.
DOUBT_SECONDS = 1.0
# So long may a reader leave its buffers full before it is dropped.
SLOW_SECONDS = 10.0

LAST_EVENT_ID = parameters.text("last_event_id", "go on behind this event", header="Last-Event-ID")
NODE = parameters.text("node", "only events of these nodes, by commas")
TASK = parameters.text("task", "only events of this task and what is below it")
KIND = parameters.text("kind", f"only these kinds, by commas: {', '.join(CHOICES)}")
FOLLOW = parameters.flag("follow", "false: the stream ends where the events end now")


class EventSource(Protocol):
    """What is sent: events as they come, and an end to it."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    def close(self) -> None: ...


class OfEvents(OfTasks):
    """Sends events until they end. Source of the format: WHATWG HTML, server-sent events."""

    @property
    def last_event_id(self) -> str | None:
        return self.request.headers.get(LAST_EVENT_ID.header) or self.given(LAST_EVENT_ID)

    async def stream(self, begin: Callable[[], EventSource]) -> None:
        """Answer with the events of what `begin` returns, called once there is a place."""
        with self.services.streams.taken(self.holder):
            self.set_header("Content-Type", "text/event-stream")
            self.set_header("X-Accel-Buffering", "no")
            try:
                if self.request.method != "HEAD":
                    await self._send(begin())
            except (StreamClosedError, TimeoutError, TooSlow) as error:
                # Words only: a record that is kept would keep the error, its frames and all this.
                log.info("event reader dropped: %s", str(error) or "it reads too slowly")
                if not self._finished:
                    self.cut()

    async def _send(self, stream: EventSource) -> None:
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
                if closing.done() or self.is_stale:
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


class TaskEventsHandler(OfEvents):
    """Ends with the task."""

    policy: ClassVar = {"GET": "read_task"}
    names: ClassVar = {"GET": "get_task_events"}
    about: ClassVar = {
        "GET": "the [events](tasks.md#watching) of its tree, as they happen",
    }
    parameters: ClassVar = {"GET": (LAST_EVENT_ID,)}
    answers: ClassVar = {("GET", 200): Media("text/event-stream", TASK_KINDS)}

    async def get(self, task_id: str) -> None:
        task = self.task_of(task_id)
        last = last_id(self.last_event_id)
        await self.stream(lambda: self.services.tasks.events(task.task_id, last))


class EventsHandler(OfEvents):
    """Ends with the daemon, or with ``follow=false`` where the events end now."""

    policy: ClassVar = {"GET": "read_events"}
    names: ClassVar = {"GET": "get_events"}
    about: ClassVar = {
        "GET": "the [events](events.md) of everything, as they happen, or of some",
    }
    parameters: ClassVar = {"GET": (NODE, TASK, KIND, LAST_EVENT_ID, FOLLOW)}
    answers: ClassVar = {
        ("GET", 200): Media("text/event-stream", KINDS),
        ("GET", 404): Error,  # the task
    }

    async def get(self) -> None:
        after = parse_place(self.last_event_id)
        wanted = EventFilter(
            kinds=frozenset(_kinds(self.given(KIND))),
            nodes=frozenset(_words(self.given(NODE))),
            task_id=self.task_of(task).task_id if (task := self.given(TASK)) else "",
        )
        until_now = self.given(FOLLOW) is False
        tasks = self.services.tasks
        if self.behind and after is not None and tasks.is_ahead(after):
            # Another daemon told it: here it will be known, but is not yet.
            raise errors.StoreStale(
                "Last-Event-ID: this daemon has not heard of that event yet", RETRY_SECONDS
            )
        await self.stream(lambda: tasks.feed(wanted, after=after, until_now=until_now))


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _kinds(text: str | None) -> list[str]:
    kinds = _words(text)
    for kind in kinds:
        if kind not in CHOICES:
            raise errors.InvalidInput(f"kind: {kind} is none of {', '.join(CHOICES)}")
    return kinds


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
