"""Machines read together: nodes of a step ask at about one time, and one answer serves them all.

``machines/`` takes ``id`` and ``hostname`` several times, and answers with the machines that have
one of them.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from drydockd.drivers.node.maas import machine as machines
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.machines import NodeState

Document = dict[str, Any]
Sleep = Callable[[float], Awaitable[object]]
T = TypeVar("T")

# Machines in one request: MAAS makes each answer as a whole, and a URL has its limit.
MOST = 50
# Requests of a kind at once; who comes meanwhile goes with the next one.
FLIGHTS = 2
# Seconds for which what `find` read is good enough to begin a step with.
FRESH = 10.0


class _Batch(Generic[T]):
    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.task: asyncio.Task[Mapping[str, T]] | None = None


class Together(Generic[T]):
    """Asks for many keys at once: whoever comes while a request is under way joins the next one.

    An answer is never older than the call that gets it. What goes wrong is raised to all who
    asked together.
    """

    def __init__(self, ask: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]]) -> None:
        self._ask = ask
        self._turns = asyncio.Semaphore(FLIGHTS)
        self._open: _Batch[T] | None = None
        self._tasks: set[asyncio.Task[Mapping[str, T]]] = set()

    async def of(self, key: str) -> T | None:
        """Return what there is of `key`, None: nothing."""
        batch = self._open
        if batch is None or len(batch.keys) >= MOST:
            batch = self._open = _Batch()
        batch.keys[key] = None
        if batch.task is None:
            batch.task = asyncio.create_task(self._fly(batch))
            self._tasks.add(batch.task)
            batch.task.add_done_callback(self._tasks.discard)
        # Who gives up takes nothing from the others.
        return (await asyncio.shield(batch.task)).get(key)

    async def _fly(self, batch: _Batch[T]) -> Mapping[str, T]:
        async with self._turns:
            if self._open is batch:
                self._open = None
            return await self._ask(tuple(batch.keys))

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


class RollCall:
    """The documents of machines; safe to share by all nodes of a driver."""

    def __init__(
        self, client: MaasClient, *, poll_seconds: float = FRESH, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._client = client
        self._poll_seconds = poll_seconds
        self._sleep = sleep
        self._by_sid = Together(self._ask_sids)
        self._by_name = Together(self._ask_names)
        self._round: asyncio.Task[None] | None = None
        self._kept: dict[str, tuple[float, Document]] = {}
        self._commissionings: dict[str, tuple[float, int]] = {}

    def close(self) -> None:
        self._by_sid.close()
        self._by_name.close()
        if self._round is not None:
            self._round.cancel()

    # -- from MAAS

    async def read(self, sid: str) -> Document:
        """Return the machine as MAAS has it now. Raises `answers.Missing`: there is none, and
        what else MaasClient raises."""
        self._kept.pop(sid, None)
        document = await self._by_sid.of(sid)
        # A list leaves out what the user may not see, too: only MAAS' own word makes it missing.
        return await self._alone(sid) if document is None else document

    async def later(self, sid: str) -> Document:
        """Return the machine as it is at the next look, `poll_seconds` from now at most: those
        that wait are looked at together. Raises as `read`."""
        if self._round is None:
            self._round = asyncio.create_task(self._pause())
        await asyncio.shield(self._round)
        return await self.read(sid)

    async def named(self, name: str) -> Sequence[Document]:
        """Return the machines of that host name, of all domains."""
        return await self._by_name.of(name) or ()

    async def _pause(self) -> None:
        try:
            await self._sleep(self._poll_seconds)
        finally:
            self._round = None

    async def _ask_sids(self, sids: Sequence[str]) -> Mapping[str, Document]:
        if len(sids) == 1:
            return {sids[0]: await self._alone(sids[0])}
        found = await self._client.get(at("machines"), query={"id": sids})
        for document in found:
            self._note(document)
        return {str(document["system_id"]): document for document in found}

    async def _alone(self, sid: str) -> Document:
        document: Document = await self._client.get(at("machine", sid=sid))
        self._note(document)
        return document

    async def _ask_names(self, names: Sequence[str]) -> Mapping[str, list[Document]]:
        found: dict[str, list[Document]] = {}
        for document in await self._client.get(at("machines"), query={"hostname": names}):
            self._note(document)
            found.setdefault(str(document["hostname"]), []).append(document)
        return found

    # -- from memory

    def keep(self, document: Document) -> None:
        """Keep what was just read for the act that follows, see `begun`."""
        now = asyncio.get_running_loop().time()
        for sid, (since, _) in list(self._kept.items()):
            if now - since <= FRESH:
                break
            del self._kept[sid]
        sid = str(document["system_id"])
        self._kept.pop(sid, None)
        self._kept[sid] = now, document

    def forget(self, sid: str) -> None:
        self._kept.pop(sid, None)
        self._commissionings.pop(sid, None)

    async def begun(self, sid: str) -> Document:
        """Return what an act begins with, for the caller to change: what was kept less than
        `FRESH` seconds ago, else `read`.

        What was kept is given out once: what is done with it makes it old, and whoever tries
        again has to look.
        """
        since, document = self._kept.pop(sid, (float("-inf"), None))
        if document is None or asyncio.get_running_loop().time() - since > FRESH:
            document = await self.read(sid)
        return copy.deepcopy(document)

    async def anew(self, sid: str) -> Document:
        """As `read`, for the caller to change."""
        return copy.deepcopy(await self.read(sid))

    def _note(self, document: Document) -> None:
        sid, number = str(document["system_id"]), document.get("current_commissioning_result_id")
        if number and machines.STATES.get(document["status_name"]) is NodeState.READY:
            self._commissionings[sid] = asyncio.get_running_loop().time(), int(number)
        else:
            self._commissionings.pop(sid, None)

    def commissioning(self, sid: str) -> int | None:
        """Return the number of the commissioning that a machine has behind it, as seen less than
        `FRESH` seconds ago; None: it runs, or nobody looked."""
        since, number = self._commissionings.get(sid, (float("-inf"), 0))
        return number if asyncio.get_running_loop().time() - since <= FRESH else None
