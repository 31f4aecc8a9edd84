"""Why work on a node ends before its end, besides the errors of drivers."""

from __future__ import annotations


class Terminated(Exception):
    """The task was told to stop; raised where a step may be left."""


class StepFailed(Exception):
    """The step cannot be done for this node, and trying again is useless; the text says why."""
