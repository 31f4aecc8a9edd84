"""The simulated MAAS' network of one machine: interfaces, and their links to subnets."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

from tests.peers.maas import documents
from tests.peers.maas.core import Answer, Call, Refuse, Simulator, not_found, route

STATES = ("Ready", "Allocated", "Broken")
BOND_DEFAULTS: dict[str, Any] = {
    "bond_mode": "balance-rr",
    "bond_miimon": 100,
    "bond_downdelay": 0,
    "bond_updelay": 0,
    "bond_num_grat_arp": 1,
    "bond_lacp_rate": "fast",
    "bond_xmit_hash_policy": "layer2",
}
MODES = ("auto", "dhcp", "static", "link_up")


def _machine(sim: Simulator, call: Call) -> Any:
    machine = sim.machines.get(call.parts["sid"])
    if machine is None:
        raise not_found("Node")
    return machine


def _open(sim: Simulator, call: Call, what: str) -> Any:
    machine = _machine(sim, call)
    if machine.status_name not in STATES:
        text = f"Cannot {what} interface because the machine is not Ready, Allocated, or Broken."
        raise Refuse(409, text)
    return machine


def _interface(machine: Any, call: Call) -> tuple[int, dict[str, Any]]:
    number = int(call.parts["id"])
    if number not in machine.interfaces:
        raise not_found("Interface")
    return number, machine.interfaces[number]


def _shown(sim: Simulator, machine: Any, number: int) -> Any:
    return documents.interface(sim, machine, number)


def _children(machine: Any, name: str) -> list[dict[str, Any]]:
    return [nic for nic in machine.interfaces.values() if name in nic["parents"]]


@route("GET", "nodes/{sid}/interfaces/")
def every(sim: Simulator, call: Call) -> Any:
    machine = _machine(sim, call)
    return [_shown(sim, machine, number) for number in machine.interfaces]


@route("GET", "nodes/{sid}/interfaces/{id}/")
def one(sim: Simulator, call: Call) -> Any:
    machine = _machine(sim, call)
    return _shown(sim, machine, _interface(machine, call)[0])


@route("POST", "machines/{sid}/", "restore_networking_configuration")
def restore(sim: Simulator, call: Call) -> Any:
    machine = sim.machines.get(call.parts["sid"])
    if machine is None:
        raise not_found("Machine")
    if machine.status_name != "Ready":
        text = "Machine must be in a ready state to restore networking configuration"
        raise Refuse(409, text)
    for number, nic in list(machine.interfaces.items()):
        if nic["type"] != "physical":
            del machine.interfaces[number]
            continue
        nic["vlan"] = nic.get("found_vlan", nic["vlan"])
        nic["mtu"], nic["params"], nic["links"] = None, "", []
        if nic["mac_address"] == machine.boot_mac:
            subnets = [key for key, kept in sim.subnets.items() if kept["vlan"] == nic["vlan"]]
            _add_link(sim, nic, "auto" if subnets else "dhcp", (*subnets, None)[0])
        _ensure_link_up(sim, nic)
    sim.done["restore", machine.system_id] += 1
    return documents.machine(sim, machine)


# -- interfaces


@route("POST", "nodes/{sid}/interfaces/", "create_bond")
def create_bond(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "create bond")
    wrong: dict[str, list[str]] = {}
    name = call.get("name") or ""
    if not name:
        wrong["name"] = ["This field is required."]
    _check_name(machine, name, wrong)
    parents = _parents(machine, call.all("parents"), wrong, "parents")
    used = sorted({nic["name"] for nic in parents if _children(machine, nic["name"])})
    if used:
        wrong["parents"] = [f"Interfaces already in-use: {', '.join(used)}."]
    vlan = _vlan(sim, call, wrong)
    if parents and vlan is None:
        vlan = parents[0]["vlan"]
    if parents and {nic["vlan"] for nic in parents} != {vlan}:
        wrong.setdefault("parents", []).append("All parents must belong to the same VLAN.")
    mtu = _mtu(call, wrong)
    if wrong:
        raise Refuse(400, wrong)
    params = {key: _typed(call.get(key), usual) for key, usual in BOND_DEFAULTS.items()}
    nic = _new(name, "bond", parents[0]["mac_address"], vlan, mtu, parents)
    nic["params"] = {**params, **({"mtu": mtu} if mtu else {})}
    number = sim.new_id()
    machine.interfaces[number] = nic
    for parent in parents:
        parent["links"] = []
    _ensure_link_up(sim, nic)
    sim.done["create_bond", machine.system_id] += 1
    return _shown(sim, machine, number)


@route("POST", "nodes/{sid}/interfaces/", "create_vlan")
def create_vlan(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "create VLAN")
    wrong: dict[str, list[str]] = {}
    parents = _parents(machine, call.all("parent"), wrong, "parent")
    vlan = _vlan(sim, call, wrong)
    if "vlan" not in wrong and vlan is None:
        wrong["vlan"] = ["A VLAN interface must be connected to a tagged VLAN."]
    elif vlan is not None and sim.vlans[vlan]["vid"] == 0:
        wrong["vlan"] = ["A VLAN interface can only belong to a tagged VLAN."]
    if parents and any(c["type"] == "bond" for c in _children(machine, parents[0]["name"])):
        text = "A VLAN interface can't have a parent that is already in a bond."
        wrong["parent"] = [text]
    mtu = _mtu(call, wrong)
    name = ""
    if parents and vlan is not None and not wrong:
        on = parents[0]["vlan"]
        if on is None or sim.vlans[on]["fabric_id"] != sim.vlans[vlan]["fabric_id"]:
            text = "A VLAN interface can only belong to a tagged VLAN on the same fabric as its parent interface."  # noqa: E501
            wrong["vlan"] = [text]
        name = f"{parents[0]['name']}.{sim.vlans[vlan]['vid']}"
        _check_name(machine, name, wrong)
    if wrong:
        raise Refuse(400, wrong)
    nic = _new(name, "vlan", parents[0]["mac_address"], vlan, mtu, parents)
    number = sim.new_id()
    machine.interfaces[number] = nic
    _ensure_link_up(sim, nic)
    sim.done["create_vlan", machine.system_id] += 1
    return _shown(sim, machine, number)


@route("PUT", "nodes/{sid}/interfaces/{id}/")
def change(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "update interface")
    number, nic = _interface(machine, call)
    wrong: dict[str, list[str]] = {}
    vlan = _vlan(sim, call, wrong) if "vlan" in call.form else nic["vlan"]
    mtu = _mtu(call, wrong) if "mtu" in call.form else nic["mtu"]
    if wrong:
        raise Refuse(400, wrong)
    _move(sim, machine, nic, vlan)
    nic["mtu"] = mtu
    for child in _children(machine, nic["name"]):
        # What stands on it gets no more than it has.
        if mtu and child["mtu"] and child["mtu"] > mtu:
            child["mtu"] = mtu
            child["params"] = {**(child["params"] or {}), "mtu": mtu}
    params = dict(nic["params"] or {})
    for key, usual in BOND_DEFAULTS.items():
        if nic["type"] == "bond" and call.get(key):
            params[key] = _typed(call.get(key), usual)
    if mtu:
        params["mtu"] = mtu
    nic["params"] = params or ""
    sim.done["change_interface", machine.system_id] += 1
    return _shown(sim, machine, number)


@route("DELETE", "nodes/{sid}/interfaces/{id}/")
def delete(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "delete interface")
    number, nic = _interface(machine, call)
    del machine.interfaces[number]
    for child_number, child in list(machine.interfaces.items()):
        if nic["name"] in child["parents"]:
            del machine.interfaces[child_number]
    return Answer(204)


@route("POST", "nodes/{sid}/interfaces/{id}/", "disconnect")
def disconnect(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "disconnect")
    number, nic = _interface(machine, call)
    nic.setdefault("found_vlan", nic["vlan"])
    nic["links"], nic["vlan"] = [], None
    return _shown(sim, machine, number)


def _new(
    name: str, kind: str, mac: str, vlan: int | None, mtu: int | None, parents: list[Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "mac_address": mac,
        "type": kind,
        "vlan": vlan,
        "mtu": mtu,
        "parents": sorted(nic["name"] for nic in parents),
        "links": [],
        "tags": [],
        "params": {"mtu": mtu} if mtu else "",
    }


def _move(sim: Simulator, machine: Any, nic: dict[str, Any], vlan: int | None) -> None:
    """Another VLAN takes the links away; a bond takes its members along."""
    if vlan == nic["vlan"]:
        return
    nic.setdefault("found_vlan", nic["vlan"])
    nic["vlan"], nic["links"] = vlan, []
    _ensure_link_up(sim, nic)
    if nic["type"] == "bond":
        for parent in machine.interfaces.values():
            if parent["name"] in nic["parents"]:
                parent.setdefault("found_vlan", parent["vlan"])
                parent["vlan"], parent["links"] = vlan, []


def _check_name(machine: Any, name: str, wrong: dict[str, list[str]]) -> None:
    if any(nic["name"] == name for nic in machine.interfaces.values()):
        text = f"Node {machine.hostname} already has an interface named '{name}'."
        wrong["name"] = [text]


def _parents(
    machine: Any, sent: list[str], wrong: dict[str, list[str]], field: str
) -> list[dict[str, Any]]:
    numbers = [int(one) for one in sent]
    gone = [number for number in numbers if number not in machine.interfaces]
    if gone:
        text = f"Select a valid choice. {gone[0]} is not one of the available choices."
        wrong[field] = [text]
    elif not numbers:
        wrong[field] = ["This field is required."]
    return [] if gone else [machine.interfaces[number] for number in numbers]


def _vlan(sim: Simulator, call: Call, wrong: dict[str, list[str]]) -> int | None:
    sent = call.get("vlan")
    if not sent:
        return None
    if int(sent) not in sim.vlans:
        text = "Select a valid choice. That choice is not one of the available choices."
        wrong["vlan"] = [text]
        return None
    return int(sent)


def _mtu(call: Call, wrong: dict[str, list[str]]) -> int | None:
    sent = call.get("mtu")
    if not sent:
        return None
    if int(sent) < 552:
        wrong["mtu"] = ["Ensure this value is greater than or equal to 552."]
    return int(sent)


def _typed(sent: str | None, usual: Any) -> Any:
    return usual if sent is None else type(usual)(sent)


# -- links


@route("POST", "nodes/{sid}/interfaces/{id}/", "link_subnet")
def link_subnet(sim: Simulator, call: Call) -> Any:
    """It adds: only `force` takes the other links away."""
    machine = _open(sim, call, "link subnet")
    number, nic = _interface(machine, call)
    mode = (call.get("mode") or "").lower()
    subnet = int(call.get("subnet") or 0) or None
    force = call.truth("force")
    wrong = _wrong_link(sim, machine, nic, call, mode, subnet, force=force)
    if wrong:
        raise Refuse(400, wrong)
    address = call.get("ip_address") or None
    if mode == "static":
        address = address or _free(sim, subnet)
        if address in _taken(sim):
            raise Refuse(404, "IP address is already in use.")
    if force or mode == "link_up":
        nic["links"] = []
    if force and subnet is not None:
        # The interface comes to the VLAN of the subnet.
        _move(sim, machine, nic, sim.subnets[subnet]["vlan"])
        nic["links"] = []
    _add_link(sim, nic, mode, subnet, address)
    if call.truth("default_gateway"):
        _make_default(machine, nic["links"][-1])
    sim.done["link_subnet", machine.system_id] += 1
    return _shown(sim, machine, number)


def _wrong_link(
    sim: Simulator,
    machine: Any,
    nic: dict[str, Any],
    call: Call,
    mode: str,
    subnet: int | None,
    *,
    force: bool,
) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    if mode not in MODES:
        text = f"'{mode}' is not a valid mode. It should be one of: 'auto', 'dhcp', 'link_up', 'static'."  # noqa: E501
        return {"mode": [text]}
    is_on = subnet in sim.subnets and (force or sim.subnets[subnet]["vlan"] == nic["vlan"])
    if subnet is not None and nic["vlan"] is not None and not is_on:
        wrong["subnet"] = [f"None found with id={subnet}."]
        subnet = None
    if mode in ("auto", "static") and subnet is None:
        wrong.setdefault("subnet", []).append("This field is required.")
    for bond in _children(machine, nic["name"]):
        if bond["type"] == "bond":
            text = (
                f"Cannot link interface({nic['name']}) when interface is in a bond({bond['name']})."
            )
            wrong["bond"] = [text]
    others = [link for link in nic["links"] if link["mode"] != "link_up"]
    if mode == "link_up" and others and not force:
        text = "Cannot configure interface to link up (with no IP address) while other links are already configured. Specify force=True to override this behavior and delete all links."  # noqa: E501
        wrong["mode"] = [text]
    if mode == "dhcp" and any(link["mode"] == "dhcp" for link in others):
        wrong["mode"] = ["Interface is already set to DHCP."]
    if mode == "static" and subnet is not None and call.get("ip_address"):
        wrong |= _wrong_address(sim, subnet, call.get("ip_address") or "")
    if call.truth("default_gateway"):
        if mode not in ("auto", "static"):
            wrong["default_gateway"] = [f"Cannot use in mode '{mode}'."]
        elif subnet is not None and not sim.subnets[subnet]["gateway_ip"]:
            text = f"Cannot set as default gateway because subnet {sim.subnets[subnet]['name']} doesn't provide a gateway IP address."  # noqa: E501
            wrong["default_gateway"] = [text]
    return wrong


def _wrong_address(sim: Simulator, subnet: int, text: str) -> dict[str, list[str]]:
    address = ipaddress.ip_address(text)
    if address not in ipaddress.ip_network(sim.subnets[subnet]["cidr"]):
        cidr = sim.subnets[subnet]["cidr"]
        return {"ip_address": [f"IP address is not in the given subnet '{cidr}'."]}
    for kept in sim.ranges.values():
        if kept["type"] != "dynamic" or kept["subnet"] != subnet:
            continue
        first, last = (ipaddress.ip_address(kept[key]) for key in ("start_ip", "end_ip"))
        if first <= address <= last:  # type: ignore[operator]
            return {"ip_address": [f"IP address is inside a dynamic range {first} to {last}."]}
    return {}


@route("POST", "nodes/{sid}/interfaces/{id}/", "unlink_subnet")
def unlink_subnet(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "unlink subnet")
    number, nic = _interface(machine, call)
    ids = [link["id"] for link in nic["links"]]
    wanted = int(call.get("id") or 0)
    if wanted not in ids:
        listed = ", ".join(f"'{one}'" for one in ids)
        text = f"'{wanted}' is not a valid id.  It should be one of: {listed}."
        raise Refuse(400, {"id": [text]})
    nic["links"] = [link for link in nic["links"] if link["id"] != wanted]
    _ensure_link_up(sim, nic)
    sim.done["unlink_subnet", machine.system_id] += 1
    return _shown(sim, machine, number)


@route("POST", "nodes/{sid}/interfaces/{id}/", "set_default_gateway")
def set_default_gateway(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "set default gateway")
    number, nic = _interface(machine, call)
    usable = [
        link
        for link in nic["links"]
        if link.get("subnet") is not None and sim.subnets[link["subnet"]]["gateway_ip"]
    ]
    if not usable:
        raise Refuse(400, {"__all__": ["This interface has no usable gateways."]})
    wanted = [link for link in usable if link["id"] == int(call.get("link_id") or 0)]
    if not wanted:
        raise Refuse(400, {"link_id": ["This field is required."]})
    _make_default(machine, wanted[0])
    return _shown(sim, machine, number)


def _add_link(
    sim: Simulator, nic: dict[str, Any], mode: str, subnet: int | None, address: str | None = None
) -> None:
    if mode != "link_up":
        nic["links"] = [link for link in nic["links"] if link["mode"] != "link_up"]
    link = {"id": sim.new_id(), "mode": mode, "subnet": subnet, "ip_address": address}
    nic["links"].append(link)


def _ensure_link_up(sim: Simulator, nic: dict[str, Any]) -> None:
    if not nic["links"] and nic["vlan"] is not None:
        _add_link(sim, nic, "link_up", None)


def _make_default(machine: Any, link: dict[str, Any]) -> None:
    version = ipaddress.ip_address(link["ip_address"]).version
    for nic in machine.interfaces.values():
        for other in nic["links"]:
            if other.get("default") == version:
                del other["default"]
    link["default"] = version


def _taken(sim: Simulator) -> set[str]:
    return {
        link["ip_address"]
        for machine in sim.machines.values()
        for nic in machine.interfaces.values()
        for link in nic["links"]
        if link.get("ip_address")
    }


def _free(sim: Simulator, subnet: int | None) -> str:
    hosts = ipaddress.ip_network(sim.subnets[subnet or 0]["cidr"]).hosts()
    return next(str(host) for host in itertools.islice(hosts, 1000) if str(host) not in _taken(sim))
