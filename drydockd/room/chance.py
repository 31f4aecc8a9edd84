"""Latencies and faults: drawn from the seed, so that a room repeats itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from random import Random

from drydockd.room.config import BmcCall, FaultConfig, FaultKind, Latencies, RoomConfig
from drydockd.room.machine import Machine


class Chance:
    """Decides how long things take and which of them fail."""

    def __init__(self, config: RoomConfig) -> None:
        self._random = Random(config.seed)
        self._seed = config.seed
        self._scale = config.scale
        self._latencies: Latencies = config.latencies
        self.faults: Sequence[FaultConfig] = config.faults

    def seconds(self, machine: Machine, latency: str) -> float:
        """A duration of that kind for that machine; ``slow`` machines take `factor` times it."""
        low, high = getattr(self._latencies, latency)
        factor = self._scale
        for index, fault in enumerate(self.faults):
            if fault.fault is FaultKind.SLOW and self._meets(index, fault, machine):
                factor *= fault.factor
        return float(self._random.uniform(low, high) * factor)

    def strikes(self, machine: Machine, kind: FaultKind, call: BmcCall | None = None) -> bool:
        """Does this fault happen now, at this `call`? Counts it: `times` comes to an end."""
        for index, fault in enumerate(self.faults):
            if fault.fault is not kind or not self._meets(index, fault, machine):
                continue
            if fault.calls and call not in fault.calls:
                continue
            if fault.times is not None and machine.struck[index] >= fault.times:
                continue
            machine.struck[index] += 1
            return True
        return False

    def _meets(self, index: int, fault: FaultConfig, machine: Machine) -> bool:
        names = [name for name in (machine.name, machine.id) if name]
        if not any(fnmatchcase(n, pattern) for n in names for pattern in fault.machines):
            return False
        if fault.share >= 1:
            return True
        # By hash of the name and not by dice: the same machines fail in every run.
        digest = hashlib.sha256(f"{self._seed}/{index}/{names[0]}".encode()).digest()
        return int.from_bytes(digest[:4]) / 2**32 < fault.share
