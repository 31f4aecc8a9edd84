"""Designs: references become compiled, cached, shared designs."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from drydockd.design import collector, confinement, file_source, findings
from drydockd.design.compile import compile_site
from drydockd.design.documents.fields import SCHEMES
from drydockd.design.flights import Flights
from drydockd.design.http_source import HttpSource, Resolve, TokenSource, resolve_name
from drydockd.design.sources import LONGEST_LIFETIME, Clock, Sleep, Sources, longest_fetch
from drydockd.design.validate import validate
from drydockd.errors import InvalidDesign
from drydockd.site import Catalogue, Finding, Site, Unrenderable

log = logging.getLogger(__name__)

MIB = 1024 * 1024
KEPT_DESIGNS = 8
KEPT_SECONDS = 1800.0
LONGEST_COMPILE = 60.0
Answer = TypeVar("Answer")
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

    @property
    def ok(self) -> bool:
        """Whether reading and compiling found no error; the rules are asked by `validate`."""
        return not any(finding.error for finding in self.findings)


class Designs:
    """Loads designs; one per daemon, event-loop thread only.

    `allowed_roots`, `allowed_hosts`, `service_hosts`: see `confinement`; `service_hosts` None
    means every allowed host. Compiling and validating run in threads of its own.
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
        lifetime_seconds: float = LONGEST_LIFETIME,
        resolve: Resolve = resolve_name,
        tls: ssl.SSLContext | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
        trial: Trial | None = None,
        oob_types: Iterable[str] | None = None,
    ) -> None:
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
            sleep=sleep,
            clock=clock,
        )
        self.longest_load = LONGEST_COMPILE + longest_fetch(
            connect_timeout=connect_timeout, read_timeout=read_timeout, attempts=attempts
        )
        self._clock = clock
        self._kept: OrderedDict[str, tuple[Design, float]] = OrderedDict()
        self._loads: Flights[Design] = Flights()
        self._compiles: Flights[Design] = Flights()
        # Two, so that one huge design does not keep all others waiting.
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="design")

    async def load(self, ref: str, *, marker: str = "", end_user: str = "") -> Design:
        """Return the compiled design `ref` names now; the same object while it is unchanged.

        What is permanently wrong with the reference or its documents is in the findings.
        Raises SourceUnavailable when the source does not answer after all attempts.
        """
        return await self._loads.join(ref, lambda: self._load(ref, marker, end_user))

    async def compile(self, content: bytes, ref: str) -> Design:
        """Return the design in `content`, from memory if it was compiled lately."""
        self._forget()
        for design, _ in self._kept.values():
            # Comparing 3 MB takes 0.3 ms, their digest ten times that.
            if len(design.content) == len(content) and design.content == content:
                return self._use(design, ref)
        digest = await self._in_thread(lambda: hashlib.sha256(content).hexdigest())
        compiled = await self._compiles.join(digest, lambda: self._compile(content, ref, digest))
        return self._use(compiled, ref)

    async def fetch(self, ref: str, *, marker: str = "", end_user: str = "") -> bytes:
        """Return the bytes `ref` names, by the rules for design references.

        Raises SourceUnavailable for what may pass, InvalidDesign for what will not.
        """
        return await self._sources.fetch(ref, marker=marker, end_user=end_user)

    async def validate(self, design: Design, catalogue: Catalogue | None) -> list[Finding]:
        """Return the findings of the design, and of every rule if it has no error so far."""
        if not design.ok:
            return list(design.findings)
        failed = await self._unrenderable(design)
        judged = await self._in_thread(
            lambda: validate(design.site, catalogue, oob_types=self._oob_types, unrenderable=failed)
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
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _load(self, ref: str, marker: str, end_user: str) -> Design:
        try:
            content = await self._sources.fetch(ref, marker=marker, end_user=end_user)
        except InvalidDesign as error:
            return Design(ref, "", b"", Site(), (findings.trouble(str(error)),))
        return await self.compile(content, ref)

    async def _compile(self, content: bytes, ref: str, digest: str) -> Design:
        started = time.monotonic()
        site, found = await self._in_thread(lambda: _compiled(content))
        log.info(
            "design %s: %d nodes, %d findings, compiled in %.3f s",
            digest[:12],
            len(site.nodes),
            len(found),
            time.monotonic() - started,
        )
        return Design(ref, digest, content, site, found)

    def _use(self, design: Design, ref: str) -> Design:
        """Keep `design` as the one used last, and return it under `ref`."""
        self._kept.pop(design.digest, None)
        self._kept[design.digest] = (design, self._clock() + KEPT_SECONDS)
        self._forget()
        return design if design.ref == ref else replace(design, ref=ref)

    def _forget(self) -> None:
        """Drop what was not used for long, and the oldest of too many."""
        now = self._clock()
        for digest, (_, until) in list(self._kept.items()):
            if until <= now or len(self._kept) > KEPT_DESIGNS:
                del self._kept[digest]

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        def quietly() -> Answer:
            with collector.paused():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._pool, quietly)


def _compiled(content: bytes) -> tuple[Site, tuple[Finding, ...]]:
    site, found = compile_site(content)
    collector.spare(site)
    return site, found
