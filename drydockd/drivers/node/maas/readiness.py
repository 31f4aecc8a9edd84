"""In which states of a machine its network and disks may be changed, and how it gets there.

Source: contract, maas, section 3, and maas-facts.
"""

from __future__ import annotations

from typing import Any

from drydockd.drivers.base import Handle
from drydockd.drivers.node.maas import machine as machines
from drydockd.drivers.node.maas.account import Account
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.machine import ALLOCATED
from drydockd.errors import DriverConflict
from drydockd.machines import NodeState

Document = dict[str, Any]

# Between two looks at a machine that is being released, where nobody says.
POLL_SECONDS = 10.0


class Desk:
    """The document of one machine: read, and brought into a state in which it may be changed.

    `what` is what is to be changed, for messages. What waits has no limit: the caller bounds it.
    """

    def __init__(
        self, client: MaasClient, handle: Handle, what: str, life: Lifecycle | None = None
    ) -> None:
        self._client, self._handle, self._what = client, handle, what
        self._life = life or Lifecycle(client, poll_seconds=POLL_SECONDS)

    async def read(self) -> Document:
        return await self._life.roll.anew(self._handle.id)

    async def read_open(self) -> Document:
        """Read; raises DriverConflict: it was moved to where it may not be changed."""
        document = await self.read()
        if _state(document) is not NodeState.READY:
            raise DriverConflict(
                f"{self._handle.name}: {self._what} can be set while the machine is Ready or "
                f"Allocated, but in MAAS it is {document['status_name']}"
            )
        return document

    async def opened(self) -> Document | None:
        """Return the machine in a state in which it may be changed, Ready or Allocated.

        A failed deployment is released first, a release is waited for. None: it is deployed, and
        is left alone. Raises DriverConflict naming any other state.
        """
        document = await self._life.roll.begun(self._handle.id)
        if _state(document) is NodeState.DEPLOYED:
            return None
        if _state(document) in (NodeState.FAILED_DEPLOY, NodeState.RELEASING):
            return await self.released(document)
        return document if _state(document) is NodeState.READY else await self.read_open()

    async def released(self, document: Document) -> Document:
        """Return the machine when nobody has it any more; nothing is erased.

        Raises DriverConflict: it is somebody else's; DriverTransient: the release failed.
        """
        if document["status_name"] == "Ready":
            return document
        if document["status_name"] == ALLOCATED:
            user = await Account(self._client).name()
            if document["owner"] != user:
                raise DriverConflict(
                    f"{self._handle.name}: MAAS has it allocated to {document['owner']}, not to "
                    f"{user}, whose API key we have; have it released first"
                )
        await self._life.released(machines.read(document), {}, _Quiet())
        return await self.read_open()


def _state(document: Document) -> NodeState:
    return machines.STATES.get(document["status_name"], NodeState.FOREIGN)


class _Quiet:
    """A step that sets something has no voice."""

    async def say(self, text: str, *, error: bool = False) -> None: ...

    async def fence(self, session: str) -> None: ...
