"""A fleet from unknown to ready: verify_nodes and prepare_nodes of thousands over their BMCs.

Everything goes through the public API. The daemon runs on a processor of its own with the
store on disk; BMCs (Redfish over HTTP, each at an address of its own) and machines are
another process on the other one. GET health is asked for all the while.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.daemon import Daemon, running
from bench.load import Connection, request
from bench.scheduler import figures
from bench.storm import site
from drydockd.design.compile import compile_site

HEALTH = request("GET", "/api/v1.0/health")
NETWORK, LOOPBACK = "10.64.", "127.64."
# Name of a driver -> how it is enabled, with the port of the BMCs.
DRIVERS = {
    "plain": ("bench.plainredfish:DRIVER", "options", {}),
    "redfish": ("redfish", "redfish_driver", {"use_ssl": False}),
}
TICKS = os.sysconf("SC_CLK_TCK")


def design(nodes: int) -> str:
    """The site of bench.storm, whose BMCs have addresses of this machine."""
    return site(nodes, 1).replace(NETWORK, LOOPBACK).replace("type: ipmi", "type: redfish")


def room(text: str, latencies: dict[str, Any]) -> dict[str, Any]:
    compiled, findings = compile_site(text.encode())
    if findings:
        raise RuntimeError(str(findings[0]))
    machines = [
        {"name": node.name, "bmc": node.oob_address, "boot_mac": node.boot_mac, "power": "on"}
        for node in compiled.nodes.values()
    ]
    return {"machines": machines, "latencies": latencies, "faults": [{"fault": "never_boots"}]}


@asynccontextmanager
async def fleet(folder: Path, config: dict[str, Any], seconds: float) -> AsyncIterator[list[str]]:
    """Start the machines and their BMCs; yield the room's URL and the BMCs' port."""
    file = folder / "room.yaml"
    file.write_text(yaml.dump(config, Dumper=yaml.CSafeDumper), encoding="utf-8")
    command = ["taskset", "-c", "1", sys.executable, "-m", "bench.plainredfish", str(file)]
    with (folder / "fleet.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            raise RuntimeError(f"the fleet did not start; see {folder / 'fleet.log'}")
        yield line.decode().split()
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
        process.stdout.close()


def sections(driver: str, url: str, port: int, width: int) -> dict[str, dict[str, Any]]:
    name, section, options = DRIVERS[driver]
    options = {**options, "port": port}
    found: dict[str, dict[str, Any]] = {
        "plugins": {"oob_driver": [name], "node_driver": "fake"},
        "fake_driver": {"url": url},
        "limits": {"fan_out": width, "driver_calls": width},
    }
    if section == "options":
        found["plugins"]["options"] = {name: options}
    else:
        found[section] = options
    return found


def cpu_seconds(daemon: Daemon) -> float:
    """User and system time so far. Source: proc(5)."""
    stat = Path(f"/proc/{daemon.process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / TICKS


async def measured(daemon: Daemon, action: str, ref: str, nodes: int) -> None:
    latencies: list[float] = []

    async def ask() -> None:
        connection = Connection("127.0.0.1", daemon.port)
        while True:
            start = time.perf_counter()
            await connection.send(HEALTH)
            latencies.append(time.perf_counter() - start)
            await asyncio.sleep(0.02)

    asking = asyncio.create_task(ask())
    start, cpu = time.perf_counter(), cpu_seconds(daemon)
    task = await daemon.finished({"action": action, "design_ref": ref})
    seconds, cpu = time.perf_counter() - start, cpu_seconds(daemon) - cpu
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    passed = len(task["result"]["successes"])
    print(
        f"{action}: {passed} of {nodes} in {seconds:.1f} s, CPU {cpu / nodes * 1000:.2f} ms a node "
        f"({cpu / seconds:.0%} of a core); GET health {figures(latencies)}",
        flush=True,
    )
    if passed != nodes:
        said = [m for m in task["result"]["details"]["messageList"] if m["error"]]
        raise RuntimeError(said[0]["message"] if said else task["result"]["status"])


async def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="fleet-") as name:
        folder = Path(name)
        text = design(args.nodes)
        file = folder / "site.yaml"
        file.write_text(text, encoding="utf-8")
        config = room(text, {"bmc": 0, "power": [0.5, 2.0], "commission": [1.0, 3.0]})
        async with fleet(folder, config, args.seconds) as (url, port):
            enabled = sections(args.driver, url, int(port), args.width)
            async with running(folder, cpu=0, **enabled) as daemon:
                before = daemon.peak_mib
                for action in ("verify_nodes", "prepare_nodes"):
                    await measured(daemon, action, f"file://{file}", args.nodes)
                print(f"peak memory of the daemon: {daemon.peak_mib:.0f} MiB, before {before:.0f}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nodes", nargs="?", type=int, default=1000)
    parser.add_argument("--driver", choices=sorted(DRIVERS), default="redfish")
    parser.add_argument("--width", type=int, default=64, help="nodes of a step at once")
    parser.add_argument("--seconds", type=float, default=0.0, help="of each answer of a BMC")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
