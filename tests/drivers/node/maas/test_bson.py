"""The little of BSON that details are made of."""

import pytest

from drydockd.drivers.node.maas.bson import decode
from tests.peers.maas.bsondoc import bson

# As the real MAAS answered before any commissioning; contract, data/maas-3.6.3.txt.
RECORDED = b"\x11\0\0\0\nlldp\0\nlshw\0\0"


def test_the_recorded_answer_is_two_nulls():
    assert decode(RECORDED) == {"lldp": None, "lshw": None}
    assert bson({"lldp": None, "lshw": None}) == RECORDED


def test_binaries_are_read_whole():
    document = {"lshw": b"<list/>\0tail", "lldp": b""}
    assert decode(bson(document)) == document


def test_a_text_ends_at_its_nul():
    assert decode(b"\x10\0\0\0\x02a\0\x04\0\0\0xyz\0\0") == {"a": b"xyz"}


@pytest.mark.parametrize(
    "data",
    [b"", b"\x05\0\0", RECORDED[:-1], RECORDED + b"\0", b"\x10\0\0\0\x10a\0\1\0\0\0\0\0\0\0\0"],
)
def test_damage_is_told(data):
    with pytest.raises(ValueError, match="BSON"):
        decode(data)


def test_a_length_beyond_the_end_is_told():
    data = bytearray(bson({"lshw": b"abc"}))
    data[10] = 99
    with pytest.raises(ValueError, match="cut off"):
        decode(bytes(data))
