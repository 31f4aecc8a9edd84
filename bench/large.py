"""A site of many nodes over several daemons: time, CPU per node and memory of each part.

The daemons share a PostgreSQL behind a balancer. The machines stand in a room of another process:
they are found, installed, boot, fetch their boot data by way of the balancer and report on their
boot actions. The design is compiled, then all nodes are prepared and deployed; what each took of a
processor is told per node, the room too, as it takes the same processors. At the end every machine
has been deployed once, and every boot action has one verdict. ``--daemons 1`` measures one daemon
with a store of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.daemon import Daemon, free_port, running
from bench.resume import complaints, judged
from bench.roomprocess import RoomProcess, room_process
from bench.several import Several, several
from bench.storm import site

TICKS = os.sysconf("SC_CLK_TCK")
ACTIONS = ("validate_design", "prepare_nodes", "deploy_nodes")
QUICK_ROOM: dict[str, Any] = {
    "latencies": {
        "bmc": [0.0, 0.01],
        "power": [0.0, 0.01],
        "discovery": [0.0, 0.1],
        "commission": [0.0, 0.1],
        "deploy": [0.0, 0.1],
        "first_boot": [0.0, 0.1],
        "report": [0.0, 0.1],
    },
}


@dataclass(frozen=True)
class Scene:
    """`door` is what is asked; `pids` are the processes by name, each with all it starts."""

    door: Daemon
    room: RoomProcess
    pids: Callable[[], dict[str, int]]
    peaks_mib: Callable[[], dict[str, float]]

    def used(self) -> dict[str, float]:
        """CPU seconds so far by name."""
        return {name: used_by(pid) for name, pid in self.pids().items()}


def family(pid: int) -> Iterator[int]:
    """A process, those it started, and theirs: all that live. Source: proc(5)."""
    yield pid
    with suppress(FileNotFoundError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text("ascii").split():
                yield from family(int(child))


def used_by(pid: int) -> float:
    """CPU seconds of a process and all it started, those that ended too. Source: proc(5)."""
    ticks = 0
    for member in family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            stat = Path(f"/proc/{member}/stat").read_text("utf-8")
            # utime, stime, cutime, cstime: fields 14 to 17.
            ticks += sum(int(field) for field in stat.rpartition(")")[2].split()[11:15])
    return ticks / TICKS


async def measured(scene: Scene, action: str, design: str, nodes: int) -> dict[str, Any]:
    """Run one action and tell what it took; return its task at the end."""
    before, start = scene.used(), time.perf_counter()
    task = await scene.door.finished({"action": action, "design_ref": design})
    seconds, after = time.perf_counter() - start, scene.used()
    result = task["result"]
    if result["status"] != "success":
        raise RuntimeError(f"{action}: {result['status']}: {result['details']['messageList'][-5:]}")
    costs = {name: (after[name] - before[name]) / nodes * 1000 for name in after}
    mine = sum(cost for name, cost in costs.items() if name != "room")
    parts = ", ".join(f"{name} {cost:.1f}" for name, cost in costs.items())
    print(f"{action:15}  {seconds:7.1f} s  {mine:6.1f} ms of CPU a node without the room ({parts})")
    return task


async def run(scene: Scene, design: str, args: argparse.Namespace) -> None:
    for action in ACTIONS:
        task = await measured(scene, action, design, args.nodes)
    peaks = ", ".join(f"{name} {mib:.0f}" for name, mib in scene.peaks_mib().items())
    print(f"peak memory, MiB: {peaks}", flush=True)
    outcome = await judged(scene.door, scene.room, task, 0)
    if wrong := complaints(outcome, args.nodes, args.actions):
        raise SystemExit("\n".join(wrong))
    print(
        f"{args.nodes} machines deployed once, {len(outcome.finals)} boot actions, a verdict each"
    )


async def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="large-") as name:
        folder = Path(name)
        design = folder / "site.yaml"
        design.write_text(site(args.nodes, args.actions), encoding="utf-8")
        config = QUICK_ROOM | {"machines": args.nodes}
        async with room_process(folder, config) as room:
            if args.daemons > 1:
                sections = {"fake_driver": {"url": room.url}}
                lease = {"lease_seconds": args.lease}
                async with several(folder, args.daemons, **lease, **sections) as company:
                    await company.the_runner()
                    await run(among_others(company, room), f"file://{design}", args)
            else:
                port = free_port()
                reports = f"http://127.0.0.1:{port}/api/v1.0/bootactions/"
                async with running(
                    folder,
                    port=port,
                    fake_driver={"url": room.url},
                    bootactions={"report_url": reports},
                ) as daemon:
                    await run(alone(daemon, room), f"file://{design}", args)


def among_others(company: Several, room: RoomProcess) -> Scene:
    def pids() -> dict[str, int]:
        daemons = {one.name: one.process.pid for one in company.daemons.all if one.process}
        return daemons | company.pids | {"room": room.pid}

    return Scene(company.door, room, pids, company.peaks_mib)


def alone(daemon: Daemon, room: RoomProcess) -> Scene:
    pids = {"daemon": daemon.process.pid, "room": room.pid}
    return Scene(daemon, room, lambda: pids, lambda: {"daemon": daemon.peak_mib})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--actions", type=int, default=1)
    parser.add_argument("--daemons", type=int, default=3, help="several on one PostgreSQL")
    parser.add_argument("--lease", type=int, default=6, help="of several: cluster.lease_seconds")
    asyncio.run(main(parser.parse_args()))
