"""Server-sent events of a task, as they come. Source: WHATWG HTML, server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from drydockd.api.event import KINDS, EventData
from drydockd.client.errors import ClientError


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `id` may be given back to resume after it.

    `data` is the model of its `kind`; for a kind of a newer server the parsed JSON.
    """

    id: str
    kind: str
    data: EventData | object


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events in the lines of a stream; comments and unknown fields are skipped.

    Raises ClientError for data that are not what the kind of event has.
    """
    last_id, kind, data = "", "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Event(last_id, kind, read(kind, "\n".join(data)))
            kind, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif field == "id":
            last_id = value


def read(kind: str, text: str) -> EventData | object:
    """Return the data of one event. Raises ClientError."""
    model = KINDS.get(kind)
    try:
        return json.loads(text) if model is None else model.model_validate_json(text)
    except ValidationError as error:
        raise ClientError(f"an event {kind} that cannot be read: {error}") from error
    except ValueError:
        return text
