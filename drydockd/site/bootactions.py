"""Boot actions, and the filters that choose their nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drydockd.site.findings import DocumentRef


@dataclass(frozen=True, slots=True)
class NodeFilterTerm:
    """One filter of a set; None = criterion not used."""

    filter_type: str
    node_names: tuple[str, ...] | None = None
    node_tags: tuple[str, ...] | None = None
    node_labels: Mapping[str, str] | None = None
    rack_names: tuple[str, ...] | None = None
    rack_labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """A checked node filter; contract, tasks, section 8. Parsed by `design.nodefilter`."""

    filter_set_type: str
    filter_set: tuple[NodeFilterTerm, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset of a boot action. `permissions` is the numeric mode (0o555), None if absent."""

    type: str
    path: str | None = None
    location: str | None = None
    data: str | None = None
    package_list: Mapping[str, str | None] | None = None
    location_pipeline: tuple[str, ...] = ()
    data_pipeline: tuple[str, ...] = ()
    permissions: int | None = None


@dataclass(frozen=True, slots=True)
class BootActionSpec:
    """A BootAction document; `target_nodes` are the names its filter selects, design order."""

    name: str
    signaling: bool = True
    assets: tuple[Asset, ...] = ()
    node_filter: NodeFilter | None = None
    target_nodes: tuple[str, ...] = ()

    @property
    def ref(self) -> DocumentRef:
        return DocumentRef("drydock/BootAction/v1", self.name)
