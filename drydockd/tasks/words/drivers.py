"""The enabled drivers, and what is said where one is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drydockd.drivers.base import KubernetesDriver, NodeProvisioner, OobDriver
from drydockd.errors import DriverUnsupported
from drydockd.site import Node


class NoDriver(Exception):
    """The action needs a driver that is not enabled; `kind` is ``Node`` or ``Kubernetes``."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Drivers:
    """The enabled drivers. For a node the first OOB driver that knows its type is used."""

    oob: Sequence[OobDriver] = ()
    node: NodeProvisioner | None = None
    kubernetes: KubernetesDriver | None = None

    def oob_for(self, oob_type: str | None) -> OobDriver | None:
        for driver in self.oob:
            if oob_type in driver.oob_types:
                return driver
        return None

    def needed_oob(self, node: Node) -> OobDriver:
        """Raises DriverUnsupported in the contract's words."""
        driver = self.oob_for(node.oob_type)
        if driver is None:
            raise DriverUnsupported(f"Node {node.name} OOB type {node.oob_type} is not supported.")
        return driver

    def needed_node(self) -> NodeProvisioner:
        """Raises NoDriver."""
        if self.node is None:
            raise NoDriver("Node")
        return self.node

    def needed_kubernetes(self) -> KubernetesDriver:
        """Raises NoDriver."""
        if self.kubernetes is None:
            raise NoDriver("Kubernetes")
        return self.kubernetes
