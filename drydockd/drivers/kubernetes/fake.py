"""The Kubernetes of the virtual machine room: labels of deployed machines."""

from __future__ import annotations

from collections.abc import Mapping

from drydockd.drivers.fake import SECTION, FakeOptions, access
from drydockd.drivers.options import Offer
from drydockd.room.room import Room


class FakeKubernetes:
    """A KubernetesDriver for `room`, if one is given, or for the room of the options."""

    def __init__(self, options: FakeOptions | None = None, *, room: Room | None = None) -> None:
        self._access = access(options or FakeOptions(), room)

    async def check(self) -> None:
        await self._access.port().catalogue()

    async def relabel(self, node_name: str, labels: Mapping[str, str]) -> None:
        await self._access.port().relabel(node_name, labels)

    async def labels(self, node_name: str) -> Mapping[str, str]:
        """What the node is labelled with now; beyond the interface, for labs and tests."""
        return await self._access.port().labels(node_name)

    async def close(self) -> None:
        await self._access.close()


DRIVER = Offer(
    FakeKubernetes,
    FakeOptions,
    SECTION,
    "the labels of the deployed machines of the virtual machine room",
)
