"""The room's Kubernetes, near and far."""

import pytest

from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.kubernetes.fake import FakeKubernetes
from drydockd.errors import DriverTransient, NodeUnknown
from tests.room.helpers import a_node, fault, quick


async def test_labels_replace_all_earlier_ones_but_those_of_kubernetes(site):
    lab = await site()
    await lab.deploy(a_node())
    await lab.kubernetes.relabel("n1", {"rack": "r1", "node.kubernetes.io/role": "compute"})
    await lab.kubernetes.relabel("n1", {"zone": "z1"})
    assert await lab.kubernetes.labels("n1") == {
        "kubernetes.io/hostname": "n1",
        "node.kubernetes.io/role": "compute",
        "zone": "z1",
    }


async def test_a_node_that_is_not_deployed_is_unknown(site):
    lab = await site()
    await lab.prepare(a_node())
    with pytest.raises(NodeUnknown, match="n1: is no node"):
        await lab.kubernetes.relabel("n1", {"a": "b"})


async def test_an_api_that_fails_once_is_good_the_second_time(site):
    lab = await site(quick(**fault("relabel_fails", times=1)))
    await lab.deploy(a_node())
    with pytest.raises(DriverTransient, match="503"):
        await lab.kubernetes.relabel("n1", {"a": "b"})
    await lab.kubernetes.relabel("n1", {"a": "b"})
    assert (await lab.kubernetes.labels("n1"))["a"] == "b"


async def test_a_room_that_answers_is_a_usable_cluster(site):
    lab = await site()
    await lab.kubernetes.check()


@pytest.mark.slow
async def test_a_room_that_is_away_is_not():
    away = FakeKubernetes(FakeOptions(url="http://127.0.0.1:9"))
    with pytest.raises(DriverTransient, match="does not answer"):
        await away.check()
    await away.close()
