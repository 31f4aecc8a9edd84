"""When nodes were heard of: in memory, and where several daemons share a store a little later at
all of them. What must last is in the records.
"""

from __future__ import annotations

from collections.abc import Mapping

from drydockd.model import Timestamp, timestamp


class Contacts:
    """One per daemon; it knows as many nodes as have been heard of."""

    def __init__(self) -> None:
        self._latest: dict[str, Timestamp] = {}
        self._untold: dict[str, Timestamp] = {}

    def note(self, node: str, now: Timestamp | None = None) -> None:
        """Note that the node was heard of `now`, here."""
        self._latest[node] = self._untold[node] = now or timestamp()

    def of(self, node: str) -> Timestamp:
        """Return when it was last heard of; empty: not since anybody's start."""
        return self._latest.get(node, "")

    def take(self) -> Mapping[str, Timestamp]:
        """Return those heard of here since the last call: what others have not been told."""
        untold, self._untold = self._untold, {}
        return untold

    def learn(self, heard: Mapping[str, Timestamp]) -> None:
        """Take what another daemon tells."""
        for node, moment in heard.items():
            self._latest[node] = max(moment, self._latest.get(node, ""))
