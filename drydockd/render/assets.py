"""All assets of one node: each through its pipeline, every failure named."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from drydockd.errors import InvalidInput, RenderError, SourceUnavailable
from drydockd.render import packages, pipeline
from drydockd.render.context import ActionGrant, action_context, node_context
from drydockd.render.limits import Limits
from drydockd.render.tarball import DEFAULT_MODE, RenderedAsset, check_path
from drydockd.render.templates import Templates
from drydockd.site import Asset, BootActionSpec, Node, Site

Fetch = Callable[[str], Awaitable[bytes]]
T = TypeVar("T")

FILE_TYPES = ("unit", "file")
_USERINFO = re.compile(r"//[^/@\s]*@")


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
    jobs = [
        (spec, asset, grants[spec.name])
        for spec in site.bootactions_of(node.name)
        if spec.name in grants
        for asset in spec.assets
        if (asset.type == kind if kind else asset.type in FILE_TYPES)
    ]
    async with _Rendering(site, node, report_url, design_ref, fetch, limits, templates) as one:
        done = await _in_order([one.file(*job) for job in jobs])
        total = sum(len(asset.content) for asset in done)
        if total > one.limits.total_bytes:
            raise RenderError(
                f"{node.name}: its boot data have {total} bytes, "
                f"more than the {one.limits.total_bytes} allowed"
            )
        return done


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
    grants = grants or {}
    jobs = [
        (spec, asset, grants.get(spec.name))
        for spec in site.bootactions_of(node.name)
        for asset in spec.assets
        if asset.type == "pkg_list"
    ]
    async with _Rendering(site, node, report_url, design_ref, fetch, limits, templates) as one:
        merged: dict[str, str | None] = {}
        for found in await _in_order([one.packages(*job) for job in jobs]):
            merged |= found
        return merged


async def _in_order(waiting: Sequence[Awaitable[T]]) -> list[T]:
    """Await all; the first failure in document order is the one that is raised."""
    done = await asyncio.gather(*waiting, return_exceptions=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return [result for result in done if not isinstance(result, BaseException)]


@dataclass
class _Rendering:
    """One request: what all its assets share."""

    site: Site
    node: Node
    report_url: str
    design_ref: str
    fetch: Fetch
    limits_given: Limits | None
    templates_given: Templates | None
    fetching: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))

    async def __aenter__(self) -> _Rendering:
        self.templates = self.templates_given or Templates(self.limits_given)
        self.limits = self.limits_given or self.templates.limits
        return self

    async def __aexit__(self, *error: object) -> None:
        if self.templates_given is None:
            await self.templates.close()

    @cached_property
    def node_context(self) -> dict[str, Any]:
        return node_context(self.site, self.node)

    def context(self, grant: ActionGrant | None) -> Callable[[], Mapping[str, Any]]:
        action = action_context(grant, report_url=self.report_url, design_ref=self.design_ref)
        return lambda: {"node": self.node_context, "action": action}

    async def file(self, spec: BootActionSpec, asset: Asset, grant: ActionGrant) -> RenderedAsset:
        with _Named(self.node, spec, asset, grant):
            if asset.path is None:
                raise RenderError("it has no path")
            check_path(asset.path)
            location, content = await self.content(asset, grant)
            mode = DEFAULT_MODE if asset.permissions is None else asset.permissions
            return RenderedAsset(spec.name, asset.type, asset.path, mode, content, location)

    async def content(self, asset: Asset, grant: ActionGrant) -> tuple[str | None, bytes]:
        """Return the rendered location, if any, and the bytes."""
        context = self.context(grant)
        location = None
        if asset.location is not None:
            location, data = await self.remote(asset, context)
        elif asset.data is not None:
            data = pipeline.utf8_encode(asset.data)
        else:
            raise RenderError("it has neither data nor location")
        result = await pipeline.run(asset.data_pipeline, data, context, self.templates)
        return location, pipeline.utf8_encode(result) if isinstance(result, str) else result

    async def remote(
        self, asset: Asset, context: Callable[[], Mapping[str, Any]]
    ) -> tuple[str, bytes]:
        for segment in asset.location_pipeline:
            if segment != "template":
                raise RenderError(f"location_pipeline: {segment}: only template is allowed")
        assert asset.location is not None  # noqa: S101, the callers looked
        location = await pipeline.run(
            asset.location_pipeline, asset.location, context, self.templates
        )
        assert isinstance(location, str)  # noqa: S101, template gives text
        async with self.fetching:
            data = await self.fetch(location)
        if len(data) > self.limits.asset_bytes:
            raise RenderError(f"its source has more than {self.limits.asset_bytes} bytes")
        return location, data

    async def packages(
        self, spec: BootActionSpec, asset: Asset, grant: ActionGrant | None
    ) -> dict[str, str | None]:
        with _Named(self.node, spec, asset, grant):
            if asset.location is None:
                return packages.from_mapping(asset.package_list)
            _, content = await self.remote(asset, self.context(grant))
            if len(content) > self.limits.package_list_bytes:
                raise RenderError(
                    "InvalidPackageListFormat: it has more than "
                    f"{self.limits.package_list_bytes} bytes"
                )
            return await asyncio.to_thread(packages.from_document, content)


class _Named:
    """Put node, boot action and asset before the text of an error, and take the key out.

    The cause is not chained: its own text, printed by a log, could still hold the key.
    """

    def __init__(
        self, node: Node, spec: BootActionSpec, asset: Asset, grant: ActionGrant | None
    ) -> None:
        self.name = f"{node.name}: boot action {spec.name}, {asset.type} {asset.path or 'asset'}"
        self.key = grant.action_key if grant else ""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SourceUnavailable):
            raise SourceUnavailable(self.told(error)) from None
        if isinstance(error, RenderError | InvalidInput):
            raise RenderError(self.told(error)) from None

    def told(self, error: BaseException) -> str:
        text = _USERINFO.sub("//***@", f"{self.name}: {error}")
        if self.key:
            text = re.sub(re.escape(self.key), "***", text, flags=re.IGNORECASE)
        return text
