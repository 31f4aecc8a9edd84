"""One status message of a task. Source: contract, tasks, section 3.2."""

from __future__ import annotations

from pydantic import JsonValue

from drydockd.api.base import Answer


class Message(Answer):
    """What happened, and when (`ts`, ISO 8601); `context` names whom it is about.

    `context_type` is the kind of that name; `extra` what a node's report said besides.
    """

    message: str
    error: bool
    context_type: str
    context: str
    ts: str
    extra: dict[str, JsonValue]
