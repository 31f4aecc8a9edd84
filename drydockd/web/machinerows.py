"""The rows of the table of machines, made once however many pages are open."""

from __future__ import annotations

from drydockd.tasks import Machines

# What rows offer: that machines may be chosen, that a BMC may be asked.
Offers = tuple[bool, bool]


class Rows:
    """What was made of the machines as they were last, for each kind of reader."""

    def __init__(self) -> None:
        self._of: Machines | None = None
        self._packed: dict[Offers, bytes] = {}

    def get(self, machines: Machines, offers: Offers) -> bytes | None:
        return self._packed.get(offers) if machines is self._of else None

    def put(self, machines: Machines, offers: Offers, packed: bytes) -> None:
        if machines is not self._of:
            self._of, self._packed = machines, {}
        self._packed[offers] = packed
