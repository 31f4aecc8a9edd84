"""What a design wants of MAAS for its site; the writing stands in the tests of sitenetwork."""

import pytest

from drydockd.drivers.node.maas import siteplan
from drydockd.drivers.node.maas.sitestate import Rack, Range, SiteState, Subnet, Vlan
from drydockd.errors import DriverConflict
from drydockd.site import AddressRange, Network, NetworkLink, Route

VLAN = Vlan(5, 1, 0, "untagged", 1500)


def state(*ranges, subnets=(), fabrics=None):
    known = {subnet.cidr: subnet for subnet in subnets}
    return SiteState(fabrics or {1: "gp"}, {5: VLAN}, known, ranges, (), frozenset(), ())


def planned(*networks):
    link = NetworkLink("gp", tuple(network.name for network in networks))
    return siteplan.plan({"gp": link}, {network.name: network for network in networks})


def test_a_network_is_wanted_in_the_forms_of_maas():
    network = Network(
        "n",
        "10.0.0.5/24",
        vlan_id="12",
        ranges=(AddressRange("dhcp", "10.0.0.010".replace("010", "10"), "10.0.0.20"),),
        routes=(
            Route("0.0.0.0/0", "10.0.0.1"),
            Route("10.0.0.0/24", "10.0.0.1"),
            Route("10.9.0.0/16", "10.0.0.1", 0),
        ),
        dns_servers="10.0.0.2, ,10.0.0.3 10.0.0.4",
    )
    wanted = planned(network).networks[0]
    assert (wanted.cidr, wanted.vid, wanted.gateway) == ("10.0.0.0/24", 12, "10.0.0.1")
    assert wanted.dns == ("10.0.0.2", "10.0.0.3", "10.0.0.4")
    assert wanted.has_dhcp
    assert [(route.destination, route.metric) for route in wanted.routes] == [("10.9.0.0/16", 0)]


def test_a_network_on_two_links_is_a_problem_of_the_second():
    links = {name: NetworkLink(name, ("n",)) for name in ("a", "b")}
    plan = siteplan.plan(links, {"n": Network("n", "10.0.0.0/24")})
    assert [len(link.networks) for link in plan.links] == [1, 0]
    assert "on link a already" in plan.problems[0].text


def test_two_networks_of_one_cidr_are_a_problem_of_the_second():
    plan = planned(Network("a", "10.0.0.0/24"), Network("b", "10.0.0.9/24"))
    assert [network.name for network in plan.networks] == ["a"]
    assert "10.0.0.0/24 is that of network a" in plan.problems[0].text
    assert plan.problems[0].error


def test_a_network_labelled_noconfig_is_written_but_not_judged():
    label = {"noconfig": "enabled"}
    plan = planned(
        Network("a", "10.0.0.0/24", metalabels=label),
        Network("b", "10.0.0.0/24", metalabels=label),
    )
    assert [(network.name, network.is_judged) for network in plan.networks] == [("a", False)]
    assert [note.error for note in plan.problems] == [False]


@pytest.mark.parametrize(
    "change", [{"cidr": "10.0.0.0/99"}, {"vlan_id": "4095"}, {"dns_servers": "nowhere"}]
)
def test_what_cannot_be_read_is_a_problem_of_its_network(change):
    plan = planned(Network(**{"name": "n", "cidr": "10.0.0.0/24", **change}))
    assert plan.networks == ()
    assert [(note.context_type, note.context) for note in plan.problems] == [("network", "n")]


def test_ranges_of_the_design_that_overlap_are_named_both():
    one = Network("a", "10.0.0.0/24", ranges=(AddressRange("dhcp", "10.0.0.5", "10.0.0.9"),))
    two = Network("b", "10.0.1.0/24", ranges=(AddressRange("reserved", "10.0.0.9", "10.0.0.9"),))
    with pytest.raises(DriverConflict, match=r"10\.0\.0\.9 to 10\.0\.0\.9.*10\.0\.0\.5"):
        siteplan.check(planned(one, two), state(), ())


def test_an_equal_range_and_one_that_goes_are_no_conflict():
    network = Network("a", "10.0.0.0/24", ranges=(AddressRange("dhcp", "10.0.0.5", "10.0.0.9"),))
    same = Range(1, "dynamic", "10.0.0.5", "10.0.0.9", "10.0.0.0/24")
    ours = Range(2, "reserved", "10.0.0.9", "10.0.0.12", "10.0.0.0/24", siteplan.COMMENT)
    siteplan.check(planned(network), state(same, ours), (ours,))
    assert siteplan.stale_ranges(planned(network), state(same, ours)) == [ours]
    v6 = Range(3, "reserved", "::1", "::ffff", "::/64")
    siteplan.check(planned(network), state(same, v6), ())


def test_the_fabric_is_that_of_the_subnets_or_of_the_name():
    network = Network("a", "10.0.0.0/24")
    link = planned(network).links[0]
    there = Subnet(9, "a", "10.0.0.0/24", 5, 7)
    assert siteplan.fabric_of(link, state(fabrics={7: "x"}, subnets=[there])) == 7
    assert siteplan.fabric_of(link, state()) == 1
    assert siteplan.fabric_of(link, state(fabrics={3: "other"})) is None
    with pytest.raises(ValueError, match="another fabric has the link's name"):
        siteplan.fabric_of(link, state(fabrics={7: "x", 1: "gp"}, subnets=[there]))


def test_racks_that_serve_already_stay():
    racks = [Rack(f"r{n}", f"rack{n}", n != 2, {5: ()}) for n in (1, 2, 3)]
    assert siteplan.racks_for(VLAN, racks) == ("r1", "r3")
    serving = Vlan(5, 1, 0, "x", 1500, True, "r3", "r2")
    # The second is ill for now, and stays the second.
    assert siteplan.racks_for(serving, racks) == ("r3", "r2")
    assert siteplan.racks_for(VLAN, [Rack("r9", "x", True, {6: ()})]) == (None, None)


def test_a_relay_wants_a_healthy_rack():
    racks = [Rack("r1", "x", False, {5: ("10.0.0.2",)}), Rack("r2", "y", True, {6: ("10.0.0.3",)})]
    assert siteplan.relay_for("10.0.0.2", racks) is None
    assert siteplan.relay_for("10.0.0.3", racks) == 6
