"""How much runs at once: slots of steps, of driver kinds, and in total."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class _Line:
    """Those who wait for the same kind of slot, in order; `taken` of them hold one."""

    task_id: str
    driver: str
    taken: int
    waiting: deque[asyncio.Future[bool]]


class Slots:
    """Slots for node runs: so many per step, per kind of driver and in total.

    A line is one step of one task. Free slots go round the lines in turn, so that a task
    of a thousand nodes does not starve one of two. A line without a driver is bound by the
    step's own limit only.
    """

    def __init__(self, fan_out: int, total: int, drivers: Mapping[str, int]) -> None:
        self._fan_out = fan_out
        self._total_free = total
        self._free = dict(drivers)
        self._lines: OrderedDict[str, _Line] = OrderedDict()

    def try_take(self, line_id: str, driver: str, task_id: str) -> bool:
        """Take a slot at once if there is one and nobody of the same line waits."""
        line = self._line(line_id, driver, task_id)
        if line.waiting or not self._has_free(line):
            return False
        self._grant(line)
        return True

    async def take(self, line_id: str, driver: str, task_id: str) -> bool:
        """Wait for a slot; False when the task was told to stop meanwhile."""
        if self.try_take(line_id, driver, task_id):
            return True
        line = self._line(line_id, driver, task_id)
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        line.waiting.append(future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.result():
                self.give(line_id)
            elif future in line.waiting:
                line.waiting.remove(future)
                self._tidy(line_id, line)
            raise

    def give(self, line_id: str) -> None:
        """Give a slot back; the next in turn get what is free now."""
        line = self._lines[line_id]
        line.taken -= 1
        if line.driver:
            self._free[line.driver] += 1
            self._total_free += 1
        self._tidy(line_id, line)
        self._hand_out()

    def stop(self, task_id: str) -> None:
        """Send away everyone who waits for `task_id`."""
        for line_id, line in list(self._lines.items()):
            if line.task_id == task_id:
                while line.waiting:
                    future = line.waiting.popleft()
                    if not future.done():
                        future.set_result(False)
                self._tidy(line_id, line)

    @property
    def waiting(self) -> int:
        return sum(len(line.waiting) for line in self._lines.values())

    def _line(self, line_id: str, driver: str, task_id: str) -> _Line:
        if line_id not in self._lines:
            self._lines[line_id] = _Line(task_id, driver, 0, deque())
        return self._lines[line_id]

    def _tidy(self, line_id: str, line: _Line) -> None:
        if not line.taken and not line.waiting:
            self._lines.pop(line_id, None)

    def _has_free(self, line: _Line) -> bool:
        if line.taken >= self._fan_out:
            return False
        return not line.driver or (self._total_free > 0 and self._free[line.driver] > 0)

    def _grant(self, line: _Line) -> None:
        line.taken += 1
        if line.driver:
            self._free[line.driver] -= 1
            self._total_free -= 1

    def _hand_out(self) -> None:
        handed = True
        while handed:
            handed = False
            for line_id, line in list(self._lines.items()):
                while line.waiting and line.waiting[0].done():
                    line.waiting.popleft()
                if line.waiting and self._has_free(line):
                    self._grant(line)
                    line.waiting.popleft().set_result(True)
                    self._lines.move_to_end(line_id)
                    handed = True
