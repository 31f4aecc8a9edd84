"""The events of everything, for whoever follows them: live readers and webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress

from drydockd.errors import NotFound
from drydockd.model import BootAction, BootActionStatus, Message, Record, Task
from drydockd.store.base import Store
from drydockd.store.past import Past, Telling, WritesGone
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.shared.places import Place, end_of, placed, seq_of
from drydockd.tasks.views.eventdata import (
    boot_action_data,
    message_data,
    task_data,
    task_kind,
)
from drydockd.tasks.words.requests import Event, EventFilter

# So many writes are looked at before others get their turn.
_SLICE = 64
# After so many writes without an event a reader is told how far it is.
_QUIET_WRITES = 4096
_VERDICTS = (BootActionStatus.SUCCESS, BootActionStatus.FAILURE)


class Feed:
    """An iterator over all events that `wanted` lets through, behind the place `after`.

    Without `after` from now on. Every event comes once and in the order of the store's writes,
    over restarts too: nothing waits for the reader in memory, what it has not taken is read from
    the store again. What the store keeps no more is told by one event ``gap``. Events ``place``
    come at the beginning and now and then while there is nothing else. With `until_now` it ends
    where the store was when it was made.
    """

    def __init__(
        self,
        store: Store,
        changes: Changes,
        wanted: EventFilter,
        *,
        after: Place | None = None,
        until_now: bool = False,
    ) -> None:
        self._store = store
        self._changes = changes
        self._wanted = wanted
        self._until = store.seq if until_now else None
        now = end_of(store.origin, store.seq)
        self._is_ahead = after is not None and after > now
        self._place = now if after is None or self._is_ahead else after
        # All up to this write has been read; of the next some may have been.
        self.seq = store.seq
        if self._place != now:
            seq = seq_of(store.origin, self._place)
            is_whole = self._place >= end_of(store.origin, seq)
            self.seq = max(0, seq if is_whole else seq - 1)
        self._quiet = 0
        self._past: Past | None = None

    @property
    def place(self) -> Place:
        """How far it has come: what goes on from here misses nothing and repeats nothing."""
        return self._place

    def close(self) -> None:
        past, self._past = self._past, None
        if past is not None:
            past.close()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events()

    async def _events(self) -> AsyncIterator[Event]:
        try:
            with self._changes.any() as news:
                if self._is_ahead:
                    yield self._gap("This id is of no event of this store")
                yield self._standing()
                while not self._is_done():
                    news.clear()
                    try:
                        writes = await self._behind()
                    except WritesGone as gone:
                        self.close()
                        self._pass(gone.next)
                        yield self._gap("Events that were asked for are kept no more")
                        continue
                    if not writes and not self._is_done():
                        await news.wait()
                    for index, (seq, records) in enumerate(writes):
                        for event in self._of_write(seq, records):
                            yield event
                        if self._quiet >= _QUIET_WRITES:
                            yield self._standing()
                        if index % _SLICE == _SLICE - 1:
                            await asyncio.sleep(0)
        finally:
            self.close()

    def _is_done(self) -> bool:
        return self._until is not None and self.seq >= self._until

    async def _behind(self) -> Sequence[tuple[int, Iterable[Record]]]:
        """The next writes, from memory if it has them all, else from where the store keeps them."""
        recent = self._changes.writes(self.seq)
        if recent is not None:
            self.close()
            return recent
        if self._past is None:
            self._past = self._store.past(self.seq)
        return await asyncio.to_thread(self._past.read, self._store.seq)

    def _of_write(self, seq: int, records: Iterable[Record]) -> Iterator[Event]:
        if self._until is not None and seq > self._until:
            self.seq = seq
            return
        for place, record in placed(self._store.origin, seq, records):
            if place <= self._place:
                continue
            event = self._event(place, record)
            if event is not None:
                # Before it is given away: who leaves here has it.
                self._place, self._quiet = place, 0
                yield event
        self._pass(seq)

    def _pass(self, seq: int) -> None:
        self.seq = seq
        self._place = max(self._place, end_of(self._store.origin, seq))
        self._quiet += 1

    def _gap(self, message: str) -> Event:
        told = f"{message}: see the tasks and nodes themselves, and go on from here."
        return Event(str(self._place), "gap", {"message": told})

    def _standing(self) -> Event:
        self._quiet = 0
        return Event(str(self._place), "place", {})

    # -- what is told ------------------------------------------------------------------

    def _event(self, place: Place, record: Telling) -> Event | None:
        kind = _kind(self._store, record)
        if kind is None or (self._wanted.kinds and kind not in self._wanted.kinds):
            return None
        if self._wanted.nodes and self._wanted.nodes.isdisjoint(self._nodes(record)):
            return None
        line = self._line(record.task_id)
        if self._wanted.task_id and self._wanted.task_id not in line:
            return None
        data = _data(record)
        with suppress(NotFound):
            if self._store.task(line[-1]).parent_task_id is None:
                data["root_task_id"] = line[-1]
        return Event(str(place), kind, data)

    def _line(self, task_id: str) -> list[str]:
        """The task and those above it, as far as the store has them."""
        line = [task_id]
        with suppress(NotFound):
            while (parent := self._store.task(line[-1]).parent_task_id) is not None:
                line.append(parent)
        return line

    def _nodes(self, record: Telling) -> Sequence[str]:
        if isinstance(record, Task):
            return record.scope
        if isinstance(record, BootAction):
            return [record.node]
        if record.context_type == "node":
            return [record.context]
        with suppress(NotFound):
            scope = self._store.task(record.task_id).scope
            return scope if len(scope) == 1 else ()
        return ()


def _kind(store: Store, record: Telling) -> str | None:
    """Return the kind of event; None for what tells nothing."""
    if isinstance(record, Message):
        return "message"
    if isinstance(record, Task):
        return task_kind(store, record)
    # A final one changes once more, when it is closed; one that is closed open has no result.
    return "boot_action" if record.status in _VERDICTS and record.closed is None else None


def _data(record: Telling) -> dict[str, object]:
    if isinstance(record, Message):
        return message_data(record)
    if isinstance(record, Task):
        return task_data(record)
    return boot_action_data(record)
