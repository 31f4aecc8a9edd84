"""All assets of one node: each through its pipeline, every failure named."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar

from drydockd.errors import InvalidInput, RenderError, SourceUnavailable
from drydockd.model import Pin
from drydockd.render import packages, pipeline
from drydockd.render.context import ActionGrant, action_context, node_context
from drydockd.render.limits import Limits
from drydockd.render.tarball import DEFAULT_MODE, PinnedAsset, RenderedAsset, check_path
from drydockd.render.templates import Templates
from drydockd.site import Asset, BootActionSpec, Node, Site

Fetch = Callable[[str], Awaitable[bytes]]
T = TypeVar("T")

FILE_TYPES = ("unit", "file")
# Pipelines whose result, if there is one, is the very content.
CHANGING_NOTHING = ((), ("utf8_decode",), ("utf8_decode", "utf8_encode"))
_USERINFO = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Remote:
    """An asset whose content is still away; `location` is rendered, and may hold a key.

    `name` is ``<boot action>/<place among its assets>``.
    """

    spec: BootActionSpec
    asset: Asset
    grant: ActionGrant | None
    name: str
    location: str


class Sources(Protocol):
    """Where the contents of located assets come from.

    `are_lasting`: what was found once is found for ever, so what is made of it may be kept.
    `are_checked`: all of it went through its pipelines before, well.
    """

    are_lasting: bool
    are_checked: bool

    async def found(self, remote: Remote) -> Pin | bytes:
        """Return where the content is pinned, or the content. Raises SourceUnavailable,
        RenderError, InvalidInput; none of them names the asset."""
        ...

    async def content(self, pin: Pin) -> bytes:
        """Return what is pinned. Raises RenderError if it is not what it was."""
        ...


@dataclass(frozen=True, slots=True)
class Anew(Sources):
    """Sources asked by `fetch`, each time again."""

    fetch: Fetch
    are_lasting: bool = False
    are_checked: bool = False

    async def found(self, remote: Remote) -> Pin | bytes:
        return await self.fetch(remote.location)

    async def content(self, pin: Pin) -> bytes:
        raise RenderError(f"{pin.asset} is pinned")


Prepared = tuple[RenderedAsset | Remote, ...]
Complete = list[RenderedAsset | PinnedAsset]


async def render_assets(
    site: Site,
    node: Node,
    kind: str | None,
    grants: Mapping[str, ActionGrant],
    *,
    report_url: str,
    design_ref: str,
    fetch: Fetch,
    limits: Limits | None = None,
    templates: Templates | None = None,
) -> list[RenderedAsset]:
    """Return the node's files of one `kind` (``unit``, ``file``; None: both), rendered.

    Boot actions come in document order; one without a grant is skipped. `templates` is the
    daemon's; without it a set of its own serves this call. Raises RenderError (boot action,
    asset, segment, cause; never a key) and SourceUnavailable when a location is away.
    """
    async with Rendering(site, node, report_url, design_ref, limits, templates) as rendering:
        done = await rendering.complete(await rendering.prepare(kind, grants), Anew(fetch))
    return [asset for asset in done if isinstance(asset, RenderedAsset)]


async def package_list(
    site: Site,
    node: Node,
    grants: Mapping[str, ActionGrant] | None = None,
    *,
    report_url: str,
    design_ref: str,
    fetch: Fetch,
    limits: Limits | None = None,
    templates: Templates | None = None,
) -> dict[str, str | None]:
    """Return package name -> version or None, merged over the node's boot actions, later wins.

    No boot action is skipped; one without a grant merely has no ``action.action_id`` and
    ``action.action_key`` for its location. Raises as `render_assets`.
    """
    async with Rendering(site, node, report_url, design_ref, limits, templates) as rendering:
        return await rendering.packages(grants or {}, Anew(fetch))


@dataclass
class Rendering:
    """One request: what all its assets share. An async context manager."""

    site: Site
    node: Node
    report_url: str
    design_ref: str
    limits_given: Limits | None
    templates_given: Templates | None
    _fetching: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))

    async def __aenter__(self) -> Rendering:
        self.templates = self.templates_given or Templates(self.limits_given)
        self.limits = self.limits_given or self.templates.limits
        return self

    async def __aexit__(self, *error: object) -> None:
        if self.templates_given is None:
            await self.templates.close()

    @cached_property
    def _node_context(self) -> dict[str, object]:
        return node_context(self.site, self.node)

    def _context(self, grant: ActionGrant | None) -> Callable[[], Mapping[str, object]]:
        action = action_context(grant, report_url=self.report_url, design_ref=self.design_ref)
        return lambda: {"node": self._node_context, "action": action}

    async def prepare(self, kind: str | None, grants: Mapping[str, ActionGrant]) -> Prepared:
        """Render everything that does not depend on a remote source."""
        return tuple(
            [
                await self._file(spec, place, asset, grants[spec.name])
                for spec in self.site.bootactions_of(self.node.name)
                if spec.name in grants
                for place, asset in enumerate(spec.assets)
                if (asset.type == kind if kind else asset.type in FILE_TYPES)
            ]
        )

    async def complete(self, prepared: Prepared, sources: Sources) -> Complete:
        """Find and render the rest. The first failure in document order is the one raised."""
        fetched = iter(
            await _in_order(self._fetched(r, sources) for r in prepared if isinstance(r, Remote))
        )
        done: Complete = [next(fetched) if isinstance(a, Remote) else a for a in prepared]
        total = sum(a.pin.size if isinstance(a, PinnedAsset) else len(a.content) for a in done)
        if total > self.limits.total_bytes:
            raise RenderError(
                f"{self.node.name}: its boot data have {total} bytes, "
                f"more than the {self.limits.total_bytes} allowed"
            )
        return done

    async def on_trial(
        self, spec: BootActionSpec, asset: Asset, grant: ActionGrant, content: bytes
    ) -> None:
        """Render one asset; its remote source, if any, is `content`. Raises RenderError."""

        async def fetch(location: str) -> bytes:
            return content

        if asset.type in FILE_TYPES:
            found = await self._file(spec, 0, asset, grant)
            if isinstance(found, Remote):
                await self._fetched(found, Anew(fetch))
        elif asset.location is not None:
            with _Named(self.node, spec, asset, grant):
                await self._location(asset, asset.location, grant)

    async def packages(
        self, grants: Mapping[str, ActionGrant], sources: Sources
    ) -> dict[str, str | None]:
        found = await _in_order(
            self._packages(spec, place, asset, grants.get(spec.name), sources)
            for spec in self.site.bootactions_of(self.node.name)
            for place, asset in enumerate(spec.assets)
            if asset.type == "pkg_list"
        )
        return {name: version for one in found for name, version in one.items()}

    async def _file(
        self, spec: BootActionSpec, place: int, asset: Asset, grant: ActionGrant
    ) -> RenderedAsset | Remote:
        with _Named(self.node, spec, asset, grant):
            if asset.path is None:
                raise RenderError("it has no path")
            check_path(asset.path)
            if asset.location is not None:
                location = await self._location(asset, asset.location, grant)
                return Remote(spec, asset, grant, f"{spec.name}/{place}", location)
            if asset.data is None:
                raise RenderError("it has neither data nor location")
            return await self._piped(spec, asset, grant, pipeline.utf8_encode(asset.data), None)

    async def _fetched(self, remote: Remote, sources: Sources) -> RenderedAsset | PinnedAsset:
        spec, asset, grant = remote.spec, remote.asset, remote.grant
        with _Named(self.node, spec, asset, grant):
            data = await self._source(remote, sources)
            if isinstance(data, bytes):
                return await self._piped(spec, asset, grant, data, remote.location)
            as_it_is = asset.data_pipeline in CHANGING_NOTHING
            pinned = PinnedAsset(spec.name, asset.type, asset.path or "", _mode(asset), data)
            if as_it_is and (not asset.data_pipeline or sources.are_checked):
                return pinned
            content = await sources.content(data)
            piped = await self._piped(spec, asset, grant, content, remote.location)
            return pinned if as_it_is else piped

    async def _piped(
        self,
        spec: BootActionSpec,
        asset: Asset,
        grant: ActionGrant | None,
        data: bytes,
        location: str | None,
    ) -> RenderedAsset:
        context = self._context(grant)
        result = await pipeline.run(
            asset.data_pipeline, data, context, self.templates, self.design_ref
        )
        content = pipeline.utf8_encode(result) if isinstance(result, str) else result
        path = asset.path or ""
        return RenderedAsset(spec.name, asset.type, path, _mode(asset), content, location)

    async def _location(self, asset: Asset, location: str, grant: ActionGrant | None) -> str:
        for segment in asset.location_pipeline:
            if segment != "template":
                raise RenderError(f"location_pipeline: {segment}: only template is allowed")
            location = await pipeline.template(
                location, self._context(grant), self.templates, self.design_ref
            )
        return location

    async def _source(self, remote: Remote, sources: Sources) -> Pin | bytes:
        async with self._fetching:
            found = await sources.found(remote)
        size = found.size if isinstance(found, Pin) else len(found)
        if size > self.limits.asset_bytes:
            raise RenderError(f"its source has more than {self.limits.asset_bytes} bytes")
        return found

    async def _packages(
        self,
        spec: BootActionSpec,
        place: int,
        asset: Asset,
        grant: ActionGrant | None,
        sources: Sources,
    ) -> dict[str, str | None]:
        with _Named(self.node, spec, asset, grant):
            if asset.location is None:
                return packages.from_mapping(asset.package_list)
            location = await self._location(asset, asset.location, grant)
            remote = Remote(spec, asset, grant, f"{spec.name}/{place}", location)
            found = await self._source(remote, sources)
            content = await sources.content(found) if isinstance(found, Pin) else found
            if len(content) > self.limits.package_list_bytes:
                raise RenderError(
                    "InvalidPackageListFormat: it has more than "
                    f"{self.limits.package_list_bytes} bytes"
                )
            return await asyncio.to_thread(packages.from_document, content)


def _mode(asset: Asset) -> int:
    return DEFAULT_MODE if asset.permissions is None else asset.permissions


async def _in_order(waiting: Iterable[Awaitable[T]]) -> Sequence[T]:
    """Await all at once; raise the first failure in the order given, not in time."""
    calls = list(waiting)
    if len(calls) < 2:
        return [await call for call in calls]
    done = await asyncio.gather(*calls, return_exceptions=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return [result for result in done if not isinstance(result, BaseException)]


class _Named:
    """Put node, boot action and asset before the text of an error, and take the key out.

    The cause is not chained: its own text, printed by a log, could still hold the key.
    """

    def __init__(
        self, node: Node, spec: BootActionSpec, asset: Asset, grant: ActionGrant | None
    ) -> None:
        self._who = (node, spec, asset)
        self._key = grant.action_key if grant else ""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SourceUnavailable):
            raise SourceUnavailable(self._told(error)) from None
        if isinstance(error, RenderError | InvalidInput):
            raise RenderError(self._told(error), self._who[1].name) from None

    def _told(self, error: BaseException) -> str:
        node, spec, asset = self._who
        name = f"{node.name}: boot action {spec.name}, {asset.type} {asset.path or 'asset'}"
        text = _USERINFO.sub("//***@", f"{name}: {error}")
        if self._key:
            text = re.sub(re.escape(self._key), "***", text, flags=re.IGNORECASE)
        return text
