"""A thousand slow BMCs: what verify_nodes takes above the bare waiting, and what it holds up.

Whole daemons with the store on disk, in processes of their own; their BMCs are pretended in the
process and take half a second an answer, and with --hanging some of them never answer. The
ratio is the task's time to that of the same waits, as many at once, without any daemon. Holds
of the loop are CPU of its thread, which no other work on the machine can lengthen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.daemon import configuration
from bench.scale import Holds, ended
from bench.storm import site
from drydockd import garbage
from drydockd.app import running
from drydockd.config import load
from drydockd.drivers.base import BmcFacts, PowerState, Voice
from drydockd.drivers.options import Offer, Options, opt
from drydockd.model import Action
from drydockd.site import Node

WIDTHS = (64, 500)


class SlowOptions(Options):
    seconds: float = opt(0.5, "Of each answer")
    hanging: int = opt(0, "One node in so many never gets an answer; 0: none")


class SlowOob:
    """An OobDriver of pretended BMCs."""

    oob_types = ("ipmi",)
    ask_seconds = 1.0
    worst_case_seconds = 1.0

    def __init__(self, options: SlowOptions) -> None:
        self._seconds, self._hanging = options.seconds, options.hanging

    async def check(self) -> None: ...

    async def facts(self, node: Node) -> BmcFacts:
        number = int(node.name[1:])
        hangs = self._hanging and number % self._hanging == 0
        await asyncio.sleep(1e6 if hangs else self._seconds)
        macs = (node.boot_mac,) if node.boot_mac else ()
        serial = f"BENCH{number:06}"
        return BmcFacts("slow", PowerState.ON, serial=serial, name=node.name, macs=macs)

    async def set_network_boot(self, node: Node, voice: Voice) -> None: ...

    async def set_disk_boot(self, node: Node, voice: Voice) -> None: ...

    async def power_state(self, node: Node) -> PowerState:
        return (await self.facts(node)).power

    async def power_off(self, node: Node, voice: Voice) -> None: ...

    async def power_on(self, node: Node, voice: Voice) -> None: ...

    async def close(self) -> None: ...


DRIVER = Offer(SlowOob, SlowOptions, "slow_driver", "pretended BMCs that are slow")


async def bare(nodes: int, width: int, seconds: float) -> float:
    """Return the seconds of the same waits by themselves."""
    left = iter(range(nodes))

    async def worker() -> None:
        for _ in left:
            await asyncio.sleep(seconds)

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(width)))
    return time.perf_counter() - start


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bmc-") as name:
        folder = Path(name)
        file = folder / "site.yaml"
        file.write_text(site(args.nodes, 1), encoding="utf-8")
        (folder / "state").mkdir(mode=0o700)
        config = folder / "drydockd.yaml"
        driver = "bench.verify:DRIVER"
        options = {"seconds": args.seconds, "hanging": args.hanging}
        sections: dict[str, dict[str, Any]] = {
            "plugins": {"oob_driver": [driver], "options": {driver: options}},
            "limits": {"fan_out": args.width, "driver_calls": args.width},
            "timeouts": {"drydock_timeout": 1},
        }
        config.write_text(json.dumps(configuration(folder, 0, sections)), encoding="utf-8")
        async with running(load([config], {}).settings) as app:
            garbage.settle()
            await ended(app, Action.VALIDATE_DESIGN, f"file://{file}")
            waits = await bare(args.nodes, args.width, args.seconds)
            before, holds = memory_mib("VmRSS"), Holds()
            cpu, start = time.process_time(), time.perf_counter()
            with holds.measured():
                task = await ended(app, Action.VERIFY_NODES, f"file://{file}")
            seconds = time.perf_counter() - start
            return {
                "passed": len(task.result.successes),
                "failed": len(task.result.failures),
                "seconds": seconds,
                "ratio": seconds / waits,
                "cpu_ms": (time.process_time() - cpu) / args.nodes * 1000,
                "grown_mib": memory_mib("VmHWM") - before,
                "hold_ms": holds.longest * 1000,
                "long": holds.long,
                "what": holds.what,
            }


def memory_mib(key: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    match = re.search(rf"{key}:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else 0.0


def main() -> None:
    args = arguments()
    if args.width:
        print(json.dumps(asyncio.run(measure(args))))
        return
    for width, hanging in [*((width, 0) for width in WIDTHS), (WIDTHS[-1], args.hanging)]:
        command = [sys.executable, "-m", "bench.verify", "--nodes", str(args.nodes)]
        command += ["--width", str(width), "--hanging", str(hanging)]
        done = subprocess.run(
            [*command, "--seconds", str(args.seconds)], check=True, stdout=subprocess.PIPE
        )
        of = json.loads(done.stdout)
        what = f"{args.nodes} BMCs, width {width}"
        what += f", one in {hanging} hangs" if hanging else ""
        print(
            f"{what}: {of['passed']} passed, {of['failed']} failed in {of['seconds']:.1f} s, "
            f"{of['ratio']:.2f} of the bare waits; CPU {of['cpu_ms']:.2f} ms a node, memory "
            f"grew by {of['grown_mib']:.0f} MiB; longest hold {of['hold_ms']:.1f} ms "
            f"({of['long']} over 10 ms): {of['what']}",
            flush=True,
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each answer")
    parser.add_argument("--hanging", type=int, default=20, help="one in so many never answers")
    parser.add_argument("--width", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
