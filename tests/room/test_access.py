"""Drivers that are built apart meet in one room."""

import pytest

from drydockd.drivers.kubernetes.fake import FakeKubernetes
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.drivers.oob.fake import FakeOob
from drydockd.errors import DriverPersistent, InvalidInput
from drydockd.room.access import RoomAccess
from tests.room.helpers import Voice, a_node


def access(room="default", url=None, config=None, folder=None):
    return RoomAccess(url=url, room=room, config=config, folder=folder)


async def test_the_drivers_of_one_process_share_the_room_of_a_name():
    oob, nodes, kubernetes = FakeOob(), FakeNodeProvisioner(), FakeKubernetes()
    await oob.power_on(a_node(), Voice())
    assert "1 machines" in (await nodes.check())[0].text
    assert await kubernetes.labels("n1") == {}
    for driver in (oob, nodes, kubernetes):
        await driver.close()


async def test_rooms_of_different_names_are_different():
    one, two = access("one"), access("two")
    assert one.port() is not two.port()
    await one.close()
    await two.close()


async def test_the_last_user_closes_the_room_and_the_next_one_gets_a_new_one():
    first, second = access(), access()
    port = first.port()
    assert second.port() is port
    await first.close()
    third = access()
    assert third.port() is port
    await second.close()
    await third.close()
    fourth = access()
    assert fourth.port() is not port
    await fourth.close()


async def test_a_room_that_was_given_stays_open(room):
    given = access(room)
    assert given.port() is room
    await given.close()
    assert await room.machines() == []


async def test_two_configurations_for_one_room_are_refused():
    one, two = access(config={"machines": 1}), access(config={"machines": 2})
    one.port()
    with pytest.raises(DriverPersistent, match="open with another configuration"):
        two.port()
    await one.close()


def test_a_room_of_another_process_takes_no_configuration_here():
    with pytest.raises(InvalidInput, match="url"):
        access(url="http://127.0.0.1:1", config={"machines": 1})


async def test_the_configuration_may_be_a_file(tmp_path):
    (tmp_path / "room.yaml").write_text("machines: 3\n")
    one = access(config=str(tmp_path / "room.yaml"))
    assert len(await one.port().machines()) == 3
    await one.close()
