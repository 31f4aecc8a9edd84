"""Render templates that nobody vouches for, in bounded time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from jinja2 import Template

from drydockd.errors import RenderError
from drydockd.render import sandbox, worker
from drydockd.render.limits import Limits

# A worker is started isolated (no environment, no user site) and gets our module path.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from drydockd.render.worker import main; main()"
)
_GRACE_SECONDS = 5
_THREAD_FROM_BYTES = 256 * 1024

T = TypeVar("T")


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template | None:
    return sandbox.compile_plain(source)


class Templates:
    """Renders templates for one event loop: cheap ones here, the others in workers.

    At most `workers` processes, started when first needed; they end with `close` and when
    this process does. A worker that fails is replaced at the next template.
    """

    def __init__(self, limits: Limits | None = None, *, workers: int = 2) -> None:
        self.limits = limits or Limits()
        self._room = asyncio.Semaphore(workers)
        self._idle: list[Process] = []
        self._busy: set[Process] = set()

    async def render(self, source: str, context: Mapping[str, object]) -> str:
        """Return the text. Raises RenderError with the cause, without names of assets."""
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
        return await self._render_apart(source, context)

    async def _render_apart(self, source: str, context: Mapping[str, object]) -> str:
        job: worker.Job = {
            "source": source,
            "context": context,
            "chars": self.limits.asset_bytes,
            "seconds": self.limits.template_seconds,
            "memory_bytes": self.limits.template_memory_bytes,
        }
        async with self._room:
            answer = await self._ask(await self._moved(worker.frame, job, len(source)))
        if "error" in answer:
            raise RenderError(answer["error"])
        return answer["text"]

    async def _ask(self, job: bytes) -> worker.Answer:
        process = self._idle.pop() if self._idle else await self._start()
        self._busy.add(process)
        try:
            async with asyncio.timeout(self.limits.template_seconds + _GRACE_SECONDS):
                answer = await self._talk(process, job)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            await self._end(process)
            raise RenderError(f"the template worker failed: {type(error).__name__}") from error
        except BaseException:
            await self._end(process)
            raise
        self._busy.discard(process)
        self._idle.append(process)
        return answer

    async def _talk(self, process: Process, job: bytes) -> worker.Answer:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None  # noqa: S101, made with pipes
        assert stdout is not None  # noqa: S101
        stdin.write(job)
        await stdin.drain()
        length = worker.length_of(await stdout.readexactly(4))
        body = await stdout.readexactly(length)
        return await self._moved(json.loads, body, length)

    @staticmethod
    async def _moved(call: Callable[..., T], argument: object, size: int) -> T:
        """Call in a thread where the size would hold the loop for more than a moment."""
        if size > _THREAD_FROM_BYTES:
            return await asyncio.to_thread(call, argument)
        return call(argument)

    async def _start(self) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-c",
                _START,
                json.dumps(sys.path),
                stdin=PIPE,
                stdout=PIPE,
                env={},
            )
        except OSError as error:
            raise RenderError(f"the template worker does not start: {error}") from error

    async def _end(self, process: Process) -> None:
        self._busy.discard(process)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()

    async def close(self) -> None:
        """End the workers. May be called twice; rendering afterwards starts new ones."""
        processes, self._idle = [*self._idle, *self._busy], []
        for process in processes:
            await self._end(process)
