"""What Ironic is told of a node that the design has and it does not know yet. Pure."""

from __future__ import annotations

from typing import Any

from drydockd.drivers.node.ironic.nodes import MARK
from drydockd.drivers.node.ironic.options import IronicOptions
from drydockd.errors import DriverUnsupported
from drydockd.site import Node

BOOT_MODES = ("uefi", "bios")


def enrolled(node: Node, options: IronicOptions) -> dict[str, Any]:
    """Return the body of ``POST /v1/nodes``; holds the BMC's account.

    Raises DriverUnsupported naming the field: an oob.type without a hardware type, no address.
    """
    hardware = options.hardware_types.get(node.oob_type or "")
    if hardware is None:
        there_are = ", ".join(sorted(options.hardware_types)) or "none"
        raise DriverUnsupported(
            f"{node.name}: oob.type: {node.oob_type}: Ironic enrols nodes of {there_are} "
            "(ironic_driver.hardware_types)"
        )
    if not node.boot_mac:
        raise DriverUnsupported(
            f"{node.name}: metadata.boot_mac: missing; Ironic tells machines by it"
        )
    document: dict[str, Any] = {
        "name": node.name,
        "driver": hardware,
        "driver_info": {**options.driver_info, **driver_info(node)},
        "automated_clean": True,
        "extra": {MARK: {"enrolled": True}},
    }
    if mode := boot_mode(node):
        document["properties"] = {"capabilities": f"boot_mode:{mode}"}
    if options.owner:
        document["owner"] = options.owner
    return document


def boot_mode(node: Node) -> str | None:
    """Return ``uefi`` or ``bios`` where the hardware profile says so."""
    mode = node.hardware.boot_mode if node.hardware else None
    return mode if mode in BOOT_MODES else None


def driver_info(node: Node) -> dict[str, Any]:
    """Return how Ironic reaches the BMC. Source: Ironic, "Redfish driver", "IPMI driver"."""
    address, oob = node.oob_address, node.oob_parameters
    if not address:
        raise DriverUnsupported(
            f"{node.name}: oob.network: {oob.get('network')}: the node has no address on it"
        )
    bracketed = f"[{address}]" if ":" in address else address
    if node.oob_type == "redfish":
        port = f":{oob['port']}" if oob.get("port") else ""
        found: dict[str, Any] = {
            "redfish_address": f"https://{bracketed}{port}",
            "redfish_username": oob.get("account"),
            "redfish_password": oob.get("credential"),
        }
        if oob.get("verify"):
            found["redfish_verify_ca"] = oob["verify"].lower() == "true"
        if system := oob.get("system_id"):
            found["redfish_system_id"] = (
                system if system.startswith("/") else f"/redfish/v1/Systems/{system}"
            )
    else:
        found = {
            "ipmi_address": address,
            "ipmi_username": oob.get("account"),
            "ipmi_password": oob.get("credential"),
            "ipmi_port": oob.get("port"),
            "ipmi_cipher_suite": (oob.get("cipher_suite") or "").partition(",")[0] or None,
            "ipmi_priv_level": oob.get("privilege"),
        }
    return {key: value for key, value in found.items() if value is not None}
