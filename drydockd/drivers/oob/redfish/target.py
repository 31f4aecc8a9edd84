"""One node's BMC: where it is, how to get in, which of its systems is meant."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.drivers.oob.redfish.fingerprints import parse_fingerprint
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.errors import DriverPersistent
from drydockd.site import Node

MODES = {"uefi": "UEFI", "bios": "Legacy"}


@dataclass(frozen=True, slots=True)
class Identity:
    """By what the system of a node is told from others behind the same BMC."""

    system_id: str | None = None
    serial: str | None = None
    uuid: str | None = None
    boot_mac: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """`verify` is None for HTTP; `fingerprint` then decides instead of it, if there is one.

    `boot_mode` is a value of BootSourceOverrideMode, None where the design has none.
    """

    node: str
    address: str
    port: int
    scheme: str
    account: str = field(repr=False)
    password: str = field(repr=False)
    verify: bool
    fingerprint: str | None
    identity: Identity
    boot_mode: str | None = None

    @property
    def origin(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def place(self) -> str:
        """The address as messages name it."""
        usual = 443 if self.scheme == "https" else 80
        host = f"[{self.address}]" if ":" in self.address else self.address
        return self.address if self.port == usual else f"{host}:{self.port}"


def target_of(node: Node, options: RedfishOptions) -> Target:
    """Return where `node`'s BMC is. Raises DriverPersistent for what is missing or wrong.

    The keys of `oob` win over the driver's options.
    """
    oob = node.oob_parameters
    address = _address(node)
    return Target(
        node=node.name,
        address=address,
        port=_port(node, options),
        scheme="https" if options.use_ssl else "http",
        account=_given(node, "account"),
        password=_given(node, "credential"),
        verify=_verify(node, options),
        fingerprint=_fingerprint(node, address, options),
        identity=Identity(
            system_id=oob.get("system_id") or options.system_id,
            serial=oob.get("serial") or None,
            uuid=_uuid(node),
            boot_mac=node.boot_mac.lower() if node.boot_mac else None,
        ),
        boot_mode=MODES.get(node.hardware.boot_mode or "") if node.hardware else None,
    )


def _address(node: Node) -> str:
    network = _given(node, "network")
    address = node.oob_address
    if not address:
        raise DriverPersistent(
            f"{node.name}: has no static address on its oob network {network}, so its BMC cannot "
            "be asked; add one to the node's addressing"
        )
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise DriverPersistent(
            f"{node.name}: the address of its BMC on network {network} reads {address!r}, which "
            "is no IP address; correct the node's addressing"
        ) from None


def _given(node: Node, key: str) -> str:
    if value := node.oob_parameters.get(key):
        return value
    raise DriverPersistent(
        f"{node.name}: has no oob.{key}, so its BMC cannot be asked; set it on the node or a "
        "profile it uses"
    )


def _port(node: Node, options: RedfishOptions) -> int:
    usual = 443 if options.use_ssl else 80
    text = node.oob_parameters.get("port")
    if not text:
        return options.port or usual
    if text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= 65535:
        return int(text)
    raise _wrong(node, "port", text, "a TCP port, 1 to 65535")


def _verify(node: Node, options: RedfishOptions) -> bool:
    text = node.oob_parameters.get("verify")
    if not text:
        return options.ca_file is not None if options.verify is None else options.verify
    # YAML's own true and false reach here as Python writes them.
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise _wrong(node, "verify", text, "true or false")


def _fingerprint(node: Node, address: str, options: RedfishOptions) -> str | None:
    if text := node.oob_parameters.get("fingerprint"):
        try:
            return parse_fingerprint(text)
        except ValueError as error:
            raise _wrong(node, "fingerprint", text, str(error)) from None
    known: Mapping[str, str] = options.fingerprints
    return known.get(node.name) or known.get(address)


def _uuid(node: Node) -> str | None:
    text = node.oob_parameters.get("uuid")
    if not text:
        return None
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise _wrong(node, "uuid", text, "a UUID") from None


def _wrong(node: Node, key: str, text: str, wanted: str) -> DriverPersistent:
    return DriverPersistent(
        f"{node.name}: oob.{key} reads {text[:80]!r}, not {wanted}; correct it in the design"
    )
