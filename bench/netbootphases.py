"""Seconds and processor seconds of each phase of a deployment, on machines of QEMU.

A lab of its own (`drydock lab --machines qemu:N`, as root) deploys one machine, then two at once;
what a phase began and ended with is told by the deployment's own messages, the processor seconds
are those of the machine's QEMU. Emulated, so on a busy host the first column says more of the host
than of drydockd; both are printed with its load.

Run as ``python -m bench.netbootphases [--machines 1 2] [--bmc ipmi|redfish] [--images DIR]``, or
with ``--watch FOLDER URL`` beside a lab that is at work.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from drydockd.room.qemu.room import MACHINES

SAMPLE_SECONDS = 0.5
LOOK_SECONDS = 2.0
TICKS = os.sysconf("SC_CLK_TCK")
# What ends a phase -> its messages, the first of them that comes after the phase before. A step
# that is over before anybody looks is not told: the next one ends the phase then.
MARKS = (
    ("power on", r"power is on"),
    ("agent says hello", r": (agent started|match|wipe|partition|volumes|mkfs|unpack)\b"),
    ("wipe, partition, LVM, mkfs", r": (unpack|configure|packages|bootdata|loader|finish)\b"),
    ("unpack", r": (configure|packages|bootdata|loader|finish)\b|install ended"),
    ("configure, boot data, loader, agent's end", r"install ended|power is off"),
    ("off, boot device disk, on", r"starts from disk"),
)
LAST = "first boot, deployed"


class Meter(threading.Thread):
    """Samples of the processor seconds of each machine, over all of its starts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder / MACHINES
        self._over = threading.Event()
        self._ended: dict[str, dict[int, float]] = {}
        self.samples: dict[str, list[tuple[float, float]]] = {}

    def run(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            for pid_file in self._folder.glob("[0-9]*/pid"):
                self._sample(pid_file.parent.name, pid_file)

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _sample(self, name: str, pid_file: Path) -> None:
        try:
            pid = int(pid_file.read_text())
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return  # off, or just starting
        starts = self._ended.setdefault(name, {})
        starts[pid] = (int(fields[11]) + int(fields[12])) / TICKS
        self.samples.setdefault(name, []).append((time.time(), sum(starts.values())))

    def at(self, name: str, moment: float) -> float:
        samples = self.samples.get(name, [])
        index = bisect_right(samples, (moment, float("inf"))) - 1
        return samples[index][1] if index >= 0 else 0.0


def moments(task: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield what ended when, in order, of one deploy_node task."""
    told = iter(task["result"]["details"]["messageList"])
    message: dict[str, Any] | None = next(told, None)
    for name, pattern in MARKS:
        while message is not None and not re.search(pattern, message["message"]):
            message = next(told, None)
        if message is None:
            return
        yield name, seconds(message["ts"])
    yield LAST, seconds(task["updated"])


def seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def deployed(api: httpx.Client) -> list[dict[str, Any]]:
    """Return the deploy_node tasks when the deployment of the whole site has ended."""
    while True:
        rows = api.get("/tasks").raise_for_status().json()
        whole = [r for r in rows if r["action"] == "deploy_nodes"]
        if whole and all(r["status"] in ("complete", "terminated") for r in whole):
            break
        failed = [r for r in rows if r.get("result", {}).get("status") == "failure"]
        if failed:
            raise SystemExit(f"{failed[0]['action']} failed: drydock lab says why")
        time.sleep(LOOK_SECONDS)
    tasks = [api.get(f"/tasks/{r['task_id']}").json() for r in rows if r["action"] == "deploy_node"]
    return [task for task in tasks if any(True for _ in moments(task))]


def watch(folder: Path, url: str) -> None:
    meter = Meter(folder)
    meter.start()
    headers = {"X-Auth-Token": (folder / "token").read_text()}
    with httpx.Client(base_url=f"{url}/api/v1.0", headers=headers, timeout=60) as api:
        tasks = deployed(api)
    meter.stop()
    for task in tasks:
        table(task, meter)


def table(task: dict[str, Any], meter: Meter) -> None:
    contexts = {message["context"] for message in task["result"]["details"]["messageList"]}
    (node,) = (context for context in contexts if re.fullmatch(r"q\d\d-\w+", context))
    number = node[1:3]
    print(f"\n{node}, load {os.getloadavg()[0]:.1f}: {task['result']['status']}")
    print("| Phase | s | CPU s of QEMU | s since power on |\n|---|---|---|---|")
    ended = list(moments(task))
    start = ended[0][1]
    for (_, before), (name, moment) in pairwise(ended):
        cpu = meter.at(number, moment) - meter.at(number, before)
        print(f"| {name} | {moment - before:.1f} | {cpu:.1f} | {moment - start:.1f} |")


def lab(machines: int, bmc: str, images: Path | None) -> None:
    """Run a lab of so many machines from nothing to deployed, and print their tables."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        words = [sys.executable, "-m", "drydockd.cli", "lab", "--machines", f"qemu:{machines}"]
        words += ["--bmc", bmc, "--plain", "--port", str(port), "--state-dir", name]
        words += ["--images", str(images)] if images else []
        running = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            while not is_answered(url):
                if running.poll() is not None:
                    raise SystemExit("the lab did not start")
                time.sleep(LOOK_SECONDS)
            watch(Path(name), url)
        finally:
            running.send_signal(signal.SIGINT)
            running.wait()


def is_answered(url: str) -> bool:
    try:
        return httpx.get(f"{url}/versions").is_success
    except httpx.TransportError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--bmc", default="ipmi")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--watch", nargs=2, metavar=("FOLDER", "URL"))
    given = parser.parse_args()
    if given.watch:
        watch(Path(given.watch[0]), given.watch[1])
        return
    for machines in given.machines:
        lab(machines, given.bmc, given.images)


if __name__ == "__main__":
    main()
