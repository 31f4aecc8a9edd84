"""What a node costs when its task has many: CPU and bytes per node of preparing and deploying.

A whole daemon with the store on disk runs in a process of its own for each task; its machines
do everything at once (bench.instant), so that all that is measured is the daemon's. What an
action costs includes that its journal is folded into the file: a small task ends long before
the journal is, and would leave that cost, which a large one pays on its way, to its successors.
A size is run until it has had as many nodes as the largest, so that what else goes on in the
machine weighs on all alike, and the mean is told, with the least and the most of one run.

A run of its own looks for the holds of the loop: the CPU that one callback took on the loop's
thread, which no other work on the machine can lengthen. That clock costs more than most callbacks.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bench.daemon import configuration
from bench.storm import site
from drydockd import garbage
from drydockd.app import App, running
from drydockd.config import load
from drydockd.model import Action, Caller, Task
from drydockd.tasks import TaskRequest

SIZES = (500, 1000, 3000, 10_000)
OPS = Caller(user="bench", roles=("admin",))
SECTIONS = {
    "plugins": {
        "oob_driver": ["bench.instant:InstantOob"],
        "node_driver": "bench.instant:InstantNodes",
        "kubernetes_driver": "bench.instant:InstantLabels",
    },
}
ACTIONS = (Action.PREPARE_NODES, Action.DEPLOY_NODES)
LONG_HOLD = 0.010
# A journal without a write has a header.
FOLDED_BYTES = 4096


class Holds:
    """The callbacks of the loop by the CPU they took: the longest, and how many were long."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.what = ""
        self.long = 0
        self._collection = 0.0
        self._collecting_since = 0.0
        self._generation = 0

    @contextmanager
    def measured(self) -> Iterator[None]:
        run = asyncio.Handle._run

        def timed(handle: asyncio.Handle) -> None:
            self._collection = 0.0
            begun = time.thread_time()
            run(handle)
            self._note(handle, time.thread_time() - begun)

        asyncio.Handle._run = timed  # type: ignore[method-assign]
        gc.callbacks.append(self._collecting)
        try:
            yield
        finally:
            gc.callbacks.remove(self._collecting)
            asyncio.Handle._run = run  # type: ignore[method-assign]

    def _collecting(self, phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = time.thread_time()
        else:
            self._collection += time.thread_time() - self._collecting_since
            self._generation = about["generation"]

    def _note(self, handle: asyncio.Handle, seconds: float) -> None:
        self.long += seconds > LONG_HOLD
        if seconds > self.longest:
            callback = handle._callback  # type: ignore[attr-defined]
            task = getattr(callback, "__self__", None)
            name = task.get_name() if isinstance(task, asyncio.Task) else repr(callback)[:60]
            collected = ""
            if self._collection:
                of = f"the collector in generation {self._generation}"
                collected = f", {self._collection * 1000:.1f} of it {of}"
            self.longest, self.what = seconds, name + collected


async def ended(app: App, action: Action, design: str) -> Task:
    """Create a task and return it at its end; nobody asks for it meanwhile."""
    store, news = app.services.store, asyncio.Event()
    task = await app.services.tasks.submit(TaskRequest(action, design), OPS)
    assert isinstance(task, Task)
    task_id = task.task_id

    def watch(seq: int, records: Any) -> None:
        if any(isinstance(r, Task) and r.task_id == task_id and r.status.is_final for r in records):
            news.set()

    unwatch = store.watch(watch)
    await news.wait()
    unwatch()
    return store.task(task_id)


async def measure(nodes: int, args: argparse.Namespace) -> dict[str, Any]:
    """Prepare and deploy `nodes`; return the figures by action."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        folder = Path(name)
        file = folder / "site.yaml"
        # Nobody boots, so nobody would report.
        text = site(nodes, args.actions).replace("signaling: true", "signaling: false")
        file.write_text(text, encoding="utf-8")
        (folder / "state").mkdir(mode=0o700)
        config = folder / "drydockd.yaml"
        config.write_text(json.dumps(configuration(folder, 0, SECTIONS)), encoding="utf-8")
        async with running(load([config], {}).settings) as app:
            garbage.settle()  # as the process does
            design = f"file://{file}"
            await ended(app, Action.VALIDATE_DESIGN, design)  # read and judged once, kept
            for action in ACTIONS:
                with profiled(f"{args.profile}.{action}.{nodes}" if args.profile else ""):
                    figures[action] = await measured(app, action, design, nodes, args.holds)
    return figures


@contextmanager
def profiled(file: str) -> Iterator[None]:
    if not file:
        yield
        return
    profiler = cProfile.Profile()
    with profiler:
        yield
    profiler.dump_stats(file)


async def measured(
    app: App, action: Action, design: str, nodes: int, with_holds: bool
) -> dict[str, Any]:
    holds = Holds()
    cpu, clock, written = time.process_time(), time.perf_counter(), bytes_written()
    with holds.measured() if with_holds else nullcontext():
        task = await ended(app, action, design)
        await folded(app)
    if len(task.result.successes) != nodes:
        raise RuntimeError(f"{action}: {len(task.result.successes)} of {nodes} nodes passed")
    return {
        "cpu_ms": (time.process_time() - cpu) / nodes * 1000,
        "seconds": time.perf_counter() - clock,
        "kib": (bytes_written() - written) / nodes / 1024,
        "hold_ms": holds.longest * 1000,
        "long": holds.long,
        "what": holds.what,
    }


async def folded(app: App) -> None:
    """Return when the journal is folded into the file: what was begun before, and the rest."""
    store = app.services.store
    while store.health().journal_bytes > FOLDED_BYTES:
        await store.backend.compact()


def bytes_written() -> int:
    """What this process has written so far, to files and otherwise. Source: proc(5)."""
    match = re.search(r"^wchar: (\d+)$", Path("/proc/self/io").read_text("utf-8"), re.MULTILINE)
    return int(match[1]) if match else 0


def in_a_process(nodes: int, args: argparse.Namespace, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.scale", "--only", str(nodes), *more]
    command += ["--actions", str(args.actions), "--profile", args.profile]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> None:
    args = arguments()
    if args.only:
        print(json.dumps(asyncio.run(measure(args.only, args))))
        return
    first: dict[str, float] = {}
    print("nodes    runs  action         CPU ms/node (least to most)  ratio  KiB/node   wall s")
    for nodes in args.sizes:
        runs = max(1, max(args.sizes) // nodes) if args.all else 1
        figures = [in_a_process(nodes, args) for _ in range(runs)]
        for action in ACTIONS:
            cpu = [of[action]["cpu_ms"] for of in figures]
            mean = statistics.mean(cpu)
            ratio = mean / first.setdefault(action, mean)
            between = f"{mean:.2f} ({min(cpu):.2f} to {max(cpu):.2f})"
            of = figures[0][action]
            print(
                f"{nodes:5}  {runs:6}  {action:13}  {between:27}  {ratio:5.2f}  {of['kib']:8.1f}"
                f"  {of['seconds']:7.1f}",
                flush=True,
            )
        held = in_a_process(nodes, args, "--holds") if args.looks else {}
        for action, hold in held.items():
            print(
                f"{nodes:5}  {action:13}  longest hold {hold['hold_ms']:.1f} ms of CPU"
                f" ({hold['long']} over 10 ms): {hold['what']}",
                flush=True,
            )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="nodes of the tasks")
    parser.add_argument("--actions", type=int, default=1, help="boot actions of each node")
    parser.add_argument(
        "--no-holds", action="store_false", dest="looks", help="leave the holds out"
    )
    parser.add_argument("--once", action="store_false", dest="all", help="run each size once")
    parser.add_argument("--profile", default="", help="write profiles to files that begin so")
    parser.add_argument("--only", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--holds", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
