"""A site made by hand, for rules: valid until a test bends one value."""

import zlib
from dataclasses import replace
from typing import Any

from drydockd.design.rules import Verdict, all_rules
from drydockd.site import (
    Addressing,
    BootActionSpec,
    Circumstances,
    DocumentRef,
    Interface,
    Network,
    NetworkLink,
    Node,
    Partition,
    Route,
    Site,
    StorageDevice,
)


def a_network(name: str = "lan", **fields: Any) -> Network:
    values: dict[str, Any] = {"cidr": "10.9.0.0/24"} | fields
    return Network(name, **values)


def a_link(name: str = "trunk", *allowed: str, **fields: Any) -> NetworkLink:
    return NetworkLink(name, allowed_networks=allowed, **fields)


def a_route(subnet: str | None = "0.0.0.0/0", gateway: str | None = "10.9.0.1", **fields: Any):
    return Route(subnet, gateway, **fields)


def static(network: str, address: str) -> Addressing:
    return Addressing(network, "static", address)


def dhcp(network: str) -> Addressing:
    return Addressing(network, "dhcp")


def a_partition(name: str, size: str | None = "30g", **fields: Any) -> Partition:
    return Partition(name, size, **fields)


def a_disk(name: str, *partitions: Partition, **fields: Any) -> StorageDevice:
    return StorageDevice(name, partitions=partitions, **fields)


ROOT = a_partition("root", "30g", mountpoint="/", fstype="ext4", mount_options="defaults")


def a_node(name: str = "n1", **fields: Any) -> Node:
    values: dict[str, Any] = {
        "oob_type": "manual",
        "primary_network": "lan",
        "image": "jammy",
        "kernel": "ga-22.04",
        "interfaces": (Interface("eno1", "trunk", ("eno1",), ("lan",)),),
        "storage_devices": (a_disk("sda", ROOT),),
        "addressing": (static("lan", f"10.9.0.{10 + zlib.crc32(name.encode()) % 200}"),),
    }
    return Node(name, **(values | fields))


def a_site(*parts: Any) -> Site:
    """A site of the given networks, links, nodes and boot actions; what is missing is added.

    Without nodes it has one, without networks and links those the node uses.
    """
    kinds = {kind: [p for p in parts if type(p) is kind] for kind in _COLLECTIONS}
    kinds[Network] = kinds[Network] or [a_network(routes=(a_route(),))]
    kinds[NetworkLink] = kinds[NetworkLink] or [a_link("trunk", "lan", native_network="lan")]
    kinds[Node] = kinds[Node] or [a_node()]
    names = tuple(node.name for node in kinds[Node])
    kinds[BootActionSpec] = kinds[BootActionSpec] or [BootActionSpec("all", target_nodes=names)]
    return a_bare_site(*(part for parts in kinds.values() for part in parts))


_COLLECTIONS = {
    Network: "networks",
    NetworkLink: "network_links",
    Node: "nodes",
    BootActionSpec: "bootactions",
}


def a_bare_site(*parts: Any) -> Site:
    """A site of the given parts only."""
    site = Site()
    for kind, collection in _COLLECTIONS.items():
        found = {part.name: part for part in parts if type(part) is kind}
        site = replace(site, **{collection: found})
    return site


def verdicts(rule: Any, site: Site, **circumstances: Any) -> list[Verdict]:
    """What the rule module says of the site; it must be found by its folder, too."""
    (found,) = (r for r in all_rules() if r.order == rule.ORDER)
    assert (found.code, found.name) == (rule.CODE, rule.NAME)
    return list(found.check(site, Circumstances(**circumstances)))


def levels(found: list[Verdict]) -> list[str]:
    return [str(verdict.level) for verdict in found]


def the_only(found: list[Verdict]) -> Verdict:
    assert len(found) == 1, found
    assert found[0].text.endswith((".", "]")), found[0].text
    assert found[0].hint
    return found[0]


def document(kind: str, name: str) -> DocumentRef:
    return DocumentRef(f"drydock/{kind}/v1", name)


def node_document(name: str) -> DocumentRef:
    return document("BaremetalNode", name)
