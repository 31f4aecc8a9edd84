"""The rows of the table of machines, made once however many pages are open."""

from __future__ import annotations

from drydockd.tasks import Machines


class Rows:
    """What was made of the machines as they were last, for each kind of reader."""

    def __init__(self) -> None:
        self._of: Machines | None = None
        self._packed: dict[bool, bytes] = {}

    def get(self, machines: Machines, may_choose: bool) -> bytes | None:
        return self._packed.get(may_choose) if machines is self._of else None

    def put(self, machines: Machines, may_choose: bool, packed: bytes) -> None:
        if machines is not self._of:
            self._of, self._packed = machines, {}
        self._packed[may_choose] = packed
