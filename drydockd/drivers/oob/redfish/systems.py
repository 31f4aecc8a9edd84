"""The node's own system among those behind its BMC, and what it says of itself."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drydockd.drivers.oob.redfish.answers import Answer, link, links, mapping, text
from drydockd.drivers.oob.redfish.conversation import Conversation
from drydockd.drivers.oob.redfish.target import Identity
from drydockd.errors import DriverPersistent
from drydockd.machines import PowerState

COLLECTION = "/redfish/v1/Systems"
# Cards with a computer of their own, and what others are put together of.
NO_HOSTS = frozenset({"DPU", "Composed"})
MOST_SYSTEMS = 64
MOST_NICS = 64
PURPOSE = "to find the node's system"

_POWER = {"On": PowerState.ON, "Off": PowerState.OFF}


@dataclass(frozen=True, slots=True)
class System:
    """One ComputerSystem, as it was read."""

    path: str
    answer: Answer

    @property
    def body(self) -> Mapping[str, object]:
        return self.answer.body

    @property
    def id(self) -> str:
        return text(self.body.get("Id")) or self.path.rstrip("/").rpartition("/")[2]

    @property
    def power_text(self) -> str:
        """PowerState as the BMC writes it."""
        return text(self.body.get("PowerState")) or "nothing"

    @property
    def power(self) -> PowerState:
        return _POWER.get(self.power_text, PowerState.UNKNOWN)

    @property
    def is_changing(self) -> bool:
        return self.power_text in ("PoweringOn", "PoweringOff")

    @property
    def boot(self) -> Mapping[str, object]:
        return mapping(self.body.get("Boot"))

    @property
    def etag(self) -> str | None:
        return self.answer.headers.get("etag") or text(self.body.get("@odata.etag"))

    @property
    def serials(self) -> tuple[str, ...]:
        """Its serial number, and what Dell calls the service tag."""
        found = (text(self.body.get(key)) for key in ("SerialNumber", "SKU"))
        return tuple(serial for serial in found if serial)

    @property
    def uuid(self) -> str | None:
        try:
            return str(uuid.UUID(text(self.body.get("UUID")) or ""))
        except ValueError:
            return None


async def find_system(bmc: Conversation) -> System:
    """Return the system of the node: the only one, or the one whose identity the design tells.

    DriverPersistent where that is not clear: never a guess. No system at all is what a BMC shows
    for a minute or two after its start, so it is asked until the deadline.
    """
    paths = await _members(bmc)
    wanted = bmc.target.identity
    if wanted.system_id:
        paths = _named(bmc, paths, wanted.system_id)
    systems = [await read_system(bmc, path) for path in paths]
    if len(systems) > 1:
        systems = [system for system in systems if not _is_no_host(system)] or systems
    if len(systems) > 1:
        systems = [await _identified(bmc, systems)]
    _expect_identity(bmc, systems[0])
    return systems[0]


async def read_system(bmc: Conversation, path: str, purpose: str = "to read the system") -> System:
    return System(path, await bmc.get(path, purpose))


async def _members(bmc: Conversation) -> tuple[str, ...]:
    path = link(bmc.root.get("Systems")) or COLLECTION
    waited = 0
    while True:
        answer = await bmc.get(path, PURPOSE)
        if found := links(answer.body.get("Members"))[:MOST_SYSTEMS]:
            return found
        why = f"GET {path} {PURPOSE}: it shows no system (yet)"
        await bmc.pause(bmc.pace.growing(waited), why)
        waited += 1


def _named(bmc: Conversation, paths: tuple[str, ...], wanted: str) -> tuple[str, ...]:
    found = tuple(path for path in paths if wanted in (path, _last(path)))
    if found:
        return found[:1]
    seen = f"it has no system {wanted}, but {_listed(_last(path) for path in paths)}"
    cure = "correct oob.system_id of the node, or redfish_driver.system_id"
    raise DriverPersistent(bmc.message("GET", COLLECTION, PURPOSE, seen, cure))


def _is_no_host(system: System) -> bool:
    return system.body.get("SystemType") in NO_HOSTS or system.id.lower() == "bluefield"


async def _identified(bmc: Conversation, systems: list[System]) -> System:
    wanted = bmc.target.identity
    for test in (_has_serial, _has_uuid):
        if len(found := [system for system in systems if test(system, wanted)]) == 1:
            return found[0]
    if wanted.boot_mac:
        found = [
            s for s in systems if wanted.boot_mac in await interface_macs(bmc, s, is_needed=True)
        ]
        if len(found) == 1:
            return found[0]
    seen = f"it has the systems {_listed(system.id for system in systems)}, and none is told by"
    told = ", ".join(
        f"{name} {value}"
        for name, value in (
            ("serial", wanted.serial),
            ("UUID", wanted.uuid),
            ("MAC address", wanted.boot_mac),
        )
        if value
    )
    seen = f"{seen} {told}" if told else f"{seen} the design"
    cure = "set oob.system_id of the node"
    raise DriverPersistent(bmc.message("GET", COLLECTION, PURPOSE, seen, cure))


def _expect_identity(bmc: Conversation, system: System) -> None:
    """What the design says of the system must not be contradicted; silence is no contradiction."""
    wanted = bmc.target.identity
    seen = None
    if wanted.serial and system.serials and not _has_serial(system, wanted):
        seen = f"serial {' or '.join(system.serials)}, not {wanted.serial}"
    elif wanted.uuid and system.uuid and not _has_uuid(system, wanted):
        seen = f"UUID {system.uuid}, not {wanted.uuid}"
    if seen:
        cure = "another machine has this BMC address; correct the address, oob.serial or oob.uuid"
        raise DriverPersistent(
            bmc.message("GET", system.path, PURPOSE, f"the system has {seen}", cure)
        )


def _has_serial(system: System, wanted: Identity) -> bool:
    return wanted.serial is not None and wanted.serial.lower() in (
        serial.lower() for serial in system.serials
    )


def _has_uuid(system: System, wanted: Identity) -> bool:
    return wanted.uuid is not None and wanted.uuid == system.uuid


async def interface_macs(
    bmc: Conversation, system: System, *, is_needed: bool = False
) -> tuple[str, ...]:
    """The MAC addresses under EthernetInterfaces, in order; none where there is no such list."""
    purpose = "to read its MAC addresses"
    collection = link(system.body.get("EthernetInterfaces"))
    if collection is None:
        return ()
    listed = await bmc.look(collection, purpose, is_needed=is_needed)
    if listed is None:
        return ()
    found: list[str | None] = []
    for path in links(listed.body.get("Members"))[:MOST_NICS]:
        if (nic := await bmc.look(path, purpose, is_needed=is_needed)) is not None:
            found += (as_mac(nic.body.get(key)) for key in ("MACAddress", "PermanentMACAddress"))
    return unique(found)


def as_mac(value: object) -> str | None:
    """Six octets in lower case; None for anything else, such as InfiniBand's twenty."""
    found = (text(value) or "").lower().replace("-", ":")
    if re.fullmatch("[0-9a-f]{12}", found):
        found = ":".join(found[place : place + 2] for place in range(0, 12, 2))
    if re.fullmatch("[0-9a-f]{2}(:[0-9a-f]{2}){5}", found) is None or found == "00:00:00:00:00:00":
        return None
    return found


def unique(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(ids)
