import orjson
import pytest

from drydockd.errors import NotFound
from drydockd.handlers.builddata import build_data_json, build_data_parts
from drydockd.handlers.parts import PART_BYTES
from drydockd.model import BuildData

WHEN = "2026-01-31T10:20:30.123456+00:00"


def some(count, size=10):
    return [
        BuildData("n1", "t", WHEN, f"g{number}", "text/plain", "x" * size)
        for number in range(count)
    ]


async def parts_of(found, **options):
    return [part async for part in build_data_parts(iter(found), **options)]


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_a_few_are_one_part(count):
    (only,) = await parts_of(some(count))
    assert orjson.loads(only) == [build_data_json(data) for data in some(count)]


@pytest.mark.parametrize("size", [10_000, PART_BYTES - 130, PART_BYTES, 3 * PART_BYTES])
async def test_many_come_in_parts_and_no_element_is_read_before_its_turn(size):
    read = []

    def walk():
        for data in some(60, size):
            read.append(data)
            yield data

    parts, ahead, sent = [], [], 0
    async for part in build_data_parts(walk()):
        parts.append(part)
        sent += part.count(b"node_name")
        ahead.append(len(read) - sent)
    assert max(ahead) == 0
    assert max(len(part) for part in parts) < PART_BYTES + size + 200
    assert orjson.loads(b"".join(parts)) == [build_data_json(data) for data in some(60, size)]


async def test_none_at_all_is_not_found_where_it_has_to_be():
    with pytest.raises(NotFound, match="No build data"):
        await parts_of([], absent="No build data")
    assert await parts_of(some(1), absent="No build data")
