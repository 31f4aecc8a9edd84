"""What running a step takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from drydockd.tasks.shared.progress import Progress
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.shared.shutdown import Shutdown
from drydockd.tasks.shared.slots import Slots
from drydockd.tasks.words.settings import TaskSettings


@dataclass(frozen=True)
class StepParts:
    """One per daemon. `at_work` holds the attempts under way by subtask id."""

    recorder: Recorder
    slots: Slots
    shutdown: Shutdown
    settings: TaskSettings
    at_work: dict[str, Progress] = field(default_factory=dict)
