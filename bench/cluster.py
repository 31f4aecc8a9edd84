"""Several daemons on one PostgreSQL against their budgets, as ratios of one run.

``python -m bench.cluster`` takes some minutes, ``--quick`` a tenth of the records and a fraction of
the time; ``--only NAME`` runs one part. PostgreSQL is one of its own, durable, in a temporary
directory of the current file system or below ``--folder``; what is called bare is asyncpg,
inserting and committing as many bytes on the same server. A daemon is a process with its store
alone, but for ``report`` and ``takeover``, which have whole ones.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import logging
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from bench.clusterchild import BARE, TASKS
from bench.daemon import Daemon, running
from bench.roomprocess import room_process
from bench.several import RUNNER, several
from bench.store import a_message, a_task, write_file
from bench.storm import SILENT_ROOM, TAP, Storm, deploy, handed_over, site
from drydockd.room import postgres
from drydockd.room.keeper import keeping
from drydockd.room.postgres import Postgres
from drydockd.store import Put, open_store
from drydockd.store.codec import encode_message
from drydockd.store.postgres.moving import Conditions, copy_in
from drydockd.store.statedir import StateDir
from drydockd.store.tables import Tables

PARTS = ("write", "writers", "seen", "report", "start", "takeover")
TURNS = 7
ACTIONS = 10


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured: seconds of each turn, records of a start."""

    seconds: float = 5.0
    rounds: int = 1000
    samples: int = 200
    tasks: int = 100_000
    nodes: int = 100
    takeovers: int = 5
    lease_seconds: int = 4


QUICK = Options(2.0, 300, 60, 10_000, 20, 2, 2)


class Child:
    """One process of bench.clusterchild: `go`, then `figures`."""

    def __init__(self, **said: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.clusterchild", json.dumps(said)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise RuntimeError(f"a process of the benchmark ended with {self.process.wait()}")
        return line

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.line())
        return found

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@contextmanager
def children(*said: dict[str, Any]) -> Iterator[list[Child]]:
    """Start processes one after the other; all are ready when it yields."""
    found: list[Child] = []
    try:
        for one in said:
            found.append(Child(**one))
        yield found
    finally:
        for child in found:
            child.end()


def together(*said: dict[str, Any]) -> list[dict[str, Any]]:
    """Run processes at the same time; return their figures."""
    with children(*said) as found:
        for child in found:
            child.go()
        return [child.figures() for child in found]


class Databases:
    """New ones with the schema and some tasks, one for each measurement."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._count = 0

    def empty(self) -> str:
        self._count += 1
        return self._server.database(f"bench_{self._count}")

    def new(self) -> str:
        url = self.empty()
        asyncio.run(self._fill(url))
        return url

    async def _fill(self, url: str) -> None:
        store = await open_store("postgres", url=url, name="filler")
        await store.write(*(Put(a_task(number)) for number in range(TASKS)))
        await store.close()
        connection = await asyncpg.connect(url)
        await connection.execute(BARE)
        await connection.close()


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def spread(ratios: Sequence[float]) -> str:
    """Return the median, and where they lie."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


# -- writing


def write(databases: Databases, options: Options) -> None:
    print("A write, one writer of one daemon")
    [figures] = together(
        {"kind": "one_writer", "url": databases.new(), "name": "a", "rounds": options.rounds}
    )
    ours, bare = figures["ours"], figures["bare"]
    print(
        f"  {ms(ours)}, bare insert + commit of as many bytes {ms(bare)}: x {ours / bare:.2f}"
        " (budget 3)"
    )


def writers(databases: Databases, options: Options) -> None:
    print("64 writers: writes a second")
    seconds = options.seconds

    def rate(*daemons: str) -> float:
        url = databases.new()
        said = [
            {"kind": "writers", "url": url, "name": name, "writers": 64, "seconds": seconds}
            for name in daemons
        ]
        return sum(figures["rate"] for figures in together(*said))

    def bare() -> float:
        url = databases.new()
        said = {"kind": "bare_writers", "url": url, "writers": 64, "seconds": seconds}
        return float(together(said)[0]["rate"])

    # Turn by turn, and compared turn by turn: the machine is not the same all the time.
    turns = [(bare(), rate("a"), rate("a", "b", "c")) for _ in range(TURNS)]
    bare_rate, one, three = (statistics.median(column) for column in zip(*turns, strict=True))
    alone = [mine / theirs for theirs, mine, _ in turns]
    company = [three / one for _, one, three in turns]
    print(
        f"  64 bare connections {bare_rate:,.0f}/s, 64 writers of one daemon {one:,.0f}/s:"
        f" x {spread(alone)} (budget 1.5)"
    )
    print(f"  three daemons with 64 each {three:,.0f}/s: x {spread(company)} of one (budget 1)")


# -- seeing


def seen(databases: Databases, options: Options) -> None:
    print("A write until the other daemons show it, from the call on, median of both others")
    bare = None
    for what, load, budget in (("idle", 0, 5), ("64 writers", 64, 15)):
        found, idle_bare = _seen(databases, options, load)
        bare = bare or idle_bare
        print(
            f"  {what}: {ms(found)}, bare insert + commit {ms(bare)} idle: x {found / bare:.1f}"
            f" (budget {budget})"
        )


def _seen(databases: Databases, options: Options, load: int) -> tuple[float, float]:
    url, samples = databases.new(), options.samples
    seconds = samples * 0.03 + 2
    said: list[dict[str, Any]] = [
        {"kind": "observer", "url": url, "name": name, "samples": samples} for name in ("b", "c")
    ]
    if load:
        said.append(
            {"kind": "writers", "url": url, "name": "d", "writers": load, "seconds": seconds}
        )
    sampler = {"kind": "sampler", "url": url, "name": "a", "samples": samples, "pause": 0.01}
    *others, begun = together(*said, sampler)
    seen_by = [figures["times"] for figures in others if "times" in figures]
    times = [at[text] - begun["times"][text] for at in seen_by for text in begun["times"]]
    return statistics.median(times), begun["bare"]


# -- start


def start(databases: Databases, options: Options, folder: Path) -> None:
    print(f"Start with {options.tasks:,} tasks and {options.tasks * 10:,} messages")
    state = filled(folder / "tiny", options.tasks)
    url = databases.empty()
    asyncio.run(copy_in(state, url, Conditions(lease_seconds=2)))
    [tiny] = together({"kind": "start", "folder": str(state.path)})
    [ours] = together({"kind": "start", "url": url, "name": "a"})
    for figures in (tiny, ours):
        assert figures["messages"] == options.tasks * 10, figures
    print(
        f"  CPU {ours['cpu']:.2f} s in {ours['seconds']:.1f} s; tiny {tiny['cpu']:.2f} s in"
        f" {tiny['seconds']:.1f} s: x {ours['cpu'] / tiny['cpu']:.2f} (budget 2)"
    )
    print(
        f"  memory of the replica {ours['mib']:.0f} MiB, tiny {tiny['mib']:.0f} MiB:"
        f" x {ours['mib'] / tiny['mib']:.2f} (budget 1.1)"
    )


def filled(folder: Path, tasks: int) -> StateDir:
    """Make a state directory with that many tasks of ten messages; they name no design's bytes."""
    tables = Tables()
    for number in range(tasks):
        task = replace(a_task(number), design="")
        tables.load("tasks", task)
        for seq in range(1, 11):
            tables.append_message(task.task_id, encode_message(a_message(task, seq)))
    return write_file(folder, tables)


# -- whole daemons


async def report(folder: Path, options: Options) -> None:
    print(f"CPU of a report: {options.nodes} nodes with {ACTIONS * 3} each")
    tiny = await _reported(folder / "alone", options, 0)
    for count, budget in ((1, 1.1), (3, 1.4)):
        served, others = await _reported(folder / f"of{count}", options, count)
        print(
            f"  on one daemon of {count}: {ms(served)}, tiny {ms(tiny[0])}:"
            f" x {served / tiny[0]:.2f} (budget {budget}); each other one {ms(others)}"
        )


async def _reported(folder: Path, options: Options, daemons: int) -> tuple[float, float]:
    """Return the CPU seconds of a post: of the daemon that serves and runs, of each other one."""
    folder.mkdir()
    args = argparse.Namespace(nodes=options.nodes, actions=ACTIONS, window=0.5, pause=0.0)
    design = folder / "site.yaml"
    design.write_text(site(args.nodes, args.actions), encoding="utf-8")
    async with room_process(folder, SILENT_ROOM | {"machines": args.nodes}) as machines:
        tap = {"keys": str(folder / "keys"), "url": machines.url}
        sections = {
            "plugins": {"node_driver": TAP, "options": {TAP: tap}},
            "fake_driver": {"url": machines.url},
        }
        if not daemons:
            async with running(folder, **sections) as daemon:
                return await _stormed(daemon, args, folder, lambda: {"": daemon.cpu_seconds})
        async with several(folder, daemons, **sections) as company:
            runner = await company.the_runner()
            port = company.daemons[runner].port
            one = Daemon(None, port, company.door.token, folder)
            return await _stormed(one, args, folder, company.cpu_seconds, runner)


async def _stormed(
    daemon: Daemon,
    args: argparse.Namespace,
    folder: Path,
    cpu: Callable[[], dict[str, float]],
    name: str = "",
) -> tuple[float, float]:
    with contextlib.redirect_stdout(io.StringIO()):
        await deploy(daemon, f"file://{folder / 'site.yaml'}", args.nodes)
    storm = Storm(daemon, args)
    keys = handed_over(folder)
    before = cpu()
    await asyncio.gather(*(storm.node(host, key) for host, key in keys.items()))
    used = {one: seconds - before[one] for one, seconds in cpu().items()}
    posts = len(storm.latencies["POST"])
    others = [seconds for one, seconds in used.items() if one != name]
    return used[name] / posts, sum(others) / max(len(others), 1) / posts


async def takeover(folder: Path, options: Options) -> None:
    ttl = options.lease_seconds
    print(f"Take-over after SIGKILL of the one that runs the tasks, lease {ttl} s")
    folder.mkdir()
    taken = []
    async with several(folder, 3, lease_seconds=ttl) as company:
        connection = await asyncpg.connect(company.url)
        for _ in range(options.takeovers):
            await company.daemons.all_ready()
            name = await company.the_runner()
            before = await connection.fetchrow(RUNNER)
            await company.kill(name)
            killed = time.monotonic()
            # By its epoch: who was killed is started again, and may be the one.
            while (row := await connection.fetchrow(RUNNER)) is None or row == before:
                await asyncio.sleep(0.01)
            taken.append(time.monotonic() - killed)
        await connection.close()
    most = 1.25 * ttl + 1
    print(
        f"  {len(taken)} times: median {statistics.median(taken):.2f} s, longest"
        f" {max(taken):.2f} s, {max(taken) / ttl:.2f} of the lease (budget 1.25 of it and 1 s:"
        f" {most:.2f} s)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the records and less")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--folder", type=Path, help="where to write")
    given = parser.parse_args()
    options = QUICK if given.quick else Options()
    # That the server has no standby is known, and is no news.
    logging.getLogger("drydockd").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(
        dir=given.folder or Path.cwd(), prefix="cluster-", ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database is of a user of its own, as root
        # It ends with this process, however that ends.
        with keeping() as keeper, postgres.running(folder / "postgres") as server:
            keeper.remove(folder)
            keeper.end_named(server.pid_file, signal.SIGQUIT)
            databases = Databases(server)
            parts: dict[str, Callable[[], object]] = {
                "write": lambda: write(databases, options),
                "writers": lambda: writers(databases, options),
                "seen": lambda: seen(databases, options),
                "report": lambda: asyncio.run(report(folder, options)),
                "start": lambda: start(databases, options, folder),
                "takeover": lambda: asyncio.run(takeover(folder / "takeover", options)),
            }
            for part in PARTS:
                if given.only in (None, part):
                    parts[part]()


if __name__ == "__main__":
    main()
