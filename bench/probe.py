"""A daemon's health and memory, watched by a process of its own while something is done to it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress

from bench.confine import resident_mib
from bench.daemon import Daemon

PROBE = "127.0.0.10"  # the address it asks from


class Watch:
    """Memory of the daemon and its children while it runs; health from a process of its own."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.together_mib = self.alone_mib = 0.0
        self.load = os.getloadavg()
        self.start, self.cpu_seconds = time.monotonic(), daemon.cpu_seconds
        self.probe = subprocess.Popen(
            [sys.executable, "-m", "bench.probe", str(daemon.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def memory(self) -> None:
        while self.daemon.process.poll() is None:
            with suppress(OSError):
                self.alone_mib = max(self.alone_mib, self.daemon.peak_mib)
            now = await asyncio.to_thread(resident_mib, self.daemon.process.pid)
            self.together_mib = max(self.together_mib, now)
            await asyncio.sleep(0.25)

    async def health(self) -> dict[str, list[float]]:
        """End the probe, and the time that is measured; return milliseconds by status."""
        self.seconds = time.monotonic() - self.start
        self.cpu_seconds = self.daemon.cpu_seconds - self.cpu_seconds
        said, _ = await asyncio.to_thread(self.probe.communicate)
        found: dict[str, list[float]] = json.loads(said)
        return found

    def end(self) -> None:
        """Leave no probe behind, however this ends."""
        if self.probe.poll() is None:
            self.probe.kill()
            self.probe.wait()


def probe(port: int) -> None:
    """Ask for the health ten times a second until the input ends; print milliseconds by status."""
    found = dict[str, list[float]]()
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        start = time.perf_counter()
        client = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=10, source_address=(PROBE, 0)
        )
        try:
            client.request("GET", "/api/v1.0/health")
            status = str(client.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        finally:
            client.close()
        found.setdefault(status, []).append((time.perf_counter() - start) * 1000)
    print(json.dumps(found))


if __name__ == "__main__":
    probe(int(sys.argv[1]))
