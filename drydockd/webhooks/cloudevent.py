"""An event as a CloudEvent. Source: CloudEvents 1.0.2, JSON format, structured mode."""

from __future__ import annotations

import orjson

from drydockd.tasks import Event

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
TYPES = {
    "state": "drydock.task.state",
    "node": "drydock.node.state",
    "message": "drydock.task.message",
    "boot_action": "drydock.bootaction.result",
    "gap": "drydock.events.gap",
}
# Where each kind says when it was.
_TIMES = ("updated", "ts")


def encode(event: Event, source: str) -> bytes:
    """Return the body. `source` and the id together name the event for ever."""
    document: dict[str, object] = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": source,
        "type": TYPES[event.kind],
        "datacontenttype": "application/json",
        "data": event.data,
    }
    subject = event.data.get("node") or event.data.get("root_task_id") or event.data.get("task_id")
    if subject:
        document["subject"] = subject
    if (moment := time_of(event)) is not None:
        document["time"] = moment
    return orjson.dumps(document)


def time_of(event: Event) -> str | None:
    """Return when it was, RFC 3339; None of what has no time."""
    for name in _TIMES:
        if isinstance(moment := event.data.get(name), str) and moment:
            return moment
    return None
