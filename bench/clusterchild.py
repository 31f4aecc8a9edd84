"""One process of `bench.cluster`: it gets ready, says so, waits for a line, works, tells figures.

Each is a daemon's store and nothing else, or as many bare connections; what it is told with is
JSON on its command line, what it tells is one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

from bench.store import a_message, a_task
from drydockd.model import Message
from drydockd.store import Put, Store, open_store
from drydockd.store.codec import encode_message

TASKS = 256
BARE = "CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, doc bytea)"
INSERT = "INSERT INTO bare (doc) VALUES ($1)"
Figures = dict[str, Any]
Work = Callable[[], Awaitable[Figures]]


async def opened(said: Figures) -> Store:
    if said.get("folder"):
        return await open_store("tiny", Path(said["folder"]))
    return await open_store("postgres", url=said["url"], name=said["name"])


def a_document() -> bytes:
    """What a message of a node is on its way."""
    return encode_message(a_message(a_task(7), 7))


@cache
def place(number: int) -> tuple[str, str]:
    """Return a task and its node. Made once: what is measured is the writing."""
    task = a_task(number)
    return task.task_id, task.scope[0]


def say(number: int) -> Put:
    task_id, node = place(number % TASKS)
    return Put(Message(task_id, f"Node {node} reached step 7 of its deployment."))


async def one_writer(said: Figures) -> Work:
    """Writes one after the other, turn by turn with a bare insert and commit of as many bytes."""
    store = await opened(said)
    bare = await asyncpg.connect(said["url"])
    insert = await bare.prepare(INSERT)
    document = a_document()

    async def work() -> Figures:
        ours, theirs = [], []
        for number in range(said["rounds"]):
            begun = time.perf_counter()
            await store.write(say(number))
            ours.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            await insert.fetchval(document)
            theirs.append(time.perf_counter() - begun)
        return {"ours": statistics.median(ours), "bare": statistics.median(theirs)}

    return work


async def counted(writers: int, seconds: float, write: Callable[[int], Awaitable[Any]]) -> Figures:
    done = 0
    until = time.monotonic() + seconds

    async def writer(number: int) -> None:
        nonlocal done
        while time.monotonic() < until:
            await write(number)
            done += 1

    begun, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(writer(number) for number in range(writers)))
    passed = time.monotonic() - begun
    return {"rate": done / passed, "cpu": (time.process_time() - cpu) / max(done, 1)}


async def writers(said: Figures) -> Work:
    """As many writers of one daemon, each one write after the other."""
    store = await opened(said)

    async def work() -> Figures:
        return await counted(
            said["writers"], said["seconds"], lambda number: store.write(say(number))
        )

    return work


async def bare_writers(said: Figures) -> Work:
    """As many connections, each one insert after the other."""
    document = a_document()
    inserts = []
    for _ in range(said["writers"]):
        connection = await asyncpg.connect(said["url"])
        inserts.append(await connection.prepare(INSERT))

    async def work() -> Figures:
        return await counted(
            said["writers"], said["seconds"], lambda number: inserts[number].fetchval(document)
        )

    return work


async def sampler(said: Figures) -> Work:
    """Now and then a write that others look for, and a bare one; tells when each write began."""
    store = await opened(said)
    bare = await asyncpg.connect(said["url"])
    insert, document = await bare.prepare(INSERT), a_document()

    async def work() -> Figures:
        begun: dict[str, float] = {}
        theirs = []
        for number in range(said["samples"]):
            await asyncio.sleep(said["pause"])
            text = f"sample {number}"
            begun[text] = time.monotonic()
            await store.write(Put(Message(a_task(0).task_id, text)))
            await asyncio.sleep(said["pause"])
            at = time.perf_counter()
            await insert.fetchval(document)
            theirs.append(time.perf_counter() - at)
        return {"times": begun, "bare": statistics.median(theirs)}

    return work


async def observer(said: Figures) -> Work:
    """Tells when it saw each sample; the clock is that of all processes of the machine."""
    store = await opened(said)
    seen: dict[str, float] = {}
    news = asyncio.Event()

    def watch(seq: int, records: Any) -> None:
        now = time.monotonic()
        for record in records:
            if isinstance(record, Message) and record.message.startswith("sample "):
                seen.setdefault(record.message, now)
                news.set()

    async def work() -> Figures:
        store.watch(watch)
        while len(seen) < said["samples"]:
            await news.wait()
            news.clear()
        return {"times": seen}

    return work


async def start(said: Figures) -> Work:
    """Opens the store: CPU and memory of the process, from its first instruction."""

    async def work() -> Figures:
        cpu, begun = time.process_time(), time.monotonic()
        store = await opened(said)
        figures: Figures = {
            "cpu": time.process_time() - cpu,
            "seconds": time.monotonic() - begun,
            "mib": resident_mib(),
            "tasks": store.health().tasks,
            "messages": store.health().messages,
        }
        return figures

    return work


def resident_mib() -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no RssAnon in /proc/self/status")


KINDS: dict[str, Callable[[Figures], Awaitable[Work]]] = {
    "one_writer": one_writer,
    "writers": writers,
    "bare_writers": bare_writers,
    "sampler": sampler,
    "observer": observer,
    "start": start,
}


async def main() -> None:
    # That the server has no standby is known, and is no news.
    logging.getLogger("drydockd").setLevel(logging.ERROR)
    said = json.loads(sys.argv[1])
    work = await KINDS[said["kind"]](said)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps(await work()), flush=True)
    # What is open ends with the process, as that of a daemon that is killed.
    await asyncio.to_thread(sys.stdin.readline)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
