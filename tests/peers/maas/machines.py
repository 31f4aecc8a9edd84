"""Machines and rack controllers: their life, their power, their documents."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any

from tests.peers.maas import documents
from tests.peers.maas.bsondoc import bson
from tests.peers.maas.core import Answer, Call, Refuse, Simulator, not_found, route

MAC = re.compile(r"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
MANDATORY = {
    "ipmi": ("power_address",),
    "redfish": ("power_address", "power_user", "power_pass"),
    "virsh": ("power_address", "power_id"),
    "manual": (),
}
# What is done -> (what it is called meanwhile, how it ends, how it ends badly).
COURSES = {
    "commission": ("Commissioning", "Ready", "Failed commissioning"),
    "deploy": ("Deploying", "Deployed", "Failed deployment"),
    "release": ("Releasing", "Ready", "Releasing failed"),
    "erase": ("Disk erasing", "Ready", "Failed disk erasing"),
}
RELEASABLE = {
    "Allocated",
    "Reserved",
    "Broken",
    "Deploying",
    "Deployed",
    "Failed deployment",
    "Failed disk erasing",
    "Releasing failed",
}
COMMISSIONABLE = {"New", "Ready", "Broken", "Failed commissioning", "Failed testing"}
COMMANDS = {"commissioning": 0, "installation": 1, "testing": 2}


@dataclass
class Machine:
    """`interfaces`, `blockdevices`, `volume_groups` are by id; see `documents` for what is in
    them. `does` is the course it is on, `looks` how many reads that still takes."""

    system_id: str
    hostname: str
    boot_mac: str
    domain: str = "maas"
    status_name: str = "Ready"
    owner: str | None = None
    architecture: str = "amd64/generic"
    bios_boot_method: str = "uefi"
    power_type: str = "ipmi"
    power_parameters: dict[str, str] = field(default_factory=dict)
    power_state: str = "off"
    node_type: int = 0
    memory: int = 65536
    cpu_count: int = 32
    interfaces: dict[int, dict[str, Any]] = field(default_factory=dict)
    blockdevices: dict[int, dict[str, Any]] = field(default_factory=dict)
    volume_groups: dict[int, dict[str, Any]] = field(default_factory=dict)
    boot_disk: int | None = None
    tag_names: set[str] = field(default_factory=set)
    annotations: dict[str, str] = field(default_factory=dict)
    osystem: str = ""
    distro_series: str = ""
    hwe_kernel: str | None = None
    status_message: str = ""
    locked: bool = False
    user_data: str | None = None
    details: dict[str, bytes | None] = field(default_factory=lambda: {"lldp": None, "lshw": None})
    lshw: bytes = b"<list><node id='machine'/></list>"  # what commissioning finds
    results: list[dict[str, Any]] = field(default_factory=list)
    does: str = ""
    looks: int = 0
    commissioning: int = 1  # its number; each has another
    services: dict[str, str] = field(default_factory=dict)


def a_nic(name: str, mac: str, vlan: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "mac_address": mac.lower(),
        "type": "physical",
        "vlan": vlan,
        "mtu": None,
        "parents": [],
        "links": [],
        "tags": [],
        "params": "",
    }


def a_disk(name: str, size: int, serial: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "model": "PERC H740P",
        "serial": serial or f"S-{name}",
        "id_path": f"/dev/disk/by-id/{serial or name}",
        "path": f"/dev/disk/by-dname/{name}",
        "size": size,
        "block_size": 512,
        "available_size": size,
        "used_size": 0,
        "used_for": "Unused",
        "type": "physical",
        "tags": ["ssd"],
        "partition_table_type": None,
        "partitions": [],
        "filesystem": None,
        "storage_pool": None,
        "firmware_version": None,
        "numa_node": 0,
        "uuid": None,
    }


def add_machine(sim: Simulator, hostname: str, **given: Any) -> Machine:
    """Put a machine with two NICs and two disks into the region; the first NIC boots it."""
    number = len(sim.machines) + 1
    vlan = next(iter(sim.vlans), None)
    mac = f"52:54:00:00:{number // 256:02x}:{number % 256:02x}"
    other = f"52:54:01:00:{number // 256:02x}:{number % 256:02x}"
    given.setdefault("boot_mac", mac)
    given.setdefault(
        "power_parameters",
        {
            "power_address": str(ipaddress.ip_address("172.22.9.0") + number),
            "power_user": "admin",
            "power_pass": f"bmc-pass-{number}",
        },
    )
    machine = Machine(f"sid{number:03d}", hostname, **given)
    machine.interfaces = {
        sim.new_id(): a_nic("eno1", machine.boot_mac, vlan),
        sim.new_id(): a_nic("eno2", other, vlan),
    }
    machine.blockdevices = {
        sim.new_id(): a_disk("sda", 100_000_000_000),
        sim.new_id(): a_disk("sdb", 100_000_000_000),
    }
    machine.boot_disk = next(iter(machine.blockdevices))
    sim.machines[machine.system_id] = machine
    return machine


def add_rack(sim: Simulator, hostname: str, mac: str, vlan: int | None, ip: str = "") -> Machine:
    rack = Machine(f"rack{len(sim.racks) + 1:02d}", hostname, mac, node_type=2)
    rack.status_name, rack.owner = "Deployed", "admin"
    nic = a_nic("eno1", mac, vlan)
    if ip:
        nic["links"] = [{"id": sim.new_id(), "mode": "static", "ip_address": ip}]
    rack.interfaces = {sim.new_id(): nic}
    rack.services = dict.fromkeys(("http", "dhcpd", "rackd", "tftp"), "running")
    sim.racks[rack.system_id] = rack
    return rack


def found(sim: Simulator, system_id: str) -> Machine:
    machine: Machine | None = sim.machines.get(system_id)
    if machine is None:
        raise not_found("Machine")
    return machine


def node(sim: Simulator, system_id: str) -> Machine:
    """A machine or a rack controller, as `nodes/` has both."""
    kept: Machine | None = sim.machines.get(system_id) or sim.racks.get(system_id)
    if kept is None:
        raise not_found("Node")
    return kept


# -- lists


@route("GET", "machines/")
def machines(sim: Simulator, call: Call) -> Any:
    asked = _asked(call, sim.machines)
    for kept in asked if "id" in call.query else ():
        _look(sim, kept)
    return [documents.machine(sim, kept) for kept in asked]


@route("GET", "rackcontrollers/")
def racks(sim: Simulator, call: Call) -> Any:
    return [_rack(sim, kept) for kept in _asked(call, sim.racks)]


@route("GET", "rackcontrollers/{sid}/")
def rack(sim: Simulator, call: Call) -> Any:
    kept = sim.racks.get(call.parts["sid"])
    if kept is None:
        raise not_found("RackController")
    return _rack(sim, kept)


def _asked(call: Call, nodes: dict[str, Machine]) -> list[Machine]:
    kept = list(nodes.values())
    if ids := call.query.get("id"):
        kept = [machine for machine in kept if machine.system_id in ids]
    if names := call.query.get("hostname"):
        kept = [machine for machine in kept if machine.hostname in names]
    if macs := call.query.get("mac_address"):
        for mac in macs:
            if not MAC.fullmatch(mac):
                text = f"'{mac}' is not a valid MAC address."
                raise Refuse(400, {"mac_address": [text]})
        # MAAS compares the text, and keeps it in lower case.
        kept = [m for m in kept if any(i["mac_address"] in macs for i in m.interfaces.values())]
    return kept


def _rack(sim: Simulator, rack: Machine) -> dict[str, Any]:
    services = [
        {"name": name, "status": status, "status_info": ""}
        for name, status in rack.services.items()
    ]
    return {
        **documents.machine(sim, rack),
        "service_set": services,
        "version": f"{sim.version}-17568",
        "resource_uri": f"/MAAS/api/2.0/rackcontrollers/{rack.system_id}/",
    }


@route("GET", "machines/", "power_parameters")
def all_power(sim: Simulator, call: Call) -> Any:
    return {sid: machine.power_parameters for sid, machine in sim.machines.items()}


@route("GET", "rackcontrollers/", "power_parameters")
def all_rack_power(sim: Simulator, call: Call) -> Any:
    return {sid: rack.power_parameters for sid, rack in sim.racks.items()}


@route("GET", "machines/", "is_registered")
def is_registered(sim: Simulator, call: Call) -> Any:
    return bool(_asked(call, sim.machines))


@route("POST", "machines/", "allocate")
def allocate(sim: Simulator, call: Call) -> Any:
    sid = call.get("system_id")
    machine = sim.machines.get(sid or "")
    if machine is None or machine.status_name != "Ready":
        raise Refuse(409, f"No machine with system ID {sid} available.")
    machine.status_name, machine.owner = "Allocated", sim.user
    sim.done["allocate", machine.system_id] += 1
    return documents.machine(sim, machine)


# -- one machine


@route("GET", "machines/{sid}/")
def machine(sim: Simulator, call: Call) -> Any:
    kept = found(sim, call.parts["sid"])
    _look(sim, kept)
    return documents.machine(sim, kept)


@route("GET", "machines/{sid}/", "power_parameters")
def power(sim: Simulator, call: Call) -> Any:
    return found(sim, call.parts["sid"]).power_parameters


@route("GET", "machines/{sid}/", "details")
def details(sim: Simulator, call: Call) -> Any:
    return Answer(200, bson(found(sim, call.parts["sid"]).details), "application/bson")


@route("PUT", "machines/{sid}/")
def change(sim: Simulator, call: Call) -> Any:
    """The whole form is validated, whatever was sent."""
    kept = found(sim, call.parts["sid"])
    wrong = _wrong(sim, kept, call)
    if wrong:
        raise Refuse(400, wrong)
    kept.hostname = call.get("hostname") or kept.hostname
    kept.domain = call.get("domain") or kept.domain
    sent = {
        name.removeprefix("power_parameters_"): call.get(name) or ""
        for name in call.form
        if name.startswith("power_parameters_")
    }
    if call.get("power_type") not in (None, kept.power_type):
        kept.power_type, kept.power_parameters = call.get("power_type") or "", {}
    kept.power_parameters = {**kept.power_parameters, **sent}
    sim.done["change", kept.system_id] += 1
    return documents.machine(sim, kept)


def _wrong(sim: Simulator, kept: Machine, call: Call) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    there = sorted({r["architecture"].split("/")[0] + "/generic" for r in sim.resources})
    if kept.architecture not in there:
        wanted = ", ".join(f"'{name}'" for name in there) or "''"
        text = f"'{kept.architecture}' is not a valid architecture.  It should be one of: {wanted}."
        wrong["architecture"] = [text]
    hostname = call.get("hostname")
    if hostname and "_" in hostname:
        wrong["hostname"] = [f"Host label cannot contain underscore: '{hostname}'."]
    names = {domain["name"] for domain in sim.domains.values()}
    if (domain := call.get("domain")) and domain not in names:
        wrong["domain"] = [f"Unable to find domain {domain}"]
    taken = [m for m in sim.machines.values() if m is not kept and m.hostname == hostname]
    if hostname and any(m.domain == (call.get("domain") or kept.domain) for m in taken):
        wrong["hostname"] = [f"Node with hostname '{hostname}' already exists"]
    kind = call.get("power_type")
    if kind and kind != kept.power_type and not wrong:
        for name in MANDATORY.get(kind, ()):
            if not call.get(f"power_parameters_{name}"):
                wrong.setdefault("power_parameters", []).append(f"{name}: This field is required.")
    return wrong


@route("DELETE", "machines/{sid}/")
def delete(sim: Simulator, call: Call) -> Any:
    kept = found(sim, call.parts["sid"])
    if kept.status_name in ("Deployed", "Disk erasing") and kept.locked:
        raise Refuse(409, "Cannot delete a locked machine.")
    del sim.machines[kept.system_id]
    sim.done["delete", kept.system_id] += 1
    return Answer(204)


@route("POST", "machines/{sid}/", "commission")
def commission(sim: Simulator, call: Call) -> Any:
    kept = found(sim, call.parts["sid"])
    if kept.status_name not in COMMISSIONABLE:
        text = f"Node cannot be commissioned, because it's {kept.status_name}."
        raise Refuse(409, text)
    _begin(sim, kept, "commission")
    return documents.machine(sim, kept)


@route("POST", "machines/{sid}/", "deploy")
def deploy(sim: Simulator, call: Call) -> Any:
    kept = found(sim, call.parts["sid"])
    if kept.status_name not in ("Ready", "Allocated"):
        text = f"Can't deploy a machine that is in the '{kept.status_name}' state"
        raise Refuse(409, text)
    wrong = _wrong(sim, kept, call)
    series = (call.get("distro_series") or "").removeprefix("ubuntu/")
    kernel = call.get("hwe_kernel")
    kernels = {
        r["architecture"].split("/")[1] for r in sim.resources if r["name"] == f"ubuntu/{series}"
    }
    if wrong:
        # The image is looked at once the machine itself is right.
        raise Refuse(400, wrong)
    if not kernels:
        wrong["distro_series"] = [f"'{series}' is not a valid distro_series."]
    elif kernel and kernel not in kernels:
        wrong["hwe_kernel"] = [f"{kernel} is not available for ubuntu/{series} on amd64/generic."]
    if wrong:
        raise Refuse(400, wrong)
    kept.osystem, kept.distro_series, kept.hwe_kernel = "ubuntu", series, kernel
    data = call.get("user_data")
    kept.user_data = base64.b64decode(data).decode() if data else None
    kept.owner = kept.owner or sim.user
    _begin(sim, kept, "deploy")
    kept.power_state = "on"
    return documents.machine(sim, kept)


@route("POST", "machines/{sid}/", "release")
def release(sim: Simulator, call: Call) -> Any:
    kept = found(sim, call.parts["sid"])
    if kept.locked:
        raise Refuse(409, "Cannot release a locked machine")
    if kept.status_name in ("Releasing", "Disk erasing", "Ready"):
        return documents.machine(sim, kept)
    if kept.status_name not in RELEASABLE:
        text = f"Machine cannot be released in its current state ('{kept.status_name}')."
        raise Refuse(409, text)
    _begin(sim, kept, "erase" if call.truth("erase") else "release")
    return documents.machine(sim, kept)


@route("POST", "machines/{sid}/", "set_workload_annotations")
@route("POST", "machines/{sid}/", "set_owner_data")
def annotate(sim: Simulator, call: Call) -> Any:
    kept = found(sim, call.parts["sid"])
    if kept.owner is None:
        text = "Cannot set workload annotation: it hasn't been acquired."
        raise Refuse(409, text)
    for key in call.form:
        if not re.fullmatch(r"[\w.-]+", key):
            raise Refuse(500, "Invalid character in key name")
    for key, values in call.form.items():
        if values[0]:
            kept.annotations[key] = values[0]
        else:
            kept.annotations.pop(key, None)
    return documents.machine(sim, kept)


@route("GET", "commissioning-results/")
@route("GET", "installation-results/")
def older_results(sim: Simulator, call: Call) -> Any:
    return []


@route("GET", "nodes/{sid}/results/")
def results(sim: Simulator, call: Call) -> Any:
    kept = sim.machines.get(call.parts["sid"])
    kinds = [COMMANDS[word] for word in (call.asked("type") or "").split(",") if word]
    has_output = (call.asked("include_output") or "").lower() in ("true", "1")
    shown = []
    for entry in kept.results if kept else ():
        if kinds and entry["type"] not in kinds:
            continue
        entries = [
            result if has_output else {k: v for k, v in result.items() if "std" not in k}
            for result in entry["results"]
        ]
        shown.append({**entry, "results": entries})
    return shown


def a_result(name: str, stdout: str = "", stderr: str = "", when: str = "") -> dict[str, Any]:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    return {
        "id": 1,
        "name": name,
        "created": when,
        "updated": when,
        "status": 2,
        "status_name": "Passed",
        "exit_status": 0,
        "output": encoded(stdout + stderr),
        "stdout": encoded(stdout),
        "stderr": encoded(stderr),
        "result": "",
    }


def add_results(machine: Machine, kind: str, *entries: dict[str, Any]) -> None:
    """Append one run of scripts; `kind`: commissioning, installation, testing."""
    machine.results.append(
        {
            "id": len(machine.results) + 1,
            "system_id": machine.system_id,
            "type": COMMANDS[kind],
            "type_name": kind.capitalize(),
            "status": 2,
            "status_name": "Passed",
            "results": list(entries),
        }
    )


# -- what takes time


def _begin(sim: Simulator, machine: Machine, course: str) -> None:
    machine.does, machine.looks = course, sim.busy_looks
    machine.status_name = COURSES[course][0]
    machine.commissioning += course == "commission"
    sim.done[course, machine.system_id] += 1


def _look(sim: Simulator, machine: Machine) -> None:
    if not machine.does:
        return
    if machine.looks:
        machine.looks -= 1
        return
    _, good, bad = COURSES[machine.does]
    is_bad = sim.fails.get(machine.does, 0) > 0
    if is_bad:
        sim.fails[machine.does] -= 1
    machine.status_name = bad if is_bad else good
    machine.status_message = f"{machine.does} went wrong" if is_bad else ""
    if good == "Ready" and not is_bad and machine.does != "commission":
        machine.owner, machine.annotations, machine.user_data = None, {}, None
        machine.power_state = "off"
    if machine.does == "commission" and not is_bad and machine.details["lshw"] is None:
        machine.details = {"lshw": machine.lshw, "lldp": b"<lldp/>"}
    machine.does = ""
