"""What the `fake` drivers share: their options, and the way to the virtual machine room."""

from __future__ import annotations

from pathlib import Path

from drydockd.config.fields import Words
from drydockd.drivers.base import Discovery
from drydockd.drivers.options import Options, opt
from drydockd.room.access import RoomAccess
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


def access(options: FakeOptions, room: Room | None) -> RoomAccess:
    """Return the way to `room`, if given, else to the one of the options. Raises InvalidInput."""
    return RoomAccess(
        url=options.url,
        room=room or options.room,
        config=options.config,
        folder=options.folder,
    )
