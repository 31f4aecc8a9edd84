"""The effective design: what a site is once its documents were read and inherited. Pure data.

Immutable and shared between requests; nobody changes a Site, `design` makes a new one.
Lists are tuples in document order, maps are plain dicts that nobody writes to.
Field names are the model names of contract, design, section 3.
"""

from drydockd.site.bootactions import Asset, BootActionSpec, NodeFilter, NodeFilterTerm
from drydockd.site.findings import (
    Catalogue,
    Circumstances,
    DocumentRef,
    Finding,
    Level,
    Note,
    NoteKind,
    Unrenderable,
)
from drydockd.site.hardware import PATTERN, DeviceAlias, HardwareProfile, HugepagesConf
from drydockd.site.networks import AddressRange, Network, NetworkLink, Route
from drydockd.site.nodes import (
    Addressing,
    HostProfile,
    Interface,
    LogicalVolume,
    Node,
    Partition,
    Selector,
    StorageDevice,
    VolumeGroup,
)
from drydockd.site.region import Rack, Region, Repository, TagDefinition, TorSwitch
from drydockd.site.site import Site

__all__ = [
    "PATTERN",
    "AddressRange",
    "Addressing",
    "Asset",
    "BootActionSpec",
    "Catalogue",
    "Circumstances",
    "DeviceAlias",
    "DocumentRef",
    "Finding",
    "HardwareProfile",
    "HostProfile",
    "HugepagesConf",
    "Interface",
    "Level",
    "LogicalVolume",
    "Network",
    "NetworkLink",
    "Node",
    "NodeFilter",
    "NodeFilterTerm",
    "Note",
    "NoteKind",
    "Partition",
    "Rack",
    "Region",
    "Repository",
    "Route",
    "Selector",
    "Site",
    "StorageDevice",
    "TagDefinition",
    "TorSwitch",
    "Unrenderable",
    "VolumeGroup",
]
