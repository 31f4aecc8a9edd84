"""What boot actions fetched: pinned when a deployment is rendered first, then blobs of the store.

Each content lies once, deflated in parts, however many nodes and assets name it. What a
deployment names stays until it is closed or superseded; what was fetched and is named by none,
because its node failed or the daemon died in between, goes.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from drydockd.errors import (
    NotFound,
    RenderError,
    SourceUnavailable,
    StoreRefused,
    StoreUnavailable,
)
from drydockd.model import BootContext, Pin
from drydockd.render import ByteCache, Fetch, Packed, Remote, Sources, pack, unpack
from drydockd.store.base import Store
from drydockd.tasks.words.settings import PinLimits

# Parts read last, for the thousand nodes that want the same.
CACHE_BYTES = 32 << 20
# Of a content of this size is packed on the loop; one more takes a millisecond or so.
PACKED_HERE = 16 * 1024
# A source that was away is not asked for so long: each look takes all its attempts.
AWAY_SECONDS = 60.0
MORE = "Raise bootactions.pinned_bytes, or destroy nodes whose deployments are not needed."


class Pinned:
    """Reads what is pinned, and pins; one per daemon.

    `release` lets go of what no node can fetch any more; it is called when there is no room.
    """

    def __init__(
        self, store: Store, limits: PinLimits, release: Callable[[], Awaitable[None]]
    ) -> None:
        self.limits = limits
        self.fetched_bytes = 0  # what is kept and named by no record yet
        self._store = store
        self._release = release
        self._parts: ByteCache[bytes] = ByteCache(CACHE_BYTES)

    async def part(self, digest: str) -> bytes:
        """Return a part of a pin, checked. Raises RenderError, naming it and the way out."""
        known = self._parts.get(digest)
        if known is not None:
            return known
        try:
            content = await self._store.blob(digest)
        except (NotFound, StoreRefused) as error:
            state = "damaged" if isinstance(error, StoreRefused) else "missing"
            raise RenderError(
                f"a part of its pinned source, blob {digest}, is {state}; destroy and deploy the "
                "node again, which fetches it anew"
            ) from error
        self._parts.put(digest, content, len(content))
        return content

    async def content(self, pin: Pin) -> bytes:
        """Return what is pinned. Raises RenderError as `part`."""
        parts = [await self.part(digest) for digest in pin.parts]
        if pin.size > PACKED_HERE:
            return await asyncio.to_thread(unpack, parts, pin.size)
        return unpack(parts, pin.size)

    async def keep(self, source: str, content: bytes) -> Pin:
        """Keep `content`, on disk when this returns, until `drop`. Raises RenderError."""
        if len(content) > self.limits.asset_bytes:
            raise RenderError(f"its source has more than {self.limits.asset_bytes} bytes")
        if len(content) > PACKED_HERE:
            packed, digests = await asyncio.to_thread(_packed, content)
        else:
            packed, digests = _packed(content)
        size = sum(map(len, packed.parts))
        if self._over(size):
            await self._release()
        if self._over(size):
            raise RenderError(
                f"its source of {size} bytes cannot be kept beside the {self._bytes} bytes of "
                f"others, {self.limits.pinned_bytes} are allowed. {MORE}"
            )
        self.fetched_bytes += size
        try:
            await self._put(dict(zip(digests, packed.parts, strict=True)))
        except BaseException as error:
            self.fetched_bytes -= size
            if isinstance(error, StoreUnavailable):
                raise RenderError(f"its source cannot be kept: {error}") from error
            raise
        return Pin("", source, packed.size, packed.crc, size, digests)

    async def _put(self, parts: Mapping[str, bytes]) -> None:
        """Have all parts on disk, whole: what was there may have been damaged since."""
        kept: list[str] = []
        try:
            for digest, part in parts.items():
                await self._store.put_blob(part, digest)
                kept.append(digest)
                try:
                    await self._store.blob(digest)
                except (NotFound, StoreRefused):
                    kept.append(await self._store.put_blob(part, digest))
                    self._store.drop_blob(kept.pop())
        except BaseException:
            self._drop(kept)
            raise

    @property
    def _bytes(self) -> int:
        return self._store.health().pinned_bytes + self.fetched_bytes

    def _over(self, size: int) -> bool:
        return self._bytes + size > self.limits.pinned_bytes

    def hold(self, pins: Iterable[Pin]) -> bool:
        """Keep the parts of `pins` once more, for a record that will name them; or none."""
        held: list[str] = []
        for digest in parts_of(pins):
            if not self._store.keep_blob(digest):
                self._drop(held)
                return False
            held.append(digest)
        return True

    def drop(self, pins: Iterable[Pin]) -> None:
        """Let go of what `hold` held."""
        self._drop(parts_of(pins))

    def _drop(self, digests: Iterable[str]) -> None:
        for digest in digests:
            self._store.drop_blob(digest)


@dataclass(frozen=True, slots=True)
class OfContext(Sources):
    """The sources of a deployment that was rendered before: its pins.

    A deployment of a drydockd that pinned nothing asks `fetch`.
    """

    pinned: Pinned
    context: BootContext
    fetch: Fetch
    are_checked: bool = True

    @property
    def are_lasting(self) -> bool:  # type: ignore[override]
        return bool(self.context.pins)

    async def found(self, remote: Remote) -> Pin | bytes:
        for pin in self.context.pins:
            if pin.asset == remote.name:
                return pin
        if self.context.pins:
            raise RenderError("its source was not pinned; destroy and deploy the node again")
        return await self.fetch(remote.location)

    async def content(self, pin: Pin) -> bytes:
        return await self.pinned.content(pin)


class Fetched:
    """What one task fetches: each source once, whoever of its nodes asks. Close it at the end."""

    def __init__(self, pinned: Pinned, fetch: Fetch) -> None:
        self.pinned = pinned
        self._fetch = fetch
        self._known: dict[str, Pin] = {}
        self._unnamed: dict[str, Pin] = {}
        self._away: dict[str, tuple[float, SourceUnavailable]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def remember(self, contexts: Iterable[BootContext]) -> None:
        """Take what nodes of the task pinned before a restart for all of them."""
        for context in contexts:
            for pin in context.pins:
                if pin.source not in self._known and self.pinned.hold([pin]):
                    self._known[pin.source] = replace(pin, asset="")

    async def pin(self, location: str) -> Pin:
        """Return where the source is kept, fetched now if it was not.

        Raises SourceUnavailable (shared for a while), InvalidInput, RenderError.
        """
        source = hashlib.sha256(location.encode("utf-8", "surrogatepass")).hexdigest()
        if source in self._known:
            return self._known[source]
        lock = self._locks.setdefault(source, asyncio.Lock())
        async with lock:
            if source not in self._known:
                made = await self._fetched(source, location)
                self._known[source] = self._unnamed[source] = made
        self._locks.pop(source, None)
        return self._known[source]

    async def _fetched(self, source: str, location: str) -> Pin:
        since, error = self._away.get(source, (0.0, None))
        if error is not None and time.monotonic() - since < AWAY_SECONDS:
            raise SourceUnavailable(str(error))
        try:
            content = await self._fetch(location)
        except SourceUnavailable as error:
            self._away[source] = (time.monotonic(), error)
            raise
        return await self.pinned.keep(source, content)

    def named(self, pins: Iterable[Pin]) -> None:
        """Note that a record names `pins`: the store counts them from now on."""
        for pin in pins:
            made = self._unnamed.pop(pin.source, None)
            if made is not None:
                self.pinned.fetched_bytes -= made.packed

    def close(self) -> None:
        """Let go of everything; what no record names is removed."""
        self.named(list(self._unnamed.values()))
        for pin in self._known.values():
            self.pinned.drop([pin])
        self._known.clear()


class OfNode(Sources):
    """The sources of one node while it is rendered first; `pins` are what it used of them."""

    are_lasting = True
    are_checked = False

    def __init__(self, fetched: Fetched) -> None:
        self._fetched = fetched
        self._pins: dict[str, Pin] = {}

    @property
    def pins(self) -> tuple[Pin, ...]:
        return tuple(self._pins.values())

    async def found(self, remote: Remote) -> Pin | bytes:
        pin = replace(await self._fetched.pin(remote.location), asset=remote.name)
        self._pins[remote.name] = pin
        return pin

    async def content(self, pin: Pin) -> bytes:
        return await self._fetched.pinned.content(pin)


def _packed(content: bytes) -> tuple[Packed, tuple[str, ...]]:
    packed = pack(content)
    return packed, tuple([hashlib.sha256(part).hexdigest() for part in packed.parts])


def parts_of(pins: Iterable[Pin]) -> Sequence[str]:
    """Return the digest of each part, once."""
    return list(dict.fromkeys(part for pin in pins for part in pin.parts))
