"""A network answers what its readers ask of it."""

import pytest

from drydockd.site import DocumentRef, Network, NetworkLink, Route


@pytest.mark.parametrize("subnet", ["0.0.0.0/0", "::/0"])
def test_the_default_gateway_is_that_of_the_first_route_to_everywhere(subnet):
    routes = (Route("10.1.0.0/24", "a"), Route(None, "b"), Route(subnet, "c"), Route(subnet, "d"))
    assert Network("n", "10.0.0.0/24", routes=routes).default_gateway == "c"
    assert Network("n", "10.0.0.0/24", routes=routes[:2]).default_gateway is None


def test_networks_and_links_name_their_documents():
    assert Network("n", "x").ref == DocumentRef("drydock/Network/v1", "n")
    assert NetworkLink("n").ref == DocumentRef("drydock/NetworkLink/v1", "n")
