"""Route domains are rendered into the networks."""

import pytest

from drydockd.design import routes
from drydockd.design.routes import with_route_domains
from drydockd.errors import InvalidDesign
from drydockd.site import Network, Route


def rendered(*networks: Network) -> dict[str, list[tuple]]:
    found = with_route_domains({network.name: network for network in networks})
    return {
        name: [(r.subnet, r.gateway, r.metric) for r in network.routes if r.rendered]
        for name, network in found.items()
    }


def way(gateway: str | None = "g", metric: int | None = 10, domain: str = "st") -> Route:
    return Route(None, gateway, metric, domain)


A = Network("a", "10.1.0.0/24", routedomain="st", routes=(way("10.1.0.1", 10),))
B = Network("b", "10.2.0.0/24", routedomain="st", routes=(way("10.2.0.1", 20),))


def test_the_contract_s_example_comes_out():
    mgmt = Network("mgmt", "10.3.0.0/24", routes=(way("10.3.0.9", 50),))
    assert rendered(A, B, mgmt) == {
        "a": [("10.2.0.0/24", "10.1.0.1", 10)],
        "b": [("10.1.0.0/24", "10.2.0.1", 20)],
        "mgmt": [("10.1.0.0/24", "10.3.0.9", 50), ("10.2.0.0/24", "10.3.0.9", 50)],
    }


def test_the_placeholder_stays_first_and_the_input_is_unchanged():
    found = with_route_domains({"a": A, "b": B})
    assert found["a"].routes[0] == way("10.1.0.1", 10)
    assert len(A.routes) == 1


def test_an_explicit_route_is_not_repeated():
    explicit = Route("10.2.0.0/24", "10.1.0.7", 1)
    c = Network("c", "10.4.0.0/24", routes=(way(), explicit))
    assert rendered(A, B, c)["c"] == [("10.1.0.0/24", "g", 10)]


def test_rendering_twice_adds_nothing():
    once = with_route_domains({"a": A, "b": B})
    assert with_route_domains(once) == once


def test_the_first_way_into_a_domain_counts():
    c = Network("c", "10.4.0.0/24", routes=(way("first"), way("second")))
    assert [route[1] for route in rendered(A, c)["c"]] == ["first"]


def test_without_a_gateway_nothing_is_added_without_a_metric_it_is():
    c = Network("c", "10.4.0.0/24", routes=(way(None),))
    d = Network("d", "10.5.0.0/24", routes=(way(metric=None),))
    assert rendered(A, c, d) == {"a": [], "c": [], "d": [("10.1.0.0/24", "g", None)]}


def test_a_domain_without_members_or_ways_has_no_effect():
    c = Network("c", "10.4.0.0/24", routes=(way(domain="empty"),))
    d = Network("d", "10.5.0.0/24", routedomain="lonely")
    assert rendered(c, d) == {"c": [], "d": []}


def test_members_of_one_subnet_are_one_way():
    twin = Network("twin", "10.2.0.0/24", routedomain="st")
    assert rendered(A, B, twin)["a"] == [("10.2.0.0/24", "10.1.0.1", 10)]


def test_more_routes_than_any_site_has_are_refused(monkeypatch):
    monkeypatch.setattr(routes, "LIMIT", 1)
    with pytest.raises(InvalidDesign, match="more than 1 routes"):
        with_route_domains({"a": A, "b": B})
