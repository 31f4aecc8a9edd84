"""How fast the scheduler is: from POST to the first driver call, tasks per second, and many
deployments at once, with the latency of GET health meanwhile.

The daemon runs on a processor of its own with the store on disk; the machines stand in a
room of another process, so that their work is not measured as the daemon's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.daemon import Daemon, free_port, running
from bench.load import Connection, request
from bench.roomprocess import room_process
from bench.storm import site
from drydockd.drivers.base import BmcFacts
from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.oob.fake import FakeOob
from drydockd.site import Node

HEALTH = request("GET", "/api/v1.0/health")


class CallClock(FakeOob):
    """The room's BMCs, which also write down when they were first called for a node."""

    def __init__(self, *, calls: str, **options: Any) -> None:
        super().__init__(FakeOptions(**options))
        self._calls = Path(calls)

    async def facts(self, node: Node) -> BmcFacts:
        now = time.time()
        with self._calls.open("a", encoding="utf-8") as file:
            file.write(f"{node.name} {now}\n")
        return await super().facts(node)


def named(names: Sequence[str]) -> dict[str, Any]:
    term = {"filter_type": "union", "node_names": list(names)}
    return {"filter_set_type": "union", "filter_set": [term]}


def post(daemon: Daemon, action: str, design: str, names: Sequence[str]) -> bytes:
    body = {"action": action, "design_ref": design, "node_filter": named(names)}
    return request(
        "POST", "/api/v1.0/tasks", headers=daemon.headers, body=json.dumps(body).encode()
    )


async def created(connection: Connection, message: bytes) -> str:
    reply = await connection.send(message)
    if reply.status != 201:
        raise RuntimeError(f"POST tasks: {reply.status} {reply.body[:300]!r}")
    return str(json.loads(reply.body)["task_id"])


async def ended(connection: Connection, daemon: Daemon, task_id: str) -> dict[str, Any]:
    message = request("GET", f"/api/v1.0/tasks/{task_id}?wait=30", headers=daemon.headers)
    while True:
        task: dict[str, Any] = json.loads((await connection.send(message)).body)
        if task["status"] in ("complete", "terminated"):
            return task


async def first_calls(daemon: Daemon, design: str, calls: Path, count: int) -> None:
    """One task after another, each on a node of its own."""
    connection = Connection("127.0.0.1", daemon.port)
    posted = {}
    for n in range(count):
        name = f"n{n:04d}"
        posted[name] = time.time()
        task_id = await created(connection, post(daemon, "verify_nodes", design, [name]))
        await ended(connection, daemon, task_id)
    await connection.close()
    called: dict[str, float] = {}
    for line in calls.read_text(encoding="utf-8").splitlines():
        name, moment = line.split()
        called.setdefault(name, float(moment))
    waits = [called[name] - moment for name, moment in posted.items()]
    print(f"POST to first driver call, {count} tasks: {figures(waits)}")


async def noop_like(daemon: Daemon, design: str, count: int, connections: int) -> None:
    """Tasks without a node: everything of a task but its driver calls."""
    message = post(daemon, "verify_nodes", design, [])
    left = iter(range(count))

    async def worker() -> None:
        connection = Connection("127.0.0.1", daemon.port)
        for _ in left:
            await ended(connection, daemon, await created(connection, message))
        await connection.close()

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(connections)))
    seconds = time.perf_counter() - start
    print(f"tasks without nodes, created to ended: {count / seconds:.0f} per second")


async def many_deployments(daemon: Daemon, design: str, tasks: int, nodes: int) -> None:
    """`tasks` deployments of `nodes` nodes at once; somebody asks for the health all the while."""
    latencies: list[float] = []

    async def ask() -> None:
        connection = Connection("127.0.0.1", daemon.port)
        while True:
            start = time.perf_counter()
            await connection.send(HEALTH)
            latencies.append(time.perf_counter() - start)
            await asyncio.sleep(0.005)

    async def deployment(index: int) -> str:
        names = [f"n{n:04d}" for n in range(index * nodes, (index + 1) * nodes)]
        connection = Connection("127.0.0.1", daemon.port)
        task_id = await created(connection, post(daemon, "deploy_nodes", design, names))
        task = await ended(connection, daemon, task_id)
        await connection.close()
        return str(task["result"]["status"])

    asking = asyncio.create_task(ask())
    start = time.perf_counter()
    statuses = await asyncio.gather(*(deployment(index) for index in range(tasks)))
    seconds = time.perf_counter() - start
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    print(
        f"{tasks} deployments of {nodes} nodes at once: {statuses.count('success')} succeeded, "
        f"{seconds:.1f} s"
    )
    print(f"GET health meanwhile: {figures(latencies)}")


def figures(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    median, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return f"median {median * 1000:.1f} ms, p99 {late * 1000:.1f} ms, n {len(ordered)}"


async def main(args: argparse.Namespace) -> None:
    total = args.tasks * args.nodes
    with tempfile.TemporaryDirectory(prefix="scheduler-") as name:
        folder = Path(name)
        file = folder / "site.yaml"
        file.write_text(site(total, 2), encoding="utf-8")
        design, calls = f"file://{file}", folder / "calls"
        room = {
            "machines": total,
            "initial": "ready",
            "latencies": {"bmc": 0, "deploy": [0.5, 2.0], "first_boot": [0.1, 0.5]},
            "faults": [{"fault": "never_boots"}] if args.silent else [],
        }
        async with room_process(folder, room) as machines:
            clock = "bench.scheduler:CallClock"
            plugins = {
                "oob_driver": [clock],
                "options": {clock: {"calls": str(calls), "url": machines.url}},
            }
            sections: dict[str, dict[str, Any]] = {
                "plugins": plugins,
                "fake_driver": {"url": machines.url},
                "limits": {"fan_out": 256, "parallel_tasks": args.tasks},
            }
            port = free_port()
            own = f"http://127.0.0.1:{port}/api/v1.0/bootactions/"
            sections["bootactions"] = {"report_url": own}
            async with running(folder, port=port, cpu=0, **sections) as daemon:
                await first_calls(daemon, design, calls, args.calls)
                await noop_like(daemon, design, args.noops, args.connections)
                await many_deployments(daemon, design, args.tasks, args.nodes)
                print(f"peak memory of the daemon: {daemon.peak_mib:.0f} MiB")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="tasks for the first figure")
    parser.add_argument("--noops", type=int, default=1000, help="tasks for the second figure")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--tasks", type=int, default=100, help="deployments at once")
    parser.add_argument("--nodes", type=int, default=10, help="nodes of each deployment")
    parser.add_argument("--silent", action="store_true", help="machines do not report")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
