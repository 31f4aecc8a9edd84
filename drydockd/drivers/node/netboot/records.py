"""The machines of the boot networks: in memory to read, in the store to last.

One change of a machine at a time; it is visible, and its watchers are told, when it is durable.
What an agent says of its progress is kept in memory only (`touch`): losing it costs a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from drydockd.drivers.base import Shelf
from drydockd.drivers.node.netboot.machine import Machine
from drydockd.errors import InvalidConfig, NodeUnknown

MACHINES = "machines/"
PLANS = "plans/"
INSTALLS = "installs/"
DOCUMENTS = "documents/"

_machine = TypeAdapter(Machine)


class Machines:
    """All records of one shelf. Event-loop thread only.

    `follows`: another daemon changes them, and this one looks at what it kept: see `renew`.
    """

    def __init__(self, shelf: Shelf, *, follows: bool = False) -> None:
        self._shelf = shelf
        self._machines: dict[str, Machine] = {}
        self._macs: dict[str, str] = {}  # by name
        self._locks: dict[str, asyncio.Lock] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}
        # Of who only looks, by machine: the document it was read from.
        self._follows = follows
        self._documents: dict[str, Mapping[str, Any]] = {}
        self.renew()

    def renew(self) -> None:
        """Take what others put on the shelf, or took off it; not for who changes machines."""
        there = {
            name: document
            for name, document in self._shelf.records().items()
            if name.startswith(MACHINES)
        }
        for name in self._documents.keys() - there.keys():
            self._drop(name.removeprefix(MACHINES))
        for name, document in there.items():
            if self._documents.get(name) is not document:
                self._know(_read(name, document))
        if self._follows:
            self._documents = there

    def __iter__(self) -> Iterator[Machine]:
        return iter(list(self._machines.values()))

    def __len__(self) -> int:
        return len(self._machines)

    def get(self, mac: str | None) -> Machine | None:
        return self._machines.get(mac) if mac else None

    def needed(self, mac: str) -> Machine:
        """Raises NodeUnknown."""
        machine = self._machines.get(mac)
        if machine is None:
            raise NodeUnknown(f"netboot knows no machine {mac}")
        return machine

    def named(self, name: str) -> Machine | None:
        return self.get(self._macs.get(name))

    def alone(self, mac: str) -> AbstractAsyncContextManager[Any]:
        """Whoever changes a machine by what it is now holds this meanwhile."""
        return self._locks.setdefault(mac, asyncio.Lock())

    async def change(self, mac: str, way: Callable[[Machine], Machine]) -> Machine:
        """Make the machine ``way(machine)``, durable; what `way` raises changes nothing.

        Not to be called by one who holds `alone` of the same machine: `save` is for those.
        """
        async with self.alone(mac):
            new = way(self.needed(mac))
            await self.save(new)
            return new

    async def save(
        self,
        machine: Machine,
        documents: Mapping[str, Mapping[str, Any] | None] | None = None,
        blobs: Mapping[str, str] | None = None,
    ) -> None:
        """Store the machine, with other records of it, in one write; tell its watchers."""
        records = {MACHINES + machine.mac: _written(machine), **(documents or {})}
        await self._shelf.put(records, blobs)
        self._know(machine)
        self._tell(machine.mac)

    async def forget(self, mac: str) -> None:
        """Remove the machine and all that is kept of it."""
        machine = self.needed(mac)
        gone = dict.fromkeys([MACHINES + mac, PLANS + mac, INSTALLS + mac])
        gone |= dict.fromkeys(document_name(mac, name) for name in machine.documents)
        gone |= dict.fromkeys(
            installed_name(mac, name) for name in self.install(mac).get("documents", ())
        )
        await self._shelf.put(gone)
        self._drop(mac)
        self._tell(mac)

    def _drop(self, mac: str) -> None:
        machine = self._machines.pop(mac, None)
        if machine is not None and machine.name is not None:
            self._macs.pop(machine.name, None)

    def _know(self, machine: Machine) -> None:
        old = self._machines.get(machine.mac)
        if old is not None and old.name is not None and old.name != machine.name:
            self._macs.pop(old.name, None)
        if machine.name is not None:
            self._macs[machine.name] = machine.mac
        self._machines[machine.mac] = machine

    def touch(self, mac: str, now: float, step: str | None = None) -> None:
        """Note in memory that its agent was heard, and at which step."""
        machine = self._machines[mac]
        self._machines[mac] = replace(
            machine, seen=now, step=machine.step if step is None else step
        )
        self._tell(mac)

    async def changed(self, mac: str, known: Machine | None, seconds: float) -> Machine | None:
        """Return the machine as soon as it is another than `known`, or after `seconds`."""
        event = asyncio.Event()
        watchers = self._watchers.setdefault(mac, set())
        watchers.add(event)
        try:
            async with asyncio.timeout(seconds):
                while self.get(mac) is known:
                    await event.wait()
                    event.clear()
        except TimeoutError:
            pass
        finally:
            watchers.discard(event)
            if not watchers:
                self._watchers.pop(mac, None)
        return self.get(mac)

    def _tell(self, mac: str) -> None:
        for event in self._watchers.get(mac, ()):
            event.set()

    # -- what is kept beside

    def plans(self, mac: str) -> Mapping[str, Any]:
        return self._shelf.record(PLANS + mac) or {}

    async def put_plan(self, mac: str, kind: str, plan: Mapping[str, Any]) -> None:
        """Keep the plan of one kind (``network``, ``storage``, ``platform``)."""
        await self._shelf.put({PLANS + mac: {**self.plans(mac), kind: plan}})

    def install(self, mac: str) -> Mapping[str, Any]:
        """What is kept of its last installation; empty before the first."""
        return self._shelf.record(INSTALLS + mac) or {}

    async def put_blob(self, content: bytes) -> str:
        return await self._shelf.put_blob(content)

    async def blob(self, digest: str) -> bytes:
        return await self._shelf.blob(digest)


def document_name(mac: str, name: str) -> str:
    """The record that names the blob of a document or log of a machine."""
    return f"{DOCUMENTS}{mac}/{name}"


def installed_name(mac: str, name: str) -> str:
    """The record that keeps a document as it was when the machine was installed."""
    return f"{INSTALLS}{mac}/{name}"


def _written(machine: Machine) -> dict[str, Any]:
    return asdict(machine)


def _read(name: str, document: Mapping[str, Any]) -> Machine:
    try:
        return _machine.validate_python(dict(document))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidConfig(
            f"netboot: its record {name} cannot be read: {field}: {first['msg']}; "
            "was it written by a newer version?"
        ) from error
