"""Requests per second and p99 of the API, beside a bare Tornado handler that moves the same bytes.

Both servers are processes of their own on one processor, the load comes from the other, and
each route and its bare counterpart are measured in turn, in one run, several times over;
the ratio of the medians is what counts. Beside it stands the same ratio of processor time per
request, all threads counted, which others on the machine disturb less. What POST tasks begins is
part of it: the validation of each task is over before the time is read and the other one's turn
comes.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.daemon import Daemon, cpu_seconds, free_port, running
from bench.load import Connection, Figures, pour, request
from bench.storm import ENV, KeyTap, handed_over, site
from drydockd.cli.lab import example_site

__all__ = ["KeyTap"]

SERVER_CPU = 0
TASKS = 1000
REPORTED_HOST = "n0000"


@dataclass
class Case:
    """One route: what is sent, how often, and the bytes that its bare counterpart answers."""

    name: str
    requests: Sequence[bytes]
    count: int
    answer: bytes = b""
    statuses: tuple[int, ...] = (200,)


# Of any limit of reports.
MOST = 1 << 20


class BareServer:
    def __init__(self, folder: Path, content: bytes) -> None:
        self.port = free_port()
        file = folder / f"bare-{self.port}"
        file.write_bytes(content)
        self.process = subprocess.Popen(
            [
                *("taskset", "-c", str(SERVER_CPU)),
                *(sys.executable, "-m", "bench.bare", str(self.port), str(file)),
            ]
        )

    async def ready(self) -> None:
        async with asyncio.timeout(20):
            while True:
                try:
                    connection = Connection("127.0.0.1", self.port)
                    await connection.send(request("GET", "/"))
                    return
                except OSError:
                    await asyncio.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


async def compare(daemon: Daemon, case: Case, folder: Path, rounds: int) -> None:
    bare = BareServer(folder, case.answer)
    ours: list[Figures] = []
    theirs: list[Figures] = []
    used: list[tuple[float, float]] = []
    try:
        await bare.ready()
        # The first round warms both up and is not counted.
        for number in range(rounds + 1):
            begun = daemon.cpu_seconds
            one = await pour(daemon.port, case.requests, count=case.count)
            if case.name == "POST tasks":
                # Those that deploy wait for nodes that stay silent.
                await daemon.settled("validate_design")
            ended, bare_begun = daemon.cpu_seconds, cpu_seconds(bare.process.pid)
            other = await pour(bare.port, case.requests, count=case.count)
            bare_ended = cpu_seconds(bare.process.pid)
            bad = {s: n for s, n in one.statuses.items() if s not in case.statuses}
            if bad:
                raise SystemExit(f"{case.name}: unexpected answers {bad}")
            if number:
                ours.append(one)
                theirs.append(other)
                used.append((ended - begun, bare_ended - bare_begun))
    finally:
        bare.stop()
    rate = statistics.median(f.rate for f in ours)
    limit = statistics.median(f.rate for f in theirs)
    p99 = statistics.median(f.percentile(0.99) for f in ours) * 1000
    bare_p99 = statistics.median(f.percentile(0.99) for f in theirs) * 1000
    cpu, bare_cpu = (statistics.median(each) / case.count * 1e6 for each in zip(*used, strict=True))
    print(
        f"{case.name:<24} {rate:>7.0f}/s  p99 {p99:>6.1f} ms   bare {limit:>7.0f}/s  "
        f"p99 {bare_p99:>6.1f} ms   share {rate / limit:>5.2f}   {len(case.answer)} bytes   "
        f"CPU {cpu:.0f} us, bare {bare_cpu:.0f} us, share {bare_cpu / cpu:.2f}",
        flush=True,
    )


async def answer(daemon: Daemon, message: bytes) -> bytes:
    connection = Connection("127.0.0.1", daemon.port)
    reply = await connection.send(message)
    await connection.close()
    if reply.status >= 300:
        raise SystemExit(f"{message[:80]!r}: {reply.status} {reply.body[:300]!r}")
    return reply.body


async def fill(daemon: Daemon, design_ref: str) -> None:
    """Leave `TASKS` finished tasks in the store, as a site that was validated often has."""
    body = json.dumps({"action": "validate_design", "design_ref": design_ref}).encode()
    create = request("POST", "/api/v1.0/tasks", headers=daemon.headers, body=body)
    await pour(daemon.port, [create], count=TASKS, connections=16)
    async with daemon.client() as client:
        tasks: list[dict[str, Any]] = (
            await client.get("/tasks", params={"action": "validate_design"})
        ).json()
        for task in tasks:
            while task["status"] not in ("complete", "terminated"):
                query = {"wait": 30}
                task = (await client.get(f"/tasks/{task['task_id']}", params=query)).json()


async def deployed(daemon: Daemon, folder: Path, design: str, host: str) -> str:
    """Deploy a design whose machines never boot; return the node's key once it is published."""
    for action in ("prepare_nodes", "deploy_nodes"):
        body = {"action": action, "design_ref": design}
        if action == "prepare_nodes":
            await daemon.finished(body)
            continue
        async with daemon.client() as client:
            task = (await client.post("/tasks", json=body)).raise_for_status().json()
            while True:
                rows = (await client.get("/nodes")).json()
                if any(r["hostname"] == host and r["status_name"] == "Deployed" for r in rows):
                    return handed_over(folder)[host]
                task = (await client.get(f"/tasks/{task['task_id']}", params={"wait": 1})).json()
                if task["status"] == "complete":
                    return handed_over(folder)[host]
    raise AssertionError("not reached")


async def cases(daemon: Daemon, folder: Path, args: argparse.Namespace) -> list[Case]:
    example = folder / "example.yaml"
    example.write_bytes(example_site().read_bytes())
    reports = folder / "reports.yaml"
    reports.write_text(site(1, 1), encoding="utf-8")
    seaworthy = folder / "boot.yaml"
    design = args.site.read_text(encoding="utf-8")
    source = b"#!/bin/sh\n" + random.Random(7).randbytes(args.source_bytes // 2).hex().encode()
    seaworthy.write_text(with_local_sources(design, folder, source, inline=args.inline))
    names = await daemon_nodes(daemon, f"file://{seaworthy}")
    boot_key = await deployed(daemon, folder, f"file://{seaworthy}", names[0])
    report_key = await deployed(daemon, folder, f"file://{reports}", REPORTED_HOST)
    await fill(daemon, f"file://{example}")
    n = args.count
    health = request("GET", "/api/v1.0/health")
    listing = request("GET", "/api/v1.0/tasks", headers=daemon.headers)
    body = json.dumps({"action": "validate_design", "design_ref": f"file://{example}"}).encode()
    create = request("POST", "/api/v1.0/tasks", headers=daemon.headers, body=body)
    key = {"X-Bootaction-Key": boot_key}
    units = request("GET", f"/api/v1.0/bootdata/{names[0]}/units", headers=key)
    # One of the files has a location, pinned when the node was deployed (but with --inline).
    fetch = request("GET", f"/api/v1.0/bootdata/{names[0]}/files", headers=key)
    action_id, action_key = await reporting(daemon, report_key)
    detail = json.dumps({"details": [{"message": "half way", "error": False}]}).encode()
    post = request(
        "POST",
        f"/api/v1.0/bootaction/{action_id}",
        headers={"X-Bootaction-Key": action_key},
        body=detail,
    )
    made = [
        Case("GET health", [health], n, statuses=(204,)),
        Case("GET bootdata units", [units], n),
        Case("GET bootdata files", [fetch], n),
        Case("POST bootaction", [post], n),
        # Before POST tasks, which makes the list longer than its bare counterpart.
        Case("GET tasks (1,000)", [listing], max(50, n // 50)),
        Case("POST tasks", [create], max(200, n // 4), statuses=(201,)),
    ]
    made = [case for case in made if not args.only or args.only in case.name]
    for case in made:
        case.answer = await answer(daemon, case.requests[0])
    return made


def with_local_sources(design: str, folder: Path, content: bytes, *, inline: bool) -> str:
    """The design with every remote asset source replaced by a file of `content`, or by data."""
    source = folder / "source"
    source.write_bytes(content)
    documents = list(yaml.load_all(design, Loader=yaml.CSafeLoader))
    for document in documents:
        for asset in (document or {}).get("data", {}).get("assets", ()):
            if asset.pop("location", None) is None:
                continue
            asset.pop("location_pipeline", None)
            if inline:
                asset["data"] = source.read_text(encoding="utf-8")
            else:
                asset["location"] = source.as_uri()
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper)


async def daemon_nodes(daemon: Daemon, design_ref: str) -> list[str]:
    async with daemon.client() as client:
        found = await client.post("/nodefilter", json={"design_ref": design_ref})
        names: list[str] = found.raise_for_status().json()
        return names


async def reporting(daemon: Daemon, key: str) -> tuple[str, str]:
    """Find id and key of an action in the node's own boot data, as the node would."""
    path = f"/api/v1.0/bootdata/{REPORTED_HOST}/files"
    body = await answer(daemon, request("GET", path, headers={"X-Bootaction-Key": key}))
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if found := ENV.search(content.read() if content else b""):
                return found[1].decode(), found[2].decode()
    raise SystemExit("the boot data names no action")


async def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="api-") as name:
        folder = Path(name)
        tap = "bench.storm:KeyTap"
        room = {"scale": 0.01, "faults": [{"fault": "never_boots"}]}
        plugins = {
            "node_driver": tap,
            "options": {tap: {"keys": str(folder / "keys"), "config": room}},
        }
        locations = {"allowed_roots": [str(folder)]}
        async with running(
            folder,
            cpu=SERVER_CPU,
            plugins=plugins,
            fake_driver={"config": room},
            network=locations,
            # One node reports more in a second than one is allowed in its life.
            bootactions=dict.fromkeys(("reports", "node_reports"), MOST)
            | dict.fromkeys(("report_bytes", "node_report_bytes"), 1024 * MOST),
        ) as daemon:
            for case in await cases(daemon, folder, args):
                await compare(daemon, case, folder, args.rounds)
            print(f"peak memory of the daemon: {daemon.peak_mib:.0f} MiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, required=True, help="site.yaml of seaworthy")
    parser.add_argument("--inline", action="store_true", help="no asset is fetched")
    parser.add_argument("--source-bytes", type=int, default=556, help="of each fetched asset")
    parser.add_argument("--only", help="only routes whose name has this in it")
    parser.add_argument("--count", type=int, default=4000, help="requests per round")
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(main(parser.parse_args()))
