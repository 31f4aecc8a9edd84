"""How long it takes to ask a thousand BMCs that are slow, against the bare requests.

The BMCs are scripted ones (tests/peers/bmc.py) in processes of their own and take half a second
for each answer. Per width: the power state of every one through the redfish driver, and as many
bare requests as that takes, by a client without any rule.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from drydockd import garbage
from drydockd.drivers.oob.redfish import RedfishOob, RedfishOptions
from drydockd.machines import PowerState
from drydockd.site import Addressing, Node
from tests.peers.bmc import ACCOUNT, PASSWORD

PROCESSES = 2
# Service root, login, systems, system, logout.
REQUESTS = 5
REQUEST = b"GET /redfish/v1/ HTTP/1.1\r\nHost: bmc\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def fleet(count: int, seconds: float, *, tls: bool) -> AsyncIterator[list[int]]:
    """Start the BMCs; yield their ports."""
    command = [sys.executable, "-m", "tests.peers.bmc", "--seconds", str(seconds)]
    command += ["--count", str(count // PROCESSES)] + ["--tls"] * tls
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
        for _ in range(PROCESSES)
    ]
    try:
        ports: list[int] = []
        for process in processes:
            assert process.stdout is not None
            line = await asyncio.to_thread(process.stdout.readline)
            ports += map(int, line.split())
        yield ports
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)
            assert process.stdout is not None
            process.stdout.close()


def a_node(port: int) -> Node:
    oob = {"account": ACCOUNT, "credential": PASSWORD, "network": "oob", "port": str(port)}
    addressing = (Addressing("oob", "static", "127.0.0.1"),)
    name = f"n{port}"
    return Node(name=name, oob_type="redfish", oob_parameters=oob, addressing=addressing)


class Holds:
    """How long the loop was at work between two of its turns.

    In CPU time: other processes of the machine hold a turn up, and that is not ours.
    """

    def __init__(self) -> None:
        self.all: list[float] = []

    async def watch(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            self.all.append(now - last)
            last = now

    def percentile(self, share: float) -> float:
        return sorted(self.all)[int(share * (len(self.all) - 1))]


async def measured(
    work: Callable[[int], Awaitable[None]], ports: Sequence[int], width: int
) -> tuple[float, Holds]:
    """Do `work` for every port, `width` at once; return the seconds, and how the loop was held."""
    gate, holds = asyncio.Semaphore(width), Holds()

    async def one(port: int) -> None:
        async with gate:
            await work(port)

    watching = asyncio.create_task(holds.watch())
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for port in ports:
            group.create_task(one(port))
    seconds = time.perf_counter() - begin
    watching.cancel()
    return seconds, holds


def bare(context: ssl.SSLContext | None) -> Callable[[int], Awaitable[None]]:
    async def work(port: int) -> None:
        for _ in range(REQUESTS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(REQUEST)
            await reader.read(-1)
            writer.close()

    return work


def driven(driver: RedfishOob) -> Callable[[int], Awaitable[None]]:
    async def work(port: int) -> None:
        state = await driver.power_state(a_node(port))
        assert state is PowerState.OFF

    return work


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def run(count: int, seconds: float, widths: Sequence[int], *, tls: bool) -> None:
    driver = RedfishOob(RedfishOptions(use_ssl=tls))
    async with fleet(count, seconds, tls=tls) as ports:
        garbage.settle()  # as the process does
        kind = "HTTPS" if tls else "HTTP"
        print(f"{len(ports)} BMCs over {kind}, {seconds:g} s an answer, {REQUESTS} requests each")
        for width in widths:
            plain, _ = await measured(bare(unchecked() if tls else None), ports, width)
            before, cpu = peak_mib(), time.process_time()
            taken, holds = await measured(driven(driver), ports, width)
            cpu = time.process_time() - cpu
            ideal = len(ports) * REQUESTS * seconds / width
            held = [1000 * value for value in (holds.percentile(0.99), max(holds.all))]
            print(
                f"  width {width:4}: {taken:6.1f} s, bare {plain:6.1f} s: {taken / plain:.2f} x"
                f" (the answers alone {ideal:.1f} s); CPU {1000 * cpu / len(ports):.1f} ms a BMC;"
                f" memory +{peak_mib() - before:.0f} MiB;"
                f" loop held {held[0]:.1f} ms (99 %), {held[1]:.1f} ms (longest)",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bmcs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--width", type=int, nargs="+", default=[64, 500])
    parser.add_argument("--tls", action="store_true")
    given = parser.parse_args()
    asyncio.run(run(given.bmcs, given.seconds, given.width, tls=given.tls))


if __name__ == "__main__":
    main()
