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
        self._meanwhile: dict[str, Document | None] = {}
        self._is_doubtful = False
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self) -> dict[str, Document]:
        """Return all tags by name, for the caller to change. Raises what MaasClient raises; a
        failure is not kept."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._known is None or now >= self._until:
                await self._read()
            return dict(self._known or {})

    async def _read(self) -> None:
        self._known, self._meanwhile, self._is_doubtful = None, {}, False
        answer = await self._client.get(at("tags"))
        self._known = {str(tag["name"]): tag for tag in answer}
        # It may be in the answer, or not.
        for name, tag in self._meanwhile.items():
            self._put(name, tag)
        seconds = 0.0 if self._is_doubtful else self._seconds
        self._until = asyncio.get_running_loop().time() + seconds

    def forget(self) -> None:
        """Read anew next time."""
        self._known, self._is_doubtful = None, True

    async def add(self, name: str) -> None:
        """Make a tag that is one node's, if there is none of this name. Safe to repeat."""
        try:
            await tags.make(self._client, name)
        except DriverError:
            self.forget()
            raise
        self._put(name, {"name": name, "comment": tags.COMMENT, "kernel_opts": ""})

    async def make(self, change: Change) -> Any:
        """Make a change of tags, and keep what MAAS answers; return it.

        A tag that another node made meanwhile is made. Raises what MaasClient raises.
        """
        if change.path != at("tags"):
            answer = await send(self._client, change)
            if change.method == "DELETE":
                self._put(change.path.split("/")[1], None)
            elif change.op is None:
                self._put(str(answer["name"]), answer)
            return answer
        name = str(change.form["name"])
        async with self._making.setdefault(name, asyncio.Lock()):
            answer = (self._known or {}).get(name)
            if answer is None:
                answer = await send(self._client, change)
                self._put(name, answer)
            return answer

    async def remove(self, gone: Iterable[str]) -> None:
        """Remove tags altogether; those that are gone are fine."""
        for name in sorted(gone):
            await tags.remove(self._client, [name])
            self._put(name, None)

    def _put(self, name: str, tag: Document | None) -> None:
        """Note what was written; None: removed."""
        if self._known is None:
            self._meanwhile[name] = tag
        elif tag is None:
            self._known.pop(name, None)
        else:
            self._known[name] = tag
