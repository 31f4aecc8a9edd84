"""How long a purge holds the loop: ``python -m bench.purge [--tasks 50000 100000]``.

Everything lies in a temporary directory of the current file system, or below ``--folder``.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from array import array
from dataclasses import replace
from pathlib import Path

from bench.store import a_message, a_task, write_file
from drydockd import garbage
from drydockd.store.codec import encode_message
from drydockd.store.tables import Tables
from drydockd.store.tiny import open_tiny

AFTER_ALL = "2100"
MESSAGES_EACH = 10


def fill(folder: Path, tasks: int, tree: int):
    """Make a state directory of finished trees of `tree` tasks, and one running task."""
    tables = Tables()
    root = ""
    for number in range(tasks):
        is_root = number % tree == 0
        task = replace(a_task(number), parent_task_id=None if is_root else root)
        root = task.task_id if is_root else root
        tables.load("tasks", task, number)
        for seq in range(1, MESSAGES_EACH + 1):
            tables.append_message(task.task_id, encode_message(a_message(task, seq)))
    return write_file(folder, tables)


async def purge(folder: Path, tasks: int, tree: int) -> None:
    state = fill(folder, tasks, tree)
    store = await open_tiny(state.path, compact_bytes=1 << 40)
    garbage.settle()  # as a daemon does after its start
    _, idle = await turns_of(asyncio.sleep(1))
    begun = time.perf_counter()
    running = asyncio.ensure_future(store.purge_tasks(before=AFTER_ALL))
    cpu, wall = await turns_of(running)
    seconds = time.perf_counter() - begun
    assert running.result().tasks == tasks
    print(
        f"  {tasks:>7} tasks in trees of {tree:>6}, {MESSAGES_EACH} messages each: longest turn of"
        f" the loop {cpu[-1] * 1e3:.1f} ms of CPU (then {cpu[-2] * 1e3:.1f}; budget 10),"
        f" {wall[-1] * 1e3:.1f} ms by the clock (idle {idle[-1] * 1e3:.1f});"
        f" {seconds:.1f} s in {len(cpu)} turns"
    )
    await store.close()


async def turns_of(work) -> tuple[array, array]:
    """Do `work`; return how long the turns of the loop were, sorted: CPU, and by the clock.

    On a machine that others use too, only the CPU time tells what the store is to blame for.
    """
    # Not lists: the collector would visit each of these numbers, and that is 9 ms of a turn.
    cpu, wall = array("d", [0.0, 0.0]), array("d", [0.0, 0.0])
    running = asyncio.ensure_future(work)
    last = time.thread_time(), time.perf_counter()
    while not running.done():
        await asyncio.sleep(0)
        now = time.thread_time(), time.perf_counter()
        cpu.append(now[0] - last[0])
        wall.append(now[1] - last[1])
        last = now
    return array("d", sorted(cpu)), array("d", sorted(wall))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[50_000, 100_000])
    parser.add_argument("--trees", type=int, nargs="+", default=[1, 100, 10_000])
    parser.add_argument("--folder", type=Path, help="where to write")
    options = parser.parse_args()
    print("Purging everything in one run")
    for tasks in options.tasks:
        for tree in options.trees:
            with tempfile.TemporaryDirectory(dir=options.folder or Path.cwd()) as folder:
                asyncio.run(purge(Path(folder) / "state", tasks, tree))


if __name__ == "__main__":
    main()
