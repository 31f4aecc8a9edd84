"""Which records a retention run removes: finished trees only, whole ones only, in slices."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from drydockd.model import Task, Timestamp
from drydockd.store.base import Purged
from drydockd.store.order import Place
from drydockd.store.staging import Op
from drydockd.store.tables import Tables


@dataclass(slots=True)
class PurgeSlice:
    """Whole trees to remove in one write: `ops`, roots first, and their numbers, of all together
    and of each task.

    `long`: (table, key) of all that is in it if it is the one tree that alone is longer than
    a slice: that was walked over several turns of the loop, so it may have changed since.
    """

    ops: list[Op] = field(default_factory=list)
    total: Purged = field(default_factory=Purged)
    counts: dict[str, Purged] = field(default_factory=dict)
    long: Set[tuple[str, str]] = frozenset()

    def add(self, tables: Tables, task_id: str) -> None:
        """Add a task and what goes with it: its messages, intents, superseded boot actions."""
        superseded = _superseded_boot_actions(tables, task_id)
        self.ops.append(("tasks", task_id, None, b""))
        self.ops += [("boot_actions", action_id, None, b"") for action_id in superseded]
        intents = tables.intents_by_task.get(task_id, ())
        self.ops += [("intents", key, None, b"") for key in intents]
        log = tables.logs.get(task_id)
        count = Purged(1, len(log.tails) if log else 0, len(superseded))
        self.counts[task_id] = count
        self.total += count

    def join(self, other: PurgeSlice) -> None:
        self.ops += other.ops
        self.counts |= other.counts
        self.total += other.total

    def purged(self, missed: Set[str]) -> Purged:
        """Return what was removed, if others had removed the tasks `missed` before."""
        if not missed:
            return self.total
        gone = (count for task_id, count in self.counts.items() if task_id not in missed)
        return sum(gone, Purged())


def purge_slices(tables: Tables, before: Timestamp, size: int) -> Iterator[PurgeSlice | None]:
    """Yield what to remove for `before`, up to `size` records at a time.

    The caller removes each slice in one write before it goes on, and lets others run when it
    gets None; between two yields some 2 * `size` records are looked at, so that neither holds up
    the loop. A tree is never divided: one longer than a slice is a slice of its own.

    A tree goes if its root was created before `before` and all its members are final. A task
    whose parent is gone is a root. Boot actions of the node's current context stay.
    Source: contract, tasks, section 7.
    """
    place: Place | None = None
    looks, ready = 0, PurgeSlice()
    while found := tables.all_tasks.some_after(place, size):
        for place in found:
            if place >= (before, ""):
                found = []
                break
            if looks >= 2 * size:
                yield ready if ready.ops else None
                looks, ready = 0, PurgeSlice()
            looks += 1
            root = tables.tasks.get(place[1])
            if root is None or root.parent_task_id in tables.tasks or not root.status.is_final:
                continue
            tree = _short_tree(tables, root, size)
            looks += len(tree.ops)
            if len(tree.ops) > size:
                if ready.ops:
                    yield ready
                looks, ready = 0, PurgeSlice()
                yield from _long_tree(tables, root.task_id, size)
            elif len(ready.ops) + len(tree.ops) > size:
                yield ready
                # Others wrote meanwhile: what was seen of this tree may be over.
                tree = _short_tree(tables, root, size)
                looks, ready = len(tree.ops), tree if len(tree.ops) <= size else PurgeSlice()
            else:
                ready.join(tree)
        if not found:
            break
    if ready.ops:
        yield ready


def _short_tree(tables: Tables, root: Task, size: int) -> PurgeSlice:
    """Return a tree to remove, empty if it is not final; longer than `size`: it goes on."""
    tree, members = PurgeSlice(), [root.task_id]
    for task_id in members:  # grows while it is walked
        task = tables.tasks.get(task_id)
        if task is None or not task.status.is_final:
            return PurgeSlice()
        tree.add(tables, task_id)
        if len(tree.ops) > size:
            break
        members += tables.children.get(task_id, ())
    return tree


def _long_tree(tables: Tables, root: str, size: int) -> Iterator[PurgeSlice | None]:
    tree, members, places = PurgeSlice(), [root], set[tuple[str, str]]()
    paused = 0
    for task_id in members:
        task = tables.tasks.get(task_id)
        if task is None or not task.status.is_final:
            return
        tree.add(tables, task_id)
        members += tables.children.get(task_id, ())
        if len(tree.ops) - paused >= size:
            places.update([op[:2] for op in tree.ops[paused:]])
            paused = len(tree.ops)
            yield None
    places.update([op[:2] for op in tree.ops[paused:]])
    tree.long = places
    yield tree


def _superseded_boot_actions(tables: Tables, task_id: str) -> list[str]:
    gone = []
    for action_id in tables.actions_by_task.get(task_id, ()):
        action = tables.boot_actions[action_id]
        current = tables.boot_contexts.get(action.node)
        if current is None or current.context_id != action.context_id:
            gone.append(action_id)
    return gone
