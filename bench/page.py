"""What pages cost that are open while a large task runs.

Twice a fresh daemon deploys the same nodes in the virtual machine room, all at once: first nobody
looks, then 50 people have the task's page open, each with a login and a live stream of their own.
The difference in the daemon's processor time, as a share of the time the deployment took, is what
the pages cost. GET health is asked for all the while. The daemon runs on one processor, pages and
probe on the other.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import re
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.daemon import Daemon, running
from bench.load import Figures, request
from bench.probe import Watch
from bench.storm import deploying, prepare, site
from drydockd.auth.jwt import mint
from drydockd.auth.jwtkeys import SECRET_FILE, secret_key

XSRF = re.compile(r'name="_xsrf" value="([^"]+)"')
STREAM = re.compile(r'hx-sse:connect="([^"]+)"')
MIB = 1 << 20
# What is asked of a page; see docs.
MOST_SHARE, MOST_P99 = 0.15, 0.050


@dataclass
class Page:
    """One person's page: how much came, in how many events."""

    first_bytes: int = 0
    stream_bytes: int = 0
    events: int = 0
    ended: bool = False

    async def look(self, daemon: Daemon, user: str, task_id: str) -> None:
        """Log in, open the page, and follow it until the task has ended."""
        token = mint(
            secret_key(daemon.state_dir / SECRET_FILE), user=user, roles=["admin"], ttl_seconds=3600
        )
        # Without TLS no certificates need be loaded, which takes longer than all the rest.
        async with httpx.AsyncClient(base_url=daemon.url, timeout=60, verify=False) as client:
            form = (await client.get("/ui/login")).raise_for_status().text
            found = XSRF.search(form)
            assert found, form
            fields = {"token": token, "_xsrf": html.unescape(found[1])}
            answer = await client.post("/ui/login", data=fields)
            assert answer.status_code == 303, answer.text
            shown = (await client.get(f"/ui/tasks/{task_id}")).raise_for_status().text
            self.first_bytes = len(shown)
            stream = STREAM.search(shown)
            assert stream, "the page is not live"
            cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        await self._follow(daemon, html.unescape(stream[1]), cookies)

    async def _follow(self, daemon: Daemon, path: str, cookies: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port, limit=4 * MIB)
        writer.write(request("GET", path, headers={"Cookie": cookies}))
        while data := await reader.read(1 << 18):
            self.stream_bytes += len(data)
            self.events += data.count(b"\nid: ") + data.startswith(b"id: ")
            self.ended = self.ended or b"event: ended" in data
        writer.close()


@dataclass
class Run:
    """One deployment: its length, the daemon's processor time in it, answers to health."""

    pages: list[Page]
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    health: Figures = field(default_factory=lambda: Figures(0.0))
    peak_mib: float = 0.0

    @property
    def p99(self) -> float:
        return self.health.percentile(0.99)


async def deployment(args: argparse.Namespace, pages: int) -> Run:
    """Deploy once, with so many pages open."""
    run = Run([Page() for _ in range(pages)])
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="page-")))
        design = folder / "site.yaml"
        design.write_text(site(args.nodes, 0), encoding="utf-8")
        latencies = {"discovery": 0.1, "commission": 0.1, "deploy": [args.shortest, args.longest]}
        room = {"latencies": latencies, "seed": 1}
        api = {"event_streams": 200}
        limits = {"fan_out": args.nodes, "driver_calls": args.nodes}
        daemon = await stack.enter_async_context(
            running(folder, cpu=0, api=api, limits=limits, fake_driver={"config": room})
        )
        await prepare(daemon, f"file://{design}")
        client = await stack.enter_async_context(daemon.client())
        start, cpu = time.perf_counter(), daemon.cpu_seconds
        task_id = await deploying(client, f"file://{design}")
        async with asyncio.TaskGroup() as group:
            watch = Watch(daemon)
            stack.callback(watch.end)
            for number, page in enumerate(run.pages):
                group.create_task(page.look(daemon, f"user{number}", task_id))
            status = ""
            while status != "complete":
                # Short answers: the whole task would be most of what is measured.
                rows = await client.get("/tasks", params={"status": "complete", "order": "newest",
                                                          "action": "deploy_nodes", "limit": 1,
                                                          "top_level": True})  # fmt: skip
                status = "complete" if task_id in rows.text[:4000] else ""
                await asyncio.sleep(0.5)
            run.seconds = time.perf_counter() - start
            run.cpu_seconds = daemon.cpu_seconds - cpu
            run.health.latencies += [ms / 1000 for ms in (await watch.health())["204"]]
        run.peak_mib = daemon.peak_mib
    return run


def report(bare: Run, open_: Run) -> bool:
    """Print the figures; return whether they are what is asked for."""
    pages = open_.pages
    share = (open_.cpu_seconds - bare.cpu_seconds) / open_.seconds
    for name, run in (("nobody looks", bare), (f"{len(pages)} pages", open_)):
        print(
            f"{name}: {run.seconds:.1f} s, the daemon {run.cpu_seconds:.1f} s of a processor "
            f"({run.cpu_seconds / run.seconds:.0%}), health p99 {run.p99 * 1000:.1f} ms, "
            f"peak {run.peak_mib:.0f} MiB"
        )
    count = max(1, len(pages))
    events = sum(page.events for page in pages) / count
    print(
        f"a page: {sum(p.first_bytes for p in pages) / count / 1024:.0f} KiB at first, then "
        f"{events:.0f} events ({events / open_.seconds:.1f}/s), "
        f"{sum(p.stream_bytes for p in pages) / count / MIB:.1f} MiB; "
        f"{sum(p.ended for p in pages)} of {len(pages)} saw the end"
    )
    print(f"pages cost {share:.1%} of one processor (asked: under {MOST_SHARE:.0%}); health's p99 "
          f"{open_.p99 / bare.p99:.2f} times that without them")  # fmt: skip
    return share < MOST_SHARE and open_.p99 < MOST_P99 and all(page.ended for page in pages)


async def main(args: argparse.Namespace) -> bool:
    bare = await deployment(args, 0)
    return report(bare, await deployment(args, args.pages))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--shortest", type=float, default=20, help="seconds that a machine deploys")
    parser.add_argument("--longest", type=float, default=90)
    raise SystemExit(0 if asyncio.run(main(parser.parse_args())) else 1)
