"""Every attack at once on one daemon in 600 MiB, while 200 well-behaved nodes deploy.

The attackers, each from an address of its own: reports by one node's own action key, alias
bombs, hostile expressions and templates as validations and as tasks, references of 60 MiB,
long polls and event streams, idle and half-sent connections beyond the descriptors the
daemon may open, pipelined requests of who is gone, wrong tokens. The nodes come up
within that time, fetch, and report on their boot actions; each comes again when it is told
to. The attack and the measurements begin when the nodes are being deployed, and the attack
goes on for its seconds after the last one was handed over, however slow the machine is. The
daemon and what it starts have one processor, everything else has the others. Then the daemon is
killed, started again, and asked for all that it acknowledged.

Not part of it: a flood of wrong Keystone tokens (tests/auth/test_flood.py has it against a
real Keystone; here tokens are local ones), damage of files (tests/store), and TLS
(tests/handlers/test_connections.py).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from bench.attacks.together import DEPLOY_SECONDS, GONE, MIB, Attack
from bench.confine import Confined, confined
from bench.daemon import Daemon, running
from bench.load import Connection, request
from bench.probe import Watch
from bench.storm import Storm, all_deployed, deploying, handed_over, prepare, site

LIMIT_MIB = 600
HEALTH_MS = 250
DESCRIPTORS = 1024
DAEMON_CPU = 0
ATTACKERS_NICE = 10
OPERATOR = "127.0.0.9"
# What docs/limits.md says for a host of 600 MiB.
SMALL_HOST: dict[str, dict[str, Any]] = {
    "network": {"fetch_bytes": 32 * MIB},
    "limits": {"design_memory": 96 * MIB, "designs_kept": 16 * MIB},
    "bootactions": {"template_workers": 1},
}


class Nodes(Storm):
    """Well-behaved nodes: each at an address of its own, and back when told to come again."""

    again = 0

    def connection(self, host: str) -> Connection:
        n = int(host[1:])
        return Connection("127.0.0.1", self.daemon.port, f"127.1.{n // 250}.{n % 250 + 1}")

    async def send(self, connection: Connection, verb: str, message: bytes) -> bytes:
        for _ in range(60):
            start = time.perf_counter()
            try:
                reply = await connection.send(message)
            except GONE:
                await connection.close()
                status, body = 0, b""
            else:
                status, body = reply.status, reply.body
            self.statuses[verb, status] += 1
            if status == 200:
                self.latencies[verb].append(time.perf_counter() - start)
                return body
            if status not in (0, 429, 500, 503):
                raise RuntimeError(f"{verb}: {status} {body[:300]!r}")
            self.again += 1
            await asyncio.sleep(1)
        raise RuntimeError(f"{verb}: not answered 200 in 60 attempts")


async def again(work: Callable[[], Awaitable[object]]) -> None:
    """Do it as an operator does who is told to come again: for some minutes, if need be."""
    until = time.monotonic() + DEPLOY_SECONDS
    while True:
        try:
            await work()
        except httpx.HTTPError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(1)
        else:
            return


async def bad_node(nodes: Nodes, host: str, key: str) -> list[tuple[str, str]]:
    """Fetch as a node does; return the ids and keys of its actions, nothing is reported."""
    found: list[tuple[str, str]] = []

    class Reader(Nodes):
        async def action(self, connection: Connection, host: str, action_id: str, key: str) -> None:
            found.append((action_id, key))

    reader = Reader(nodes.daemon, argparse.Namespace(window=0, pause=0))
    await reader.node(host, key)
    return found


async def finish(nodes: Nodes, actions: list[tuple[str, str]]) -> None:
    """The flooded actions' final status, which is always taken."""
    connection = Connection("127.0.0.1", nodes.daemon.port, OPERATOR)
    for action_id, key in actions:
        path, headers = f"/api/v1.0/bootactions/{action_id}/", {"X-Bootaction-Key": key}
        body = b'{"status": "success"}'
        await nodes.send(connection, "POST", request("POST", path, headers=headers, body=body))
    await connection.close()


async def attacked(
    daemon: Daemon, design: str, args: argparse.Namespace, watch: Watch
) -> dict[str, Any]:
    """Nodes and attackers together; return what was seen."""
    attack = Attack(daemon, Path(args.folder), tuple(args.only))
    nodes = Nodes(daemon, args)
    memory = asyncio.create_task(watch.memory())
    start = time.monotonic()
    async with daemon.client() as client:
        task_id = await deploying(client, design)
        attacks = [
            asyncio.create_task(one)
            for one in (attack.designs(), attack.connections(), attack.tokens())
        ]
        attacks.append(asyncio.create_task(attack.streams(task_id)))
        await again(lambda: all_deployed(client, task_id, args.nodes + 1))
    print(f"deploy_nodes: all machines deployed after {time.monotonic() - start:.1f} s")
    keys = handed_over(Path(args.folder))
    bad = f"n{args.nodes:04d}"
    actions = await bad_node(nodes, bad, keys.pop(bad))
    attack.until = time.monotonic() + args.seconds
    attacks.append(asyncio.create_task(attack.reports(actions)))
    ends = await asyncio.gather(*(nodes.node(*one) for one in keys.items()), return_exceptions=True)
    booted = time.monotonic() - start
    await asyncio.gather(*attacks)
    health = await watch.health()
    await finish(nodes, actions)
    async with daemon.client() as client:
        task: dict[str, Any] = {"status": ""}
        while task["status"] != "complete":
            answer = await client.get(f"/tasks/{task_id}", params={"wait": 30})
            task = answer.raise_for_status().json()
    memory.cancel()
    return {
        "attack": attack,
        "nodes": nodes,
        "watch": watch,
        "health": health,
        "booted": booted,
        "task": task_id,
        "well": len(set(task["result"]["successes"]) - {bad}),
        "failures": [str(end) for end in ends if end is not None],
    }


async def read_back(daemon: Daemon, seen: dict[str, Any]) -> tuple[int, int]:
    """Return how many acknowledged tasks and reports are not there."""
    async with daemon.client() as client:
        answer = await client.get(f"/tasks/{seen['task']}", params={"layers": -1})
        layers = answer.raise_for_status().json()
        stored = Counter(
            message["message"]
            for task in layers.values()
            if isinstance(task, dict)
            for message in task["result"]["details"]["messageList"]
            if message["context_type"] == "bootaction"
        )
        lost = 0
        for task_id in seen["attack"].tasks:
            lost += (await client.get(f"/tasks/{task_id}")).status_code != 200
    return lost, len(seen["nodes"].acknowledged.keys() - stored.keys())


def told(seen: dict[str, Any], lost: tuple[int, int], args: argparse.Namespace) -> list[str]:
    """Print the figures; return the bounds that are broken."""
    limit: Confined = seen["limit"]
    watch, nodes, attack = seen["watch"], seen["nodes"], seen["attack"]
    health = seen["health"]
    good = sorted(health.pop("204", []))
    p99 = good[int(len(good) * 0.99)] if good else float("inf")
    print(f"limit: {LIMIT_MIB} MiB by {limit.how}; processes it ended: {limit.killed}")
    loads = [", ".join(f"{n:.1f}" for n in load) for load in (watch.load, os.getloadavg())]
    print(f"load of the machine: before {loads[0]}; after {loads[1]}; {os.cpu_count()} processors")
    print(
        f"measured: {watch.seconds:.0f} s, in which the daemon used {watch.cpu_seconds:.0f} s of "
        f"its processor; nodes had booted after {seen['booted']:.0f} s"
    )
    print(f"nodes that ended well: {seen['well']} of {args.nodes}; came again: {nodes.again}")
    print(f"  failed: {seen['failures'][:3]}" if seen["failures"] else "  none failed")
    p50 = good[len(good) // 2] if good else float("inf")
    print(
        f"health: {len(good)} answers 204, p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
        f"worst {max(good, default=0):.0f} ms"
    )
    print(f"  others: { {status: len(times) for status, times in health.items()} }")
    print(f"memory: daemon {watch.alone_mib:.0f} MiB, with children {watch.together_mib:.0f} MiB")
    print(f"acknowledged tasks lost: {lost[0]} of {len(attack.tasks)}")
    print(f"acknowledged reports lost: {lost[1]} of {nodes.acknowledged.total()}")
    for name, answers in sorted(attack.answers.items()):
        print(f"  {name}: {answers}")
    broken = {
        "nodes": seen["well"] != args.nodes,
        "health's p99": p99 >= HEALTH_MS or bool(health),
        "memory": max(watch.alone_mib, watch.together_mib) >= LIMIT_MIB or bool(limit.killed),
        "lost": any(lost),
    }
    return [name for name, is_broken in broken.items() if is_broken]


async def told_end(daemon: Daemon, limit: Confined, watch: Watch, error: Exception) -> None:
    """Print why it ended early: with the daemon, or because that did not answer."""
    # Its end is noticed by its connections before the process can be waited for.
    with suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(daemon.process.wait, 5)
    code = daemon.process.poll()
    print(f"daemon: {error!r}, exit {code}; ended by the limit: {limit.killed}")
    print(f"  memory {watch.alone_mib:.0f} MiB, together {watch.together_mib:.0f} MiB")
    print("broken: the daemon did not " + ("answer" if code is None else "outlive it"))


def others() -> set[int]:
    """The processors that are not the daemon's; all, if there is only one."""
    every = os.sched_getaffinity(0)
    return every - {DAEMON_CPU} or every


async def stoppable(args: argparse.Namespace) -> int:
    """`main`, which SIGTERM ends as Ctrl-C does: nothing is left behind."""
    work = asyncio.create_task(main(args))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        print("ended by SIGTERM")
        return 128 + signal.SIGTERM


async def main(args: argparse.Namespace) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="abuse-") as name,
        confined(LIMIT_MIB * MIB) as limit,
    ):
        folder = Path(name)
        args.folder = name
        design = folder / "site.yaml"
        design.write_text(site(args.nodes + 1, args.actions), encoding="utf-8")
        room = {
            "latencies": {"deploy": 0.1, "commission": 0.1, "discovery": 0.1},
            "faults": [{"fault": "never_boots"}],
        }
        tap = "bench.storm:KeyTap"
        options = {tap: {"keys": str(folder / "keys"), "config": room}}
        sections: dict[str, Any] = {
            **SMALL_HOST,
            "plugins": {"node_driver": tap, "options": options},
            "fake_driver": {"config": room},
        }
        files = ("prlimit", f"--nofile={DESCRIPTORS}")
        async with running(
            folder, cpu=DAEMON_CPU, prefix=(*limit.prefix, *files), **sections
        ) as daemon:
            daemon.address = OPERATOR
            await prepare(daemon, f"file://{design}")
            watch = Watch(daemon)
            # The daemon and the probe have started: they are not held back.
            os.setpriority(os.PRIO_PROCESS, 0, ATTACKERS_NICE)
            try:
                seen = await attacked(daemon, f"file://{design}", args, watch)
            except GONE as error:
                await told_end(daemon, limit, watch, error)
                return 1
            finally:
                watch.end()
            seen["limit"] = limit
            daemon.process.kill()
            await asyncio.to_thread(daemon.process.wait)
        async with running(folder, prefix=limit.prefix, **sections) as daemon:
            daemon.address = OPERATOR
            try:
                lost = await read_back(daemon, seen)
            except GONE as error:
                code = daemon.process.poll()
                print(f"read back: {error!r}, exit {code}; ended by the limit: {limit.killed}")
                print((folder / "daemon.log").read_text(errors="replace")[-3000:])
                lost = (-1, -1)
        broken = told(seen, lost, args)
        log = (folder / "daemon.log").read_text(encoding="utf-8", errors="replace")
        print(f"daemon's log: {len(log) >> 10} KiB, {log.count('Traceback')} tracebacks")
        if args.keep_log:
            Path(args.keep_log).write_text(log, encoding="utf-8")
    print(f"broken: {', '.join(broken)}" if broken else "all bounds hold")
    return bool(broken)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--actions", type=int, default=3)
    parser.add_argument("--window", type=float, default=30.0, help="seconds in which nodes come up")
    parser.add_argument("--pause", type=float, default=4.0, help="longest pause before a post")
    parser.add_argument("--only", action="append", default=[], help="attacks whose names start so")
    parser.add_argument("--keep-log", metavar="FILE", help="write the daemon's log there")
    given = parser.parse_args()
    os.sched_setaffinity(0, others())
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sys.exit(asyncio.run(stoppable(given)))
