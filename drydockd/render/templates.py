"""Render templates that nobody vouches for, in bounded time and memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from jinja2 import Template

from drydockd.apart import WorkerFailed, Workers
from drydockd.errors import RenderError
from drydockd.render import sandbox, worker
from drydockd.render.limits import Limits
from drydockd.turns import Turns

_GRACE_SECONDS = 5
_THREAD_FROM_BYTES = 256 * 1024

# A thousand nodes fetch at once, each with one template at a time.
MOST_WAITING = 4000
MOST_WAITING_OF_ONE = 2000

T = TypeVar("T")


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template | None:
    return sandbox.compile_plain(source)


class Templates:
    """Renders templates for one event loop: cheap ones here, the others in workers.

    At most `limits.template_workers` processes, started when first needed; they end with `close`
    and when this process does. A worker that fails is replaced at the next template. One design's
    templates never have all of them, if there are several, and each design gets its turn.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.workers = Workers(worker.__name__)
        self._turns = Turns(
            "templates",
            places=self.limits.template_workers,
            most_of_one=max(1, self.limits.template_workers - 1),
            waiting=MOST_WAITING,
            waiting_of_one=MOST_WAITING_OF_ONE,
        )

    async def render(self, source: str, context: Mapping[str, object], owner: str = "") -> str:
        """Return the text. `owner` is the design it is from: workers serve designs in turn.

        Raises RenderError with the cause, without names of assets, and Busy.
        """
        if len(source) > self.limits.asset_bytes:
            raise RenderError(f"the template is longer than {self.limits.asset_bytes} characters")
        if not sandbox.has_tags(source):
            return sandbox.literal(source)
        try:
            template = _compiled(source)
            if template is not None and sandbox.is_small(context):
                return sandbox.render_plain(template, context, self.limits.asset_bytes)
        except sandbox.OverBudget:
            pass
        except Exception as error:
            # Whatever a template raises is the template's failure; it is told, not hidden.
            raise RenderError(sandbox.describe(error)) from None
        return await self._render_apart(source, context, owner)

    async def _render_apart(self, source: str, context: Mapping[str, object], owner: str) -> str:
        job: worker.Job = {
            "source": source,
            "context": context,
            "chars": self.limits.asset_bytes,
            "seconds": self.limits.template_seconds,
            "memory_bytes": self.limits.template_memory_bytes,
        }
        async with self._turns.turn(owner):
            try:
                answer = await self._ask(await self._moved(worker.encoded, job, len(source)))
            except WorkerFailed as error:
                raise RenderError(f"the template {error}") from error
        if "error" in answer:
            raise RenderError(answer["error"])
        return answer["text"]

    async def _ask(self, job: bytes) -> worker.Answer:
        seconds = self.limits.template_seconds + _GRACE_SECONDS
        body = await self.workers.ask(job, seconds=seconds)
        return await self._moved(json.loads, body, len(body))

    @staticmethod
    async def _moved(call: Callable[..., T], argument: object, size: int) -> T:
        """Call in a thread where the size would hold the loop for more than a moment."""
        if size > _THREAD_FROM_BYTES:
            return await asyncio.to_thread(call, argument)
        return call(argument)

    async def close(self) -> None:
        """End the workers. May be called twice; rendering afterwards starts new ones."""
        await self.workers.close()
