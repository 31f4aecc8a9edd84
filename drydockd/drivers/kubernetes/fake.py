"""The Kubernetes of the virtual machine room: labels of deployed machines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drydockd.room.access import RoomAccess
from drydockd.room.room import Room


class FakeKubernetes:
    """A KubernetesDriver for the room `room` of this process, or for the room at `url`."""

    def __init__(
        self,
        *,
        url: str | None = None,
        room: str | Room = "default",
        config: str | Path | Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
    ) -> None:
        self._access = RoomAccess(url=url, room=room, config=config, folder=folder)

    async def relabel(self, node_name: str, labels: Mapping[str, str]) -> None:
        await self._access.port().relabel(node_name, labels)

    async def labels(self, node_name: str) -> Mapping[str, str]:
        """What the node is labelled with now; beyond the interface, for labs and tests."""
        return await self._access.port().labels(node_name)

    async def close(self) -> None:
        await self._access.close()


DRIVER = FakeKubernetes
