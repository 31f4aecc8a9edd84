"""The boot listener under many machines: files streamed, and long polls held.

Both servers are processes of their own: the listener over records in memory, and a bare Tornado
handler that reads and writes the same file in chunks of the same size. Each streams to the same
number of pretend agents, in turn, in one run; what counts is the ratio of the rates, and of the
processor seconds per GiB. Each server measures itself how long its loop is held, and another asks
the listener something small meanwhile. Then `--polls` long polls wait at the listener.

Run as ``python -m bench.netboot [--agents 200] [--mib 32] [--parallel 16] [--polls 1000]``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tornado import web
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets

from drydockd import garbage
from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.boots import Boots, Terms
from drydockd.drivers.node.netboot.files import CHUNK_BYTES
from drydockd.drivers.node.netboot.handling import Services
from drydockd.drivers.node.netboot.listener import BootListener
from drydockd.drivers.node.netboot.machine import Machine, Phase
from drydockd.drivers.node.netboot.records import Machines
from drydockd.drivers.node.netboot.script import AgentFiles
from drydockd.drivers.node.netboot.tokens import BootTokens
from drydockd.machines import NodeState

MIB = 1 << 20
TICK = 0.005
PROBE_SECONDS = 0.01
ROUNDS = 3


class Memory:
    """drivers.base.Shelf without a disk: what is measured is the listener."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def records(self) -> dict[str, Any]:
        return dict(self._kept)

    def record(self, name: str) -> Any:
        return self._kept.get(name)

    async def put(self, documents: dict[str, Any], blobs: Any = None) -> None:
        self._kept.update(documents)

    async def put_blob(self, content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    async def blob(self, digest: str) -> bytes:
        return b""


def mac(number: int) -> str:
    return f"52:54:00:00:{number // 256:02x}:{number % 256:02x}"


def nonce(number: int) -> str:
    return f"{number:032x}"


# -- the servers, each a process


class Loop:
    """How long the loop was held, at most: `longest` by the clock, `worked` of it at work.

    A machine takes its processor away from a process, 50 ms of each second of one that runs
    under `chrt`; for that the loop waits, but nobody in it held it.
    """

    longest = 0.0
    worked = 0.0

    async def watch(self) -> None:
        while True:
            before, at_work = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TICK)
            late = time.perf_counter() - before - TICK
            self.longest = max(self.longest, late)
            self.worked = max(self.worked, min(late, time.thread_time() - at_work))


async def serve_listener(image: Path, agents: int, parallel: int, sockets: Any) -> BootListener:
    """Every machine is in mid-installation; its session is what bench derives from the secret."""
    machines = Machines(Memory())
    plan = {"image": {"sha256": "e" * 64}, "files": []}
    tokens = BootTokens(b"s" * 32)
    for number in range(agents):
        machine = ways.begun(
            Machine(mac(number), NodeState.READY, name=f"n{number}"), Phase.INSTALL,
            deployment_id="d",
        )  # fmt: skip
        await machines.save(ways.greeted(machine, nonce(number), time.time()))
    # While it streams each has its plan; then none has, and each waits for it at a long poll.
    boots = Boots(
        machines, tokens, Terms("http://x", lambda: AgentFiles("a" * 64, "b" * 64)),
        plan_of=lambda machine: plan if machine.deployment_id == "d" and streams.is_set() else None,
    )  # fmt: skip
    streams = asyncio.Event()
    streams.set()
    services = Services(
        boots, lambda _: (image, b""), lambda _: image, parallel,
        connections=2 * agents + 64, connections_per_address=2 * agents + 64,
    )  # fmt: skip
    listener = BootListener(services)
    listener.start("127.0.0.1:0")
    sockets["port"] = listener.port
    sockets["toggle"] = streams
    return listener


class Bare(web.RequestHandler):
    def initialize(self, image: Path) -> None:
        self.image = image

    async def get(self) -> None:
        with self.image.open("rb") as source:
            self.set_header("Content-Length", str(self.image.stat().st_size))
            try:
                while chunk := source.read(CHUNK_BYTES):
                    self.write(chunk)
                    await self.flush()
            except StreamClosedError:
                return


async def serve(kind: str, image: Path, agents: int, parallel: int) -> None:
    """Serve; each line of standard input gets the figures so far, and starts them anew."""
    place: dict[str, Any] = {}
    if kind == "listener":
        await serve_listener(image, agents, parallel, place)
    else:
        server = HTTPServer(web.Application([(r"/.*", Bare, {"image": image})]))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        place["port"] = sockets[0].getsockname()[1]
    garbage.settle()  # as the daemon does
    loop = Loop()
    watching = asyncio.create_task(loop.watch(), name="the loop's longest hold")
    print(place["port"], flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        if line.strip() == b"wait":
            place["toggle"].clear()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        figures = {
            "cpu": usage.ru_utime + usage.ru_stime,
            "resident_mib": resident / MIB,
            "peak_mib": usage.ru_maxrss / 1024,
            "longest_ms": loop.longest * 1000,
            "worked_ms": loop.worked * 1000,
        }
        loop.longest = loop.worked = 0.0
        print(json.dumps(figures), flush=True)
    watching.cancel()


class Server:
    """One server as a child, and what it says of itself."""

    def __init__(self, kind: str, image: Path, agents: int, parallel: int) -> None:
        self.kind = kind
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.netboot",
             "--serve", kind, str(image), str(agents), str(parallel)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port = int(self._line())

    def _line(self) -> str:
        assert self._child.stdout is not None
        return self._child.stdout.readline()

    def figures(self, word: str = "") -> dict[str, float]:
        assert self._child.stdin is not None
        self._child.stdin.write(word + "\n")
        self._child.stdin.flush()
        said: dict[str, float] = json.loads(self._line())
        return said

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()


class Probe:
    """A child that asks the server a small question again and again, as a health check does."""

    def __init__(self, port: int) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.netboot", "--probe", str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        said, _error = self._child.communicate("\n")
        self.milliseconds: list[float] = json.loads(said)

    def percentile(self, share: float) -> float:
        return sorted(self.milliseconds)[int(len(self.milliseconds) * share)]


def probe(port: int) -> None:
    """Ask until a line comes; print how long each answer took, in ms."""
    policy = os.sched_getscheduler(0)
    if policy in (os.SCHED_RR, os.SCHED_FIFO):
        # What is measured is the server, not the queue for this machine's two processors.
        above = os.sched_getparam(0).sched_priority + 1
        os.sched_setscheduler(0, policy, os.sched_param(above))
    took = []
    with socket.create_connection(("127.0.0.1", port)) as one:
        while not select.select([sys.stdin], [], [], PROBE_SECONDS)[0]:
            before = time.perf_counter()
            one.sendall(b"GET /boot/ipxe?mac=none HTTP/1.1\r\nHost: x\r\n\r\n")
            while not one.recv(65536).endswith(b"exit 1\n"):
                pass
            took.append((time.perf_counter() - before) * 1000)
    print(json.dumps(took))


# -- the agents


def session(number: int) -> str:
    tokens = BootTokens(b"s" * 32)
    serial = ways.begun(Machine(mac(number), NodeState.READY), Phase.INSTALL).boot_serial
    proof = tokens.session(mac(number), serial, Phase.INSTALL, nonce(number))
    return f"{mac(number).replace(':', '')}.{proof}"


def question(path: str, number: int) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {session(number)}\r\n\r\n"
    ).encode()


IMAGE = f"/boot/image/{'e' * 64}"
FILE = f"/boot/files/{'b' * 64}/initrd"


async def fetched(port: int, path: str, number: int, buffer: bytearray) -> int:
    """Fetch it and count its bytes; they are thrown away."""
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.setblocking(False)
        await loop.sock_sendall(one, question(path, number))
        head = await loop.sock_recv(one, 65536)
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"agent {number}: {head[:300]!r}")
        count = len(head)
        # One buffer for all: nobody looks at what is in it.
        while got := await loop.sock_recv_into(one, buffer):
            count += got
        return count


@dataclass
class Streamed:
    rate_mib: float
    cpu_per_gib: float
    peak_mib: float
    longest_ms: float
    worked_ms: float


async def stream(server: Server, path: str, agents: int, size: int) -> Streamed:
    before = server.figures()
    buffer = bytearray(MIB)
    began = time.perf_counter()
    counts = await asyncio.gather(*(fetched(server.port, path, n, buffer) for n in range(agents)))
    seconds = time.perf_counter() - began
    after = server.figures()
    if any(count < size for count in counts):
        raise SystemExit(f"{server.kind}: an agent got less than the image")
    total = agents * size
    return Streamed(
        total / MIB / seconds, (after["cpu"] - before["cpu"]) / (total / 2**30),
        after["peak_mib"], after["longest_ms"], after["worked_ms"],
    )  # fmt: skip


async def polls(server: Server, count: int, seconds: float) -> None:
    before = server.figures("wait")
    pairs = []
    for number in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(question("/boot/command?wait=60", number))
        pairs.append((reader, writer))
    await asyncio.sleep(1)  # all are held then, or have answered
    held = server.figures()
    await asyncio.sleep(seconds)
    after = server.figures()
    answered = [reader for reader, _ in pairs if reader.at_eof()]
    print(
        f"{count} long polls: {count - len(answered)} wait; "
        f"to take them {held['cpu'] - before['cpu']:.2f} CPU s, "
        f"to hold them {(after['cpu'] - held['cpu']) / seconds * 100:.2f} % of a processor, "
        f"{held['resident_mib'] - before['resident_mib']:.1f} MiB, "
        f"longest hold of the loop {held['worked_ms']:.1f} ms at work, "
        f"{held['longest_ms']:.0f} ms by the clock"
    )
    for _, writer in pairs:
        writer.close()


async def compare(servers: list[Server], path: str, agents: int, size: int) -> None:
    """Print what each server made of `agents` that fetch `path` at once."""
    of: dict[str, list[Streamed]] = {server.kind: [] for server in servers}
    for _ in range(ROUNDS):
        for server in servers:
            of[server.kind].append(await stream(server, path, agents, size))
    middle = {k: statistics.median(f.rate_mib for f in seen) for k, seen in of.items()}
    cpu = {k: statistics.median(f.cpu_per_gib for f in seen) for k, seen in of.items()}
    for kind, seen in of.items():
        print(
            f"{kind}: {middle[kind]:.0f} MiB/s, {cpu[kind]:.2f} CPU s per GiB, "
            f"peak {max(f.peak_mib for f in seen):.0f} MiB, longest hold of the loop "
            f"{max(f.worked_ms for f in seen):.1f} ms at work, "
            f"{max(f.longest_ms for f in seen):.0f} ms by the clock"
        )
    print(
        f"share of the bare rate {middle['listener'] / middle['bare']:.2f}, by processor time "
        f"{cpu['bare'] / cpu['listener']:.2f}"
    )
    with Probe(servers[1].port) as other:
        await stream(servers[1], path, agents, size)
    print(
        f"another's small question meanwhile: median {other.percentile(0.5):.1f} ms, "
        f"99 % {other.percentile(0.99):.1f} ms, of {len(other.milliseconds)}"
    )


async def measure(agents: int, size: int, count: int, parallel: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image"
        image.write_bytes(os.urandom(MIB) * (size // MIB))
        servers = [
            Server(kind, image, max(agents, count), parallel) for kind in ("bare", "listener")
        ]
        try:
            for what, path in ((f"an image, {parallel} at once", IMAGE), ("the agent", FILE)):
                load = os.getloadavg()[0]
                print(f"{agents} agents fetch {what}, {size // MIB} MiB, load {load:.1f}")
                await compare(servers, path, agents, size)
            await polls(servers[1], count, 10)
        finally:
            for server in servers:
                server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--mib", type=int, default=32)
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--polls", type=int, default=1000)
    parser.add_argument("--serve", nargs=4, metavar=("KIND", "IMAGE", "AGENTS", "PARALLEL"))
    parser.add_argument("--probe", type=int, metavar="PORT")
    given = parser.parse_args()
    if given.serve:
        kind, image, agents, parallel = given.serve
        asyncio.run(serve(kind, Path(image), int(agents), int(parallel)))
    elif given.probe:
        probe(given.probe)
    else:
        asyncio.run(measure(given.agents, given.mib * MIB, given.polls, given.parallel))


if __name__ == "__main__":
    main()
