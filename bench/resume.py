"""A deployment survives its daemon: SIGKILL at chosen or random moments, again and again.

The machines stand in a room of another process and live on. Shown at the end: every node
was deployed exactly once, every boot action has exactly one final status, and the task
says when it was interrupted. With ``--daemons`` several daemons share a database behind a
balancer, any of them is killed, some are stopped for longer than the lease lasts and go on, and
the machines' power is cut as often as without all that.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.daemon import Daemon, free_port, running
from bench.roomprocess import RoomProcess, room_process
from bench.several import LEASE_SECONDS, Several, several
from bench.storm import site

ENDED = ("complete", "terminated")
# What a task says when another process goes on with it.
INTERRUPTED = ("Interrupted after", "aken over from")


@dataclass
class Outcome:
    """What a run of kills ended in."""

    status: str
    deployed: int
    kills: int
    interruptions: int
    deployments: Counter[int] = field(default_factory=Counter)
    power_cuts: Counter[int] = field(default_factory=Counter)
    finals: Counter[str] = field(default_factory=Counter)
    starts_seconds: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Scene:
    """What a moment may look at: a running daemon, its machines, the deployment."""

    daemon: Daemon
    room: RoomProcess
    task_id: str

    async def has_ended(self) -> bool:
        return (await shown(self.daemon, self.task_id))["status"] in ENDED


# Returns when the daemon is to be killed, or when the task has ended before.
Moment = Callable[[Scene], Awaitable[None]]


def a_room(nodes: int, deploy: tuple[float, float], seed: int) -> dict[str, Any]:
    return {
        "machines": nodes,
        "seed": seed,
        "latencies": {"deploy": list(deploy), "first_boot": [0.1, 0.5], "report": [0.05, 0.3]},
        "reports": {"retry_seconds": [0.1, 0.5]},
    }


async def survive(
    folder: Path,
    *,
    nodes: int,
    actions: int,
    moments: Iterable[Moment],
    deploy: tuple[float, float],
    seed: int,
) -> Outcome:
    """Deploy `nodes` while the daemon is killed at `moments`; `deploy` seconds per machine.

    Needs one moment at least. Ends early when the task did: `Outcome.kills` says how many came.
    """
    design = folder / "site.yaml"
    design.write_text(site(nodes, actions), encoding="utf-8")
    room = a_room(nodes, deploy, seed)
    port = free_port()
    begin = time.perf_counter()
    async with room_process(folder, room) as machines:
        options = {
            "fake_driver": {"url": machines.url},
            "bootactions": {"report_url": f"http://127.0.0.1:{port}/api/v1.0/bootactions/"},
        }
        task_id, kills = "", 0
        starts: list[float] = []
        for moment in moments:
            start = time.perf_counter()
            async with running(folder, port=port, **options) as daemon:
                starts.append(time.perf_counter() - start)
                task_id = task_id or await begun(daemon, f"file://{design}")
                scene = Scene(daemon, machines, task_id)
                await moment(scene)
                if await scene.has_ended():
                    break
                daemon.process.kill()
                await asyncio.to_thread(daemon.process.wait)
                kills += 1
        async with running(folder, port=port, **options) as daemon:
            while (task := await shown(daemon, task_id, wait=30))["status"] not in ENDED:
                pass
            outcome = await judged(daemon, machines, task, kills)
    outcome.starts_seconds = starts
    outcome.seconds = time.perf_counter() - begin
    return outcome


async def survive_together(
    folder: Path, *, daemons: int, kills: int, stops: int, args: argparse.Namespace
) -> tuple[Outcome, Several]:
    """Deploy while daemons of a cluster are killed, and stopped, at random moments.

    Nothing is done to them before the task is there; the last one has ended when it returns.
    """
    chance = random.Random(args.seed)
    design = folder / "site.yaml"
    design.write_text(site(args.nodes, args.actions), encoding="utf-8")
    begin = time.perf_counter()
    blows = ["kill"] * kills + ["stop"] * stops
    chance.shuffle(blows)
    async with (
        room_process(folder, a_room(args.nodes, (2.0, args.longest), args.seed)) as machines,
        several(folder, daemons, fake_driver={"url": machines.url}) as company,
    ):
        task_id = await begun(company.door, f"file://{design}")
        for blow in blows:
            await asyncio.sleep(chance.uniform(0.0, 2.0))
            name = company.any_ready(chance)
            await (
                company.kill(name)
                if blow == "kill"
                else company.stop(name, chance.uniform(1.0, 2.0) * LEASE_SECONDS)
            )
        while (task := await shown(company.door, task_id, wait=30))["status"] not in ENDED:
            pass
        outcome = await judged(company.door, machines, task, kills)
    outcome.seconds = time.perf_counter() - begin
    return outcome, company


async def unharmed(folder: Path, args: argparse.Namespace) -> Outcome:
    """The same with one daemon that nobody kills, and machines that are quick."""
    design = folder / "site.yaml"
    design.write_text(site(args.nodes, args.actions), encoding="utf-8")
    async with room_process(folder, a_room(args.nodes, (0.0, 0.1), args.seed)) as machines:
        options = {"fake_driver": {"url": machines.url}}
        async with running(folder, **options) as daemon:
            task_id = await begun(daemon, f"file://{design}")
            while (task := await shown(daemon, task_id, wait=30))["status"] not in ENDED:
                pass
            return await judged(daemon, machines, task, 0)


async def begun(daemon: Daemon, design: str) -> str:
    """Prepare the nodes; return the task that deploys them, just created."""
    body = {"action": "prepare_nodes", "design_ref": design}
    prepared = await daemon.finished(body)
    if prepared["result"]["status"] != "success":
        raise RuntimeError(f"prepare_nodes: {prepared['result']}")
    async with daemon.client() as client:
        answer = await client.post("/tasks", json=body | {"action": "deploy_nodes"})
        return str(answer.raise_for_status().json()["task_id"])


def at_random(chance: random.Random) -> Moment:
    """A moment within a second."""

    async def moment(scene: Scene) -> None:
        await asyncio.sleep(chance.uniform(0.0, 1.0))

    return moment


def once(fact: Callable[[list[dict[str, Any]]], bool]) -> Moment:
    """The moment from which `fact` is true of the machines."""

    async def moment(scene: Scene) -> None:
        while not fact(await scene.room.machines()) and not await scene.has_ended():
            await scene.room.changed()

    return moment


async def shown(daemon: Daemon, task_id: str, **query: int) -> dict[str, Any]:
    async with daemon.client() as client:
        answer = await client.get(f"/tasks/{task_id}", params=query)
        task: dict[str, Any] = answer.raise_for_status().json()
        return task


async def judged(daemon: Daemon, room: RoomProcess, task: dict[str, Any], kills: int) -> Outcome:
    tree = await shown(daemon, task["task_id"], layers=-1)
    outcome = Outcome(
        status=task["result"]["status"],
        deployed=len(task["result"]["successes"]),
        kills=kills,
        interruptions=sum(any(word in text for word in INTERRUPTED) for text, _ in messages(task)),
    )
    for machine in await room.machines():
        if machine["name"]:
            outcome.deployments[machine["counters"]["deployments"]] += 1
            outcome.power_cuts[machine["counters"]["power_cuts"]] += 1
    for member in tree.values():
        if isinstance(member, dict) and member["action"] == "bootaction_report":
            outcome.finals.update(
                f"{node}: {text}" for text, node in messages(member) if text.startswith("Boot ")
            )
    return outcome


def messages(task: dict[str, Any]) -> list[tuple[str, str]]:
    listed = task["result"]["details"]["messageList"]
    return [(message["message"], message["context"]) for message in listed]


def complaints(outcome: Outcome, nodes: int, actions: int, stops: int = 0) -> list[str]:
    """What did not go as it has to."""
    wrong = []
    if (outcome.status, outcome.deployed) != ("success", nodes):
        wrong.append(f"the task ended {outcome.status} with {outcome.deployed} of {nodes} nodes")
    if outcome.deployments != {1: nodes}:
        wrong.append(f"machines by number of deployments: {dict(outcome.deployments)}")
    if set(outcome.finals.values()) != {1} or len(outcome.finals) != nodes * actions:
        wrong.append(f"{len(outcome.finals)} verdicts on {nodes * actions} boot actions")
    if not all("status success" in text for text in outcome.finals):
        wrong.append("boot actions without success")
    # A daemon killed before it says so leaves that to the next; a queued task is not interrupted.
    # One of several that did not run the tasks interrupts none, and one that is stopped does.
    most = outcome.kills + stops
    if not min(1, outcome.kills - 1) <= outcome.interruptions <= most:
        wrong.append(f"{outcome.interruptions} interruptions told of {outcome.kills} kills")
    return wrong


async def together(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="resume-") as name:
        alone, cluster = Path(name) / "alone", Path(name) / "cluster"
        alone.mkdir()
        cluster.mkdir()
        Path(name).chmod(0o711)
        without = await unharmed(alone, args)
        outcome, company = await survive_together(
            cluster, daemons=args.daemons, kills=args.kills, stops=args.stops, args=args
        )
    starts = {daemon.name: daemon.starts for daemon in company.daemons.all}
    print(
        f"{args.nodes} nodes, {args.daemons} daemons, {args.kills} kills, {args.stops} stops in"
        f" {outcome.seconds:.0f} s: {outcome.status}; starts of each: {starts}"
    )
    print(f"machines by number of deployments: {dict(outcome.deployments)}")
    print(
        f"machines by power cuts: {dict(outcome.power_cuts)}, without: {dict(without.power_cuts)}"
    )
    print(f"boot actions with exactly one final status: {list(outcome.finals.values()).count(1)}")
    print(f"take-overs told by the task: {outcome.interruptions}")
    wrong = complaints(outcome, args.nodes, args.actions, args.stops)
    if outcome.power_cuts != without.power_cuts:
        wrong.append("power was cut more often, or less, than without kills")
    if wrong:
        raise SystemExit("\n".join(wrong))


async def main(args: argparse.Namespace) -> None:
    if args.daemons > 1:
        await together(args)
        return
    with tempfile.TemporaryDirectory(prefix="resume-") as name:
        chance = random.Random(args.seed)
        outcome = await survive(
            Path(name),
            nodes=args.nodes,
            actions=args.actions,
            moments=(at_random(chance) for _ in range(args.kills)),
            deploy=(2.0, args.longest),
            seed=args.seed,
        )
    ready = sorted(outcome.starts_seconds) or [0.0]
    print(f"{args.nodes} nodes, {outcome.kills} kills in {outcome.seconds:.0f} s: {outcome.status}")
    print(f"machines by number of deployments: {dict(outcome.deployments)}")
    print(f"boot actions with exactly one final status: {list(outcome.finals.values()).count(1)}")
    print(f"interruptions told by the task: {outcome.interruptions}")
    print(f"start to ready: median {ready[len(ready) // 2]:.2f} s, longest {ready[-1]:.2f} s")
    if wrong := complaints(outcome, args.nodes, args.actions):
        raise SystemExit("\n".join(wrong))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--actions", type=int, default=3)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=60.0, help="seconds of a deployment")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--daemons", type=int, default=1, help="several on one PostgreSQL")
    parser.add_argument("--stops", type=int, default=5, help="of daemons of several")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
