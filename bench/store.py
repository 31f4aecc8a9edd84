"""The store against its budgets: latency, start, memory, pauses; as ratios of one run.

``python -m bench.store`` takes a few minutes, ``--quick`` a tenth of the records and some
20 seconds. ``--only NAME`` runs one part. Everything lies in a temporary directory of the
current file system, or below ``--folder``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson
from tinydb import TinyDB

from drydockd import garbage
from drydockd.model import Action, Caller, Message, Result, ResultStatus, Task, TaskStatus
from drydockd.store import Change, Edit, Put
from drydockd.store.codec import encode_message
from drydockd.store.layout import Meta
from drydockd.store.lines import Header, encode_header
from drydockd.store.statedir import StateDir
from drydockd.store.storage import TinyFile
from drydockd.store.tables import Tables
from drydockd.store.tiny import open_tiny

CALLER = Caller("ops", roles=("admin",), project_id="a" * 32, user_id="b" * 32)
ROUNDS = 600


def a_task(number: int) -> Task:
    """A subtask as a deployment leaves it: one node, one result."""
    node = f"cab{number % 40:02}-n{number % 25:02}"
    return Task(
        task_id=f"{number:08x}-0c7c-4a3a-8a4f-2d7a5a7b6c22",
        action=Action.DEPLOY_NODE,
        design_ref="file:///srv/site/site.yaml",
        status=TaskStatus.COMPLETE,
        result=Result(ResultStatus.SUCCESS, successes=(node,)),
        node_filter={"filter_set_type": "intersection", "filter_set": [{"node_names": [node]}]},
        scope=(node,),
        design="c" * 64,
        created=stamp(number),
        updated=stamp(number + 1),
        created_by="ops",
        caller=CALLER,
    )


def a_message(task: Task, seq: int) -> Message:
    return Message(
        task.task_id,
        f"Node {task.scope[0]} reached step {seq} of its deployment.",
        error=seq % 10 == 0,
        context_type="node",
        context=task.scope[0],
        ts=task.created,
        seq=seq,
    )


def stamp(second: int) -> str:
    minutes, hours = second // 60, second // 3600
    day = f"2026-{1 + hours // 672 % 12:02}-{1 + hours // 24 % 28:02}"
    return f"{day}T{hours % 24:02}:{minutes % 60:02}:{second % 60:02}.000000+00:00"


def fill(folder: Path, tasks: int, messages_each: int) -> StateDir:
    """Make a state directory with that many records."""
    tables = Tables()
    for number in range(tasks):
        task = a_task(number)
        tables.load("tasks", task)
        for seq in range(1, messages_each + 1):
            tables.append_message(task.task_id, encode_message(a_message(task, seq)))
    return write_file(folder, tables)


def write_file(folder: Path, tables: Tables) -> StateDir:
    """Make a state directory with these records."""
    state = StateDir(folder)
    folder.mkdir(mode=0o700)
    TinyFile(state.file).replace(tables.freeze(), Meta("bench", 0, ""))
    state.journal.write_bytes(encode_header(Header("bench", 0)))
    state.journal.chmod(0o600)
    return state


@contextmanager
def bare_file(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Append and fdatasync, as the shortest possible program does it."""
    descriptor = os.open(folder / "bare", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def append(data: bytes) -> None:
        os.write(descriptor, data)
        os.fdatasync(descriptor)

    yield append
    os.close(descriptor)


def median_us(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1e6


# -- latency


async def latency(folder: Path, sizes: list[int]) -> None:
    """One writer at growing sizes, turn by turn with a bare append of as many bytes."""
    print("A durable write, one writer")
    first: dict[str, float] = {}
    for size in sizes:
        state = fill(folder / f"latency{size}", size, 10)
        store = await open_tiny(state.path, compact_bytes=1 << 40)
        for name, changes in (("add a message", say), ("and edit its task", say_and_edit)):
            ours, bare, data = await against_bare(store, changes, size, folder)
            first.setdefault(name, ours)
            print(
                f"  {size:>7} tasks, {name:17}: {ours:4.0f} us, bare append + fdatasync of as"
                f" many ({data}) bytes {bare:4.0f} us: x {ours / bare:.2f} (budget 1.5);"
                f" against {sizes[0]} tasks: x {ours / first[name]:.2f} (budget 1.2)"
            )
        await store.close()


def say(task_id: str) -> tuple[Change, ...]:
    return (Put(Message(task_id, "Node cab01-n07 reached step 11.")),)


def say_and_edit(task_id: str) -> tuple[Change, ...]:
    """The new task is made beforehand: what an edit itself costs is its caller's."""
    edited = replace(a_task(int(task_id[:8], 16)), updated=stamp(7))
    return (*say(task_id), Edit(Task, task_id, lambda old: edited))


async def against_bare(store, changes, size: int, folder: Path) -> tuple[float, float, int]:
    ours, bare, data = [], [], b""
    with bare_file(folder) as append:
        for number in range(ROUNDS):
            write = changes(a_task(number % size).task_id)
            before = store.health().journal_bytes
            begun = time.perf_counter()
            await store.write(*write)
            ours.append(time.perf_counter() - begun)
            data = b"x" * (store.health().journal_bytes - before)
            begun = time.perf_counter()
            append(data)
            bare.append(time.perf_counter() - begun)
    return median_us(ours), median_us(bare), len(data)


async def writers(folder: Path, size: int) -> None:
    """Many writers at once against one: how far one sync is shared."""
    print("Concurrent writers (each adds messages, one after the other)")
    state = fill(folder / "writers", size, 1)
    store = await open_tiny(state.path, compact_bytes=1 << 40)
    rates = {}
    for count in (1, 64, 1, 64):
        each = 400 if count == 1 else 60

        async def writer(number: int, each: int = each) -> None:
            task_id = a_task(number).task_id
            for _ in range(each):
                await store.write(Put(Message(task_id, "Node reached step 11.")))

        start = time.perf_counter()
        await asyncio.gather(*(writer(number) for number in range(count)))
        rate = count * each / (time.perf_counter() - start)
        rates[count] = max(rate, rates.get(count, 0))
    print(f"  1 writer {rates[1]:.0f}/s, 64 writers {rates[64]:.0f}/s:", end=" ")
    print(f"x {rates[64] / rates[1]:.1f} (budget 10)")
    await store.close()


async def stock(folder: Path, size: int) -> None:
    """The same insert with stock TinyDB."""
    print(f"Against stock TinyDB at {size} tasks (insert one task)")
    db = TinyDB(folder / "stock.json")
    documents = [json.loads(orjson.dumps(a_task(number))) for number in range(size + 1)]
    db.table("tasks").insert_multiple(documents[:size])
    theirs = []
    for _ in range(3):
        start = time.perf_counter()
        db.table("tasks").insert(documents[size])
        theirs.append(time.perf_counter() - start)
    db.close()
    state = fill(folder / "stock", size, 0)
    store = await open_tiny(state.path)
    ours = []
    for number in range(size, size + 200):
        start = time.perf_counter()
        await store.write(Put(a_task(number)))
        ours.append(time.perf_counter() - start)
    await store.close()
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"  stock {median_us(theirs):.0f} us, ours {median_us(ours):.0f} us: x {ratio:.0f}")


# -- start and memory, each in a process of its own


def start(folder: Path, tasks: int) -> None:
    print(f"Start with {tasks} tasks and {tasks * 10} messages")
    state = fill(folder / "start", tasks, 10)
    seconds, cpu, resident = _in_child("open", state.path)
    decoding, _, _ = _in_child("decode", state.path)
    size = state.file.stat().st_size / (1 << 20)
    print(
        f"  {seconds:.2f} s, {cpu:.2f} s of CPU for {size:.0f} MiB (budget 5 s at 100,000 tasks);"
        f" decoding its JSON alone, with one orjson.loads: {decoding:.2f} s,"
        f" x {seconds / decoding:.2f}; load {os.getloadavg()[0]:.0f}"
    )
    few = fill(folder / "few", tasks, 0)
    _, _, without = _in_child("open", few.path)
    empty = fill(folder / "empty", 0, 0)
    _, _, nothing = _in_child("open", empty.path)
    print(
        f"Resident memory: {(without - nothing) / tasks:.0f} bytes a task,"
        f" {(resident - without) / (tasks * 10):.0f} bytes a message,"
        f" {resident / (1 << 20):.0f} MiB in all, {nothing / (1 << 20):.0f} MiB of it Python"
    )


def _in_child(what: str, path: Path) -> tuple[float, float, int]:
    command = [sys.executable, "-m", "bench.store", "--child", what, "--folder", str(path)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, cpu, resident = found.stdout.split()
    return float(seconds), float(cpu), int(resident)


def child(what: str, path: Path) -> None:
    """Do one thing; print the seconds it took, of CPU too, and the memory resident after it."""
    if what == "open":
        seconds, cpu, resident = asyncio.run(_open_once(path))
    else:
        gc.disable()
        content = StateDir(path).file.read_bytes()
        begun, used = time.perf_counter(), time.process_time()
        orjson.loads(content)
        seconds, cpu, resident = time.perf_counter() - begun, time.process_time() - used, 0
    print(seconds, cpu, resident)


async def _open_once(path: Path) -> tuple[float, float, int]:
    begun, used = time.perf_counter(), time.process_time()
    await open_tiny(path)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return seconds, cpu, int(line.split()[1]) * 1024
    raise SystemExit("no RssAnon in /proc/self/status")


# -- compaction


async def compaction(folder: Path, tasks: int) -> None:
    print(f"Compaction of {tasks} tasks and {tasks * 10} messages, beside running writes")
    state = fill(folder / "compaction", tasks, 10)
    store = await open_tiny(state.path)
    garbage.settle()  # as a daemon does after its start
    idle, _, _ = await _watch_loop(asyncio.sleep(2))
    pauses, used, writes = await _watch_loop(store.backend.compact(), store)
    writes.sort()
    print(
        f"  longest turn of the loop {max(used) * 1e3:.1f} ms of the process's CPU (budget 10 ms),"
        f" {sum(used):.1f} s in all, load {os.getloadavg()[0]:.0f}; longest pause"
        f" {max(pauses) * 1e3:.1f} ms (idle {max(idle) * 1e3:.1f} ms), 99th percentile"
        f" {_percentile(pauses, 99) * 1e3:.2f} ms; {sum(pauses):.1f} s in all"
    )
    print(
        f"  writes meanwhile: {len(writes)}, median {median_us(writes):.0f} us, 99th percentile"
        f" {_percentile(writes, 99) * 1e3:.1f} ms, longest {writes[-1] * 1e3:.1f} ms"
    )
    await store.close()


async def _watch_loop(work, store=None) -> tuple[list[float], list[float], list[float]]:
    """Do `work`; return how long each turn of the loop took, its CPU, and how long each write.

    The CPU is that of all threads: what keeps the loop from the interpreter counts, what keeps
    the process from a processor does not.
    """
    pauses: list[float] = []
    used: list[float] = []
    writes: list[float] = []
    running = asyncio.ensure_future(work)

    async def write() -> None:
        number = 0
        while not running.done():
            number += 1
            begun = time.perf_counter()
            await store.write(Put(Message(a_task(number % 100).task_id, "A step.")))
            writes.append(time.perf_counter() - begun)

    writing = asyncio.ensure_future(write()) if store else None
    last, last_used = time.perf_counter(), time.process_time()
    while not running.done():
        await asyncio.sleep(0)
        now, now_used = time.perf_counter(), time.process_time()
        pauses.append(now - last)
        used.append(now_used - last_used)
        last, last_used = now, now_used
    await running
    if writing:
        await writing
    return pauses, used, writes


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the records")
    parser.add_argument("--only", help="latency, writers, stock, start or compaction")
    parser.add_argument("--folder", type=Path, help="where to write")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.folder)
        return
    most = 10_000 if options.quick else 100_000
    parts: dict[str, Callable[[Path], object]] = {
        "latency": lambda at: asyncio.run(latency(at, [100, most // 10, most])),
        "writers": lambda at: asyncio.run(writers(at, 1000)),
        "stock": lambda at: asyncio.run(stock(at, 10_000)),
        "start": lambda at: start(at, most),
        "compaction": lambda at: asyncio.run(compaction(at, most)),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory(dir=options.folder or Path.cwd()) as folder:
                part(Path(folder))


if __name__ == "__main__":
    main()
