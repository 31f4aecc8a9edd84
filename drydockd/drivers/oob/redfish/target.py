"""One node's BMC: where it is, how to get in, which of its systems is meant."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.errors import DriverPersistent
from drydockd.oob import parse_fingerprint, parse_port, parse_truth, parse_uuid
from drydockd.site import Node

T = TypeVar("T")

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
    """`fingerprint`, if there is one, decides about the certificate in place of `verify`.

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
    def _host(self) -> str:
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def _has_usual_port(self) -> bool:
        return self.port == (443 if self.scheme == "https" else 80)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self._host}:{self.port}"

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        return self._host if self._has_usual_port else f"{self._host}:{self.port}"

    @property
    def place(self) -> str:
        """The address as messages name it."""
        return self.address if self._has_usual_port else self.authority


def target_of(node: Node, options: RedfishOptions) -> Target:
    """Return where `node`'s BMC is. Raises DriverPersistent for what is missing or wrong.

    The keys of `oob` win over the driver's options.
    """
    oob = node.oob_parameters
    address = _address(node)
    return Target(
        node=node.name,
        address=address,
        port=_read(node, "port", parse_port) or options.port or (443 if options.use_ssl else 80),
        scheme="https" if options.use_ssl else "http",
        account=_given(node, "account"),
        password=_given(node, "credential"),
        verify=_verify(node, options),
        fingerprint=_read(node, "fingerprint", parse_fingerprint)
        or options.fingerprints.get(node.name)
        or options.fingerprints.get(address),
        identity=Identity(
            system_id=oob.get("system_id") or options.system_id,
            serial=oob.get("serial") or None,
            uuid=_read(node, "uuid", parse_uuid),
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


def _read(node: Node, key: str, parse: Callable[[str], T]) -> T | None:
    """The value of an optional key of `oob`; None where it is not given."""
    text = node.oob_parameters.get(key)
    if not text:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise DriverPersistent(
            f"{node.name}: oob.{key} reads {text[:80]!r}, not {error}; correct it in the design"
        ) from None


def _verify(node: Node, options: RedfishOptions) -> bool:
    if (said := _read(node, "verify", parse_truth)) is not None:
        return said
    return options.ca_file is not None if options.verify is None else options.verify
