"""Build data as JSON, a part at a time: an element is a machine's whole inventory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator

import orjson

from drydockd.errors import NotFound
from drydockd.handlers.parts import PART_BYTES
from drydockd.model import BuildData


def build_data_json(data: BuildData) -> dict[str, object]:
    """Return the object of contract, api, section 6.2."""
    return {
        "node_name": data.node,
        "task_id": data.task_id,
        "collected_date": data.collected,
        "generator": data.generator,
        "data_format": data.data_format,
        "data_element": data.data_element,
    }


async def build_data_parts(
    walk: Iterator[BuildData], *, absent: str = ""
) -> AsyncGenerator[bytes, None]:
    """Yield the JSON array of what `walk` finds; each part is read and encoded in a thread.

    Raises NotFound with the text `absent`, if there is one, instead of an empty array.
    """
    lead, is_all = b"[", False
    while not is_all:
        some, is_all = await asyncio.to_thread(_encoded, walk)
        if absent and is_all and not some and lead == b"[":
            raise NotFound(absent)
        yield (lead + some if some or lead == b"[" else b"") + (b"]" if is_all else b"")
        lead = b","


def _encoded(walk: Iterator[BuildData]) -> tuple[bytes, bool]:
    """Return the next elements, a part of them, and whether they were the last."""
    found: list[bytes] = []
    size = 0
    for data in walk:
        found.append(orjson.dumps(build_data_json(data)))
        size += len(found[-1])
        if size >= PART_BYTES:
            return b",".join(found), False
    return b",".join(found), True
