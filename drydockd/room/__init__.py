"""The virtual machine room: machines without metal, for labs, demos, load tests and drills.

`machine` is one machine, `room` the collection and what a BMC and a provisioner see of it,
`firstboot` what a deployed machine does with its boot data, `server` and `remote` the same
room in a process of its own. The `fake` drivers work through `port`, near or far alike.
"""

from drydockd.room.config import RoomConfig, load_config
from drydockd.room.room import Room

__all__ = ["Room", "RoomConfig", "load_config"]
