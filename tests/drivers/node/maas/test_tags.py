"""Tags are made once, put on machines, and removed when they are ours."""

import pytest

from drydockd.drivers.node.maas import tags
from drydockd.drivers.node.maas.answers import Missing, Refused
from drydockd.errors import DriverUnsupported
from tests.peers.maas.machines import add_machine


async def test_a_tag_may_be_made_put_on_and_taken_off_again_and_again(maas, client):
    machine = add_machine(maas, "n1")
    for _ in range(2):
        await tags.make(client, "a", {"kernel_opts": "quiet"})
        await tags.put_on(client, "a", machine.system_id)
    assert maas.tags["a"]["kernel_opts"] == "quiet"
    assert machine.tag_names == {"a"}
    for _ in range(2):
        await tags.take_off(client, "a", machine.system_id)
    assert machine.tag_names == set()
    for _ in range(2):
        await tags.remove(client, ["a", "b"])
    assert maas.tags == {}
    await tags.take_off(client, "a", machine.system_id)


async def test_a_tag_that_is_not_there_cannot_be_put_on(maas, client):
    with pytest.raises(Missing):
        await tags.put_on(client, "nosuch", "sid001")


async def test_a_name_that_maas_refuses_is_seen_before_and_by_maas(maas, client):
    assert tags.checked("n1__baid__ab") == "n1__baid__ab"
    with pytest.raises(DriverUnsupported, match=r"node1\.x"):
        tags.checked("node1.x")
    with pytest.raises(Refused, match="Enter a valid value"):
        await tags.make(client, "node1.x")


def test_the_prefix_of_a_key_is_that_of_the_template():
    assert tags.key_prefix("n1") == "n1__baid__"
