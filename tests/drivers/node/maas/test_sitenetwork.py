"""Networks of a site in MAAS: created, compared, changed only where they differ and are ours."""

import contextlib
from dataclasses import replace

import pytest

from drydockd.drivers.node.maas import sitenetwork
from drydockd.drivers.node.maas.records import Records
from drydockd.errors import DriverConflict, DriverTransient
from drydockd.site import AddressRange, Network, NetworkLink, Route
from tests.drivers.node.maas.making import Killed, cut_client
from tests.drivers.node.netboot.shelves import MemoryShelf
from tests.peers.maas import Fault, at
from tests.peers.maas.machines import add_rack
from tests.peers.maas.site import add_subnet, add_vlan

PXE = Network(
    "pxe",
    "172.22.7.0/24",
    mtu=1500,
    ranges=(
        AddressRange("reserved", "172.22.7.1", "172.22.7.9"),
        AddressRange("dhcp", "172.22.7.100", "172.22.7.150"),
        AddressRange("static", "172.22.7.10", "172.22.7.99"),
    ),
    dns_domain="lab.example",
    dns_servers="172.22.7.2, 172.22.7.3",
    routes=(
        Route("0.0.0.0/0", "172.22.7.1", 10),
        Route("172.22.8.0/24", "172.22.7.1", None),
        Route(None, "172.22.7.1", None, "storage"),
    ),
)
OAM = Network("oam", "172.22.8.0/24", vlan_id="100", mtu=9000, dns_domain="lab.example")
OOB = Network("oob", "172.22.9.0/24", metalabels={"noconfig": "enabled"})
NETWORKS = {network.name: network for network in (PXE, OAM, OOB)}
LINKS = {
    "gp": NetworkLink("gp", ("pxe", "oam"), mtu=9000),
    "bmc": NetworkLink("bmc", ("oob",), metalabels={"noconfig": "enabled"}),
}


@pytest.fixture
def site(maas):
    """The fabric that MAAS found by itself: the PXE subnet is there, and a rack on it."""
    vlan = next(iter(maas.vlans))
    add_subnet(maas, "172.22.7.0/24", vlan)
    add_rack(maas, "rack1", "52:54:ff:00:00:01", vlan, ip="172.22.7.2")
    return maas


@pytest.fixture
def records():
    return Records(MemoryShelf())


def errors(notes):
    return {note.context: note.text for note in notes if note.error}


async def test_a_site_is_written_once_and_then_only_read(site, client, records):
    notes = await sitenetwork.apply(client, records, LINKS, NETWORKS)
    assert not errors(notes)
    assert {note.context for note in notes} == {"pxe", "oam"}
    assert [kept["name"] for kept in site.fabrics.values()] == ["gp"]
    vlans = {kept["vid"]: kept for kept in site.vlans.values()}
    assert (vlans[0]["name"], vlans[0]["mtu"], vlans[0]["dhcp_on"]) == ("pxe", 1500, True)
    assert (vlans[0]["primary_rack"], vlans[0]["secondary_rack"]) == ("rack01", None)
    assert (vlans[100]["name"], vlans[100]["mtu"]) == ("oam", 9000)
    subnets = {kept["cidr"]: kept for kept in site.subnets.values()}
    assert subnets["172.22.7.0/24"]["gateway_ip"] == "172.22.7.1"
    assert subnets["172.22.7.0/24"]["dns_servers"] == ["172.22.7.2", "172.22.7.3"]
    assert sorted((r["type"], r["start_ip"]) for r in site.ranges.values()) == [
        ("dynamic", "172.22.7.100"),
        ("reserved", "172.22.7.1"),
    ]
    assert [r["metric"] for r in site.static_routes.values()] == [100]
    assert {"name": "lab.example", "authoritative": False} in site.domains.values()
    written = len(site.writes())
    await sitenetwork.apply(client, records, LINKS, NETWORKS)
    assert len(site.writes()) == written


async def test_dhcp_is_turned_on_behind_its_range_with_its_racks_in_one_request(
    site, client, records
):
    await sitenetwork.apply(client, records, LINKS, NETWORKS)
    writes = site.writes()
    puts = [call for call in site.calls if call.method == "PUT" and "dhcp_on" in call.form]
    assert [set(call.form) for call in puts] == [{"dhcp_on", "primary_rack", "secondary_rack"}]
    dynamic = next(c for c in site.calls if c.path == "ipranges/" and c.get("type") == "dynamic")
    assert dynamic.number < puts[0].number
    assert not any("secondary_rack" in text for text in writes)


async def test_overlapping_ranges_are_told_before_the_first_write(site, client, records):
    await sitenetwork.apply(client, records, LINKS, NETWORKS)
    subnet = next(iter(site.subnets))
    kept = {"type": "reserved", "start_ip": "172.22.7.200", "end_ip": "172.22.7.220"}
    site.ranges[9] = {**kept, "subnet": subnet, "comment": "for the printers"}
    more = (*PXE.ranges, AddressRange("dhcp", "172.22.7.210", "172.22.7.230"))
    changed = {**NETWORKS, "pxe": replace(PXE, ranges=more)}
    before = len(site.writes())
    with pytest.raises(DriverConflict) as caught:
        await sitenetwork.apply(client, records, LINKS, changed)
    for word in ("172.22.7.210 to 172.22.7.230", "172.22.7.200 to 172.22.7.220", "printers"):
        assert word in str(caught.value)
    assert len(site.writes()) == before


async def test_what_the_design_has_no_more_goes_if_it_was_ours(site, client, records):
    await sitenetwork.apply(client, records, LINKS, NETWORKS)
    pxe, oam = (
        next(key for key, kept in site.subnets.items() if kept["cidr"] == cidr)
        for cidr in ("172.22.7.0/24", "172.22.8.0/24")
    )
    site.ranges[9] = {
        "type": "reserved",
        "start_ip": "172.22.7.240",
        "end_ip": "172.22.7.241",
        "subnet": pxe,
        "comment": "",
    }
    theirs = {"source": pxe, "destination": oam, "gateway_ip": "172.22.7.77", "metric": 5}
    site.static_routes[9] = theirs
    bare = {**NETWORKS, "pxe": replace(PXE, ranges=(), routes=())}
    assert not errors(await sitenetwork.apply(client, records, LINKS, bare))
    assert list(site.ranges) == [9]
    assert list(site.static_routes) == [9]
    assert site.subnets[pxe]["gateway_ip"] is None
    vlan = site.vlans[site.subnets[pxe]["vlan"]]
    assert (vlan["dhcp_on"], vlan["primary_rack"]) == (False, None)


async def test_a_gateway_of_somebody_else_stays_where_the_design_has_none(site, client, records):
    pxe = next(iter(site.subnets.values()))
    pxe["gateway_ip"] = "172.22.7.254"
    bare = {**NETWORKS, "pxe": replace(PXE, routes=())}
    await sitenetwork.apply(client, records, LINKS, bare)
    assert pxe["gateway_ip"] == "172.22.7.254"


async def test_a_network_with_a_mistake_keeps_what_it_has(site, client, records):
    await sitenetwork.apply(client, records, LINKS, NETWORKS)
    before = dict(site.ranges), dict(site.static_routes)
    wrong = {**NETWORKS, "pxe": replace(PXE, routes=(Route("172.22.8.0/24", "10.0.0.1", None),))}
    assert (
        "10.0.0.1 is not in"
        in errors(await sitenetwork.apply(client, records, LINKS, wrong))["pxe"]
    )
    assert (site.ranges, site.static_routes) == before


async def test_a_subnet_on_another_vlan_is_moved_and_the_vlan_keeps_its_tag(site, client, records):
    fabric = next(iter(site.fabrics))
    other = add_vlan(site, fabric, 55, "theirs")
    subnet = add_subnet(site, "172.22.8.0/24", other)
    await sitenetwork.apply(client, records, LINKS, NETWORKS)
    assert site.vlans[other]["vid"] == 55
    assert site.vlans[site.subnets[subnet]["vlan"]]["vid"] == 100


async def test_a_link_over_several_fabrics_is_refused_and_the_others_go_on(site, client, records):
    site.fabrics[7] = {"name": "fabric-7"}
    add_subnet(site, "172.22.8.0/24", add_vlan(site, 7, 0, "untagged"))
    links = {**LINKS, "storage": NetworkLink("storage", ("store",))}
    networks = {**NETWORKS, "store": Network("store", "172.22.10.0/24")}
    notes = await sitenetwork.apply(client, records, links, networks)
    assert "fabric-0, fabric-7" in errors(notes)["gp"]
    assert "172.22.10.0/24" in {kept["cidr"] for kept in site.subnets.values()}


async def test_an_undefined_network_is_a_problem_of_its_link_only(site, client, records):
    links = {"gp": NetworkLink("gp", ("nosuch", *LINKS["gp"].allowed_networks))}
    notes = await sitenetwork.apply(client, records, links, NETWORKS)
    assert "nosuch is not defined" in errors(notes)["gp"]
    assert "172.22.8.0/24" in {kept["cidr"] for kept in site.subnets.values()}


async def test_without_a_healthy_rack_there_is_no_dhcp_and_it_is_told(site, client, records):
    site.racks["rack01"].services["dhcpd"] = "dead"
    notes = await sitenetwork.apply(client, records, LINKS, NETWORKS)
    assert "no healthy rack controller" in errors(notes)["pxe"]
    assert "oam" not in errors(notes)


async def test_a_second_rack_that_left_is_reset_with_an_empty_value(site, client, records):
    vlan_id = next(iter(site.vlans))
    add_rack(site, "rack2", "52:54:ff:00:00:02", vlan_id)
    await sitenetwork.apply(client, records, LINKS, NETWORKS)
    assert site.vlans[vlan_id]["secondary_rack"] == "rack02"
    del site.racks["rack02"]
    await sitenetwork.apply(client, records, LINKS, NETWORKS)
    assert site.vlans[vlan_id]["secondary_rack"] is None


async def test_dhcp_is_relayed_to_the_vlan_of_the_rack_with_that_address(site, client, records):
    oam = replace(
        OAM,
        dhcp_relay_upstream_target="172.22.7.2",
        ranges=(AddressRange("dhcp", "172.22.8.100", "172.22.8.150"),),
    )
    await sitenetwork.apply(client, records, LINKS, {**NETWORKS, "oam": oam})
    vlans = {kept["vid"]: (key, kept) for key, kept in site.vlans.items()}
    assert vlans[100][1]["relay_vlan"] == vlans[0][0]
    assert vlans[100][1]["dhcp_on"] is False
    lost = {**NETWORKS, "oam": replace(oam, dhcp_relay_upstream_target="172.22.7.99")}
    assert "172.22.7.99" in errors(await sitenetwork.apply(client, records, LINKS, lost))["oam"]


async def test_an_equal_route_is_left_and_one_with_another_metric_changed(site, client, records):
    await sitenetwork.apply(client, records, LINKS, NETWORKS)
    route = next(iter(site.static_routes))
    faster = (PXE.routes[0], Route("172.22.8.0/24", "172.22.7.1", 50))
    await sitenetwork.apply(
        client, records, LINKS, {**NETWORKS, "pxe": replace(PXE, routes=faster)}
    )
    assert list(site.static_routes) == [route]
    assert site.static_routes[route]["metric"] == 50


async def test_a_route_to_nowhere_is_told_of_its_network(site, client, records):
    routes = (Route("10.99.0.0/16", "172.22.7.1", None),)
    networks = {**NETWORKS, "pxe": replace(PXE, routes=routes)}
    notes = await sitenetwork.apply(client, records, LINKS, networks)
    assert "10.99.0.0/16: MAAS has no such subnet" in errors(notes)["pxe"]


async def test_a_refused_range_is_told_of_its_network_and_the_next_goes_on(site, client, records):
    text = "Requested reserved range conflicts with an existing range."
    refusal = Fault(at("POST", "ipranges/"), status=400, body={"start_ip": [text]})
    site.faults.append(refusal)
    notes = await sitenetwork.apply(client, records, LINKS, NETWORKS)
    assert f"start_ip: {text}" in errors(notes)["pxe"]
    assert "172.22.8.0/24" in {kept["cidr"] for kept in site.subnets.values()}


async def test_a_lost_answer_ends_the_step_for_now_and_the_next_run_finishes(site, client, records):
    site.faults.append(Fault(at("POST", "subnets/"), is_lost=True))
    with pytest.raises(DriverTransient):
        await sitenetwork.apply(client, records, LINKS, NETWORKS)
    assert not errors(await sitenetwork.apply(client, records, LINKS, NETWORKS))


@pytest.mark.slow
@pytest.mark.parametrize("is_sent", [False, True], ids=["not sent", "sent"])
async def test_kill_9_between_any_two_calls_leaves_what_the_next_run_finishes(maas, is_sent):
    wanted = None
    for number in range(200):
        _clear(maas)
        records = Records(MemoryShelf())
        client, cut = cut_client(maas, number, is_sent=is_sent)
        with contextlib.suppress(Killed):
            await sitenetwork.apply(client, records, LINKS, NETWORKS)
        await client.close()
        client, _ = cut_client(maas)
        assert not errors(await sitenetwork.apply(client, records, LINKS, NETWORKS))
        await client.close()
        wanted = wanted or _shape(maas)
        assert _shape(maas) == wanted
        if not cut.was_cut:
            break
    assert number > 15


def _clear(maas):
    for kept in (maas.fabrics, maas.vlans, maas.subnets, maas.ranges, maas.static_routes):
        kept.clear()
    maas.racks.clear()
    maas.domains = {0: {"name": "maas", "authoritative": True}}
    maas.fabrics[0] = {"name": "fabric-0"}
    vlan = add_vlan(maas, 0, 0, "untagged")
    add_subnet(maas, "172.22.7.0/24", vlan)
    add_rack(maas, "rack1", "52:54:ff:00:00:01", vlan, ip="172.22.7.2")


def _shape(maas):
    """Everything but ids."""
    cidr = {key: kept["cidr"] for key, kept in maas.subnets.items()}
    return (
        [kept["name"] for kept in maas.fabrics.values()],
        [(v["vid"], v["name"], v["mtu"], v["dhcp_on"]) for v in maas.vlans.values()],
        [(s["cidr"], s["name"], s["gateway_ip"]) for s in maas.subnets.values()],
        [(r["type"], r["start_ip"], cidr[r["subnet"]]) for r in maas.ranges.values()],
        [(cidr[r["source"]], cidr[r["destination"]]) for r in maas.static_routes.values()],
        sorted(kept["name"] for kept in maas.domains.values()),
    )
