"""What drydockd remembers of what it wrote."""

import pytest

from drydockd.drivers.node.maas.records import KEYS, Records
from drydockd.drivers.node.maas.siteplan import WantedRoute
from tests.drivers.node.netboot.shelves import MemoryShelf

ROUTE = WantedRoute("10.0.0.0/24", "10.1.0.0/24", "10.0.0.1", 100)


@pytest.fixture(params=["shelf", "memory"])
def records(request):
    return Records(MemoryShelf() if request.param == "shelf" else None)


async def test_domains_are_unknown_until_they_were_written(records):
    assert records.domain_of("oam") is None
    await records.keep_domains({"oam": "lab", "pxe": None})
    assert [records.domain_of(name) for name in ("oam", "pxe", None)] == ["lab", "local", "local"]


async def test_a_claim_adds_and_settling_replaces(records):
    await records.claim(gateways={"10.0.0.0/24": "10.0.0.1"}, routes=[ROUTE])
    await records.claim(gateways={"10.0.0.0/24": "10.0.0.2"}, routes=[])
    assert records.gave_gateway("10.0.0.0/24", "10.0.0.1")
    assert records.gave_gateway("10.0.0.0/24", "10.0.0.2")
    assert records.made_route(("10.0.0.0/24", "10.1.0.0/24", "10.0.0.1"))
    await records.settle(gateways={"10.0.0.0/24": "10.0.0.2"}, routes=[])
    assert not records.gave_gateway("10.0.0.0/24", "10.0.0.1")
    assert not records.made_route(("10.0.0.0/24", "10.1.0.0/24", "10.0.0.1"))


async def test_what_is_left_alone_is_not_forgotten(records):
    await records.claim(gateways={"10.0.0.0/24": "10.0.0.1"}, routes=[ROUTE])
    await records.settle(gateways={}, routes=[], left_alone=frozenset({"10.0.0.0/24"}))
    assert records.gave_gateway("10.0.0.0/24", "10.0.0.1")
    assert records.made_route(("10.0.0.0/24", "10.1.0.0/24", "10.0.0.1"))


async def test_records_are_there_after_a_restart_and_written_only_when_they_change():
    shelf = MemoryShelf()
    for _ in range(2):
        await Records(shelf).keep_names(KEYS, {"b", "a"})
    assert Records(shelf).names(KEYS) == {"a", "b"}
    assert shelf.writes == 1
