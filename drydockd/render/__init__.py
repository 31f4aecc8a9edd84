"""Boot data: render the assets of a node and pack them; it knows neither HTTP nor store."""

from drydockd.render.assets import Anew, Fetch, Remote, Sources, package_list, render_assets
from drydockd.render.bootdata import Archive, BootData
from drydockd.render.cache import ByteCache
from drydockd.render.context import ActionGrant, node_context
from drydockd.render.limits import Limits
from drydockd.render.packing import Packed, pack, unpack
from drydockd.render.tarball import RenderedAsset, tar_gz
from drydockd.render.templates import Templates
from drydockd.render.trial import Trial, unrenderable

__all__ = [
    "ActionGrant",
    "Anew",
    "Archive",
    "BootData",
    "ByteCache",
    "Fetch",
    "Limits",
    "Packed",
    "Remote",
    "RenderedAsset",
    "Sources",
    "Templates",
    "Trial",
    "node_context",
    "pack",
    "package_list",
    "render_assets",
    "tar_gz",
    "unpack",
    "unrenderable",
]
