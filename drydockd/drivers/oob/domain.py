"""A libvirt domain's definition: who it is, what it boots from, and the same with another order.

Only what has to change is changed, and prefixes, comments and what we do not know stay. Source:
libvirt, "Domain XML format"; contract, oob, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.dom import minidom
from xml.dom.minidom import Document, Element
from xml.parsers import expat

NETWORK, DISK = "network", "hd"
_WORDS = {"interface": "network", "disk": "disk", "hd": "disk"}
_DISKS = ("", "disk", "lun")


class Unusable(Exception):
    """The definition cannot be read, or cannot boot as asked; says why."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a definition says. `boot`: what is tried, in order, in words; `macs` are lower case."""

    name: str
    uuid: str
    macs: tuple[str, ...]
    boot: tuple[str, ...]
    serial: str | None
    has_kernel: bool


def read(text: str) -> Definition:
    """Raises Unusable."""
    _, domain = _parsed(text)
    os = _child(domain, "os")
    serials = [
        _text(entry)
        for system in _children(_child(domain, "sysinfo"), "system")
        for entry in _children(system, "entry")
        if entry.getAttribute("name") == "serial"
    ]
    ordered = _ordered(domain)
    boot = [_device_word(device) for device in ordered] or [
        _WORDS.get(word, word) for word in _os_order(os)
    ]
    return Definition(
        name=_text(_child(domain, "name")),
        uuid=_text(_child(domain, "uuid")),
        macs=tuple(mac for nic in _devices(domain, "interface") if (mac := _mac(nic))),
        boot=tuple(boot),
        serial=serials[0] if serials else None,
        has_kernel=_child(os, "kernel") is not None,
    )


def booting_from(text: str, first: str, boot_mac: str | None) -> str | None:
    """Return the definition that boots from `first` (NETWORK or DISK), then the other.

    None if it does already. Devices with an order of their own refuse `<os><boot>`: theirs is
    changed instead, for a network boot to the interface with `boot_mac`. Raises Unusable.
    """
    document, domain = _parsed(text)
    os = _child(domain, "os")
    if os is None:
        raise Unusable("has no <os>")
    if _child(os, "kernel") is not None:
        raise Unusable("starts a kernel that its definition names (<os><kernel>), no boot device")
    ordered = _ordered(domain)
    if ordered:
        wanted = _new_order(domain, ordered, first, boot_mac)
        if ordered == wanted:
            return None
        _set_device_order(document, domain, wanted)
    else:
        order = [first, DISK if first == NETWORK else NETWORK]
        if _os_order(os) == order:
            return None
        _set_os_order(document, os, order)
    return str(domain.toxml())


def _new_order(
    domain: Element, ordered: list[Element], first: str, boot_mac: str | None
) -> list[Element]:
    nics = _devices(domain, "interface")
    named = [nic for nic in nics if boot_mac and _mac(nic) == boot_mac.lower()]
    nic = (named or [d for d in ordered if d in nics] or nics)[:1]
    if not nic and first == NETWORK:
        raise Unusable("has no network interface to boot from")
    disks = [device for device in ordered if _is_disk(device)]
    disks = disks or [disk for disk in _devices(domain, "disk") if _is_disk(disk)][:1]
    if not disks and first == DISK:
        raise Unusable("has no disk to boot from")
    head = [*nic, *disks] if first == NETWORK else [*disks, *nic]
    return [*head, *(device for device in ordered if device not in head)]


def _set_device_order(document: Document, domain: Element, wanted: list[Element]) -> None:
    for device in _ordered(domain):
        for boot in _children(device, "boot"):
            boot.removeAttribute("order")
    for number, device in enumerate(wanted, 1):
        boot = _child(device, "boot") or device.appendChild(document.createElement("boot"))
        boot.setAttribute("order", str(number))


def _set_os_order(document: Document, os: Element, order: list[str]) -> None:
    for boot in _children(os, "boot"):
        os.removeChild(boot)
    for word in order:
        boot = document.createElement("boot")
        boot.setAttribute("dev", word)
        os.appendChild(boot)


def _os_order(os: Element | None) -> list[str]:
    return [boot.getAttribute("dev") for boot in _children(os, "boot")]


def _ordered(domain: Element) -> list[Element]:
    """The devices with an order of their own, first to last."""
    found = [
        (int(order), device)
        for device in _devices(domain)
        for boot in _children(device, "boot")
        if (order := boot.getAttribute("order")).isdecimal()
    ]
    return [device for _, device in sorted(found, key=lambda pair: pair[0])]


def _devices(domain: Element, kind: str | None = None) -> list[Element]:
    return _children(_child(domain, "devices"), kind)


def _is_disk(device: Element) -> bool:
    return device.tagName == "disk" and device.getAttribute("device") in _DISKS


def _device_word(device: Element) -> str:
    if device.tagName == "disk" and not _is_disk(device):
        return str(device.getAttribute("device"))
    return _WORDS.get(device.tagName, device.tagName)


def _mac(nic: Element) -> str | None:
    mac = _child(nic, "mac")
    return str(mac.getAttribute("address")).lower() if mac is not None else None


def _children(parent: Element | None, name: str | None = None) -> list[Element]:
    nodes = parent.childNodes if parent is not None else []
    return [n for n in nodes if isinstance(n, Element) and name in (None, n.tagName)]


def _child(parent: Element | None, name: str) -> Element | None:
    return next(iter(_children(parent, name)), None)


def _text(element: Element | None) -> str:
    nodes = element.childNodes if element is not None else []
    return "".join(node.data for node in nodes if isinstance(node, minidom.Text)).strip()


def _parsed(text: str) -> tuple[Document, Element]:
    """Parse what has no document type, and so no entities of its own. Raises Unusable."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(text, True)
        document = minidom.parseString(text)  # noqa: S318, its entities were refused above
    except expat.ExpatError as error:
        raise Unusable(f"has a definition that is no XML (line {error.lineno})") from None
    domain = document.documentElement
    if domain is None or domain.tagName != "domain":
        raise Unusable("has a definition that is no <domain>")
    return document, domain


def _refuse(*_: object) -> None:
    raise Unusable("has a definition with a document type, which libvirt never writes")
