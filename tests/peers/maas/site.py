"""What holds for the region: account, images, fabrics, subnets, ranges, routes, domains, keys."""

from __future__ import annotations

import ipaddress
from typing import Any

from tests.peers.maas import documents
from tests.peers.maas.core import Answer, Call, Refuse, Simulator, not_found, route

CONFLICT = {
    "reserved": "Requested reserved range conflicts with an existing range.",
    "dynamic": "Requested dynamic range conflicts with an existing IP address or range.",
}


def furnished(sim: Simulator) -> Simulator:
    """A region as it is after its installation: one fabric, one domain, jammy imported."""
    sim.fabrics[0] = {"name": "fabric-0"}
    add_vlan(sim, 0, 0, "untagged")
    sim.domains[0] = {"name": "maas", "authoritative": True}
    for kernel in ("ga-22.04", "hwe-22.04", "ga-22.04-lowlatency"):
        add_resource(sim, "ubuntu/jammy", f"amd64/{kernel}")
    return sim


def add_vlan(sim: Simulator, fabric_id: int, vid: int, name: str, mtu: int = 1500) -> int:
    vlan_id = sim.new_id()
    sim.vlans[vlan_id] = {
        **documents.VLAN,
        "fabric_id": fabric_id,
        "vid": vid,
        "name": name,
        "mtu": mtu,
    }
    return vlan_id


def add_subnet(sim: Simulator, cidr: str, vlan: int, name: str = "", gateway: str = "") -> int:
    subnet_id = sim.new_id()
    sim.subnets[subnet_id] = {
        "name": name or cidr,
        "cidr": cidr,
        "vlan": vlan,
        "gateway_ip": gateway or None,
        "dns_servers": [],
    }
    return subnet_id


def add_resource(sim: Simulator, name: str, architecture: str, kind: str = "Synced") -> None:
    sim.resources.append(
        {
            "id": len(sim.resources) + 1,
            "type": kind,
            "name": name,
            "architecture": architecture,
            "resource_uri": f"/MAAS/api/2.0/boot-resources/{len(sim.resources) + 1}/",
        }
    )


# -- service


@route("GET", "version/", is_open=True)
def version(sim: Simulator, call: Call) -> Any:
    return {
        "version": sim.version,
        "subversion": "17568-g.0",
        "capabilities": ["networks-management"],
    }


@route("GET", "account/", "list_authorisation_tokens")
def tokens(sim: Simulator, call: Call) -> Any:
    return [{"name": "MAAS consumer", "token": sim.api_key}]


@route("GET", "users/", "whoami")
def whoami(sim: Simulator, call: Call) -> Any:
    return {"username": sim.user, "email": "admin@example.com", "is_superuser": True}


@route("GET", "boot-resources/")
def resources(sim: Simulator, call: Call) -> Any:
    return sim.resources


@route("GET", "boot-resources/", "is_importing")
def is_importing(sim: Simulator, call: Call) -> Any:
    return sim.is_importing


# -- fabrics and VLANs


@route("GET", "fabrics/")
def fabrics(sim: Simulator, call: Call) -> Any:
    return [documents.fabric(sim, key) for key in sim.fabrics]


@route("POST", "fabrics/")
def new_fabric(sim: Simulator, call: Call) -> Any:
    name = call.get("name")
    _free_fabric(sim, name, None)
    fabric_id = sim.new_id()
    sim.fabrics[fabric_id] = {"name": name or f"fabric-{fabric_id}"}
    add_vlan(sim, fabric_id, 0, "untagged")
    return documents.fabric(sim, fabric_id)


@route("PUT", "fabrics/{fid}/")
def change_fabric(sim: Simulator, call: Call) -> Any:
    fabric_id = _fabric(sim, call)
    _free_fabric(sim, call.get("name"), fabric_id)
    sim.fabrics[fabric_id]["name"] = call.get("name") or sim.fabrics[fabric_id]["name"]
    return documents.fabric(sim, fabric_id)


def _fabric(sim: Simulator, call: Call) -> int:
    fabric_id = int(call.parts["fid"])
    if fabric_id not in sim.fabrics:
        raise not_found("Fabric")
    return fabric_id


def _free_fabric(sim: Simulator, name: str | None, own: int | None) -> None:
    if any(kept["name"] == name and key != own for key, kept in sim.fabrics.items()):
        raise Refuse(400, {"name": ["Fabric with this Name already exists."]})


def _vlan(sim: Simulator, call: Call) -> int:
    fabric_id, vid = _fabric(sim, call), int(call.parts["vid"])
    for key, kept in sim.vlans.items():
        if (kept["fabric_id"], kept["vid"]) == (fabric_id, vid):
            return key
    raise not_found("VLAN")


@route("GET", "fabrics/{fid}/vlans/")
def vlans(sim: Simulator, call: Call) -> Any:
    return documents.fabric(sim, _fabric(sim, call))["vlans"]


@route("POST", "fabrics/{fid}/vlans/")
def new_vlan(sim: Simulator, call: Call) -> Any:
    fabric_id, vid = _fabric(sim, call), int(call.get("vid") or -1)
    if any((v["fabric_id"], v["vid"]) == (fabric_id, vid) for v in sim.vlans.values()):
        text = "A VLAN with the specified VID already exists in the destination fabric."
        raise Refuse(400, {"__all__": [text]})
    name = call.get("name") or f"vlan-{vid}"
    return documents.vlan(sim, add_vlan(sim, fabric_id, vid, name, int(call.get("mtu") or 1500)))


@route("GET", "fabrics/{fid}/vlans/{vid}/")
def vlan(sim: Simulator, call: Call) -> Any:
    return documents.vlan(sim, _vlan(sim, call))


@route("PUT", "fabrics/{fid}/vlans/{vid}/")
def change_vlan(sim: Simulator, call: Call) -> Any:
    vlan_id = _vlan(sim, call)
    kept = dict(sim.vlans[vlan_id])
    wrong: dict[str, list[str]] = {}
    if call.truth("dhcp_on") and not _has_dynamic(sim, vlan_id):
        text = "dhcp can only be turned on when a dynamic IP range is defined."
        wrong["dhcp_on"] = [text]
    for name in ("primary_rack", "secondary_rack"):
        rack = call.get(name)
        if rack and rack not in sim.racks:
            text = f"Select a valid choice. {rack} is not one of the available choices."
            wrong[name] = [text]
        if rack is not None:
            kept[name] = rack or None
    if (relay := call.get("relay_vlan")) is not None:
        kept["relay_vlan"] = int(relay) if relay else None
    if call.truth("dhcp_on") and not kept["primary_rack"]:
        wrong.setdefault("dhcp_on", []).append("dhcp can only be turned on when a rack is set.")
    if wrong:
        raise Refuse(400, wrong)
    kept["name"] = call.get("name") or kept["name"]
    kept["mtu"] = int(call.get("mtu") or kept["mtu"])
    kept["vid"] = int(call.get("vid") or kept["vid"])
    kept["dhcp_on"] = call.truth("dhcp_on", kept["dhcp_on"])
    sim.vlans[vlan_id] = kept
    return documents.vlan(sim, vlan_id)


def _has_dynamic(sim: Simulator, vlan_id: int) -> bool:
    subnets = {key for key, kept in sim.subnets.items() if kept["vlan"] == vlan_id}
    return any(r["type"] == "dynamic" and r["subnet"] in subnets for r in sim.ranges.values())


# -- subnets, ranges, routes


@route("GET", "subnets/")
def subnets(sim: Simulator, call: Call) -> Any:
    return [documents.subnet(sim, key) for key in sim.subnets]


@route("POST", "subnets/")
def new_subnet(sim: Simulator, call: Call) -> Any:
    cidr = str(ipaddress.ip_network(call.get("cidr") or "", strict=False))
    if any(kept["cidr"] == cidr for kept in sim.subnets.values()):
        raise Refuse(400, {"cidr": ["Subnet with this Cidr already exists."]})
    subnet_id = add_subnet(sim, cidr, int(call.get("vlan") or 0), call.get("name") or cidr)
    _set_subnet(sim, subnet_id, call)
    return documents.subnet(sim, subnet_id)


@route("PUT", "subnets/{id}/")
def change_subnet(sim: Simulator, call: Call) -> Any:
    subnet_id = int(call.parts["id"])
    if subnet_id not in sim.subnets:
        raise not_found("Subnet")
    _set_subnet(sim, subnet_id, call)
    return documents.subnet(sim, subnet_id)


def _set_subnet(sim: Simulator, subnet_id: int, call: Call) -> None:
    kept = sim.subnets[subnet_id]
    kept["name"] = call.get("name") or kept["name"]
    kept["vlan"] = int(call.get("vlan") or kept["vlan"])
    if (gateway := call.get("gateway_ip")) is not None:
        if gateway and ipaddress.ip_address(gateway) not in ipaddress.ip_network(kept["cidr"]):
            text = f"Gateway IP must be within CIDR range ({kept['cidr']})."
            raise Refuse(400, {"gateway_ip": [text]})
        kept["gateway_ip"] = gateway or None
    if (servers := call.get("dns_servers")) is not None:
        kept["dns_servers"] = [word.strip() for word in servers.split(",") if word.strip()]


@route("GET", "ipranges/")
def ranges(sim: Simulator, call: Call) -> Any:
    return [documents.iprange(sim, key) for key in sim.ranges]


@route("POST", "ipranges/")
def new_range(sim: Simulator, call: Call) -> Any:
    first = ipaddress.ip_address(call.get("start_ip") or "")
    last = ipaddress.ip_address(call.get("end_ip") or "")
    kind = call.get("type") or ""
    for kept in sim.ranges.values():
        start, end = (ipaddress.ip_address(kept[name]) for name in ("start_ip", "end_ip"))
        if first <= end and start <= last:  # type: ignore[operator]
            raise Refuse(400, {name: [CONFLICT[kind]] for name in ("start_ip", "end_ip")})
    range_id = sim.new_id()
    sim.ranges[range_id] = {
        "type": kind,
        "start_ip": str(first),
        "end_ip": str(last),
        "subnet": int(call.get("subnet") or 0),
        "comment": call.get("comment") or "",
    }
    return documents.iprange(sim, range_id)


@route("DELETE", "ipranges/{id}/")
def delete_range(sim: Simulator, call: Call) -> Any:
    if sim.ranges.pop(int(call.parts["id"]), None) is None:
        raise not_found("IPRange")
    return Answer(204)


@route("GET", "static-routes/")
def routes(sim: Simulator, call: Call) -> Any:
    return [documents.static_route(sim, key) for key in sim.static_routes]


@route("POST", "static-routes/")
def new_route(sim: Simulator, call: Call) -> Any:
    made = {
        "source": int(call.get("source") or 0),
        "destination": int(call.get("destination") or 0),
        "gateway_ip": call.get("gateway_ip"),
    }
    if any(made.items() <= kept.items() for kept in sim.static_routes.values()):
        text = "Static route with this Source, Destination and Gateway IP already exists."
        raise Refuse(400, {"__all__": [text]})
    route_id = sim.new_id()
    sim.static_routes[route_id] = {**made, "metric": int(call.get("metric") or 0)}
    return documents.static_route(sim, route_id)


@route("PUT", "static-routes/{id}/")
def change_route(sim: Simulator, call: Call) -> Any:
    kept = sim.static_routes.get(int(call.parts["id"]))
    if kept is None:
        raise not_found("StaticRoute")
    kept["metric"] = int(call.get("metric") or kept["metric"])
    return documents.static_route(sim, int(call.parts["id"]))


@route("DELETE", "static-routes/{id}/")
def delete_route(sim: Simulator, call: Call) -> Any:
    if sim.static_routes.pop(int(call.parts["id"]), None) is None:
        raise not_found("StaticRoute")
    return Answer(204)


@route("GET", "domains/")
def domains(sim: Simulator, call: Call) -> Any:
    return [documents.domain(sim, key) for key in sim.domains]


@route("POST", "domains/")
def new_domain(sim: Simulator, call: Call) -> Any:
    name = call.get("name") or ""
    if any(kept["name"] == name for kept in sim.domains.values()):
        raise Refuse(400, {"name": ["Domain with this Name already exists."]})
    domain_id = sim.new_id()
    sim.domains[domain_id] = {"name": name, "authoritative": call.truth("authoritative", True)}
    return documents.domain(sim, domain_id)


# -- keys and repositories


@route("GET", "account/prefs/sshkeys/")
def keys(sim: Simulator, call: Call) -> Any:
    return [{"id": key, "key": text, "keysource": None} for key, text in sim.keys.items()]


@route("POST", "account/prefs/sshkeys/")
def new_key(sim: Simulator, call: Call) -> Any:
    text = call.get("key") or ""
    if text in sim.keys.values():
        raise Refuse(400, {"key": ["This key has already been added for this user."]})
    if not text.startswith(("ssh-", "ecdsa-", "sk-")):
        raise Refuse(400, {"key": ["Invalid SSH public key."]})
    key_id = sim.new_id()
    sim.keys[key_id] = text
    return {"id": key_id, "key": text, "keysource": None}


@route("DELETE", "account/prefs/sshkeys/{id}/")
def delete_key(sim: Simulator, call: Call) -> Any:
    if sim.keys.pop(int(call.parts["id"]), None) is None:
        raise not_found("SSHKey")
    return Answer(204)


LISTS = ("distributions", "disabled_pockets", "disabled_components", "components", "arches")


@route("GET", "package-repositories/")
def repositories(sim: Simulator, call: Call) -> Any:
    return [{**kept, "id": key} for key, kept in sim.repositories.items()]


@route("POST", "package-repositories/")
def new_repository(sim: Simulator, call: Call) -> Any:
    if any(kept["name"] == call.get("name") for kept in sim.repositories.values()):
        raise Refuse(400, {"name": ["Package repository with this Name already exists."]})
    repository_id = sim.new_id()
    empty: dict[str, Any] = dict.fromkeys(LISTS, ())
    sim.repositories[repository_id] = {**empty, "enabled": True, "key": "", **_repository(call)}
    return {**sim.repositories[repository_id], "id": repository_id}


@route("PUT", "package-repositories/{id}/")
def change_repository(sim: Simulator, call: Call) -> Any:
    kept = sim.repositories.get(int(call.parts["id"]))
    if kept is None:
        raise not_found("PackageRepository")
    kept.update(_repository(call))
    return {**kept, "id": int(call.parts["id"])}


@route("DELETE", "package-repositories/{id}/")
def delete_repository(sim: Simulator, call: Call) -> Any:
    if sim.repositories.pop(int(call.parts["id"]), None) is None:
        raise not_found("PackageRepository")
    return Answer(204)


def _repository(call: Call) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name in call.form:
        value = call.get(name) or ""
        given[name] = [w for w in value.split(",") if w] if name in LISTS else value
    return given
