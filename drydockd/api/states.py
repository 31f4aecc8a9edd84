"""The states and outcomes that tasks and boot actions can have."""

from __future__ import annotations

from enum import StrEnum


class TaskStatus(StrEnum):
    """Life cycle of a task; contract, tasks, section 2."""

    REQUESTED = "requested"
    QUEUED = "queued"
    RUNNING = "running"
    TERMINATING = "terminating"
    TERMINATED = "terminated"
    COMPLETE = "complete"

    @property
    def is_final(self) -> bool:
        return self is _TERMINATED or self is _COMPLETE


# Looked up in the class each time, they take longer than all the rest; a request asks ten times.
_TERMINATED, _COMPLETE = TaskStatus.TERMINATED, TaskStatus.COMPLETE


class ResultStatus(StrEnum):
    """Outcome of a task so far; contract, tasks, section 3.1."""

    INCOMPLETE = "incomplete"
    SUCCESS = "success"
    PARTIAL_SUCCESS = "partial_success"
    FAILURE = "failure"


class BootActionStatus(StrEnum):
    INCOMPLETE = "incomplete"
    UNREPORTED = "unreported"
    SUCCESS = "success"
    FAILURE = "failure"
