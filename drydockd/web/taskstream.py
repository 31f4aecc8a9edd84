"""A task's page, live: what is new, as pieces of HTML in Server-Sent Events.

Source of the format: WHATWG HTML, server-sent events; the pieces are those of htmx 4.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any, ClassVar

from tornado.iostream import StreamClosedError

from drydockd.errors import Unavailable
from drydockd.tasks import TooSlow
from drydockd.web.taskpages import OfTaskPages

log = logging.getLogger(__name__)

# A beat now and then tells the page that the daemon is there, and finds pages that are gone.
BEAT_SECONDS = 10.0
# So long may a page leave its buffers full before it is dropped.
SLOW_SECONDS = 10.0
# How often it is asked whether the session goes on, and whether its token is still good.
SESSION_SECONDS = 5.0
TOKEN_SECONDS = 300.0

BEAT = b"event: beat\ndata: .\n\n"
ENDED = b"event: ended\ndata: .\n\n"
LOGGED_OUT = b"event: logged-out\ndata: .\n\n"


class TaskStream(OfTaskPages):
    """Ends with the task, or with the session of who looks at it."""

    policy: ClassVar = {"GET": "read_task"}
    about: ClassVar = {"GET": "what is new on a task's page, as Server-Sent Events"}
    parameters: ClassVar = {"GET": ("node", "seen")}

    async def get(self, task_id: str) -> None:
        task = self.root_of(task_id)
        seen = self.request.headers.get("Last-Event-ID") or self.query("seen")
        with ExitStack() as places:
            places.enter_context(self.services.streams.taken(self.holder))
            whose = self.session.name if self.session is not None else self.holder
            places.enter_context(self.dashboard.streams.taken(whose))
            watch = await self.watch_of(task)
            self.watches.take(watch)
            places.callback(self.watches.leave, watch)
            self.set_header("Content-Type", "text/event-stream")
            self.set_header("X-Accel-Buffering", "no")
            try:
                if self.request.method != "HEAD":
                    await self._send(watch.follow(self.query("node") or None, seen))
            except (StreamClosedError, TimeoutError, TooSlow) as error:
                log.info("page dropped: %s", str(error) or "it reads too slowly")
                if not self._finished:
                    self.cut()

    async def _send(self, events: AsyncIterator[bytes]) -> None:
        await self._put(b"retry: 1000\n\n")
        closing = asyncio.ensure_future(self.services.closing.wait())
        leaving = self.leaving()
        coming = asyncio.ensure_future(anext(events, None))
        asked = asyncio.get_running_loop().time()
        beat = asked
        try:
            while True:
                causes: list[asyncio.Future[Any]] = [coming, closing, leaving]
                await asyncio.wait(
                    causes, timeout=SESSION_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if closing.done() or leaving.done() or self.is_stale:
                    return
                now = asyncio.get_running_loop().time()
                if now - asked >= TOKEN_SECONDS or not self._has_session:
                    asked = now
                    if not await self._is_admitted():
                        await self._put(LOGGED_OUT)
                        return
                if coming.done():
                    told = coming.result()
                    await self._put(ENDED if told is None else told)
                    if told is None:
                        return
                    coming = asyncio.ensure_future(anext(events, None))
                    beat = now
                elif now - beat >= BEAT_SECONDS:
                    await self._put(BEAT)
                    beat = now
        finally:
            coming.cancel()
            closing.cancel()
            await asyncio.wait([coming, closing])

    def _ask_to_log_in(self) -> None:
        """Say so and no more: the page shows the way, and goes on afterwards."""
        self.set_status(401)
        self.finish("Log in first")

    @property
    def _has_session(self) -> bool:
        """Whether the session the stream began with is still open; without one there is none."""
        if self.session is None:
            return True
        return self.dashboard.sessions.peek(self.get_cookie(self.cookie_name)) is self.session

    async def _is_admitted(self) -> bool:
        try:
            return await self.still_admitted(self.policy["GET"])
        except Unavailable as error:
            # Nobody can say now; the page may look on until somebody can.
            log.info("the token of a page could not be checked: %s", error)
            return self._has_session

    async def _put(self, data: bytes) -> None:
        self.write(data)
        async with asyncio.timeout(SLOW_SECONDS):
            await self.flush()
