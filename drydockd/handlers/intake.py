"""Bodies of requests that are still on their way: so many bytes of all together."""

from __future__ import annotations


class Intake:
    """One per daemon. A body is held from its first byte until its request is looked at."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0

    def takes(self, count: int) -> bool:
        """Hold `count` bytes more if there is room for them."""
        if self.held_bytes + count > self.most_bytes:
            return False
        self.held_bytes += count
        return True

    def give_back(self, count: int) -> None:
        self.held_bytes -= count

    @property
    def refusal(self) -> str:
        """What the sender of one body too many hears."""
        return (
            f"The bodies of all requests together may be {self.most_bytes} bytes "
            "(api.bodies_bytes): send this one again later"
        )
