"""What the BMCs of all nodes told, from the facts that tasks kept and from tasks under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from drydockd.api.bmcfacts import DATA_FORMAT, BmcFacts
from drydockd.errors import NotFound
from drydockd.garbage import untrack
from drydockd.machines import Identity
from drydockd.model import BuildData, Timestamp
from drydockd.store.base import Store
from drydockd.store.news import News
from drydockd.tasks.words import identity

log = logging.getLogger(__name__)

# So many records are looked at in one turn of the loop, about 2 ms.
SLICE = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """What a node's BMC told last, by the driver `generator`; see BmcFacts for `accepted`."""

    generator: str
    collected: Timestamp
    identity: Identity
    accepted: Timestamp | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a task under way heard at a node's BMC."""

    task_id: str
    identity: Identity


class Identities:
    """Who is who, one per daemon.

    Facts kept by earlier runs are read from the store when somebody first asks; a contradicted
    record is never held for the node's.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, dict[str, Kept]] = {}
        self._heard: dict[str, Heard] = {}
        # What is compared -> the node of whom it was told; several where it was told of several.
        self._nodes: dict[tuple[str, str], tuple[str, ...]] = {}
        self._reading: asyncio.Task[list[BuildData]] | None = None
        self._is_read = False
        # Written meanwhile; looked at when somebody asks, as hundreds may come in one write.
        self._news: list[BuildData] = []
        store.watch(self._changed)

    async def read(self) -> None:
        """Return once what the store has is known; to be called before asking anything."""
        if not self._is_read:
            await self._read_all()
        while self._news:
            some, self._news = self._news[:SLICE], self._news[SLICE:]
            for record in some:
                self._keep(record)
            if self._news:
                await asyncio.sleep(0)

    async def _read_all(self) -> None:
        if self._reading is None:
            self._reading = asyncio.create_task(
                asyncio.to_thread(_all_facts, self._store), name="facts of all nodes"
            )
        reading = self._reading
        try:
            found = await asyncio.shield(reading)
        except Exception:
            if self._reading is reading:
                self._reading = None
            raise
        if not self._is_read:
            self._is_read = True
            self._news[:0] = found

    def kept(self, node: str) -> list[Kept]:
        """What the node's BMC told before, by each driver, without what was accepted away."""
        return list(self._kept.get(node, {}).values())

    def accepted(self, node: str) -> Timestamp | None:
        """Since when what is known of the node counts; None: always."""
        moments = (kept.accepted for kept in self.kept(node) if kept.accepted)
        return max(moments, default=None)

    def hear(self, node: str, task_id: str, told: Identity) -> None:
        """Note what a task under way heard; `told` is cleaned."""
        before = self._heard.get(node)
        self._heard[node] = heard = Heard(task_id, told)
        untrack(heard, told)
        self._index(node, told, before.identity if before else None)

    def of_others(
        self, node: str, told: Identity, *, heard_only: bool = False
    ) -> Iterable[tuple[str, str, Identity]]:
        """Yield nodes of whom something that `told` has was told: name, who said so, what."""
        mine = set(identity.keys(told))
        names = {name for key in mine for name in self._nodes.get(key, ())}
        for name in sorted(names - {node}):
            heard = self._heard.get(name)
            if heard is not None and self._is_under_way(heard.task_id):
                yield name, "what its own BMC tells now", heard.identity
                if not mine.isdisjoint(identity.keys(heard.identity)):
                    continue
            for kept in () if heard_only else self.kept(name):
                if not mine.isdisjoint(identity.keys(kept.identity)):
                    yield name, said_by(kept), kept.identity

    def _is_under_way(self, task_id: str) -> bool:
        try:
            return not self._store.task(task_id).status.is_final
        except NotFound:
            return False

    def _index(self, node: str, told: Identity, before: Identity | None) -> None:
        """Find the node by what was told of it, and no longer by what nobody says any more."""
        for key in identity.keys(told):
            nodes = self._nodes.get(key, ())
            if node not in nodes:
                self._nodes[key] = (*nodes, node)
        if before is None or before == told:
            return
        heard = self._heard.get(node)
        of_now = [kept.identity for kept in self.kept(node)] + ([heard.identity] if heard else [])
        still = {key for one in of_now for key in identity.keys(one)}
        for key in identity.keys(before):
            if key not in still:
                self._nodes[key] = tuple(name for name in self._nodes[key] if name != node)
                if not self._nodes[key]:
                    del self._nodes[key]

    def _changed(self, seq: int, news: News) -> None:
        for part in news.parts:
            if isinstance(part, BuildData) and part.data_format == DATA_FORMAT:
                self._news.append(part)

    def _keep(self, record: BuildData) -> None:
        facts = facts_in(record)
        if facts is None or facts.contradictions:
            return
        told = identity_in(facts)
        of_node = self._kept.setdefault(record.node, {})
        known = of_node.get(record.generator)
        if identity.is_empty(told) or (known is not None and known.collected > record.collected):
            return
        of_node[record.generator] = Kept(record.generator, record.collected, told, facts.accepted)
        self._index(record.node, told, known.identity if known else None)
        since = self.accepted(record.node) or ""
        for generator in [name for name, kept in of_node.items() if kept.collected < since]:
            del of_node[generator]


def _all_facts(store: Store) -> list[BuildData]:
    """Return the last facts of each node and driver, and all of those that are contradicted."""
    found = []
    for record in store.walk_build_data(data_format=DATA_FORMAT, latest=True):
        found.append(record)
        facts = facts_in(record)
        if facts is not None and facts.contradictions:
            found += store.walk_build_data(node=record.node, generator=record.generator)
    return found


def said_by(kept: Kept) -> str:
    return f"{kept.generator} of {kept.collected[:16]}"


def facts_in(record: BuildData) -> BmcFacts | None:
    """Return the facts that a record is, None for another document."""
    if '"kind":"BmcFacts"' not in record.data_element:
        return None
    try:
        return BmcFacts.model_validate_json(record.data_element)
    except ValidationError:
        log.warning("%s: build data %s is unreadable", record.node, record.build_data_id)
        return None


def identity_in(facts: BmcFacts) -> Identity:
    return identity.cleaned(Identity(facts.serial, facts.uuid, tuple(facts.macs)))
