"""Kill a writing process at random moments; look whether anything acknowledged is lost.

``python -m bench.crash [rounds]``, 200 by default, ten in a row on one state directory. The
child writes from sixteen tasks at once, each write three records that belong together, and
says so on a pipe as soon as the store has acknowledged one; the journal is folded into the
file all the time.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from drydockd.model import Action, BuildData, Intent, Message, Task
from drydockd.store import Edit, Put
from drydockd.store.tiny import TinyStore, open_tiny

WRITERS = 16
ELEMENT_BYTES = 5000
ROOT = Path(__file__).parents[1]


def one_round(folder: Path, seed: int) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """Start a child, kill it; return what it acknowledged and what the store then holds.

    Raises AssertionError for half a write.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.crash", "--child", str(folder)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert child.stdout is not None
    dice = random.Random(seed)
    said = b"".join(child.stdout.readline() for _ in range(dice.randint(1, 600)))
    time.sleep(dice.random() * 0.002)  # somewhere within a write
    child.kill()
    said += child.stdout.read()
    child.stdout.close()
    assert child.wait() == -9, "the child ended by itself"
    lines = said.decode().split("\n")[:-1]  # what follows the last newline was cut
    acknowledged = {(task, int(number)) for task, number in map(str.split, lines)}
    return acknowledged, asyncio.run(_found(folder))


async def _found(folder: Path) -> set[tuple[str, int]]:
    store = await open_tiny(folder)
    found = set()
    for task in store.tasks():
        messages = [int(message.message) for message in store.messages(task.task_id)]
        intents = [int(intent.operation) for intent in store.intents(task.task_id)]
        assert messages == intents == list(range(1, task.retry + 1)), task.task_id
        for data in store.build_data(task_id=task.task_id):
            assert len(data.data_element) == ELEMENT_BYTES
        found |= {(task.task_id, number) for number in messages}
    await store.close()
    return found


async def write_for_ever(folder: Path) -> None:
    store = await open_tiny(folder, compact_bytes=100_000)
    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(_write(store, f"task-{number}"))


async def _write(store: TinyStore, task_id: str) -> None:
    if not any(task.task_id == task_id for task in store.tasks()):
        await store.write(Put(Task(task_id, Action.NOOP)))
    while True:
        number = store.task(task_id).retry + 1
        changes = [
            Put(Message(task_id, str(number))),
            Put(Intent(f"{task_id}/{number:06}", task_id, "n", str(number), f"{number:06}")),
            Edit(Task, task_id, lambda task: replace(task, retry=task.retry + 1)),
        ]
        if number % 20 == 0:
            element = str(number).ljust(ELEMENT_BYTES)
            changes.append(Put(BuildData(task_id, task_id, str(number), "g", "t", element)))
        await store.write(*changes)
        os.write(1, f"{task_id} {number}\n".encode())


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        asyncio.run(write_for_ever(Path(sys.argv[2])))
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    lost = acknowledged = 0
    for first in range(0, rounds, 10):
        with tempfile.TemporaryDirectory() as folder:
            for number in range(first, min(first + 10, rounds)):
                said, found = one_round(Path(folder) / "state", seed=number)
                acknowledged += len(said)
                lost += len(said - found)
    print(f"{rounds} kills, {acknowledged} acknowledged writes, {lost} lost, none half there")
    sys.exit(lost > 0)


if __name__ == "__main__":
    main()
