"""Every attack at once on one daemon in 600 MiB, while 200 well-behaved nodes deploy.

The attackers, each from an address of its own: reports by one node's own action key, alias
bombs, hostile expressions and templates as validations and as tasks, references of 60 MiB,
long polls and event streams, idle and half-sent connections beyond the descriptors the
daemon may open, pipelined requests of who is gone, wrong tokens. The nodes come up
within that time, fetch, and report on their boot actions; each comes again when it is told
to. Then the daemon is killed, started again, and asked for all that it acknowledged.

Not part of it: a flood of wrong Keystone tokens (tests/auth/test_flood.py has it against a
real Keystone; here tokens are local ones), damage of files (tests/store), and TLS
(tests/handlers/test_connections.py).
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import resource
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

from bench.attacks import connections, designs, reports, tokens
from bench.attacks.answers import Answers
from bench.confine import Confined, confined, resident_mib
from bench.daemon import Daemon, running
from bench.load import Connection, request
from bench.storm import Storm, deploy, handed_over, site
from drydockd.auth.jwt import mint
from drydockd.auth.jwtkeys import SECRET_FILE, secret_key

MIB = 1 << 20
LIMIT_MIB = 600
HEALTH_MS = 250
DESCRIPTORS = 1024
OPERATOR, PROBE = "127.0.0.9", "127.0.0.10"
# What docs/limits.md says for a host of 600 MiB.
SMALL_HOST: dict[str, dict[str, Any]] = {
    "network": {"fetch_bytes": 32 * MIB},
    "limits": {"design_memory": 128 * MIB},
}
GONE = (OSError, httpx.HTTPError, asyncio.IncompleteReadError, TimeoutError)


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


class Attack:
    """All attackers; each goes round until `until`, and has its answers."""

    def __init__(self, daemon: Daemon, folder: Path, until: float, only: tuple[str, ...]) -> None:
        self.daemon, self.folder, self.until, self.only = daemon, folder, until, only
        self.place = ("127.0.0.1", daemon.port)
        self.answers: dict[str, Answers] = {}
        self.tasks: set[str] = set()

    def client(self, n: int, seconds: float = 60) -> httpx.AsyncClient:
        """A client from the n-th attacker's address, who is a user of its own."""
        self.daemon.address = OPERATOR
        key = secret_key(self.daemon.state_dir / SECRET_FILE, create=False)
        token = mint(key, user=f"attacker-{n}", roles=("admin",), ttl_seconds=3600)
        return httpx.AsyncClient(
            base_url=self.daemon.url + "/api/v1.0",
            headers={"X-Auth-Token": token},
            timeout=seconds,
            transport=httpx.AsyncHTTPTransport(local_address=f"127.2.0.{n}"),
        )

    async def rounds(
        self, name: str, work: Callable[[Answers], Awaitable[object]], *, at_once: int = 1
    ) -> None:
        """Do `work` again and again, `at_once` of it, until the time is over."""
        if self.only and not name.startswith(self.only):
            return
        answers = self.answers.setdefault(name, Answers())

        async def one() -> None:
            while (left := self.until - time.monotonic()) > 0:
                try:
                    async with asyncio.timeout(left + 5):
                        await work(answers)
                except GONE:
                    answers.cut += 1
                    await asyncio.sleep(0.1)

        await asyncio.gather(*(one() for _ in range(at_once)))

    async def design(self, name: str, n: int, make: Callable[[], str]) -> None:
        """One design after the other, as task and as validation."""
        async with self.client(n) as client:

            async def as_task(answers: Answers) -> None:
                if task_id := await designs.as_task(client, make(), answers):
                    self.tasks.add(task_id)
                await asyncio.sleep(0.2)

            await asyncio.gather(
                self.rounds(f"{name}, tasks", as_task, at_once=2),
                self.rounds(
                    f"{name}, validations",
                    lambda answers: designs.as_validation(client, make(), answers),
                    at_once=4,
                ),
            )

    async def designs(self) -> None:
        turns = iter(designs.TEMPLATES * 100_000)
        node = site(1, 0)
        await asyncio.gather(
            self.design("alias bombs", 1, lambda: self.write(designs.bomb())),
            self.design("expressions", 2, lambda: self.write(node + designs.expressions())),
            self.design("templates", 3, lambda: self.write(node + designs.template(next(turns)))),
            self.design("large", 4, lambda: self.write(node, pad_bytes=8 * MIB)),
            self.huge(),
        )

    def write(self, text: str, *, pad_bytes: int = 0) -> str:
        return designs.written(self.folder, text, pad_bytes=pad_bytes)

    async def huge(self) -> None:
        """Twelve references of 60 MiB at once."""
        turn = iter(range(10**9))
        async with self.client(5) as client:
            await self.rounds(
                "60 MiB references",
                lambda answers: designs.as_validation(
                    client, designs.huge(self.folder, next(turn) % 12), answers
                ),
                at_once=12,
            )

    async def held(
        self, name: str, n: int, count: int, data: Callable[[], bytes], seconds: float = 10
    ) -> None:
        """`count` connections that have sent something and stay, anew every few seconds."""

        async def work(answers: Answers) -> None:
            source = f"127.2.0.{n}"
            async with connections.crowd(self.place, count, data(), source=source) as crowd:
                await asyncio.sleep(min(seconds, max(0, self.until - time.monotonic())))
                for one in crowd:
                    answers.heard(one)

        await self.rounds(name, work)

    async def streams(self, task_id: str) -> None:
        path = f"/api/v1.0/tasks/{task_id}"
        with_token = {"X-Auth-Token": self.client(11).headers["x-auth-token"]}
        poll, events = (
            connections.get(f"{path}{end}", with_token) for end in ("?wait=60", "/events")
        )
        await asyncio.gather(
            self.held("long polls", 11, 600, lambda: poll),
            self.held("event streams", 12, 200, lambda: events),
        )

    async def connections(self) -> None:
        with_token = {"X-Auth-Token": self.client(11).headers["x-auth-token"]}
        lists = connections.get("/api/v1.0/tasks", with_token)
        await asyncio.gather(
            self.held("idle connections", 13, 600, lambda: b""),
            self.held("half-sent requests", 14, 600, lambda: lists[:-2]),
            self.held("answers never read", 15, 50, lambda: lists * 20),
            self.rounds(
                "pipelined and gone",
                lambda _: connections.pipelined_and_gone(
                    self.place, lists * 500, source="127.2.0.16"
                ),
                at_once=2,
            ),
        )

    async def tokens(self) -> None:
        numbers = iter(range(10**9))
        async with self.client(21) as client:
            await self.rounds(
                "wrong tokens (local)",
                lambda answers: tokens.wrong(client, next(numbers), answers),
                at_once=16,
            )

    async def reports(self, actions: list[tuple[str, str]]) -> None:
        """The keys of one node's own actions, as fast as they are answered."""
        turn = iter(range(10**9))
        async with self.client(22) as client:

            async def work(answers: Answers) -> None:
                action_id, key = actions[next(turn) % len(actions)]
                url = f"/bootactions/{action_id}/"
                answers.statuses += await reports.flood(client, url, key, count=40)

            await self.rounds("reports of one node", work)


class Watch:
    """Memory of the daemon and its children while it runs; health from a process of its own."""

    def __init__(self, daemon: Daemon, seconds: float) -> None:
        self.daemon = daemon
        self.together_mib = self.alone_mib = 0.0
        self.load = os.getloadavg()
        command = [sys.executable, "-m", "bench.abuse", "--probe", str(daemon.port)]
        self.probe = subprocess.Popen(
            [*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True
        )

    async def memory(self) -> None:
        while self.daemon.process.poll() is None:
            with suppress(OSError):
                self.alone_mib = max(self.alone_mib, self.daemon.peak_mib)
            now = await asyncio.to_thread(resident_mib, self.daemon.process.pid)
            self.together_mib = max(self.together_mib, now)
            await asyncio.sleep(0.25)

    async def health(self) -> dict[str, list[float]]:
        said, _ = await asyncio.to_thread(self.probe.communicate)
        found: dict[str, list[float]] = json.loads(said)
        return found


def probe(port: int, seconds: float) -> None:
    """Ask for the health ten times a second; print milliseconds by status."""
    end, found = time.monotonic() + seconds, dict[str, list[float]]()
    while time.monotonic() < end:
        start = time.perf_counter()
        client = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=10, source_address=(PROBE, 0)
        )
        try:
            client.request("GET", "/api/v1.0/health")
            status = str(client.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        finally:
            client.close()
        found.setdefault(status, []).append((time.perf_counter() - start) * 1000)
        time.sleep(0.1)
    print(json.dumps(found))


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
    until = time.monotonic() + args.seconds
    attack = Attack(daemon, Path(args.folder), until, tuple(args.only))
    nodes = Nodes(daemon, args)
    memory = asyncio.create_task(watch.memory())
    attacks = [
        asyncio.create_task(one)
        for one in (attack.designs(), attack.connections(), attack.tokens())
    ]
    task_id = await deploy(daemon, design, args.nodes + 1)
    keys = handed_over(Path(args.folder))
    bad = f"n{args.nodes:04d}"
    actions = await bad_node(nodes, bad, keys.pop(bad))
    attacks.append(asyncio.create_task(attack.streams(task_id)))
    attacks.append(asyncio.create_task(attack.reports(actions)))
    ends = await asyncio.gather(*(nodes.node(*one) for one in keys.items()), return_exceptions=True)
    await asyncio.gather(*attacks)
    await finish(nodes, actions)
    async with daemon.client() as client:
        task: dict[str, Any] = {"status": ""}
        while task["status"] != "complete":
            answer = await client.get(f"/tasks/{task_id}", params={"wait": 30})
            task = answer.raise_for_status().json()
    health = await watch.health()
    memory.cancel()
    return {
        "attack": attack,
        "nodes": nodes,
        "watch": watch,
        "health": health,
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
    print(f"nodes that ended well: {seen['well']} of {args.nodes}; came again: {nodes.again}")
    print(f"  failed: {seen['failures'][:3]}" if seen["failures"] else "  none failed")
    print(f"health: {len(good)} answers 204, p99 {p99:.0f} ms, worst {max(good, default=0):.0f} ms")
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
        sections = {
            **SMALL_HOST,
            "plugins": {"node_driver": tap, "options": options},
            "fake_driver": {"config": room},
        }
        files = ("prlimit", f"--nofile={DESCRIPTORS}")
        async with running(folder, prefix=(*limit.prefix, *files), **sections) as daemon:
            daemon.address = OPERATOR
            watch = Watch(daemon, args.seconds)
            try:
                seen = await attacked(daemon, f"file://{design}", args, watch)
            except GONE as error:
                code = daemon.process.poll()
                print(f"daemon: {error!r}, exit {code}; ended by the limit: {limit.killed}")
                print(f"  memory {watch.alone_mib:.0f} MiB, together {watch.together_mib:.0f} MiB")
                print("broken: the daemon did not outlive it")
                return 1
            seen["limit"] = limit
            daemon.process.kill()
            await asyncio.to_thread(daemon.process.wait)
        async with running(folder, prefix=limit.prefix, **sections) as daemon:
            daemon.address = OPERATOR
            lost = await read_back(daemon, seen)
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
    parser.add_argument("--probe", type=int, metavar="PORT", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.probe:
        probe(given.probe, given.seconds)
    else:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        sys.exit(asyncio.run(main(given)))
