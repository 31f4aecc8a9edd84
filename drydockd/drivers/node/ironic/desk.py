"""The requests that are made of Ironic about nodes and ports, each with what its answer means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from drydockd.drivers.node.ironic.answers import plain
from drydockd.drivers.node.ironic.client import IronicClient
from drydockd.drivers.node.ironic.nodes import FIELDS, MARK, IronicNode, parse
from drydockd.errors import NodeUnknown
from drydockd.machines import canonical_mac

NODES = "/v1/nodes"
PORTS = "/v1/ports"
NODE_FIELDS = {"fields": ",".join(FIELDS)}
PORT_FIELDS = {"fields": "uuid,address,node_uuid,pxe_enabled"}
DEPLOYING = "deploy"

Change = dict[str, Any]


def put(path: str, value: Any) -> Change:
    """A change of a PATCH: set, whether it was there or not."""
    return {"op": "add", "path": path, "value": value}


def drop(path: str) -> Change:
    return {"op": "remove", "path": path}


class Desk:
    """All of it as methods; each raises DriverTransient, DriverPersistent, DriverConflict."""

    def __init__(self, client: IronicClient) -> None:
        self.client = client

    async def node(self, key: str, who: str) -> IronicNode:
        """Return the node of that id or name. Raises NodeUnknown."""
        return parse(await self.client.get(_path(key), who, NODE_FIELDS))

    async def node_with_mac(self, mac: str, who: str) -> IronicNode:
        """Return the node that has a port of that address. Raises NodeUnknown."""
        query = {"address": mac, **PORT_FIELDS}
        ports = (await self.client.get(PORTS, who, query)).get("ports", [])
        if not ports:
            raise NodeUnknown(f"{who}: Ironic has no node of this name and no port {mac}")
        return await self.node(str(ports[0]["node_uuid"]), who)

    async def nodes(self) -> Sequence[IronicNode]:
        return [parse(found) async for found in self.client.pages(NODES, "nodes", NODE_FIELDS)]

    async def boot_macs(self) -> Mapping[str, str]:
        """Return node id -> MAC address of its first port, best one that it boots from."""
        found: dict[str, str] = {}
        booting: set[str] = set()
        async for port in self.client.pages(PORTS, "ports", PORT_FIELDS):
            node = str(port.get("node_uuid"))
            if node not in found or (port.get("pxe_enabled") and node not in booting):
                found[node] = str(port.get("address"))
            if port.get("pxe_enabled"):
                booting.add(node)
        return found

    async def macs(self, node: IronicNode) -> frozenset[str]:
        ports = await self.client.get(f"{_path(node.id)}/ports", node.name)
        addresses = (canonical_mac(str(port.get("address"))) for port in ports.get("ports", []))
        return frozenset(address for address in addresses if address)

    async def enrol(self, document: Mapping[str, Any], who: str) -> IronicNode:
        """Raises Taken: there is a node of that name."""
        return parse(await self.client.send("POST", NODES, who, document))

    async def add_port(self, node: IronicNode, mac: str) -> None:
        """Raises Taken: another node has that address."""
        body = {"node_uuid": node.id, "address": mac, "pxe_enabled": True}
        await self.client.send("POST", PORTS, node.name, body)

    async def change(self, node: IronicNode, *changes: Change) -> IronicNode:
        """Make all of the changes, or none; return the node as it is then."""
        return parse(await self.client.send("PATCH", _path(node.id), node.name, list(changes)))

    async def mark(self, node: IronicNode, **values: Any) -> IronicNode:
        """Keep `values` with the node; None removes one."""
        return await self.change(node, put(f"/extra/{MARK}", marked(node, **values)))

    async def provision(
        self, node: IronicNode, verb: str, config_drive: Mapping[str, Any] | None = None
    ) -> None:
        """Tell the node to go to another state. Raises Locked: it is at work."""
        body: dict[str, Any] = {"target": verb}
        if config_drive is not None:
            body["configdrive"] = config_drive
        await self.client.send("PUT", f"{_path(node.id)}/states/provision", node.name, body)

    async def end_maintenance(self, node: IronicNode) -> None:
        await self.client.send("DELETE", f"{_path(node.id)}/maintenance", node.name)

    async def inventory(self, key: str, who: str) -> Mapping[str, Any]:
        """Raises NodeUnknown: it was never inspected, or nothing was kept of it."""
        answer: Mapping[str, Any] = await self.client.get(f"{_path(key)}/inventory", who)
        return answer

    async def has_inventory(self, node: IronicNode) -> bool:
        try:
            await self.inventory(node.id, node.name)
        except NodeUnknown:
            return False
        return True

    async def history(self, key: str, who: str) -> Sequence[tuple[bool, str]]:
        """Return Ironic's events of the node, oldest first: of a deployment or not, and a line."""
        answer = await self.client.get(f"{_path(key)}/history", who, {"detail": "true"})
        events = sorted(answer.get("history", []), key=lambda event: str(event.get("created_at")))
        return [
            (
                DEPLOYING in str(event.get("event_type")),
                f"{event.get('created_at')} {event.get('severity')} {event.get('event_type')}: "
                f"{plain(event.get('event'))}",
            )
            for event in events
        ]

    async def set_trait(self, node: IronicNode, trait: str) -> None:
        await self.client.send("PUT", f"{_path(node.id)}/traits/{trait}", node.name)

    async def drop_trait(self, node: IronicNode, trait: str) -> None:
        try:
            await self.client.send("DELETE", f"{_path(node.id)}/traits/{trait}", node.name)
        except NodeUnknown:
            return  # somebody else did

    async def forget(self, node: IronicNode) -> None:
        """Delete the node with its ports; one that is gone is fine."""
        try:
            await self.client.send("DELETE", _path(node.id), node.name)
        except NodeUnknown:
            return

    async def drivers(self) -> Mapping[str, Sequence[str]]:
        """Return the hardware types, each with the conductors that offer it."""
        answer = await self.client.get("/v1/drivers")
        return {str(d["name"]): d.get("hosts") or [] for d in answer.get("drivers", [])}

    async def conductors(self) -> Mapping[str, bool]:
        """Return the conductors by name: alive or not."""
        found = (await self.client.get("/v1/conductors")).get("conductors", [])
        return {str(c["hostname"]): bool(c.get("alive")) for c in found}


def marked(node: IronicNode, **values: Any) -> dict[str, Any]:
    """Return the node's mark with `values`; None removes one."""
    return {key: value for key, value in {**node.mark, **values}.items() if value is not None}


def _path(key: str) -> str:
    return f"{NODES}/{quote(key, safe='')}"
