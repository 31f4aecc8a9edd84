"""The site's networks are read once for all nodes that ask at about one time."""

import asyncio

import pytest

from drydockd.drivers.node.maas.survey import Survey
from drydockd.errors import DriverTransient
from tests.peers.maas import Fault, at


async def test_nodes_that_ask_at_once_share_one_reading(maas, client):
    survey = Survey(client, seconds=60)
    found = await asyncio.gather(*(survey.wiring() for _ in range(5)))
    assert all(wiring is found[0] for wiring in found)
    assert [call.path for call in maas.calls] == ["subnets/", "fabrics/"]


async def test_without_seconds_each_reads_for_itself(maas, client):
    survey = Survey(client)
    assert await survey.wiring() is not await survey.wiring()
    assert len(maas.calls) == 4


async def test_what_was_wrong_is_forgotten_once(client):
    survey = Survey(client, seconds=60)
    old = await survey.wiring()
    assert survey.forget(old)
    new = await survey.wiring()
    assert new is not old
    # Somebody else who had the old one does not take the new one away.
    survey.forget(old)
    assert await survey.wiring() is new


async def test_a_failure_is_not_kept(maas, client):
    survey = Survey(client, seconds=60)
    maas.faults.append(Fault(at("GET", "fabrics/"), status=503))
    with pytest.raises(DriverTransient):
        await survey.wiring()
    await survey.wiring()
