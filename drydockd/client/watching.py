"""Follow events over broken connections and restarts of the server: a task's, or all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from drydockd.api.event import StateEvent
from drydockd.client.errors import ClientConnectionError, ClientError
from drydockd.client.events import Event

PATIENCE_SECONDS = 60
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0


def follow(stream: Callable[[str | None], Iterator[Event]], task_id: str) -> Iterator[Event]:
    """Yield events until that of the end of `task_id`; `stream` begins behind an event id.

    A stream that breaks or ends before is opened again behind the last event. Raises what
    `stream` does once nothing came for PATIENCE_SECONDS, or at once for what is no absence.
    """
    for event in _on_and_on(stream, None, "the events end before the task does"):
        yield event
        if is_end(event, task_id):
            return


def follow_on(
    stream: Callable[[str | None], Iterator[Event]], last_id: str | None
) -> Iterator[Event]:
    """Yield events without an end, behind `last_id`; raises as `follow` does."""
    return _on_and_on(stream, last_id, "the server ends the events again and again")


def _on_and_on(
    stream: Callable[[str | None], Iterator[Event]], last_id: str | None, end: str
) -> Iterator[Event]:
    away_since: float | None = None
    pause = _FIRST_PAUSE_SECONDS
    while True:
        trouble: ClientError = ClientConnectionError(end)
        try:
            for event in stream(last_id):
                last_id = event.id or last_id
                away_since, pause = None, _FIRST_PAUSE_SECONDS
                yield event
        except ClientError as error:
            if not isinstance(error, ClientConnectionError) and error.status_code != 503:
                raise
            trouble = error
        now = time.monotonic()
        away_since = away_since or now
        if now - away_since > PATIENCE_SECONDS:
            raise trouble
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def is_end(event: Event, task_id: str) -> bool:
    """Whether this is the event of the task's end."""
    data = event.data
    return isinstance(data, StateEvent) and data.task_id == task_id and data.status.is_final
