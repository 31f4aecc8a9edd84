"""Boot data: render the assets of a node and pack them; it knows neither HTTP nor store."""

from drydockd.render.assets import Fetch, package_list, render_assets
from drydockd.render.bootdata import Archive, BootData
from drydockd.render.cache import ByteCache
from drydockd.render.context import ActionGrant, node_context
from drydockd.render.limits import Limits
from drydockd.render.tarball import RenderedAsset, iter_tar_gz, stream_tar_gz, tar_gz
from drydockd.render.templates import Templates
from drydockd.render.trial import unrenderable

__all__ = [
    "ActionGrant",
    "Archive",
    "BootData",
    "ByteCache",
    "Fetch",
    "Limits",
    "RenderedAsset",
    "Templates",
    "iter_tar_gz",
    "node_context",
    "package_list",
    "render_assets",
    "stream_tar_gz",
    "tar_gz",
    "unrenderable",
]
