"""What the `fake` drivers share: their options, and the way to the virtual machine room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, cast

from drydockd import acting
from drydockd.config.fields import Words
from drydockd.drivers.base import Discovery
from drydockd.drivers.options import Options, opt
from drydockd.room.access import RoomAccess
from drydockd.room.port import ACTS, RoomPort, is_act
from drydockd.room.remote import RemoteRoom
from drydockd.room.room import Room

SECTION = "fake_driver"
EVERY_TYPE = ("ipmi", "redfish", "libvirt", "manual")


class FakeOptions(Options):
    """All three have the same: they meet in one room."""

    url: str | None = opt(
        None,
        "Virtual machine room of another process (drydock lab room); it has its own config "
        "and folder",
        pattern=r"^https?://\S+$",
    )
    room: str = opt("default", "A room of this process, by name: drivers that name it share it")
    config: Path | dict[str, object] | None = opt(
        None, "Room of this process: a YAML file (docs/room.md), or what would stand in it"
    )
    folder: Path | None = opt(
        None, "Where its machines unpack their boot data; null: thrown away with the room"
    )
    discovers: Discovery = opt(
        Discovery.NETBOOT, "node driver: unknown nodes are netbooted, or enrolled from the design"
    )
    oob_types: Words = opt(EVERY_TYPE, "oob driver: the oob.type of nodes it answers for")
    power_seconds: float = opt(
        30.0, "oob driver: seconds a machine may take to go on or off", gt=0, le=3600
    )


class Access:
    """The way to a room; who changes something in it has the right to act."""

    def __init__(self, room: RoomAccess) -> None:
        self._room = room

    def port(self) -> RoomPort:
        """See RoomAccess."""
        port = self._room.port()
        # One of another process asks itself, at each attempt.
        return port if isinstance(port, RemoteRoom) else cast("RoomPort", _Asking(port))

    async def close(self) -> None:
        await self._room.close()


class _Asking:
    """A RoomPort in this process."""

    def __init__(self, port: RoomPort) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._port, name)
        return partial(_asked, name, operation) if name in ACTS else operation


async def _asked(
    name: str, operation: Callable[..., Awaitable[object]], *values: object, **named: object
) -> object:
    if is_act(name, signature(operation).bind(*values, **named).arguments):
        await acting.may_act()
    return await operation(*values, **named)


def access(options: FakeOptions, room: Room | None) -> Access:
    """Return the way to `room`, if given, else to the one of the options. Raises InvalidInput."""
    return Access(
        RoomAccess(
            url=options.url,
            room=room or options.room,
            config=options.config,
            folder=options.folder,
        )
    )
