"""Compiles designs: the small ones in a thread, the others in processes with hard limits."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from drydockd.apart import Limits, WorkerFailed, Workers
from drydockd.design import collector, findings, parcels, worker
from drydockd.design.compile import compile_site
from drydockd.design.parcels import Compiled
from drydockd.design.yamlstream import EXPANSION_LIMIT
from drydockd.errors import Unavailable
from drydockd.site import Finding, Site
from drydockd.turns import Turns

MIB = 1 << 20
# A design grows with the square of its bytes: half a profile's values, half nodes that have
# them. At 16 KiB that is 200,000 values at the very most, a fifth of a second; without an
# anchor there is no alias to make more.
SMALL_BYTES = 16 * 1024
ANCHOR = b"&"
# 50,000 nodes; the objects in memory take some four times as much.
LARGEST_PARCEL = 32 * MIB
IDLE_SECONDS = 60.0
PLACES = 2
MOST_WAITING = 1000
_GRACE_SECONDS = 15.0
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class CompileLimits:
    """What one design may take: time, memory of its process, values written out of aliases."""

    seconds: float = 60.0
    memory_bytes: int = 256 * MIB
    expansion: int = EXPANSION_LIMIT


class Compiler:
    """One per daemon, event-loop thread only. Owners of designs get their turns in turn."""

    def __init__(self, limits: CompileLimits) -> None:
        self._limits = limits
        self.workers = Workers(worker.__name__, idle_seconds=IDLE_SECONDS)
        self._turns = Turns(
            "designs to be compiled",
            places=PLACES,
            most_of_one=1,
            waiting=MOST_WAITING,
            waiting_of_one=MOST_WAITING,
        )
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="design")

    async def compile(self, content: bytes, owner: str) -> Compiled:
        """Return the compiled design; what is wrong with it is in its findings.

        Raises Unavailable (Busy) when that says nothing about the design: try again.
        """
        if len(content) <= SMALL_BYTES and ANCHOR not in content:
            return await self.in_thread(lambda: self._here(content))
        async with self._turns.turn(owner):
            return await self._apart(content)

    async def in_thread(self, work: Callable[[], Answer]) -> Answer:
        """Do `work` in a thread, without the garbage collector stopping the loop for it."""

        def quietly() -> Answer:
            with collector.paused():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._pool, quietly)

    async def close(self) -> None:
        await self.workers.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _here(self, content: bytes) -> Compiled:
        site, found = compile_site(content, self._limits.expansion)
        collector.spare(site)
        return Compiled(site, found)

    async def _apart(self, content: bytes) -> Compiled:
        seconds = self._limits.seconds
        limits = Limits(seconds, self._limits.memory_bytes, LARGEST_PARCEL)
        job = worker.job(content, limits, self._limits.expansion)
        try:
            answer = await self.workers.ask(*job, seconds=seconds + _GRACE_SECONDS)
        except WorkerFailed as error:
            raise Unavailable(f"the design was not compiled, its {error}; try again") from error
        status, told = answer[:1], answer[1:]
        if status == worker.DONE:
            return await self.in_thread(lambda: _unpacked(told))
        if status == worker.KILLED:
            raise Unavailable(
                "the process that compiled the design was killed, by the kernel where the "
                "service's memory is short; try again"
            )
        return Compiled(Site(), (_refusal(told.decode()),))


def _unpacked(parcel: bytes) -> Compiled:
    try:
        compiled = parcels.unpack(parcel)
    except pickle.UnpicklingError as error:
        raise Unavailable(f"what compiled the design answered nonsense: {error}") from error
    collector.spare(compiled.site)
    return compiled


def _refusal(how: str) -> Finding:
    return findings.trouble(
        f"the design cannot be compiled: it {how}",
        right="Make it smaller, or raise limits.design_seconds or limits.design_memory.",
    )
