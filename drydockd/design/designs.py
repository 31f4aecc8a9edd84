"""Designs: references become compiled, cached, shared designs."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from drydockd.design import confinement, file_source, findings
from drydockd.design.budget import Budget
from drydockd.design.compiler import CompileLimits, Compiler
from drydockd.design.documents.fields import SCHEMES
from drydockd.design.flights import Flights
from drydockd.design.http_source import HttpSource, Resolve, TokenSource, resolve_name
from drydockd.design.parcels import Judged
from drydockd.design.sources import LONGEST_LIFETIME, Clock, Sleep, Sources, longest_fetch
from drydockd.design.validate import validate
from drydockd.errors import InvalidDesign, SourceUnavailable
from drydockd.site import Catalogue, Finding, Site, Unrenderable

log = logging.getLogger(__name__)

MIB = 1024 * 1024
KEPT_DESIGNS = 8
KEPT_BYTES = 128 * MIB
KEPT_SECONDS = 1800.0
OBJECTS_PER_BYTE = 4  # of a parcel, in memory
Watch = Callable[[], AbstractAsyncContextManager[None]]
"""What somebody does before and after the work that may end the process."""
Trial = Callable[[Site], Awaitable[Sequence[Unrenderable]]]
"""Renders every boot action with its sources made up, and returns what failed."""


@dataclass(frozen=True, slots=True)
class Design:
    """One compiled design. `digest` is the sha256 of `content`, hex. Shared, never changed.

    `findings` are those of reading and compiling; with an error among them the site is empty
    or lacks the nodes that could not be compiled, and nothing may be done with it. A
    reference that cannot be read at all gives a design without content and digest.
    """

    ref: str
    digest: str
    content: bytes = field(repr=False)
    site: Site = field(repr=False)
    findings: tuple[Finding, ...] = ()
    judged: Judged = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether reading and compiling found no error; the rules are asked by `validate`."""
        return not any(finding.error for finding in self.findings)


class Designs:
    """Loads designs; one per daemon, event-loop thread only.

    `allowed_roots`, `allowed_hosts`, `service_hosts`: see `confinement`; `service_hosts` None
    means every allowed host. Compiling runs in threads or processes of its own.
    `longest_load`: after so many seconds a load is not worth waiting for: every attempt at
    the source has passed its limit, or what it waits for, such as a file server, has none.
    `trial` and `oob_types` (None: nobody knows) are what rules are told besides the design.
    """

    def __init__(
        self,
        *,
        token: TokenSource | None = None,
        allowed_schemes: Iterable[str] = SCHEMES,
        allowed_roots: Iterable[Path | str] = (),
        allowed_hosts: Iterable[str] = (),
        service_hosts: Iterable[str] | None = None,
        allow_private: bool = False,
        allow_loopback: bool = False,
        connect_timeout: float = 16,
        read_timeout: float = 300,
        attempts: int = 3,
        max_bytes: int = 64 * MIB,
        fetches: int = 32,
        fetch_bytes: int = 128 * MIB,
        lifetime_seconds: float = LONGEST_LIFETIME,
        compile_limits: CompileLimits | None = None,
        kept_bytes: int = KEPT_BYTES,
        resolve: Resolve = resolve_name,
        tls: ssl.SSLContext | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
        trial: Trial | None = None,
        oob_types: Iterable[str] | None = None,
        stubs_absent: bool = False,
    ) -> None:
        self._stubs_absent = stubs_absent
        self._most_kept_bytes = kept_bytes
        self._trial = trial
        self._oob_types = None if oob_types is None else tuple(oob_types)
        self._tried: OrderedDict[str, Sequence[Unrenderable]] = OrderedDict()
        services = None if service_hosts is None else tuple(service_hosts)
        hosts = confinement.Hosts(
            allowed_hosts,
            trusted=services or (),
            allow_private=allow_private,
            allow_loopback=allow_loopback,
        )
        http = HttpSource(
            hosts,
            service_hosts=None if services is None else confinement.ServiceHosts(services),
            token=token,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_bytes=max_bytes,
            resolve=resolve,
            tls=tls,
        )
        self._sources = Sources(
            file_source.Roots(allowed_roots, max_bytes=max_bytes),
            http,
            schemes=allowed_schemes,
            attempts=attempts,
            lifetime_seconds=lifetime_seconds,
            budget=Budget(
                fetches=fetches,
                most_bytes=fetch_bytes,
                wait_seconds=connect_timeout + read_timeout,
            ),
            sleep=sleep,
            clock=clock,
        )
        compiling = compile_limits or CompileLimits()
        self._compiler = Compiler(compiling)
        self.longest_load = compiling.seconds + longest_fetch(
            connect_timeout=connect_timeout, read_timeout=read_timeout, attempts=attempts
        )
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._loads: Flights[Design] = Flights()
        self._compiles: Flights[tuple[Design, int]] = Flights()

    async def load(
        self,
        ref: str,
        *,
        marker: str = "",
        end_user: str = "",
        owner: str = "",
        watch: Watch | None = None,
    ) -> Design:
        """Return the compiled design `ref` names now; the same object while it is unchanged.

        What is permanently wrong with the reference or its documents is in the findings.
        `owner` and `watch` as in `compile`. Raises SourceUnavailable when the source does not
        answer after all attempts, Unavailable as `compile`.
        """
        if watch is not None:
            # Somebody else's load is not watched.
            return await self._load(ref, marker, end_user, owner, watch)
        return await self._loads.join(ref, lambda: self._load(ref, marker, end_user, owner, None))

    async def compile(
        self, content: bytes, ref: str, *, owner: str = "", watch: Watch | None = None
    ) -> Design:
        """Return the design in `content`, from memory if it was compiled lately.

        `owner` is who asks: designs are compiled for owners in turn. `watch` is entered when
        it is not in memory, and left when it is. Raises Unavailable when compiling failed for
        reasons that are not the design's.
        """
        self._forget()
        for kept in self._kept.values():
            # Comparing 3 MB takes 0.3 ms, their digest ten times that.
            if len(kept.design.content) == len(content) and kept.design.content == content:
                return self._use(kept.design, ref)
        if watch is not None:
            async with watch():
                # While it waited for its turn another may have compiled the very same.
                return await self.compile(content, ref, owner=owner)
        digest = await self._compiler.in_thread(lambda: hashlib.sha256(content).hexdigest())
        compiled, weight = await self._compiles.join(
            digest, lambda: self._compile(content, ref, digest, owner)
        )
        return self._use(compiled, ref, weight)

    async def fetch(self, ref: str, *, marker: str = "", end_user: str = "") -> bytes:
        """Return the bytes `ref` names, by the rules for design references.

        Raises SourceUnavailable for what may pass, InvalidDesign for what will not; where absent
        sources are stubbed, what cannot be fetched is a line that says so.
        """
        try:
            return await self._sources.fetch(ref, marker=marker, end_user=end_user)
        except (SourceUnavailable, InvalidDesign) as error:
            if not self._stubs_absent:
                raise
            log.warning("a stub stands for what cannot be fetched: %s", error)
            return f"stub content of {ref}\n".encode()

    async def validate(self, design: Design, catalogue: Catalogue | None) -> list[Finding]:
        """Return the findings of the design, and of every rule if it has no error so far."""
        if not design.ok:
            return list(design.findings)
        failed = await self._unrenderable(design)
        judged = await self._compiler.in_thread(
            lambda: validate(
                design.site,
                catalogue,
                oob_types=self._oob_types,
                unrenderable=failed,
                judged=design.judged,
            )
        )
        return [*design.findings, *judged]

    async def _unrenderable(self, design: Design) -> Sequence[Unrenderable]:
        """What fails on trial; remembered, as the same design fails the same way."""
        if self._trial is None:
            return ()
        found = self._tried.get(design.digest)
        if found is None:
            found = self._tried[design.digest] = await self._trial(design.site)
            while len(self._tried) > KEPT_DESIGNS:
                self._tried.popitem(last=False)
        return found

    async def close(self) -> None:
        """Stop fetching and compiling; what was handed out stays good."""
        await self._loads.close()
        await self._compiles.close()
        await self._sources.close()
        await self._compiler.close()

    async def _load(
        self, ref: str, marker: str, end_user: str, owner: str, watch: Watch | None
    ) -> Design:
        try:
            # What waits to be compiled counts among what is fetched.
            async with self._sources.fetched(ref, marker=marker, end_user=end_user) as content:
                return await self.compile(content, ref, owner=owner, watch=watch)
        except InvalidDesign as error:
            return Design(ref, "", b"", Site(), (findings.trouble(str(error)),))

    async def _compile(
        self, content: bytes, ref: str, digest: str, owner: str
    ) -> tuple[Design, int]:
        started = time.monotonic()
        made = await self._compiler.compile(content, owner)
        log.info(
            "design %s: %d nodes, %d findings, compiled in %.3f s",
            digest[:12],
            len(made.site.nodes),
            len(made.findings),
            time.monotonic() - started,
        )
        design = Design(ref, digest, content, made.site, made.findings, made.judged)
        return design, len(content) + OBJECTS_PER_BYTE * made.size_bytes

    def _use(self, design: Design, ref: str, weight: int | None = None) -> Design:
        """Keep `design` as the one used last, and return it under `ref`."""
        known = self._kept.pop(design.digest, None)
        if weight is None:
            weight = known.weight if known else len(design.content)
        self._kept[design.digest] = _Kept(design, self._clock() + KEPT_SECONDS, weight)
        self._forget()
        return design if design.ref == ref else replace(design, ref=ref)

    def _forget(self) -> None:
        """Drop what was not used for long, and the oldest of too many or too much."""
        now = self._clock()
        weight = sum(kept.weight for kept in self._kept.values())
        for digest, kept in list(self._kept.items()):
            too_much = len(self._kept) > 1 and weight > self._most_kept_bytes
            if kept.until <= now or too_much or len(self._kept) > KEPT_DESIGNS:
                weight -= kept.weight
                del self._kept[digest]


@dataclass(frozen=True, slots=True)
class _Kept:
    """`weight` is about what the design takes in memory, in bytes."""

    design: Design
    until: float
    weight: int
