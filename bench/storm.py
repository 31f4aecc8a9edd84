"""A storm of first boots: every node fetches both tarballs and reports on all its actions.

1,000 nodes deploy at once in the virtual machine room, whose machines stay silent; then
each of them, over one keep-alive connection of its own, fetches units and files, finds
ids and keys in what it unpacked, and sends three posts for each of ten boot actions: two
details and a final status. Nodes come up spread over a window and pause between posts, as
scripts that do work between them. Every answer is counted; afterwards the store must hold
each post exactly once. The daemon runs on one processor, the nodes on another. With ``--daemons``
several share a database behind a balancer, and the one that runs the tasks is killed in the middle:
a node asks again until it is answered, so a post whose answer was lost may be there twice.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import random
import re
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from bench.daemon import Daemon, running
from bench.load import Connection, Reply, request
from bench.roomprocess import room_process
from bench.several import Several, several
from drydockd.drivers.base import Handle, Voice
from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.plans import DeploySpec

ENV = re.compile(
    rb"BOOTACTION_ID=([0-9A-Z]{26})\nBOOTACTION_KEY=([0-9a-f]{64})\nBOOTACTION_URL=(\S+)\n"
)
# Behind these the post may have been recorded all the same.
AGAIN = (502, 503, 504)
TAP = "bench.storm:KeyTap"
SILENT_ROOM: dict[str, Any] = {
    "latencies": {"deploy": 0.1, "commission": 0.1, "discovery": 0.1},
    "faults": [{"fault": "never_boots"}],
}
HEAD = """---
schema: drydock/Region/v1
metadata: {schema: metadata/Document/v1, name: storm}
data: {}
---
schema: drydock/NetworkLink/v1
metadata: {schema: metadata/Document/v1, name: lan}
data:
  trunking: {mode: disabled, default_network: lan}
  allowed_networks: [lan]
---
schema: drydock/Network/v1
metadata: {schema: metadata/Document/v1, name: lan}
data: {cidr: 10.64.0.0/16}
---
schema: drydock/HardwareProfile/v1
metadata: {schema: metadata/Document/v1, name: plain}
data:
  device_aliases:
    nic1: {address: '0000:01:00.0', bus_type: pci}
    disk1: {address: '0:2.0.0', bus_type: scsi}
---
schema: drydock/HostProfile/v1
metadata: {schema: metadata/Document/v1, name: plain}
data:
  hardware_profile: plain
  primary_network: lan
  oob: {type: ipmi, network: lan, account: storm, credential: storm-only}
  platform: {image: jammy, kernel: ga-22.04}
  interfaces:
    lan0: {device_link: lan, slaves: [nic1], networks: [lan]}
  storage:
    physical_devices:
      disk1: {partitions: [{name: root, size: 40g, filesystem: {mountpoint: /}}]}
"""
NODE = """---
schema: drydock/BaremetalNode/v1
metadata: {{schema: metadata/Document/v1, name: n{n:04d}}}
data:
  host_profile: plain
  metadata: {{boot_mac: '52:54:00:00:{hi:02x}:{lo:02x}'}}
  addressing: [{{network: lan, address: 10.64.{a}.{b}}}]
"""
ACTION = """---
schema: drydock/BootAction/v1
metadata: {{schema: metadata/Document/v1, name: action-{n:02d}}}
data:
  signaling: true
  assets:
    - type: file
      path: /etc/drydock/action-{n:02d}.env
      permissions: '0600'
      data: |
        BOOTACTION_ID={{{{ action.action_id }}}}
        BOOTACTION_KEY={{{{ action.action_key }}}}
        BOOTACTION_URL={{{{ action.report_url }}}}
      data_pipeline: [utf8_decode, template]
    - type: unit
      path: /etc/systemd/system/action-{n:02d}.service
      permissions: '0644'
      data: |
        [Unit]
        Description=Action {n} of {{{{ node.hostname }}}}
        [Service]
        Type=oneshot
        EnvironmentFile=/etc/drydock/action-{n:02d}.env
        ExecStart=/opt/action-{n:02d}
      data_pipeline: [utf8_decode, template]
"""


def site(nodes: int, actions: int) -> str:
    parts = [HEAD]
    for n in range(nodes):
        a, b = 2 + n // 250, n % 250 + 1
        parts.append(NODE.format(n=n, hi=n // 256, lo=n % 256, a=a, b=b))
    parts += [ACTION.format(n=n) for n in range(actions)]
    return "".join(parts)


class KeyTap(FakeNodeProvisioner):
    """The room's provisioner, which also writes down the node keys it is given."""

    def __init__(self, *, keys: str, **options: Any) -> None:
        super().__init__(FakeOptions(**options))
        self._keys = Path(keys)

    async def deploy(self, handle: Handle, spec: DeploySpec, voice: Voice) -> Handle:
        if spec.boot is not None:
            with self._keys.open("a", encoding="utf-8") as file:
                file.write(f"{spec.boot.hostname} {spec.boot.key}\n")
        return await super().deploy(handle, spec, voice)


class Storm:
    """`is_patient`: nodes ask again where nobody answered."""

    def __init__(
        self, daemon: Daemon, args: argparse.Namespace, *, is_patient: bool = False
    ) -> None:
        self.daemon, self.args, self.is_patient = daemon, args, is_patient
        self.latencies: dict[str, list[float]] = {"GET": [], "POST": []}
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.acknowledged: Counter[str] = Counter()
        # What was sent again because nobody knows what became of it before.
        self.uncertain: set[str] = set()

    def connection(self, host: str) -> Connection:
        return Connection("127.0.0.1", self.daemon.port)

    async def send(
        self, connection: Connection, verb: str, message: bytes, text: str = ""
    ) -> bytes:
        """Send until there is an answer that is one; what it took with all repeats is counted."""
        start = time.perf_counter()
        while (reply := await self._once(connection, verb, message)) is None:
            self.uncertain.add(text)
            await connection.close()
            await asyncio.sleep(random.uniform(0.1, 0.5))
        self.latencies[verb].append(time.perf_counter() - start)
        return reply.body

    async def _once(self, connection: Connection, verb: str, message: bytes) -> Reply | None:
        """None where the answer, or that there is none, leaves open what became of it."""
        try:
            reply = await connection.send(message)
        except (OSError, EOFError):
            if not self.is_patient:
                raise
            self.statuses[verb, 0] += 1
            return None
        self.statuses[verb, reply.status] += 1
        return None if reply.status in AGAIN and self.is_patient else reply

    async def node(self, host: str, key: str) -> None:
        await asyncio.sleep(random.uniform(0, self.args.window))
        connection = self.connection(host)
        actions = {}
        for kind in ("units", "files"):
            path = f"/api/v1.0/bootactions/nodes/{host}/{kind}"
            body = await self.send(
                connection, "GET", request("GET", path, headers={"X-Bootaction-Key": key})
            )
            with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
                for member in archive:
                    content = archive.extractfile(member)
                    for found in ENV.findall(content.read() if content else b""):
                        actions[found[0].decode()] = found[1].decode()
        for action_id, action_key in actions.items():
            await self.action(connection, host, action_id, action_key)
        await connection.close()

    async def action(self, connection: Connection, host: str, action_id: str, key: str) -> None:
        for n in range(3):
            await asyncio.sleep(random.uniform(0, self.args.pause))
            report: dict[str, Any] = {
                "details": [{"message": f"{action_id} {n}", "error": False, "step": n}]
            }
            if n == 2:
                report["status"] = "success"
            message = request(
                "POST",
                f"/api/v1.0/bootactions/{action_id}/",
                headers={"X-Bootaction-Key": key},
                body=json.dumps(report).encode(),
            )
            await self.send(connection, "POST", message, f"{action_id} {n}")
            self.acknowledged[f"{action_id} {n}"] += 1


async def deploy(daemon: Daemon, design: str, nodes: int) -> str:
    await prepare(daemon, design)
    start = time.perf_counter()
    async with daemon.client() as client:
        task_id = await deploying(client, design)
        await all_deployed(client, task_id, nodes)
    print(f"deploy_nodes: all machines deployed after {time.perf_counter() - start:.1f} s")
    return task_id


async def prepare(daemon: Daemon, design: str) -> None:
    start = time.perf_counter()
    task = await daemon.finished({"action": "prepare_nodes", "design_ref": design})
    result = task["result"]
    if result["status"] != "success":
        raise RuntimeError(f"prepare_nodes: {result['details']['messageList'][:5]}")
    seconds = time.perf_counter() - start
    print(f"prepare_nodes: success, {len(result['successes'])} nodes, {seconds:.1f} s")


async def deploying(client: httpx.AsyncClient, design: str) -> str:
    """Create the task and return its id at once."""
    body = {"action": "deploy_nodes", "design_ref": design}
    task_id: str = (await client.post("/tasks", json=body)).raise_for_status().json()["task_id"]
    return task_id


async def all_deployed(client: Any, task_id: str, nodes: int) -> None:
    """Wait until every machine runs its new system; the task then waits for their reports."""
    while True:
        rows = (await client.get("/nodes")).raise_for_status().json()
        if Counter(row["status_name"] for row in rows)["Deployed"] >= nodes:
            return
        answer = await client.get(f"/tasks/{task_id}", params={"wait": 1})
        if answer.raise_for_status().json()["status"] == "complete":
            raise RuntimeError(f"deploy_nodes ended early: {answer.text[:1000]}")


def handed_over(folder: Path) -> dict[str, str]:
    """The node keys, as the provisioner got them."""
    lines = (folder / "keys").read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines)


async def check(daemon: Daemon, task_id: str, storm: Storm) -> None:
    async with daemon.client() as client:
        answer = await client.get(f"/tasks/{task_id}", params={"layers": -1})
        layers = answer.raise_for_status().json()
    stored = Counter(
        message["message"]
        for task in layers.values()
        if isinstance(task, dict)
        for message in task["result"]["details"]["messageList"]
        if message["context_type"] == "bootaction"
    )
    lost = storm.acknowledged.keys() - stored.keys()
    twice = [t for t, count in stored.items() if count != 1 and t not in storm.uncertain]
    print(f"posts acknowledged: {sum(storm.acknowledged.values())}, stored: {stored.total()}")
    again = sum(count != 1 for text, count in stored.items() if text in storm.uncertain)
    print(
        f"lost: {len(lost)}, stored more than once: {len(twice)}; of {len(storm.uncertain)} sent"
        f" again, as no answer came, {again} are there twice"
    )
    result = layers[task_id]["result"]
    print(f"deploy_nodes: {result['status']}, {len(result['successes'])} nodes succeeded")
    if lost or twice:
        raise SystemExit(1)


async def main(args: argparse.Namespace) -> None:
    if args.daemons > 1:
        await storm_of_several(args)
        return
    with tempfile.TemporaryDirectory(prefix="storm-") as name:
        folder = Path(name)
        design = folder / "site.yaml"
        design.write_text(site(args.nodes, args.actions), encoding="utf-8")
        plugins = {
            "node_driver": TAP,
            "options": {TAP: {"keys": str(folder / "keys"), "config": SILENT_ROOM}},
        }
        fake = {"config": SILENT_ROOM}
        async with running(folder, cpu=0, plugins=plugins, fake_driver=fake) as daemon:
            task_id = await deploy(daemon, f"file://{design}", args.nodes)
            storm = Storm(daemon, args)
            node_keys = handed_over(folder)
            start = time.perf_counter()
            await asyncio.gather(*(storm.node(host, key) for host, key in node_keys.items()))
            seconds = time.perf_counter() - start
            async with daemon.client() as client:
                task = {"status": ""}
                while task["status"] != "complete":
                    answer = await client.get(f"/tasks/{task_id}", params={"wait": 30})
                    task = answer.raise_for_status().json()
            report(storm, seconds)
            await check(daemon, task_id, storm)
            print(f"peak memory of the daemon: {daemon.peak_mib:.0f} MiB")


async def storm_of_several(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="storm-") as name:
        folder = Path(name)
        design = folder / "site.yaml"
        design.write_text(site(args.nodes, args.actions), encoding="utf-8")
        # The machines stand in a process of their own: they live on when a daemon is killed.
        async with room_process(folder, SILENT_ROOM | {"machines": args.nodes}) as machines:
            sections = {
                "plugins": {
                    "node_driver": TAP,
                    "options": {TAP: {"keys": str(folder / "keys"), "url": machines.url}},
                },
                "fake_driver": {"url": machines.url},
            }
            lease = {"lease_seconds": args.lease}
            async with several(folder, args.daemons, **lease, **sections) as company:
                await blown(company, args, folder, f"file://{design}")


async def blown(company: Several, args: argparse.Namespace, folder: Path, design: str) -> None:
    task_id = await deploy(company.door, design, args.nodes)
    storm = Storm(company.door, args, is_patient=True)
    keys = handed_over(folder)
    start = time.perf_counter()
    killed = asyncio.ensure_future(kill_in_the_middle(company, args.window / 2))
    await asyncio.gather(*(storm.node(host, key) for host, key in keys.items()))
    seconds = time.perf_counter() - start
    print(await killed)
    task = {"status": ""}
    async with company.door.client() as client:
        while task["status"] != "complete":
            answer = await client.get(f"/tasks/{task_id}", params={"wait": 30})
            task = answer.raise_for_status().json()
    report(storm, seconds)
    await check(company.door, task_id, storm)
    for name, mib in company.peaks_mib().items():
        print(f"peak memory of {name}: {mib:.0f} MiB")


async def kill_in_the_middle(company: Several, seconds: float) -> str:
    await asyncio.sleep(seconds)
    name = await company.the_runner()
    before = await company.runner()
    await company.kill(name)
    begun = time.monotonic()
    # By its epoch: who was killed is started again, and may be the one.
    while (now := await company.runner()) is None or now == before:
        await asyncio.sleep(0.05)
    return f"{name}, which ran the tasks, killed; taken over after {time.monotonic() - begun:.1f} s"


def report(storm: Storm, seconds: float) -> None:
    for verb, latencies in storm.latencies.items():
        ordered = sorted(latencies)
        p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
        print(
            f"{verb}: {len(ordered)} in {seconds:.1f} s ({len(ordered) / seconds:.0f}/s), "
            f"median {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, "
            f"worst {ordered[-1] * 1000:.0f} ms"
        )
    print("answers: " + ", ".join(f"{v} {s}: {n}" for (v, s), n in sorted(storm.statuses.items())))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--actions", type=int, default=10)
    parser.add_argument("--window", type=float, default=20.0, help="seconds in which nodes come up")
    parser.add_argument("--daemons", type=int, default=1, help="several on one PostgreSQL")
    parser.add_argument("--lease", type=int, default=6, help="of several: cluster.lease_seconds")
    parser.add_argument("--pause", type=float, default=2.0, help="longest pause before a post")
    asyncio.run(main(parser.parse_args()))
