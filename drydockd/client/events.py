"""Server-sent events of a task, as they come. Source: WHATWG HTML, server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `id` may be given back to resume after it, `data` is parsed JSON."""

    id: str
    kind: str
    data: Any


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events in the lines of a stream; comments and unknown fields are skipped."""
    last_id, kind, data = "", "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Event(last_id, kind, _json("\n".join(data)))
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


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
