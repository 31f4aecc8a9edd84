"""The timeline of a task: how many nodes were in each step, over time. Pure numbers.

Drawn as SVG by the server: nothing to run in the browser, and it prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from drydockd.web.tasktree import State, Step

WIDTH, LANE = 1000, 34
# So many points a lane has at most: more are not to be seen.
SLOTS = 120
MARKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
MOST_MARKS = 6


@dataclass(frozen=True, slots=True)
class Lane:
    """One step: `points` of its area, in units of the drawing, `most` nodes at once in it."""

    name: str
    state: State
    points: str
    x: float
    width: float
    top: int
    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    height: int
    width: int = WIDTH


# When something began and when it ended, in seconds.
Span = tuple[float, float]


def timeline(steps: Iterable[Step], now: str) -> Timeline | None:
    """Return the timeline up to `now`, or up to the end; None while nothing has begun."""
    moment = seconds(now)
    spans = [(step, spans_of(step, moment)) for step in steps]
    spans = [(step, found) for step, found in spans if found]
    if not spans:
        return None
    first = min(start for _, found in spans for start, _ in found)
    last = max(end for _, found in spans for _, end in found)
    whole = max(1.0, last - first)
    spans.sort(key=lambda item: min(item[1]))
    lanes = tuple(
        _lane(step, [(a - first, b - first) for a, b in found], whole, place * LANE)
        for place, (step, found) in enumerate(spans)
    )
    return Timeline(lanes, marks(whole), len(lanes) * LANE)


def seconds(moment: str) -> float:
    """Return a time of a record as seconds."""
    return datetime.fromisoformat(moment).astimezone(UTC).timestamp()


def spans_of(step: Step, now: float) -> list[Span]:
    """Return when nodes were in the step; of a step of the site when it was at work."""
    records = step.nodes.values() if step.nodes else step.records.values()
    found = []
    for record in records:
        if record.started is None:
            continue
        start = seconds(record.started)
        end = seconds(record.updated) if record.is_final else now
        found.append((start, max(start, end)))
    return found


def _lane(step: Step, spans: Sequence[Span], whole: float, top: int) -> Lane:
    start, end = min(a for a, _ in spans), max(b for _, b in spans)
    counts = in_slots(spans, whole)
    most = max(counts)
    base, high = top + LANE - 4, LANE - 14
    corners = [f"0,{base}"]
    for slot, count in enumerate(counts):
        y = round(base - high * count / most, 1)
        left, right = slot * WIDTH / SLOTS, (slot + 1) * WIDTH / SLOTS
        corners += [f"{left:.1f},{y}", f"{right:.1f},{y}"]
    corners.append(f"{WIDTH},{base}")
    return Lane(
        step.action,
        step.state,
        " ".join(corners),
        round(WIDTH * start / whole, 1),
        round(WIDTH * (end - start) / whole, 1),
        top,
        most,
        round(end - start),
    )


def in_slots(spans: Sequence[Span], whole: float) -> list[int]:
    """Return how many spans touch each of the `SLOTS` equal parts of `whole`."""
    changes = [0] * (SLOTS + 1)
    for start, end in spans:
        first = min(SLOTS - 1, int(start / whole * SLOTS))
        last = min(SLOTS - 1, int(end / whole * SLOTS))
        changes[first] += 1
        changes[last + 1] -= 1
    counts, count = [], 0
    for change in changes[:SLOTS]:
        count += change
        counts.append(count)
    return counts


def marks(whole: float) -> tuple[Mark, ...]:
    """Return round times since the beginning, few enough to be read."""
    every = next((m for m in MARKS if whole / m <= MOST_MARKS), MARKS[-1])
    count = min(int(whole // every), 4 * MOST_MARKS)
    return tuple(
        Mark(round(WIDTH * n * every / whole, 1), short(n * every)) for n in range(1, count + 1)
    )


def short(span: float) -> str:
    """``3725`` -> ``1 h 2 min``; the two largest units."""
    left, parts = round(span), list[str]()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
