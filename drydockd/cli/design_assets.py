"""The files and packages a node would get, rendered offline, and where to put them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from drydockd.errors import RenderError
from drydockd.render import (
    ActionGrant,
    Fetch,
    RenderedAsset,
    Templates,
    package_list,
    render_assets,
)
from drydockd.site import Node, Site

# What stands in for a deployment that has not happened: nobody's id and key.
EXAMPLE = ActionGrant("00000000000000000000000000", "0" * 64)
REPORT_URL = "http://localhost:9000/api/v1.0/bootactions/"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What would be different from one deployment to the next."""

    grant: ActionGrant = EXAMPLE
    report_url: str = REPORT_URL
    design_ref: str = ""


class Shared(TypedDict):
    """What files and package lists are rendered with."""

    report_url: str
    design_ref: str
    templates: Templates | None


class Row(TypedDict):
    """One file as it is listed; `mode` is octal, `size` in bytes."""

    bootaction: str
    type: str
    path: str
    mode: str
    size: int
    sha256: str
    location: str | None


@dataclass
class BootData:
    """What one node gets: files, packages, and the package lists that were not fetched."""

    assets: list[RenderedAsset]
    packages: dict[str, str | None] = field(default_factory=dict)
    package_sources: list[str] = field(default_factory=list)


async def stub(location: str) -> bytes:
    """Stand in for a remote source."""
    return f"stub content of {location}\n".encode()


async def boot_data(
    site: Site,
    node: Node,
    kind: str | None,
    deployment: Deployment,
    fetch: Fetch,
    templates: Templates | None = None,
) -> BootData:
    """Render everything of one `kind` (None: all files and packages). Raises RenderError.

    With `stub` for `fetch`, package lists with a location are named, not read.
    """
    grants = {spec.name: deployment.grant for spec in site.bootactions_of(node.name)}
    shared: Shared = {
        "report_url": deployment.report_url,
        "design_ref": deployment.design_ref,
        "templates": templates,
    }
    data = BootData(await render_assets(site, node, kind, grants, fetch=fetch, **shared))
    if kind is None:

        async def named_only(location: str) -> bytes:
            data.package_sources.append(location)
            return b"{}"

        fetch_packages = named_only if fetch is stub else fetch
        data.packages = await package_list(site, node, grants, fetch=fetch_packages, **shared)
    return data


def as_rows(data: BootData) -> list[Row]:
    """Return one row per file, in the order the node gets them."""
    return [
        {
            "bootaction": asset.bootaction,
            "type": asset.type,
            "path": asset.path,
            "mode": f"{asset.mode:04o}",
            "size": len(asset.content),
            "sha256": hashlib.sha256(asset.content).hexdigest(),
            "location": asset.location,
        }
        for asset in data.assets
    ]


def as_json(data: BootData) -> Mapping[str, object]:
    return {
        "assets": as_rows(data),
        "packages": data.packages,
        "package_sources": data.package_sources,
    }


def write_files(assets: Sequence[RenderedAsset], folder: Path) -> None:
    """Write every asset to its path under `folder`, with its mode; never outside, never through
    a link. A path twice: the later one wins, as on the node.

    The files may hold keys, so a new folder is the owner's alone. Raises RenderError, OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for asset in assets:
            _write(asset, root)
    finally:
        os.close(root)


def _write(asset: RenderedAsset, root: int) -> None:
    *parents, name = [step for step in asset.path.split("/") if step not in ("", ".")] or [""]
    if ".." in (*parents, name) or not name:
        raise RenderError(f"boot action {asset.bootaction}: path {asset.path} is no file below /")
    with _folder(parents, root) as folder:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(asset.content)
            # Written by an ordinary user, a file loses its set-user-ID bit: the mode comes last.
            file.flush()
            os.fchmod(file.fileno(), asset.mode)


@contextmanager
def _folder(steps: Sequence[str], root: int) -> Iterator[int]:
    """Open the folder below `root`, making it step by step; a link on the way is refused."""
    folder = os.dup(root)
    try:
        for step in steps:
            with suppress(FileExistsError):
                os.mkdir(step, 0o755, dir_fd=folder)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            inner = os.open(step, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)
