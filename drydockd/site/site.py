"""The whole of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from drydockd.site.bootactions import BootActionSpec
from drydockd.site.findings import Note
from drydockd.site.hardware import HardwareProfile
from drydockd.site.networks import Network, NetworkLink
from drydockd.site.nodes import Addressing, HostProfile, Node
from drydockd.site.region import Rack, Region


@dataclass(frozen=True)
class Site:
    """One effective design. Collections are dicts by name in document order.

    `notes` is what reading it noticed, for the rules that say so.
    """

    region: Region | None = None
    racks: Mapping[str, Rack] = field(default_factory=dict)
    network_links: Mapping[str, NetworkLink] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    hardware_profiles: Mapping[str, HardwareProfile] = field(default_factory=dict)
    host_profiles: Mapping[str, HostProfile] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    bootactions: Mapping[str, BootActionSpec] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    @cached_property
    def _actions_by_node(self) -> dict[str, tuple[BootActionSpec, ...]]:
        found: dict[str, list[BootActionSpec]] = {}
        for spec in self.bootactions.values():
            for name in spec.target_nodes:
                found.setdefault(name, []).append(spec)
        return {name: tuple(specs) for name, specs in found.items()}

    def bootactions_of(self, node: str) -> tuple[BootActionSpec, ...]:
        """The boot actions that target `node`, in document order."""
        return self._actions_by_node.get(node, ())

    def domain_of(self, node: Node) -> str:
        """DNS domain of the node's primary network, else ``local``."""
        network = self.networks.get(node.primary_network or "")
        return (network.dns_domain if network else None) or "local"

    def fqdn_of(self, node: Node) -> str:
        return f"{node.name}.{self.domain_of(node)}"

    def static_addresses(self) -> Iterator[tuple[Node, Addressing]]:
        """Every static address of every node, in design order."""
        for node in self.nodes.values():
            for entry in node.addressing:
                if entry.type == "static":
                    yield node, entry
