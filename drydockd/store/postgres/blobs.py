"""Blobs in the database: written once, read through a small memory, swept when nobody needs them.

A daemon cannot know what the others are about to name. So a blob stays for an hour after somebody
put it, and for an hour after the runner first saw that no record names it; whoever is about to
name one puts it again unless that is sure to be enough.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Container
from functools import partial
from typing import Any

from drydockd.errors import NotFound, StoreRefused
from drydockd.store.postgres.side import Side

SWEEP_SECONDS = 3600.0
# A blob put so long ago is put again by who is about to name it.
TRUSTED_SECONDS = SWEEP_SECONDS / 2
MEMORY_BYTES = 64 << 20

_TOUCH = "UPDATE drydock.blob SET put = clock_timestamp() WHERE digest = $1 RETURNING 1"
_PUT = """
INSERT INTO drydock.blob (digest, content, put) VALUES ($1, $2, clock_timestamp())
ON CONFLICT (digest) DO UPDATE SET content = excluded.content, put = excluded.put
"""
_READ = "SELECT content FROM drydock.blob WHERE digest = $1"
_OLD = """
SELECT digest FROM drydock.blob WHERE put <= clock_timestamp() - make_interval(secs => $1)
"""
_SWEEP = """
DELETE FROM drydock.blob
WHERE digest = ANY($2) AND put <= clock_timestamp() - make_interval(secs => $1) RETURNING digest
"""


class Blobs:
    """The blobs of one database, for one daemon. `used`: those that records name, as seen here."""

    def __init__(self, side: Side, used: Container[str]) -> None:
        self._side = side
        self._used = used
        self._put_at: dict[str, float] = {}  # digest -> when it was put here
        self._unnamed: dict[str, float] = {}  # digest -> since when no record names it
        self._suspect: set[str] = set()  # gone or damaged: the next put writes it anew
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._memory_bytes = 0
        self._lock = threading.Lock()

    def has(self, digest: str) -> bool:
        """Whether it is there, and stays long enough for a record that will name it."""
        if digest in self._suspect:
            return False
        if digest in self._used:
            return True
        put_at = self._put_at.get(digest)
        return put_at is not None and time.monotonic() - put_at < TRUSTED_SECONDS

    async def put(self, blobs: dict[str, bytes]) -> None:
        """Keep contents by their digests, durable when it returns. Raises StoreUnavailable."""
        for digest, content in blobs.items():
            if not self.has(digest):
                is_anew = digest in self._suspect
                await self._side.run(partial(_put, digest, content, is_anew))
                self._suspect.discard(digest)
            self._put_at[digest] = time.monotonic()
            self._unnamed.pop(digest, None)

    def read(self, digest: str) -> bytes:
        """From any thread. Raises NotFound, StoreRefused, StoreUnavailable."""
        with self._lock:
            content = self._memory.get(digest)
            if content is not None:
                self._memory.move_to_end(digest)
                return content
        found = self._side.ask(lambda connection: connection.fetchval(_READ, digest))
        if found is None:
            self._suspect.add(digest)
            raise NotFound(f"no blob {digest}")
        content = bytes(found)
        if hashlib.sha256(content).hexdigest() != digest:
            self._suspect.add(digest)
            raise StoreRefused(
                f"blob {digest} is damaged: its content does not match its name; see"
                " `drydock store check`"
            )
        self._remember(digest, content)
        return content

    async def sweep(self, is_unused: Callable[[str], bool], seconds: float) -> int:
        """Remove those that have been unused for so long; return how many. The runner's."""
        old = await self._side.run(lambda connection: connection.fetch(_OLD, seconds))
        now = time.monotonic()
        unused = [row[0] for row in old if is_unused(row[0])]
        self._unnamed = {digest: self._unnamed.get(digest, now) for digest in unused}
        going = [digest for digest in unused if now - self._unnamed[digest] >= seconds]
        if not going:
            return 0
        gone = await self._side.run(lambda connection: connection.fetch(_SWEEP, seconds, going))
        for row in gone:
            self._forget(row[0])
        return len(gone)

    def _remember(self, digest: str, content: bytes) -> None:
        if len(content) > MEMORY_BYTES // 4:
            return
        with self._lock:
            if digest not in self._memory:
                self._memory[digest] = content
                self._memory_bytes += len(content)
            while self._memory_bytes > MEMORY_BYTES:
                self._memory_bytes -= len(self._memory.popitem(last=False)[1])

    def _forget(self, digest: str) -> None:
        self._put_at.pop(digest, None)
        self._unnamed.pop(digest, None)
        with self._lock:
            content = self._memory.pop(digest, None)
            self._memory_bytes -= len(content or b"")


async def _put(digest: str, content: bytes, is_anew: bool, connection: Any) -> None:
    # Most are there already: then the content need not travel.
    if is_anew or await connection.fetchval(_TOUCH, digest) is None:
        await connection.execute(_PUT, digest, content)
