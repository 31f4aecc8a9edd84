"""How far this daemon's clock is from the store's, by which all of them go."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

WARN_SECONDS = 1.0
# Deadlines and the lives of keys would be wrong by more than that: nobody is served so.
MOST_SECONDS = 5.0


class ClockOffset:
    """The offset as it was measured last; None before that. Positive: the store is ahead."""

    def __init__(self) -> None:
        self.seconds: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether it was measured, and is small enough to serve and to run tasks."""
        return self.seconds is not None and abs(self.seconds) <= MOST_SECONDS

    @property
    def problem(self) -> str | None:
        """What there is to say of it; None: nothing."""
        if self.seconds is None or abs(self.seconds) <= WARN_SECONDS:
            return None
        side = "behind" if self.seconds > 0 else "ahead of"
        text = f"this host's clock is {abs(self.seconds):.1f} s {side} the database's"
        if not self.is_good:
            text += f"; over {MOST_SECONDS:g} s it is not ready and runs no tasks"
        return f"{text}; have both keep time (NTP)"

    def measured(self, seconds: float) -> None:
        """Take a new measurement; what changes with it is said in the log once."""
        before = self.problem is not None, self.is_good or self.seconds is None
        self.seconds = seconds
        if (self.problem is not None, self.is_good) == before:
            return
        if self.problem is None:
            log.info("this host's clock and the database's agree again")
        else:
            log.warning("%s", self.problem)
