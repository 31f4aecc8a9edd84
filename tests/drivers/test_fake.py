import pytest
from pydantic import ValidationError

from drydockd.drivers.fake import EVERY_TYPE, FakeOptions, access
from drydockd.errors import InvalidInput


def test_every_oob_type_is_answered_for_unless_told_otherwise():
    assert FakeOptions().oob_types == EVERY_TYPE
    assert FakeOptions(oob_types="ipmi,redfish").oob_types == ("ipmi", "redfish")


def test_a_room_of_another_process_has_an_http_url():
    with pytest.raises(ValidationError, match="url"):
        FakeOptions(url="127.0.0.1:9100")


async def test_the_room_of_a_name_is_shared_and_a_given_one_is_used(room):
    one, two = access(FakeOptions(room="x"), None), access(FakeOptions(room="x"), None)
    assert one._room.port() is two._room.port()
    assert access(FakeOptions(), room)._room.port() is room
    await one.close()
    await two.close()


def test_a_wrong_room_is_refused_at_once():
    with pytest.raises(InvalidInput, match=r"latencies\.deploy"):
        access(FakeOptions(config={"latencies": {"deploy": -1}}), None)
