"""What is to be changed next so that a machine's network becomes the one wanted. Pure.

The order may be cut anywhere: what stands below comes before what stands on it, addresses that
are not wanted go before those that are wanted come, and each change leaves what the next run
takes up. Source: contract, maas, section 7, and maas-facts, rows 8 and 14.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drydockd.drivers.node.maas.changes import Change
from drydockd.drivers.node.maas.networkplan import Link, Port
from drydockd.drivers.node.maas.paths import at
from drydockd.errors import DriverConflict

Document = dict[str, Any]


def stray(ports: Sequence[Port], machine: Document) -> str | None:
    """Why the machine's network has to begin anew: a bond, VLAN or bridge that is not wanted, or
    not so; None: what is there is wanted."""
    nics = machine["interface_set"]
    for nic in nics:
        if nic["type"] == "physical":
            continue
        if any(_is(port, nic) for port in ports):
            continue
        return f"{nic['type']} {nic['name']} of {', '.join(nic['parents']) or 'nothing'}"
    return None


def restore(machine: Document, reason: str) -> Change:
    """What has MAAS begin anew, with what commissioning found."""
    path = at("machine", sid=machine["system_id"])
    why = f"{reason} is not wanted"
    return Change("POST", path, "restore_networking_configuration", {}, why, again=True)


def next_change(ports: Sequence[Port], machine: Document) -> Change | None:
    """Return the next change of a machine that has nothing `stray`; None: all is as wanted.

    Raises DriverConflict for a physical interface that is gone.
    """
    return next(_changes(ports, machine), None)


def _changes(ports: Sequence[Port], machine: Document) -> Iterator[Change]:
    for port in ports:
        yield from _built(port, ports, machine)
    yield from _left(ports, machine)
    for port in ports:
        nic = found(port, machine)
        if port.links is None or nic is None:
            continue
        for link in _missing(port.links, nic):
            yield _linked(machine, nic, link)
        yield from _gateways(port.links, nic, machine)


def found(port: Port, machine: Document) -> Document | None:
    """The interface of the machine that a port is, None before it is made."""
    for nic in machine["interface_set"]:
        if _is(port, nic):
            there: Document = nic
            return there
    if port.kind == "physical":
        raise DriverConflict(f"interface {port.name} is gone from MAAS; commission it again")
    return None


def _is(port: Port, nic: Document) -> bool:
    if port.kind != nic["type"]:
        return False
    if port.kind == "physical":
        return bool(port.id == nic["id"])
    if set(port.parents) != set(nic["parents"]):
        return False
    if port.kind == "bond":
        return bool(port.name == nic["name"])
    return _vlan(nic) == port.vlan


# -- interfaces


def _built(port: Port, ports: Sequence[Port], machine: Document) -> Iterator[Change]:
    nic = found(port, machine)
    sid = machine["system_id"]
    if nic is None:
        yield _made(port, machine)
        return
    if (link := _at_once(port, nic, machine)) is not None:
        yield _linked(machine, nic, link, force=True)
    form: dict[str, str | int] = {}
    # A bond takes its members along.
    if _vlan(nic) != port.vlan and not (port.links is None and nic["children"]):
        form["vlan"] = port.vlan
    if port.mtu is not None and _mtu(nic) != port.mtu:
        form["mtu"] = port.mtu
    settings = nic["params"] or {}
    if any(str(settings.get(name)) != str(value) for name, value in port.bond.items()):
        form |= port.bond
    if form:
        path = at("interface", sid=sid, id=nic["id"])
        changed = ", ".join(form)
        yield Change("PUT", path, None, form, f"{port.name}: {changed}", again=True)


def _at_once(port: Port, nic: Document, machine: Document) -> Link | None:
    """The one link that brings a NIC to its VLAN too, and takes all other links away."""
    if port.kind != "physical" or not port.links or _vlan(nic) == port.vlan:
        return None
    link = port.links[0]
    if len(port.links) > 1 or link.subnet is None or any(_fits(one, link) for one in nic["links"]):
        return None
    if port.mtu is not None and _mtu(nic) != port.mtu:
        return None
    taken = [one.get("ip_address") for other in machine["interface_set"] for one in other["links"]]
    return None if link.address in taken else link


def _made(port: Port, machine: Document) -> Change:
    path = at("interfaces", sid=machine["system_id"])
    ids = {nic["name"]: nic["id"] for nic in machine["interface_set"]}
    parents = [ids[name] for name in port.parents]
    if port.kind == "bond":
        form = {
            "name": port.name,
            "parents": parents,
            "vlan": port.vlan,
            "mtu": port.mtu,
            **port.bond,
        }
        return Change("POST", path, "create_bond", form, f"{port.name} is missing")
    form = {"vlan": port.vlan, "parent": parents[0], "mtu": port.mtu}
    return Change("POST", path, "create_vlan", form, f"{port.name} is missing")


def _vlan(nic: Document) -> int | None:
    return nic["vlan"]["id"] if nic["vlan"] else None


def _mtu(nic: Document) -> int:
    """That of the interface itself; `effective_mtu` is at least that of what stands on it."""
    own = (nic["params"] or {}).get("mtu")
    return int(own or nic["effective_mtu"])


# -- links


def _left(ports: Sequence[Port], machine: Document) -> Iterator[Change]:
    """Links that are not wanted; first of all, since an address may only be in one place."""
    wanted = {nic["id"]: port.links for port in ports if (nic := found(port, machine))}
    for nic in machine["interface_set"]:
        links = wanted.get(nic["id"])
        # A bond clears the links of its members itself.
        if links is None and (nic["id"] in wanted or nic["children"]):
            continue
        for link in nic["links"]:
            if _is_left(link, links, nic):
                path = at("interface", sid=machine["system_id"], id=nic["id"])
                why = f"{nic['name']}: {link['mode']} {link.get('ip_address') or ''}".rstrip()
                yield Change("POST", path, "unlink_subnet", {"id": link["id"]}, f"{why} is left")


def _is_left(link: Document, wanted: Sequence[Link] | None, nic: Document) -> bool:
    if wanted is None:
        # An interface that the design does not name: what MAAS gives it by itself may stay.
        return bool(link["mode"] == "static")
    if any(_fits(link, one) for one in wanted):
        return False
    if link["mode"] == "link_up":
        # MAAS makes one where it takes the last link away, and removes it with the next one.
        return len(nic["links"]) > 1
    return True


def _fits(link: Mapping[str, Any], wanted: Link) -> bool:
    subnet = link["subnet"]["id"] if link.get("subnet") else None
    if link["mode"] != wanted.mode:
        return False
    if wanted.mode == "link_up":
        return subnet is None or wanted.subnet in (None, subnet)
    if wanted.mode == "static":
        same = _address(link.get("ip_address")) == _address(wanted.address)
        return same and subnet == wanted.subnet
    return bool(subnet == wanted.subnet)


def _missing(wanted: Sequence[Link], nic: Document) -> Iterator[Link]:
    for one in wanted:
        if not any(_fits(link, one) for link in nic["links"]):
            yield one


def _linked(machine: Document, nic: Document, link: Link, *, force: bool = False) -> Change:
    path = at("interface", sid=machine["system_id"], id=nic["id"])
    form = {
        "subnet": link.subnet,
        "mode": link.mode,
        "ip_address": link.address,
        "default_gateway": True if link.is_default else None,
        "force": True if force else None,
    }
    why = f"{nic['name']}: {link.mode} {link.address or ''}".rstrip()
    return Change("POST", path, "link_subnet", form, f"{why} is missing")


def _gateways(wanted: Sequence[Link], nic: Document, machine: Document) -> Iterator[Change]:
    for one in wanted:
        if not one.is_default or one.address is None:
            continue
        link = next(link for link in nic["links"] if _fits(link, one))
        default = machine["default_gateways"][_family(one.address)]
        if default["link_id"] != link["id"]:
            path = at("interface", sid=machine["system_id"], id=nic["id"])
            form = {"link_id": link["id"]}
            why = f"{nic['name']}: {one.address} is not the way out"
            yield Change("POST", path, "set_default_gateway", form, why, again=True)


def _family(address: str) -> str:
    return f"ipv{ipaddress.ip_address(address).version}"


def _address(text: str | None) -> object:
    return ipaddress.ip_address(text) if text else None


# -- answers


def absorb(machine: Document, change: Change, answer: Any) -> None:
    """Put what MAAS answered to `change` into the document of the machine."""
    if "interface_set" in answer:
        machine.clear()
        machine.update(answer)
        return
    nics = machine["interface_set"]
    known = [nic["id"] for nic in nics]
    if answer["id"] in known:
        nics[known.index(answer["id"])] = answer
    else:
        nics.append(answer)
    for nic in nics:
        if nic["name"] in answer["parents"]:
            nic["children"] = sorted({*nic["children"], answer["name"]})
            if answer["type"] == "bond":
                nic["vlan"], nic["links"] = answer["vlan"], []
    _absorb_gateway(machine, change, answer)


def _absorb_gateway(machine: Document, change: Change, answer: Document) -> None:
    if change.op not in ("link_subnet", "set_default_gateway"):
        return
    for link in answer["links"]:
        is_it = change.form.get("link_id") == link["id"] or (
            change.form.get("default_gateway")
            and _address(link.get("ip_address")) == _address(str(change.form["ip_address"]))
        )
        if is_it:
            default = {"gateway_ip": link["subnet"]["gateway_ip"], "link_id": link["id"]}
            machine["default_gateways"][_family(link["ip_address"])] = default
