"""The tags that MAAS has, read once for all nodes that ask at about one time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

from drydockd.drivers.node.maas import tags
from drydockd.drivers.node.maas.changes import Change, send
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.errors import DriverError

Document = dict[str, Any]


class TagList:
    """Keeps a reading for `seconds`, with what was written since. Whoever is told something wrong
    by it asks for a fresh one. Without `seconds` each call reads."""

    def __init__(self, client: MaasClient, *, seconds: float = 0.0) -> None:
        self._client = client
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._known: dict[str, Document] | None = None
        self._until = 0.0
        self._number = 0
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self) -> dict[str, Document]:
        """Return all tags by name, for the caller to change. Raises what MaasClient raises; a
        failure is not kept."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._known is None or now >= self._until:
                self._known, number = None, self._number
                answer = await self._client.get(at("tags"))
                self._known = {str(tag["name"]): tag for tag in answer}
                # What changed meanwhile may be in it or not.
                seconds = self._seconds if number == self._number else 0.0
                self._until = asyncio.get_running_loop().time() + seconds
            return dict(self._known)

    def forget(self) -> None:
        """Read anew next time."""
        self._known = None
        self._number += 1

    async def add(self, name: str) -> None:
        """Make a tag that is one node's, if there is none of this name. Safe to repeat."""
        try:
            await tags.make(self._client, name)
        except DriverError:
            self.forget()
            raise
        self._wrote({"name": name, "comment": tags.COMMENT, "kernel_opts": ""})

    async def make(self, change: Change) -> Any:
        """Make a change of tags, and keep what MAAS answers; return it.

        A tag that another node made meanwhile is made. Raises what MaasClient raises.
        """
        if change.path != at("tags"):
            answer = await send(self._client, change)
            if change.method == "DELETE":
                self._removed(change.path.split("/")[1])
            elif change.op is None:
                self._wrote(answer)
            return answer
        name = str(change.form["name"])
        async with self._making.setdefault(name, asyncio.Lock()):
            answer = (self._known or {}).get(name)
            if answer is None:
                answer = await send(self._client, change)
                self._wrote(answer)
            return answer

    async def remove(self, gone: Iterable[str]) -> None:
        """Remove tags altogether; those that are gone are fine."""
        for name in sorted(gone):
            await tags.remove(self._client, [name])
            self._removed(name)

    def _wrote(self, tag: Document) -> None:
        self._number += 1
        if self._known is not None:
            self._known[str(tag["name"])] = tag

    def _removed(self, name: str) -> None:
        self._number += 1
        if self._known is not None:
            self._known.pop(name, None)
