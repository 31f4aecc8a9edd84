"""A process of its own that writes to a store, and says what the store has acknowledged.

``python -m tests.store.several.writer JSON``, which holds the fields of `Orders`. On standard
input, a line each; the end of it ends the process:

``go [TIMES]``  so many writers more begin, and write so many times each, or until ``stop``
``end``         wait until they have
``stop``        end them, after the writes under way
``look FILE``   write all that this process shows into FILE, once it is fresh
``read``        say how many tasks it shows, fresh or not, and what ails the store

On standard output: what `Writing` of `writing` takes.

Each write has a mark of its own, in the text of a message: ``<process>/<writer>/<number>``. A
third of them each put a new task, say something in a task that all speak in, and count in a task
that all count in.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import random
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drydockd.errors import DrydockError
from drydockd.model import Action, Message, Task, timestamp
from drydockd.store import Edit, Put, Store, open_store
from drydockd.store.postgres import HistoryLost
from tests.store.several.replica import COUNTER, SHARED, replica_of

KINDS = ("task", "say", "count")


@dataclass
class Orders:
    """What a process does. `pad`: so many random characters are added to each message."""

    name: str
    backend: str = "postgres"
    path: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    writers: int = 4
    is_first: bool = False
    pad: int = 0
    seed: int = 1


class Writer:
    """All writers of this process."""

    def __init__(self, orders: Orders, store: Store) -> None:
        self.orders, self.store = orders, store
        self.dice = random.Random(f"{orders.name} {orders.seed}")
        self.is_over = False
        self.longest_seconds = 0.0
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        for task_id in (SHARED, COUNTER):
            await self.store.write(Put(Task(task_id, Action.NOOP)))

    def go(self, times: int | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.is_over = False
        for number in range(self.orders.writers):
            self.tasks.append(loop.create_task(self._write(number, times)))

    async def stop(self) -> None:
        self.is_over = True
        await asyncio.gather(*self.tasks)
        self.tasks.clear()

    async def look(self, file: Path) -> None:
        await self.store.fresh(60)
        seen = replica_of(self.store, longest_seconds=self.longest_seconds)
        file.write_text(json.dumps(seen))

    async def _write(self, writer: int, times: int | None) -> None:
        for number in itertools.count(1) if times is None else range(1, times + 1):
            if self.is_over:
                return
            mark = f"{self.orders.name}/{writer}/{time.monotonic_ns()}-{number}"
            kind = self.dice.choice(KINDS)
            begun = time.monotonic()
            try:
                await self.store.write(*self._changes(kind, mark))
            except DrydockError as error:
                say("refused", mark, type(error).__name__, " ".join(str(error).split()))
                continue
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - begun)
            say("wrote", mark, kind)

    def _changes(self, kind: str, mark: str) -> list[Any]:
        text = f"{mark} {self.dice.randbytes(self.orders.pad // 2).hex()}"
        if kind == "task":
            return [Put(Task(mark, Action.NOOP, created=timestamp())), Put(Message(mark, text))]
        if kind == "say":
            return [Put(Message(SHARED, text))]
        count = Edit(Task, COUNTER, lambda task: replace(task, retry=task.retry + 1))
        return [count, Put(Message(COUNTER, text))]


def say(*words: str) -> None:
    os.write(1, f"{' '.join(words)}\n".encode())


async def lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader


def end(error: HistoryLost) -> None:
    """As a daemon does: a service manager starts it anew."""
    logging.critical("HistoryLost: %s", error)
    os._exit(75)


async def obey(orders: Orders) -> None:
    options = dict(orders.options)
    if orders.backend == "postgres":
        options |= {"secret_mark": bytes.fromhex(options["secret_mark"]), "on_lost": end}
    store = await open_store(orders.backend, orders.path or None, **options)
    writer = Writer(orders, store)
    if orders.is_first:
        await writer.begin()
    say("ready")
    heard = await lines()
    while line := (await heard.readline()).decode().split():
        match line:
            case ["go", *times]:
                writer.go(*map(int, times))
            case ["end"]:
                await asyncio.gather(*writer.tasks)
            case ["stop"]:
                await writer.stop()
            case ["look", file]:
                await writer.look(Path(file))
            case ["read"]:
                say("showed", str(len(store.tasks())), str(store.health().error))
        say("done", line[0])
    await store.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(obey(Orders(**json.loads(sys.argv[1]))))
