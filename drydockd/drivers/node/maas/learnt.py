"""What MAAS learnt about a machine: its hardware, and the logs of what ran on it.

Source: contract, maas, section 8, and maas-facts, rows 24 and 25.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drydockd.drivers.base import Handle
from drydockd.drivers.node.maas import bson
from drydockd.drivers.node.maas.answers import Missing
from drydockd.drivers.node.maas.client import Form, MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.errors import DriverPersistent, NodeUnknown
from drydockd.machines import Document, Inventory, Log

# Machines whose details are kept: some 20 KB each, packed.
MOST_KEPT = 1024
XML = ("lshw", "lldp")
TYPES: Mapping[str, str] = {
    "commission": "commissioning",
    "testing": "testing",
    "deploy": "installation",
}


class Details:
    """What commissionings found; that of the machines that were asked for last is kept."""

    def __init__(self, client: MaasClient) -> None:
        self._client = client
        self._kept: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    async def inventory(self, handle: Handle, commissioning: int | None = None) -> Inventory:
        """Return the documents of the last commissioning. Raises NodeUnknown without one.

        Those of one `commissioning` (its number, None: nobody knows) are read once.
        """
        number, packed = self._kept.get(handle.id, (None, b""))
        if commissioning is not None and number == commissioning:
            self._kept.move_to_end(handle.id)
            return _documents(bson.decode(zlib.decompress(packed)))
        self._kept.pop(handle.id, None)
        try:
            read = await self._client.read(at("machine", sid=handle.id), "details")
            details = bson.decode(read)
        except Missing as error:
            raise NodeUnknown(str(error)) from error
        except ValueError as error:
            raise DriverPersistent(f"MAAS: details of {handle.name}: {error}") from error
        if not details.get("lshw"):
            raise NodeUnknown(f"{handle.name} ({handle.id}): MAAS has not commissioned it yet")
        if commissioning is not None:
            self._kept[handle.id] = commissioning, zlib.compress(read, 1)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return _documents(details)


def _documents(details: Mapping[str, bytes | None]) -> Inventory:
    # lshw first: what devices are called is read from it.
    order = sorted(details, key=lambda name: (name != "lshw", name))
    return Inventory(
        tuple(
            Document(
                name, "text/xml" if name in XML else "text/plain", text.decode("utf-8", "replace")
            )
            for name in order
            if (text := details[name])
        )
    )


async def logs(client: MaasClient, handle: Handle, phase: str) -> Sequence[Log]:
    """Return what the newest run of this machine's scripts of `phase` wrote."""
    query: Form = {"type": TYPES[phase], "include_output": True}
    runs = await client.get(at("results", sid=handle.id), query=query)
    if not runs:
        return ()
    newest = max(runs, key=lambda run: int(run.get("id") or 0))
    return tuple(log for result in newest.get("results") or () for log in _logs_of(result, phase))


def _logs_of(result: Mapping[str, Any], phase: str) -> Iterator[Log]:
    """Standard output and error apart, as the original names them; older ones tell only both."""
    name = str(result.get("name") or "")
    texts = {name: _text(result.get("stdout")), f"{name}.err": _text(result.get("stderr"))}
    if not any(texts.values()):
        texts = {name: _text(result.get("output"))}
    for title, text in texts.items():
        if text:
            yield Log(phase, title, text)


def _text(encoded: object) -> str:
    try:
        return base64.b64decode(str(encoded or "")).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
