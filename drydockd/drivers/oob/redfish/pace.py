"""How long the driver waits between what it does; in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """`retry`: after a lost request. `longest`: between questions to a BMC that is not ready.

    `read_back`: before a boot device is read back. `unchanged`: an accepted reset without any
    effect is sent once more after it. `settle`: how long PoweringOn and PoweringOff are watched
    by who only asks. `closing`: for the end of an operation that was cancelled; `logout`: of any.
    Source: contract, oob-faults, C.
    """

    first: float = 1.0
    retry: float = 1.0
    longest: float = 10.0
    read_back: float = 1.0
    unchanged: float = 30.0
    settle: float = 30.0
    closing: float = 2.0
    logout: float = 10.0

    def growing(self, made: int, longest: float | None = None) -> float:
        """1, 2, 4 ... up to `longest`, after `made` waits."""
        return min(self.first * 2.0 ** min(made, 30), self.longest if longest is None else longest)
