"""What pages see of one task, made once for all of them: its tree, its log, what is new in both.

Fifty pages of a task of a thousand nodes cost little more than one: one reader of the task's
events, one rendering four times a second at most, and the same bytes for everybody.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from drydockd.errors import NotFound
from drydockd.handlers.slices import Slices
from drydockd.model import Task, new_id, timestamp
from drydockd.store.base import Store
from drydockd.tasks import Event, Tasks, TooSlow
from drydockd.web.tasklog import PAGE_LINES, SLICE, TaskLog
from drydockd.web.taskparts import Line, Partial, Parts, event, joined
from drydockd.web.tasktree import Tree

log = logging.getLogger(__name__)

# At most four updates a second.
PAUSE_SECONDS = 0.25
# How many events may be missed and still be sent one by one: more than a minute of updates.
KEPT_EVENTS = 512
# The timeline is drawn anew that often: it is long, and nobody sees it move.
TIMELINE_SECONDS = 5.0


@dataclass
class Frame:
    """What is new since the frame before: partials for every page, lines, and nodes' own parts."""

    event_id: str
    partials: tuple[Partial, ...] = ()
    lines: tuple[Line, ...] = ()
    nodes: dict[str, Partial] = field(default_factory=dict)

    @cached_property
    def whole(self) -> bytes | None:
        """The event for a page of the whole task; None: nothing in it is new there."""
        return self._event([*self.partials, *_appended(self.lines)])

    def of_node(self, node: str) -> bytes | None:
        """The same for a page of one node."""
        partials = [one for one in self.partials if one.target == "task-head"]
        if node in self.nodes:
            partials.append(self.nodes[node])
        own = [line for line in self.lines if line.node == node]
        return self._event([*partials, *_appended(own)])

    def _event(self, partials: list[Partial]) -> bytes | None:
        return event(self.event_id, partials) if partials else None


def _appended(lines: Sequence[Line]) -> list[Partial]:
    return [Partial("log-lines", "beforeend", joined(lines))] if lines else []


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page is made of, and the id of the event after which it goes on."""

    event_id: str
    is_over: bool
    head: str
    causes: str
    steps: str
    timeline: str
    node: str
    lines: str
    earlier: str
    errors: str


class TaskWatch:
    """One task, watched from now on; `ready` is set when tree and log are complete as of then.

    `failed` says why it came to an end before its task did. Raises NotFound.
    """

    def __init__(
        self, root: Task, tasks: Tasks, store: Store, parts: Parts, slices: Slices
    ) -> None:
        self.root_id = root.task_id
        self.tree = Tree(root.task_id, tasks.last_step(root.action), self._reason)
        self.log = TaskLog(root.task_id, store, parts)
        self.ready = asyncio.Event()
        self.is_over = False
        self.failed: Exception | None = None
        self._store, self._parts, self._slices = store, parts, slices
        # Ids of events hold for this watch only: no other may take them for its own.
        self._name = new_id()[:8]
        self._frames: deque[Frame] = deque(maxlen=KEPT_EVENTS)
        self._count = 0
        self._news = asyncio.Event()
        # What no frame tells of yet.
        self._dirty = asyncio.Event()
        self._is_new_state = False
        self._new_steps: set[str] = set()
        self._new_nodes: set[str] = set()
        # Node -> how many pages of it alone are open: of the others nothing is made.
        self._pages: Counter[str] = Counter()
        self._told_lines = 0
        self._shown: dict[str, str] = {}
        self._drawn = 0.0
        self._stream = tasks.events(root.task_id)
        self._work = asyncio.create_task(self._run(), name=f"watch task {root.task_id}")

    async def close(self) -> None:
        self._work.cancel()
        await asyncio.wait([self._work])

    # -- reading the task

    async def _run(self) -> None:
        reading = asyncio.create_task(self._read(), name=f"read task {self.root_id}")
        try:
            await self._tell(reading)
        except (TooSlow, NotFound) as error:
            log.info("watching task %s has to begin anew: %s", self.root_id, error)
            self.failed = error
        except Exception as error:
            log.exception("watching task %s failed", self.root_id)
            self.failed = error
        finally:
            reading.cancel()
            self._stream.close()
            self.is_over = True
            self.ready.set()
            self._news.set()

    async def _tell(self, reading: asyncio.Task[None]) -> None:
        """Make frames of what is read, until all is."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            is_last = reading.done()
            if self.tree.root is not None:
                await (self._render() if self.ready.is_set() else self._begin())
            if is_last:
                reading.result()
                return
            await asyncio.wait([reading], timeout=PAUSE_SECONDS)

    async def _read(self) -> None:
        try:
            count = 0
            async for told in self._stream:
                self._take(told)
                # Of a tree as it is the task itself comes last.
                if self.tree.root is not None:
                    self._dirty.set()
                count += 1
                if count % SLICE == 0:
                    await self._turn()
        finally:
            self._dirty.set()

    async def _turn(self) -> None:
        await self._slices.turn("pages")

    def _take(self, told: Event) -> None:
        if told.kind == "message":
            node = self.log.hear(told.data)
            if node and told.data["error"] and told.data["task_id"] == self.root_id:
                self.tree.refuse(node, str(told.data["message"]))
                self._is_new_state = True
            return
        record = self.tree.take(told.kind, told.data)
        self._is_new_state = True
        if record.task_id == self.root_id:
            if record.is_final:
                result = self._store.task(self.root_id).result
                self.tree.end(result.successes, result.failures)
            return
        self._new_steps.add(record.action)
        if record.node is not None:
            self._new_nodes.add(record.node)

    def _reason(self, task_id: str) -> str | None:
        try:
            return self._store.task(task_id).result.message
        except NotFound:
            return None

    # -- what is new

    async def _begin(self) -> None:
        """Take what was read so far as what is shown first."""
        end = len(self.log) + 1
        numbers = self.log.numbers(None, end)
        for start in range(0, len(numbers), SLICE):
            await self._turn()
            self.log.add_to_tail(numbers[start : start + SLICE])
        self._told_lines = end - 1
        self._note()
        self.ready.set()
        await self._render()

    async def _render(self) -> None:
        partials, nodes = self._new_partials(), self._new_node_parts()
        while True:
            first = self._told_lines + 1
            end = min(len(self.log), self._told_lines + SLICE) + 1
            lines = self.log.add_to_tail(range(first, end))
            self._told_lines = end - 1
            if partials or nodes or lines:
                self._note(partials, lines, nodes)
            partials, nodes = [], {}
            if self._told_lines == len(self.log):
                break
            await self._turn()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _note(
        self,
        partials: Sequence[Partial] = (),
        lines: Sequence[Line] = (),
        nodes: dict[str, Partial] | None = None,
    ) -> None:
        event_id = f"{self._name}.{self._count}"
        self._frames.append(Frame(event_id, tuple(partials), tuple(lines), nodes or {}))
        self._count += 1

    def _new_partials(self) -> list[Partial]:
        """Return the parts of the state that look otherwise than before."""
        if not self._is_new_state:
            return []
        self._is_new_state = False
        steps = {
            f"step-{action}": action for action in self._new_steps if action in self.tree.steps
        }
        self._new_steps.clear()
        fresh = {name: self._step(action) for name, action in steps.items()}
        has_new = any(name not in self._shown for name in fresh)
        fresh |= {"task-head": self._parts.head(self.tree), "task-causes": self._causes()}
        now, is_over = asyncio.get_running_loop().time(), self.tree.root and self.tree.root.is_final
        if is_over or now - self._drawn >= TIMELINE_SECONDS:
            self._drawn = now
            fresh["task-timeline"] = self._timeline()
        first = self.log.first_error(None)
        fresh["log-errors"] = self._parts.errors(self.root_id, first, None)
        changed = [name for name, html in fresh.items() if self._shown.get(name) != html]
        self._shown.update(fresh)
        if has_new:
            changed = [name for name in changed if name not in steps]
        partials = [
            Partial(name, "outerMorph" if name in steps else "innerMorph", fresh[name])
            for name in changed
        ]
        return (
            [*partials, Partial("task-steps", "innerMorph", self._steps())] if has_new else partials
        )

    def _new_node_parts(self) -> dict[str, Partial]:
        names, self._new_nodes = self._new_nodes & self._pages.keys(), set()
        return {name: self._node_part(name) for name in names}

    def _node_part(self, name: str) -> Partial:
        return Partial("task-node", "innerMorph", self._node(name))

    def _causes(self) -> str:
        return self._parts.causes(self.tree)

    def _timeline(self) -> str:
        return self._parts.timeline(self.tree, timestamp())

    def _step(self, action: str) -> str:
        return self._parts.step(self.tree, self.tree.steps[action])

    def _steps(self) -> str:
        return "".join(map(self._step, self.tree.steps))

    def _node(self, name: str) -> str:
        tried = self.tree.attempts.get(name, [])
        reasons = {one.task_id: self._reason(one.task_id) for one in tried if one.is_final}
        return self._parts.node(self.tree, name, reasons)

    # -- pages

    @property
    def event_id(self) -> str:
        """What a page that is made now has seen."""
        return self._frames[-1].event_id

    def knows(self, node: str) -> bool:
        """Whether the task was seen to work on the node."""
        return node in self.tree.tally

    async def shown(self, node: str | None, before: int | None = None, most: int = 500) -> Shown:
        """Return what a page is made of: its last `most` messages, or those before a number."""
        await self.ready.wait()
        # The id belongs to these numbers: the lines behind them come with the frames behind it.
        event_id, end = self.event_id, self._told_lines + 1
        numbers = self.log.numbers(node, min(end, before or end), most)
        lines = await self.log.lines(numbers, self._turn)
        first = 1 if self.log.is_first(numbers, node) else numbers[0]
        return Shown(
            event_id,
            self.is_over,
            self._parts.head(self.tree),
            self._causes() if node is None else "",
            self._steps() if node is None else "",
            self._timeline() if node is None else "",
            self._node(node) if node is not None else "",
            joined(lines),
            self._parts.earlier(self.root_id, first, node),
            self._parts.errors(self.root_id, self.log.first_error(node), node),
        )

    async def follow(self, node: str | None, seen: str | None) -> AsyncIterator[bytes]:
        """Yield the events for a page that has `seen` one; the whole first, if it is not known.

        Ends when the task has ended and all is told. Raises TooSlow when it has to be begun anew.
        """
        await self.ready.wait()
        with self._open(node):
            place = self._position(seen)
            if place is None:
                place = self._count
                yield await self._anew(node)
            elif node is not None and seen is not None:
                # What changed while no page of it was open is in no frame.
                yield event(seen, [self._node_part(node)])
            async for told in self._frames_behind(place, node):
                yield told

    @contextmanager
    def _open(self, node: str | None) -> Iterator[None]:
        """Count a page of one node."""
        if node is None:
            yield
            return
        self._pages[node] += 1
        try:
            yield
        finally:
            self._pages[node] -= 1
            self._pages += Counter()  # without those that have none

    async def _frames_behind(self, place: int, node: str | None) -> AsyncIterator[bytes]:
        while True:
            news = self._news
            while place < self._count:
                kept = place - (self._count - len(self._frames))
                if kept < 0:
                    raise TooSlow(f"a page of task {self.root_id} is too slow")
                frame = self._frames[kept]
                place += 1
                told = frame.whole if node is None else frame.of_node(node)
                if told is not None:
                    yield told
            if self.failed is not None:
                raise TooSlow(str(self.failed))
            if self.is_over:
                return
            await news.wait()

    def _position(self, seen: str | None) -> int | None:
        """Return the number of the frame behind the one that was seen; None: it is not kept."""
        first = self._count - len(self._frames)
        name, _, number = (seen or "").rpartition(".")
        if name != self._name or not number.isdecimal():
            return None
        place = int(number)
        return place + 1 if first <= place < self._count else None

    async def _anew(self, node: str | None) -> bytes:
        """The whole page as one event, in place of all that it shows."""
        shown = await self.shown(node, most=PAGE_LINES)
        partials = [Partial("task-head", "innerMorph", shown.head)]
        if node is None:
            partials.append(Partial("task-causes", "innerMorph", shown.causes))
            partials.append(Partial("task-steps", "innerMorph", shown.steps))
            partials.append(Partial("task-timeline", "innerHTML", shown.timeline))
        else:
            partials.append(Partial("task-node", "innerMorph", shown.node))
        partials.append(Partial("log-earlier", "innerHTML", shown.earlier))
        partials.append(Partial("log-errors", "innerHTML", shown.errors))
        partials.append(Partial("log-lines", "innerHTML", shown.lines))
        return event(shown.event_id, partials)
