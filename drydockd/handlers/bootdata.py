"""GET bootdata: what a deploying node installs, opened by its key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from functools import lru_cache, partial
from typing import ClassVar, TypeVar
from urllib.parse import quote

from drydockd import errors
from drydockd import log as logs
from drydockd.auth.audit import Event
from drydockd.auth.bootkey import HEADER
from drydockd.handlers.base import NODE_KEY, BaseHandler, Media
from drydockd.model import BootContext
from drydockd.render import Archive

T = TypeVar("T")
# What a node takes for the truth, and does not ask again.
REFUSING = (errors.NotFound, errors.Unauthenticated, errors.Forbidden, errors.Conflict)
# What must not stand in a quoted file name as it is.
UNSAFE = frozenset('"\\%')


class KeyedHandler(BaseHandler):
    """A route that a key opens. Refusals are slowed per address, counted and audited."""

    has_titles = True

    @property
    def key(self) -> str | None:
        return self.request.headers.get(HEADER)

    async def sure(self, decide: Callable[[], T]) -> T:
        """Return what `decide` does. It refuses on nothing less than all that was acknowledged.

        Where several daemons write, a refusal is thought over once what others wrote is here.
        Raises StoreStale if that cannot be had.
        """
        try:
            return decide()
        except REFUSING:
            if self.services.barrier is None:
                raise
        await self.services.barrier.nodes()
        return decide()

    async def refused(self, error: errors.DrydockError, subject: str) -> None:
        """Count, record and slow down a refusal by key; the caller raises it again."""
        if isinstance(error, errors.Forbidden):
            self.services.audit.record(
                Event.AUTHN_LOGIN_FAIL,
                subject,
                remote=self.remote,
                request_id=self.request_id,
                token=self.key or "",
                description="the boot action key is not valid",
            )
        kind = "bootaction_id" if isinstance(error, errors.NotFound) else "bootkey"
        await self.services.throttle.failed(self.remote, kind)

    def title_of(self, status: int) -> str | None:
        """Both refusals by key carry this title; contract, api, section 7."""
        return "Unauthorized" if status in (401, 403) else None


class BootDataHandler(KeyedHandler):
    """``/bootdata/<host>/units`` and ``files``; ``/bootactions/nodes/<host>/units`` and ``files``.

    Everything is rendered before the first byte leaves: a failure is still a status code.
    """

    policy: ClassVar = {"GET": NODE_KEY}
    answers: ClassVar = {
        ("GET", 200): Media(
            "application/gzip", headers={"Content-Disposition": "a name for the file"}
        ),
    }
    kind: ClassVar[str]

    async def get(self, host: str) -> None:
        logs.bind_here(node=host)
        context = await self._admitted(host)
        archive = await self.services.bootdata.archive(context, self.kind, self.key)
        self.set_header("Content-Type", "application/gzip")
        self.set_header("Content-Disposition", disposition(f"{host}-{self.kind}.tar.gz"))
        if archive.data is not None:
            await self.finish(archive.data)
        else:
            self.set_header("Content-Length", str(archive.size))
            await self._send(context, archive)
        if self.request.method == "GET":
            await self.services.tasks.deployments.note_delivery(context.node, f"{self.kind}s")

    async def _send(self, context: BootContext, archive: Archive) -> None:
        try:
            async with aclosing(archive.chunks()) as chunks:
                async for chunk in chunks:
                    self.write(chunk)
                    await self.flush()
        except errors.RenderError as error:
            # Too late for a status code: the connection breaks. The task is told.
            await self.services.bootdata.complain(context, self.kind, error)
            raise
        await self.finish()

    async def _admitted(self, host: str) -> BootContext:
        """A key that another daemon made void opens nothing, as long as the database answers."""
        admit = partial(self.services.tasks.deployments.admit_node, host, self.key)
        if self.services.barrier is not None:
            await self.services.barrier.people()
        try:
            return await self.sure(admit)
        except REFUSING as error:
            await self.refused(error, host)
            raise


class UnitsHandler(BootDataHandler):
    names: ClassVar = {"GET": "get_boot_units"}
    about: ClassVar = {"GET": "systemd units, a [gzipped tar](boot-actions.md#the-archives)"}
    kind = "unit"


class FilesHandler(BootDataHandler):
    names: ClassVar = {"GET": "get_boot_files"}
    about: ClassVar = {"GET": "files, a [gzipped tar](boot-actions.md#the-archives)"}
    kind = "file"


@lru_cache(maxsize=1024)
def disposition(name: str) -> str:
    """Return a Content-Disposition value that no host name can break out of (RFC 6266)."""
    if name.isascii() and name.isprintable() and UNSAFE.isdisjoint(name):
        return f'attachment; filename="{name}"'
    plain = "".join(c if c.isascii() and c.isprintable() and c not in UNSAFE else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
