import random
import zlib

import pytest

from drydockd.errors import RenderError
from drydockd.render.packing import PART_BYTES, crc_of_both, pack, unpack

CONTENTS = [
    b"",
    b"x",
    b"0123456789" * 200_000,
    random.Random(1).randbytes(PART_BYTES),
    random.Random(2).randbytes(PART_BYTES + 1),
]


@pytest.mark.parametrize("content", CONTENTS, ids=len)
def test_what_is_packed_comes_back_and_is_packed_the_same_every_time(content):
    packed = pack(content)
    assert unpack(packed.parts, packed.size) == content
    assert packed == pack(content)
    assert len(packed.parts) == -(-len(content) // PART_BYTES)
    assert packed.crc == zlib.crc32(content)


@pytest.mark.parametrize("first", CONTENTS, ids=len)
@pytest.mark.parametrize("second", CONTENTS, ids=len)
def test_the_checksum_of_two_contents_needs_neither(first, second):
    both = crc_of_both(zlib.crc32(first), zlib.crc32(second), len(second))
    assert both == zlib.crc32(first + second)


@pytest.mark.parametrize("parts", [[b"no deflate"], [], list(pack(b"abcd").parts)])
def test_parts_of_something_else_are_an_error(parts):
    with pytest.raises(RenderError, match="kept"):
        unpack(parts, 5)
