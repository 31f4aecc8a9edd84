"""How many connections there are: in all, from one address, without a request, half made.

Who opens more than its share loses its own idle ones first; when all are taken, the one that
was idle longest makes room for the next, then the long poll that waits longest. If there is none
of either, nobody is accepted until one ends: descriptors for fetches, BMCs and the journal are
never given to callers.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drydockd.auth.buckets import group
from drydockd.handlers.streams import Stream

log = logging.getLogger(__name__)

# What is short is told once in this time, however often it comes; health says it as long.
TELL_SECONDS = 60.0
# Descriptors may come free elsewhere: then nobody tells us.
PAUSE_SECONDS = 1.0
LOOK_SECONDS = 1.0
# Of the descriptors a process may have, those that callers cannot take: a fourth, but so many.
LEAST_RESERVE = 32
# When all connections are taken, an address may have a sixteenth of them, but so many.
LEAST_SHARE = 8
MOST_RESERVE = 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """`most` and `per_address` connections, `handshakes` half made ones; 0 s: not watched."""

    most: int
    per_address: int
    handshakes: int
    handshake_seconds: float
    stall_seconds: float


@dataclass(slots=True)
class _Address:
    """The connections of one address; those without a request, the longest so first."""

    open: int = 0
    waiting: int = 0
    idle: OrderedDict[Stream, None] = field(default_factory=OrderedDict)
    shaking: OrderedDict[Stream, None] = field(default_factory=OrderedDict)


_NONE = _Address()


class Connections:
    """The connections of all servers of a daemon. Event-loop thread only.

    `is_proxy` says of an address that it stands for many: its connections are not counted
    together. Opposite numbers of `opened` are `closed`, of `began` (a request) `waits`, of
    `lined` (accepted, and not served yet: `waiting`) `unlined`.
    """

    def __init__(self, bounds: Bounds, is_proxy: Callable[[str], bool] = lambda peer: False):
        self.bounds = bounds
        self.refused = self.evicted = self.stalled = 0
        self.waiting = 0
        self._is_proxy = is_proxy
        self._open: dict[Stream, str] = {}
        self._idle: OrderedDict[Stream, None] = OrderedDict()
        self._patient: OrderedDict[Stream, None] = OrderedDict()
        self._shaking: OrderedDict[Stream, float] = OrderedDict()
        self._addresses: dict[str, _Address] = {}
        self._paused: list[Callable[[], None]] = []
        self._resuming: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._next_look = 0.0
        self._told: dict[str, float] = {}
        self._problem: tuple[str, float] | None = None

    @property
    def open(self) -> int:
        return len(self._open)

    @property
    def idle(self) -> int:
        """How many wait for a request."""
        return len(self._idle)

    @property
    def shaking(self) -> int:
        """How many handshakes are under way."""
        return len(self._shaking)

    # -- before a connection

    def has_room(self) -> bool:
        """Whether one more can be accepted, if need be in place of an idle one.

        If there is none, a long poll is asked to end, the longest first.
        """
        if len(self._open) + self.waiting < self.bounds.most or self._idle:
            return True
        if self.waiting:  # first those are served
            return False
        if self._patient:
            self._patient.popitem(last=False)[0].hurry()
        self._tell(
            "connections",
            f"all {self.bounds.most} connections are in use (api.connections, and the files this "
            "process may open): new ones wait",
        )
        return False

    def admits(self, peer: str) -> bool:
        """Whether the address may have one more, if need be in place of its own idle longest."""
        address = self._addresses.get(group(peer), _NONE)
        if address.open + address.waiting < self._share() or self._stands_for_many(peer):
            return True
        if self._evict(address.idle):
            return True
        self.refused += 1
        self._tell("address", self.refusal(peer))
        return False

    def _share(self) -> int:
        """How many one address may have now: less when all are taken.

        Who has many then makes room for himself, and does not end the connections of others
        before these have said what they want.
        """
        if len(self._open) + self.waiting < self.bounds.most:
            return self.bounds.per_address
        return min(self.bounds.per_address, max(LEAST_SHARE, self.bounds.most // 16))

    def lined(self, peer: str) -> None:
        """Note a connection that was accepted and waits to be served; an idle one makes room."""
        if len(self._open) + self.waiting >= self.bounds.most:
            self._evict(self._idle)
        self._addresses.setdefault(self._name(peer), _Address()).waiting += 1
        self.waiting += 1

    def unlined(self, peer: str) -> None:
        """Note that one of them does not wait any more."""
        name = self._name(peer)
        self.waiting -= 1
        self._addresses[name].waiting -= 1
        self._forget_if_gone(name)
        self._resume_soon()

    def refusal(self, peer: str) -> str:
        """Return what an address hears that is not admitted."""
        return (
            f"{peer} has {self._share()} connections in use, the most it may have now "
            "(api.connections_per_address, less while all are taken): further ones are refused"
        )

    def pause(self, resume: Callable[[], None], cause: str = "") -> None:
        """Call `resume` when a connection ends, or after a moment. `cause`: why, for the log."""
        if cause:
            self._tell("files", f"no connection can be accepted ({cause}): new ones wait")
        self._paused.append(resume)
        if self._resuming is None:
            loop = asyncio.get_running_loop()
            self._resuming = loop.call_later(PAUSE_SECONDS, self._resume)

    def problem(self) -> str | None:
        """Return what is short, or was within the last minute."""
        if self._problem is None or time.monotonic() - self._problem[1] > TELL_SECONDS:
            return None
        return self._problem[0]

    # -- the life of a connection

    def opened(self, stream: Stream, peer: str) -> None:
        """Note a new connection; it waits for its first request, or shakes hands."""
        name = self._name(peer)
        address = self._addresses.setdefault(name, _Address())
        if stream.is_shaking_hands:
            if name and len(address.shaking) >= max(1, self.bounds.handshakes // 4):
                self._evict(address.shaking)
            elif len(self._shaking) >= self.bounds.handshakes:
                self._evict(self._shaking)
            address = self._addresses.setdefault(name, _Address())
            address.shaking[stream] = None
            self._shaking[stream] = time.monotonic()
        address.open += 1
        self._open[stream] = name
        self.waits(stream)
        if self._looking is None:
            self._look_later()

    def ready(self, stream: Stream) -> None:
        """Note that the handshake is done."""
        if self._shaking.pop(stream, None) is not None:
            self._addresses[self._open[stream]].shaking.pop(stream, None)

    def waits(self, stream: Stream) -> None:
        """Note that the connection waits for a request."""
        if (name := self._open.get(stream)) is not None:
            self._patient.pop(stream, None)
            self._idle[stream] = self._addresses[name].idle[stream] = None
            self._resume_soon()

    def waits_long(self, stream: Stream) -> None:
        """Note that the answer waits for something, and need not."""
        if stream in self._open:
            self._patient[stream] = None

    def began(self, stream: Stream) -> None:
        """Note that the connection has a request."""
        if (name := self._open.get(stream)) is not None:
            self._idle.pop(stream, None)
            self._addresses[name].idle.pop(stream, None)

    def closed(self, stream: Stream) -> None:
        """Forget a connection."""
        name = self._open.pop(stream, None)
        if name is None:
            return
        address = self._addresses[name]
        for some in (self._patient, self._shaking, address.shaking, self._idle, address.idle):
            some.pop(stream, None)
        address.open -= 1
        self._forget_if_gone(name)
        self._resume_soon()

    def name_of(self, stream: Stream) -> str:
        """Return whom the connection is counted for: an address, or "" for proxies."""
        return self._open.get(stream, "")

    def close_idle(self) -> None:
        """Close those without a request: a daemon that stops takes no more."""
        for stream in tuple(self._idle):
            stream.close()

    def close_all(self) -> None:
        """Close every connection, whatever it is at, and stop watching."""
        for timer in (self._looking, self._resuming):
            if timer is not None:
                timer.cancel()
        self._paused.clear()
        for stream in tuple(self._open):
            stream.close()

    # -- watching

    def look(self, now: float) -> None:
        """Close handshakes that take too long, and connections that take nothing of theirs."""
        for stream, since in tuple(self._shaking.items()):
            if now - since <= self.bounds.handshake_seconds:
                break
            stream.close()
        if now < self._next_look:
            return
        self._next_look = now + self.bounds.stall_seconds / 10
        for stream in tuple(self._open):
            if stream.is_stalled(now, self.bounds.stall_seconds):
                self.stalled += 1
                stream.close()

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._looking = None
        self.look(time.monotonic())
        if self._open:
            self._look_later()

    def _evict(self, candidates: OrderedDict[Stream, Any]) -> bool:
        """Close the one that has been there longest, if there is one."""
        if not candidates:
            return False
        self.evicted += 1
        next(iter(candidates)).close()
        return True

    def _name(self, peer: str) -> str:
        """Return whom the connection is counted for."""
        return "" if self._stands_for_many(peer) else group(peer)

    def _forget_if_gone(self, name: str) -> None:
        address = self._addresses[name]
        if not address.open and not address.waiting:
            del self._addresses[name]

    def _stands_for_many(self, peer: str) -> bool:
        """A proxy, or the other end of a Unix socket."""
        return not peer or self._is_proxy(peer)

    def _resume_soon(self) -> None:
        if self._paused and self._resuming is not None:
            self._resuming.cancel()
            self._resuming = asyncio.get_running_loop().call_later(0, self._resume)

    def _resume(self) -> None:
        self._resuming = None
        paused, self._paused = self._paused, []
        for resume in paused:
            resume()

    def _tell(self, kind: str, text: str) -> None:
        now = time.monotonic()
        self._problem = (text, now)
        if now - self._told.get(kind, -TELL_SECONDS) >= TELL_SECONDS:
            self._told[kind] = now
            log.warning("%s", text)


def affordable(wanted: int, descriptors: int | None = None) -> int:
    """Return how many connections of `wanted` leave a reserve of this process's descriptors."""
    if descriptors is None:
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if descriptors == resource.RLIM_INFINITY:
            return wanted
    reserve = min(MOST_RESERVE, max(LEAST_RESERVE, descriptors // 4))
    return max(1, min(wanted, descriptors - reserve))
