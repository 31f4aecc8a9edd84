"""How a deployed node differs from its design, and from the machine it was deployed on. Pure.

The plans it was installed by are held against those of the design as it is now, computed on the
hardware of then; its last inventory against that hardware and against what the design says of
it. What nobody tells is named once as absent, and never a difference.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from drydockd.design import plans
from drydockd.design.inventory import Hardware, devices_of, hardware_of, make_of
from drydockd.errors import InvalidDesign
from drydockd.installed import Installed, Sighting
from drydockd.machines import Device, canonical_mac
from drydockd.plans import NetworkPlan, StoragePlan
from drydockd.site import HardwareProfile, Node, Site

DESIGN, DEPLOYMENT, CATALOGUE = "design", "deployment", "catalogue"
NOT_THERE = "not there"
_UNQUOTED = str.maketrans("", "", '"\\')


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be.

    `source` is what `wanted` was taken from: the ``design`` as it is now, the ``deployment``
    (the machine as it was then) or the image ``catalogue``.
    """

    what: str
    wanted: str
    found: str
    source: str

    def __str__(self) -> str:
        return f"{self.what}: {self.source} {self.wanted}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Drift:
    """All differences of one node; `absent` is what could not be compared, as nobody tells it."""

    differences: tuple[Difference, ...] = ()
    absent: tuple[str, ...] = ()


def drift_of(site: Site, node: Node, installed: Installed, *, boot_reserve: int = 0) -> Drift:
    """Return how `node` differs; `boot_reserve` is that of its provisioner, as for its plans.

    Parses the inventories: a matter of milliseconds for large ones. Raises InvalidDesign for an
    inventory that cannot be read.
    """
    then, now = _seen(node, installed.then), _seen(node, installed.now)
    findings = _Findings()
    _platform(findings, site, node, installed)
    _planned(findings, site, node, installed, boot_reserve)
    _firmware(findings, site, node, then, now)
    _bmc(findings, node, then, now)
    _devices(findings, node, then, now)
    return Drift(tuple(findings.differences), tuple(findings.absent))


@dataclass(slots=True)
class _Findings:
    differences: list[Difference] = field(default_factory=list)
    absent: dict[str, None] = field(default_factory=dict)

    def compare(self, what: str, wanted: object, found: object, source: str) -> None:
        """What the design leaves open is no finding; what was not seen is absent."""
        if found is None or (wanted is None and source != DESIGN):
            self.absent[what] = None
        elif wanted is not None and wanted != found:
            self.add(what, wanted, found, source)

    def add(self, what: str, wanted: object, found: object, source: str) -> None:
        self.differences.append(Difference(what, str(wanted), str(found), source))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A sighting, read; None: not told."""

    sighting: Sighting
    devices: tuple[Device, ...] | None = None
    bios_version: str | None = None


def _seen(node: Node, sighting: Sighting) -> _Seen:
    inventory = sighting.inventory
    if inventory is None:
        return _Seen(sighting)
    lshw = [document.text for document in inventory.documents if document.generator == "lshw"]
    bios_version = make_of(lshw[0]).bios_version if lshw else None
    return _Seen(sighting, devices_of(node, inventory), bios_version)


# -- what was installed


def _platform(findings: _Findings, site: Site, node: Node, installed: Installed) -> None:
    there = installed.platform
    if there is None:
        findings.absent |= dict.fromkeys(("image", "kernel", "kernel parameters"))
        return
    wanted = plans.platform_plan(site, node)
    findings.compare("image", wanted.image or "none", there.image or "none", DESIGN)
    findings.compare("image content", installed.catalogue_digest, installed.image_digest, CATALOGUE)
    findings.compare("kernel", wanted.kernel or "none", there.kernel or "none", DESIGN)
    findings.compare(
        "kernel parameters", wanted.kernel_params or "none", there.kernel_params or "none", DESIGN
    )
    if installed.booted_params is None:
        findings.absent["kernel parameters it was booted with"] = None
        return
    # Told without quotes and backslashes, by a shell script.
    booted = installed.booted_params.split()
    wanted_words = there.kernel_params.translate(_UNQUOTED).split()
    missing = [word for word in wanted_words if word not in booted]
    if missing:
        findings.add(
            "kernel parameters it was booted with", " ".join(missing), NOT_THERE, DEPLOYMENT
        )


def _planned(
    findings: _Findings, site: Site, node: Node, installed: Installed, boot_reserve: int
) -> None:
    """Layout and network: the design's plans of now on the hardware of then."""
    inventory = installed.then.inventory or installed.now.inventory
    if inventory is None:
        findings.absent |= dict.fromkeys(("storage", "network"))
        return
    hardware = hardware_of(site, node, inventory)

    def storage(hardware: Hardware) -> StoragePlan:
        return plans.storage_plan(site, node, hardware, boot_reserve=boot_reserve)

    def network(hardware: Hardware) -> NetworkPlan:
        return plans.network_plan(site, node, hardware)

    _plan(findings, "storage", storage, hardware, installed.storage)
    _plan(findings, "network", network, hardware, installed.network)


def _plan(
    findings: _Findings,
    what: str,
    planned: Callable[[Hardware], StoragePlan | NetworkPlan],
    hardware: Hardware,
    there: StoragePlan | NetworkPlan | None,
) -> None:
    if there is None:
        findings.absent[what] = None
        return
    try:
        wanted = planned(hardware)
    except InvalidDesign as error:
        findings.add(what, "cannot be planned for this machine any more", error, DESIGN)
        return
    for path, one, other in _unlike(what, asdict(wanted), asdict(there)):
        findings.add(path, one, other, DESIGN)


def _unlike(path: str, wanted: Any, found: Any) -> Iterator[tuple[str, str, str]]:
    """Each place at which two plans differ, with what is there; named entries go by their name."""
    if wanted == found:
        return
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in wanted:
            yield from _unlike(f"{path} {key}", wanted[key], found.get(key))
        return
    ones, others = _by_name(wanted), _by_name(found)
    if ones is None or others is None or list(ones) == list(others) == []:
        yield path, _text(wanted), _text(found)
        return
    for name in {**ones, **others}:
        if name in ones and name in others:
            yield from _unlike(f"{path} {name}", ones[name], others[name])
        else:
            told = ("there", NOT_THERE) if name in ones else (NOT_THERE, "there")
            yield f"{path} {name}", *told
    if list(ones) != list(others) and sorted(ones) == sorted(others):
        yield f"{path} order", ", ".join(ones), ", ".join(others)


def _by_name(entries: Any) -> dict[str, Any] | None:
    """Entries of a plan by what names them; None where they are no such entries."""
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return None
    named: dict[str, Any] = {}
    for entry in entries:
        if not isinstance(entry, Mapping):
            return None
        device = entry.get("device")
        name = device["name"] if device else None
        name = name or entry.get("name") or entry.get("network") or entry.get("subnet")
        if name is None or name in named:
            return None
        named[name] = entry
    return named


def _text(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, Mapping):
        told = {key: one for key, one in value.items() if one is not None}
        return ", ".join(f"{key} {_text(one)}" for key, one in told.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(map(_text, value)) or "none"
    return str(value)


# -- what it is made of


def _firmware(findings: _Findings, site: Site, node: Node, then: _Seen, now: _Seen) -> None:
    profile = _profile(site, node)
    mode = now.sighting.boot_mode
    findings.compare("boot mode", profile.boot_mode if profile else None, mode, DESIGN)
    findings.compare("boot mode", then.sighting.boot_mode, mode, DEPLOYMENT)
    told = "firmware version"
    findings.compare(told, profile.bios_version if profile else None, now.bios_version, DESIGN)
    findings.compare(told, then.bios_version, now.bios_version, DEPLOYMENT)


def _profile(site: Site, node: Node) -> HardwareProfile | None:
    return node.hardware or site.hardware_profiles.get(node.hardware_profile or "")


def _bmc(findings: _Findings, node: Node, then: _Seen, now: _Seen) -> None:
    found = _address(now.sighting.bmc_address)
    findings.compare("BMC address", _address(node.oob_address), found, DESIGN)
    findings.compare("BMC address", _address(then.sighting.bmc_address), found, DEPLOYMENT)


def _address(text: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address(text)) if text else None
    except ValueError:
        return text


def _devices(findings: _Findings, node: Node, then: _Seen, now: _Seen) -> None:
    one, other = _mib(then.sighting.memory_mib), _mib(now.sighting.memory_mib)
    findings.compare("memory", one, other, DEPLOYMENT)
    findings.compare("CPUs", then.sighting.cpus or None, now.sighting.cpus or None, DEPLOYMENT)
    if then.devices is None or now.devices is None:
        findings.absent |= dict.fromkeys(("disks", "NICs"))
    else:
        _fixed(findings, "disk", then.devices, now.devices)
        _fixed(findings, "network", then.devices, now.devices)
    wanted = canonical_mac(node.boot_mac or "")
    if wanted and now.devices is not None:
        macs = [device.serial for device in now.devices if device.kind == "network"]
        if wanted not in macs:
            findings.add("boot MAC", wanted, ", ".join(filter(None, macs)) or "no NICs", DESIGN)


def _mib(memory_mib: int) -> str | None:
    return f"{memory_mib} MiB" if memory_mib else None


def _fixed(findings: _Findings, kind: str, then: Sequence[Device], now: Sequence[Device]) -> None:
    """Hold the devices of one kind against those of then, by what is burnt into them."""
    ones, others = _by_identity(kind, then), _by_identity(kind, now)
    word = "NIC" if kind == "network" else kind
    for key, device in ones.items():
        if key not in others:
            findings.add(f"{word} {device.names[0]}", _told(device), NOT_THERE, DEPLOYMENT)
        elif device.size_bytes and others[key].size_bytes not in (None, device.size_bytes):
            size = f"{others[key].size_bytes} bytes"
            findings.add(
                f"{word} {device.names[0]} size", f"{device.size_bytes} bytes", size, DEPLOYMENT
            )
    for key, device in others.items():
        if key not in ones:
            findings.add(f"{word} {device.names[0]}", NOT_THERE, _told(device), DEPLOYMENT)


def _by_identity(kind: str, devices: Sequence[Device]) -> dict[str, Device]:
    """Removable disks come and go, and are no part of the machine."""
    return {
        device.serial or device.wwn or device.businfo or device.names[0]: device
        for device in devices
        if device.kind == kind and not device.is_removable
    }


def _told(device: Device) -> str:
    if device.kind == "network":
        return f"MAC {device.serial}" if device.serial else "a NIC without a MAC"
    size = f"{device.size_bytes} bytes" if device.size_bytes else "size unknown"
    return f"serial {device.serial or device.wwn or 'unknown'}, {size}"
