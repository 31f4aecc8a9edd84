"""What preparing and deploying many nodes asks of MAAS: requests per node and step, and time.

The simulated MAAS of the tests is a process of its own. The driver is called for all nodes at
once, step by step, in the order in which the tasks call it. The bare run then sends as many
requests with as many connections, each signed, each a GET of what the driver's was about, and
reads what comes; what counts is the ratio of wall clock and of processor seconds of this process.

At most `MOST_A_NODE` are for an ordinary node, as the sites at hand have them: two NICs in a bond
and one beside, four VLANs, five file systems with / and /boot, kernel parameters and a tag. Each
VLAN more takes 2, each file system 3; docs/maas.md has the sum. Machines here are busy for two
looks; in a real site it is one request in `poll_interval` for 50 of them. A site of few nodes is
beyond it, by what is written for the site itself.

Run as ``python -m bench.maas [--nodes 100] [--site seaworthy]``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextvars
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.clones import scaled_site
from drydockd.design.inventory import hardware_of
from drydockd.design.plans import network_plan, platform_plan, storage_plan
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.oauth import authorization, parse_key
from drydockd.drivers.node.maas.options import MaasOptions
from drydockd.drivers.node.maas.provisioner import MaasProvisioner
from drydockd.plans import BootDelivery, DeploySpec
from drydockd.site import Node, Site
from tests.drivers.node.maas.apparatus import a_site
from tests.drivers.node.maas.making import Voice
from tests.drivers.node.maas.test_whole_sites import enlisted, wired
from tests.peers.maas import Simulator
from tests.peers.maas.site import furnished

MOST_A_NODE = 40
POLL_SECONDS = 0.05
STEP: contextvars.ContextVar[str] = contextvars.ContextVar("step", default="site")


class Counting(httpx.AsyncBaseTransport):
    """Counts requests by step and keeps their paths."""

    def __init__(self) -> None:
        self.inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=8))
        self.steps: Counter[str] = Counter()
        self.urls: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.steps[STEP.get()] += 1
        url = str(request.url)
        about_one = request.method != "GET" and "/machines/" in url and not url.endswith("allocate")
        if request.method == "GET":
            self.urls.append(url)
        else:
            self.urls.append(url.split("?")[0] if about_one else "")
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(frozen=True)
class Spent:
    wall: float
    cpu: float


async def timed(work: Awaitable[object]) -> Spent:
    before, began = _cpu(), time.perf_counter()
    await work
    return Spent(time.perf_counter() - began, _cpu() - before)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Run:
    def __init__(self, site: Site, url: str, key: str) -> None:
        self.counting = Counting()
        options = MaasOptions(maas_api_url=url, maas_api_key=key, poll_interval=POLL_SECONDS)
        self.driver = MaasProvisioner(options, client=MaasClient(options, transport=self.counting))
        self.site, self.url, self.key = site, url, key

    async def all(self) -> None:
        driver, site = self.driver, self.site
        bad = [
            n for n in await driver.apply_site_network(site.network_links, site.networks) if n.error
        ]
        if bad:
            raise SystemExit(f"prepare_site: {bad[0].text}")
        for name, step in self.steps().items():
            STEP.set(name)
            async with asyncio.TaskGroup() as group:
                for node in site.nodes.values():
                    group.create_task(step(node))

    def steps(self) -> dict[str, Callable[[Node], Awaitable[object]]]:
        return {
            "known, named": self._identify,
            "configure_hardware": self._commission,
            "apply_node_networking": self._network,
            "apply_node_storage": self._storage,
            "apply_node_platform": self._platform,
            "deploy_node": self._deploy,
        }

    async def _identify(self, node: Node) -> None:
        await self.driver.adopt(await self.driver.find(node), node)

    async def _commission(self, node: Node) -> None:
        handle = await self.driver.commission(await self.driver.find(node), Voice())
        await self.driver.inventory(handle)
        for phase in ("commission", "testing"):
            await self.driver.logs(handle, phase)

    async def _network(self, node: Node) -> None:
        handle = await self.driver.find(node)
        hardware = hardware_of(self.site, node, await self.driver.inventory(handle))
        await self.driver.apply_network(handle, network_plan(self.site, node, hardware))

    async def _storage(self, node: Node) -> None:
        handle = await self.driver.find(node)
        hardware = hardware_of(self.site, node, await self.driver.inventory(handle))
        reserve = self.driver.boot_reserve
        plan = storage_plan(self.site, node, hardware, boot_reserve=reserve)
        await self.driver.apply_storage(handle, plan)

    async def _platform(self, node: Node) -> None:
        await self.driver.apply_platform(
            await self.driver.find(node), platform_plan(self.site, node)
        )

    async def _deploy(self, node: Node) -> None:
        spec = DeploySpec(
            f"bench-{node.name}",
            node.image,
            node.kernel,
            self.site.domain_of(node),
            packages={"chrony": None},
            boot=BootDelivery("ab" * 32, self.url, node.name),
            owner_data=node.owner_data,
        )
        handle = await self.driver.deploy(await self.driver.find(node), spec, Voice())
        await self.driver.logs(handle, "deploy")

    async def bare(self) -> None:
        """As many requests, as many at once, without a driver."""
        key, one = parse_key(self.key), next(u for u in self.counting.urls if "/machines/sid" in u)
        fallback = one.split("?")[0]
        turns = asyncio.Semaphore(8)
        limits = httpx.Limits(max_connections=8)
        async with (
            httpx.AsyncClient(limits=limits, trust_env=False) as http,
            asyncio.TaskGroup() as group,
        ):

            async def ask(url: str) -> None:
                async with turns:
                    signed = {"Authorization": authorization(key)}
                    answer = await http.get(url or fallback, headers=signed)
                    if answer.headers["Content-Type"].startswith("application/json"):
                        answer.json()

            for url in self.counting.urls:
                group.create_task(ask(url))


async def measure(nodes: int, design: Path) -> int:
    site = a_site(design)
    command = [sys.executable, "-m", "bench.maas", "--region", str(design)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        url, key = child.stdout.readline().split()
        run = Run(site, url, key)
        ours = await timed(run.all())
        bare = await timed(run.bare())
        await run.driver.close()
        child.stdin.close()
    return report(nodes, run, ours, bare)


def report(nodes: int, run: Run, ours: Spent, bare: Spent) -> int:
    steps = run.counting.steps
    print(f"{nodes} nodes; load {os.getloadavg()[0]:.1f}")
    print(f"{'step':<24}{'requests':>10}{'a node':>10}")
    for name, count in steps.items():
        print(f"{name:<24}{count:>10}{count / nodes:>10.1f}")
    total = sum(steps.values())
    print(f"{'all':<24}{total:>10}{total / nodes:>10.1f}   (at most {MOST_A_NODE})")
    print(f"driver: {ours.wall:.1f} s, {ours.cpu:.1f} s of processor")
    print(f"bare:   {bare.wall:.1f} s, {bare.cpu:.1f} s of processor")
    print(f"ratio:  {ours.wall / bare.wall:.2f} of time, {ours.cpu / bare.cpu:.2f} of processor")
    return int(total / nodes > MOST_A_NODE)


async def serve(design: Path) -> None:
    """Be the region, until standard input ends."""
    region = furnished(Simulator())
    # Numbers of machines begin anew nowhere: each run is a process.
    region.ids = itertools.count(5001)
    site = a_site(design)
    enlisted(region, site)
    wired(region, site)
    await region.start()
    print(region.url, region.api_key, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await region.stop()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--site", default="seaworthy", help="whose nodes are cloned")
    parser.add_argument("--region", type=Path)
    given = parser.parse_args()
    if given.region:
        asyncio.run(serve(given.region))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        design = Path(folder) / "site.yaml"
        design.write_bytes(scaled_site(given.nodes, given.site))
        return asyncio.run(measure(given.nodes, design))


if __name__ == "__main__":
    sys.exit(main())
