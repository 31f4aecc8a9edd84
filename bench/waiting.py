"""What clients that wait for a large task (`?wait=`) cost: CPU of the daemon, and others' time.

Preparing so many nodes that do everything at once (bench.instant), in a daemon of its own for each
number of waiters, in turn; others are a client that asks for the health meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from bench.daemon import Daemon, running
from bench.listing import beside, told
from bench.load import Connection, request
from bench.scale import SECTIONS
from bench.storm import site

ENDED = (b'"status":"complete"', b'"status":"terminated"')


async def waits(daemon: Daemon, task_id: str, answers: list[int]) -> None:
    """Ask for the task again and again until it has ended, as a client does."""
    connection = Connection("127.0.0.1", daemon.port)
    ask = request("GET", f"/api/v1.0/tasks/{task_id}?wait=30", headers=daemon.headers)
    while True:
        reply = await connection.send(ask)
        answers.append(len(reply.body))
        if reply.status != 200:
            raise SystemExit(f"{reply.status} {reply.body[:200]!r}")
        if any(end in reply.body for end in ENDED):
            break
    await connection.close()


async def ended(daemon: Daemon, task_id: str, waiters: int) -> list[int]:
    """Return when the task has ended, with the lengths of what the waiters were answered."""
    answers: list[int] = []
    asking = [asyncio.create_task(waits(daemon, task_id, answers)) for _ in range(waiters)]
    # A task that is queued runs before it is gone from here: asked for in this order.
    async with daemon.client() as client:
        for status in ("queued", "running"):
            query = {"status": status, "top_level": "true", "limit": 1}
            while (await client.get("/tasks", params=query)).raise_for_status().json():
                await asyncio.sleep(0.2)
    await asyncio.gather(*asking)
    return answers


async def measure(nodes: int, waiters: int) -> None:
    with tempfile.TemporaryDirectory(prefix="waiting-") as name:
        folder = Path(name)
        design = folder / "site.yaml"
        text = site(nodes, 1).replace("signaling: true", "signaling: false")
        design.write_text(text, encoding="utf-8")
        async with running(folder, **SECTIONS) as daemon:
            body = {"action": "validate_design", "design_ref": f"file://{design}"}
            await daemon.finished(body)
            async with daemon.client() as client:
                cpu, begun = daemon.cpu_seconds, time.perf_counter()
                answer = await client.post("/tasks", json=body | {"action": "prepare_nodes"})
                task_id = answer.raise_for_status().json()["task_id"]
                answers, waited = await beside(daemon, ended(daemon, task_id, waiters))
                seconds, used = time.perf_counter() - begun, daemon.cpu_seconds - cpu
                task = (await client.get(f"/tasks/{task_id}")).raise_for_status().json()
    if len(task["result"]["successes"]) != nodes:
        raise SystemExit(f"{len(task['result']['successes'])} of {nodes} nodes were prepared")
    print(
        f"{nodes} nodes, {waiters:>2} waiters: {used:.1f} s of CPU, {seconds:.1f} s;"
        f" {len(answers)} answers, {sum(answers) >> 20} MiB; others: {told(waited)}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=3000)
    parser.add_argument("--waiters", type=int, nargs="+", default=[0, 1, 0, 1, 10])
    args = parser.parse_args()
    for waiters in args.waiters:
        asyncio.run(measure(args.nodes, waiters))


if __name__ == "__main__":
    main()
