"""How a fake driver reaches its room: one given, one of this process by name, one by URL."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from drydockd.errors import DriverPersistent, InvalidInput
from drydockd.room.config import RoomConfig, load_config, parse_config
from drydockd.room.port import RoomPort
from drydockd.room.remote import RemoteRoom
from drydockd.room.room import Room


@dataclass(slots=True)
class _Shared:
    port: RoomPort
    config: RoomConfig | None
    users: int = 0


# The drivers of one daemon are built apart and must meet in one room; rooms hold timers and
# connections of a loop, so each loop has its own.
_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]] = WeakKeyDictionary()


class RoomAccess:
    """Opens the room at first use, and closes it when its last user closed.

    A Room that was given is its giver's to close. Raises InvalidInput at once for a wrong
    configuration or a `url` together with options only a room of this process has.
    """

    def __init__(
        self,
        *,
        url: str | None,
        room: str | Room,
        config: str | Path | Mapping[str, Any] | None,
        folder: str | Path | None,
    ) -> None:
        if url is not None and (config is not None or folder is not None):
            raise InvalidInput("url: a room of another process has its own config and folder")
        self._url = url
        self._given = room if isinstance(room, Room) else None
        self._key = url or f"room:{room}"
        self._folder = Path(folder) if folder else None
        self._config = _configured(config)
        self._entry: _Shared | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def port(self) -> RoomPort:
        """The room; call it on the event loop. Raises DriverPersistent if two configs disagree."""
        if self._given is not None:
            return self._given
        if self._entry is None:
            self._loop = asyncio.get_running_loop()
            rooms = _shared.setdefault(self._loop, {})
            entry = rooms.get(self._key) or _Shared(self._open(), self._config)
            if self._config is not None and entry.config not in (None, self._config):
                raise DriverPersistent(f"{self._key}: is open with another configuration")
            rooms[self._key] = self._entry = entry
            entry.users += 1
        return self._entry.port

    def _open(self) -> RoomPort:
        if self._url is not None:
            return RemoteRoom(self._url)
        return Room(self._config, self._folder)

    async def close(self) -> None:
        entry, self._entry = self._entry, None
        if entry is None or self._loop is None:
            return
        entry.users -= 1
        if entry.users == 0:
            _shared[self._loop].pop(self._key, None)
            await entry.port.close()


def _configured(config: str | Path | Mapping[str, Any] | None) -> RoomConfig | None:
    if config is None:
        return None
    return load_config(config) if isinstance(config, str | Path) else parse_config(config)
