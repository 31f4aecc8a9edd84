"""All that a BMC tells of itself and of its machine, and what is odd about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drydockd.drivers.oob.redfish import boot, tls
from drydockd.drivers.oob.redfish.answers import Answer, link, links, mapping, text, texts
from drydockd.drivers.oob.redfish.conversation import Conversation
from drydockd.drivers.oob.redfish.systems import (
    MOST_NICS,
    System,
    as_mac,
    interface_macs,
    unique,
)
from drydockd.machines import BmcFacts

MOST_CHASSIS = 16


async def collect(bmc: Conversation, system: System) -> BmcFacts:
    """Return the facts; what a BMC lacks or refuses is left out."""
    body, answer = system.body, system.answer
    macs = await interface_macs(bmc, system) or await _adapter_macs(bmc, system)
    firmware = await _firmware(bmc, system)
    odd = [*bmc.odd, *_oddities(bmc, system, macs)]
    secured = None
    if answer.tls is not None:
        target = bmc.target
        secured = tls.describe(
            answer.tls, verify=target.verify, is_pinned=target.fingerprint is not None
        )
    return BmcFacts(
        "redfish",
        system.power,
        boot_device=boot.in_words(system.boot),
        vendor=text(body.get("Manufacturer")) or text(bmc.root.get("Vendor")),
        model=text(body.get("Model")),
        serial=text(body.get("SerialNumber")) or text(body.get("SKU")),
        uuid=system.uuid,
        name=text(body.get("HostName")),
        macs=macs,
        firmware=firmware,
        tls=secured or "none: plain HTTP",
        seconds=round(answer.seconds, 3),
        odd=tuple(dict.fromkeys(odd)),
    )


async def _firmware(bmc: Conversation, system: System) -> str | None:
    """The version of the BMC's own firmware."""
    purpose = "to read its firmware"
    managed = links(mapping(system.body.get("Links")).get("ManagedBy"))
    if not managed:
        managed = await _member_links(bmc, link(bmc.root.get("Managers")), purpose)
    for path in managed[:1]:
        if (manager := await bmc.look(path, purpose)) is not None:
            return text(manager.body.get("FirmwareVersion"))
    return None


async def _adapter_macs(bmc: Conversation, system: System) -> tuple[str, ...]:
    """Where a system lists none (iDRAC10, XCC, BlueField): the ports of its chassis' adapters."""
    purpose = "to read the MAC addresses of its adapters"
    found: list[str | None] = []
    for chassis in links(mapping(system.body.get("Links")).get("Chassis"))[:MOST_CHASSIS]:
        for adapter in await _members(bmc, chassis, "NetworkAdapters", purpose):
            for name in ("Ports", "NetworkPorts", "NetworkDeviceFunctions"):
                ports = await _members_of(bmc, adapter, name, purpose)
                found += (mac for port in ports for mac in _port_macs(port.body))
                if any(found):
                    break
    return unique(found)


async def _members(bmc: Conversation, path: str, name: str, purpose: str) -> list[Answer]:
    answer = await bmc.look(path, purpose)
    return [] if answer is None else await _members_of(bmc, answer, name, purpose)


async def _members_of(bmc: Conversation, owner: Answer, name: str, purpose: str) -> list[Answer]:
    """The documents of the collection that `owner` calls `name`."""
    paths = await _member_links(bmc, link(owner.body.get(name)), purpose)
    looked = [await bmc.look(path, purpose) for path in paths[:MOST_NICS]]
    return [answer for answer in looked if answer is not None]


async def _member_links(bmc: Conversation, path: str | None, purpose: str) -> tuple[str, ...]:
    listed = await bmc.look(path, purpose) if path else None
    return () if listed is None else links(listed.body.get("Members"))


def _port_macs(port: Mapping[str, object]) -> Iterator[str | None]:
    """Each generation of the schema has another name for it."""
    ethernet = mapping(port.get("Ethernet"))
    listed = (
        *texts(ethernet.get("AssociatedMACAddresses")),
        *texts(port.get("AssociatedNetworkAddresses")),
    )
    yield from (as_mac(value) for value in listed)
    for key in ("MACAddress", "PermanentMACAddress"):
        yield as_mac(ethernet.get(key))


def _oddities(bmc: Conversation, system: System, macs: tuple[str, ...]) -> Iterator[str]:
    if system.answer.tls is None:
        yield "the connection is not encrypted: BMC passwords cross the network readable"
    else:
        if not bmc.is_tls_verified():
            yield "its certificate is not verified; name its CA, or pin its fingerprint"
        yield from tls.oddities(system.answer.tls)
    if system.boot.get(boot.ENABLED) == "Continuous":
        yield f"its boot override holds for every start: {boot.in_words(system.boot)}"
    if bmc.target.boot_mode and boot.network_boot(system.boot, bmc.target.boot_mode).is_other_mode(
        system.boot
    ):
        yield (
            f"its boot mode is {text(system.boot.get(boot.MODE))}, and the design's is "
            f"{bmc.target.boot_mode}"
        )
    health = mapping(system.body.get("Status")).get("Health")
    if health in ("Warning", "Critical"):
        yield f"it says that the machine's health is {health}"
    if not system.boot:
        yield "it shows no boot override, so it cannot be made to boot from the network"
    if not macs:
        yield "it tells no MAC address"
    if not system.serials and system.uuid is None:
        yield "it tells neither serial number nor UUID, so its machine cannot be told by them"
