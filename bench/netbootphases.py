"""Seconds and processor seconds of each phase of a machine's way, on machines of QEMU.

Labs of their own (`drydock lab --machines qemu:N`, as root) inspect and deploy one machine with a
BIOS, one with a UEFI, then both at once. What a phase began and ended with is told by the messages
of the machine's tasks, the processor seconds are those of its QEMU. Emulated, so on a busy host
the first column says more of the host than of drydockd; both are printed with its load.

Run as ``python -m bench.netbootphases [--labs bios uefi both] [--bmc ipmi|redfish] [--images DIR]``
or with ``--watch FOLDER URL`` beside a lab that is at work.
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
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from drydockd.room.qemu.room import MACHINES

SAMPLE_SECONDS = 0.5
LOOK_SECONDS = 2.0
TICKS = os.sysconf("SC_CLK_TCK")
# What ends a phase -> what is told then, the first of it that comes after the phase before. A step
# that is over before anybody looks is not told: the next one ends the phase then. That a task
# ended is among what is told. None: no phase, from here the next one begins.
MARKS: tuple[tuple[str | None, str], ...] = (
    (None, r"power is on"),
    ("first start: iPXE, agent, seen", r"ended identify_node"),
    (None, r"power is on"),
    ("inspection: iPXE, agent says hello", r"agent started"),
    ("lshw, neighbours, sent, off", r"ended configure_hardware"),
    (None, r"power is on"),
    ("deployment: iPXE, agent says hello", r": (agent started|match|wipe|partition|volumes|mkfs)"),
    ("match, wipe, partition, LVM, mkfs", r": (unpack|configure|packages|bootdata|loader|finish)"),
    ("unpack", r": (configure|packages|bootdata|loader|finish|install ended)|power is off"),
    ("configure, boot data, loader, off", r"power is off"),
    ("boot device disk, on", r"starts from disk"),
    ("first boot, deployed", r"ended deploy_node"),
)
NODE = re.compile(r"q\d\d-\w+")
LABS = {"bios": ("1", "bios"), "uefi": ("1", "uefi"), "both": ("2", None)}


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


def told(tasks: Iterable[dict[str, Any]]) -> dict[str, list[tuple[float, str]]]:
    """Return what was told of each node, by time, with the ends of its own tasks."""
    found: dict[str, list[tuple[float, str]]] = {}
    for task in tasks:
        messages = task["result"]["details"]["messageList"]
        nodes = {m["context"] for m in messages if NODE.fullmatch(m["context"])}
        for message in messages:
            if message["context"] in nodes:
                row = (seconds(message["ts"]), message["message"])
                found.setdefault(message["context"], []).append(row)
        if task["status"] == "complete":
            for node in nodes:
                found[node].append((seconds(task["updated"]), f"ended {task['action']}"))
    return {node: sorted(rows) for node, rows in sorted(found.items())}


def phases(rows: Iterable[tuple[float, str]]) -> dict[str, tuple[float, float]]:
    """Return begin and end of each phase of one node, as far as it got."""
    left = iter(rows)
    found: dict[str, tuple[float, float]] = {}
    begin = 0.0
    for name, pattern in MARKS:
        moment = next((moment for moment, text in left if re.search(pattern, text)), None)
        if moment is None:
            break
        if name is not None:
            found[name] = (begin, moment)
        begin = moment
    return found


def seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def ended(api: httpx.Client) -> list[dict[str, Any]]:
    """Return all tasks, whole, when the deployment of the site has ended."""
    while True:
        rows = api.get("/tasks").raise_for_status().json()
        whole = [row for row in rows if row["action"] == "deploy_nodes"]
        if whole and all(row["status"] in ("complete", "terminated") for row in whole):
            break
        if failed := [row for row in rows if row.get("result", {}).get("status") == "failure"]:
            raise SystemExit(f"{failed[0]['action']} failed: drydock lab says why")
        time.sleep(LOOK_SECONDS)
    return [api.get(f"/tasks/{row['task_id']}").raise_for_status().json() for row in rows]


def watch(folder: Path, url: str) -> None:
    meter = Meter(folder)
    meter.start()
    begun = os.getloadavg()[0]
    headers = {"X-Auth-Token": (folder / "token").read_text()}
    try:
        with httpx.Client(base_url=f"{url}/api/v1.0", headers=headers, timeout=60) as api:
            tasks = ended(api)
    finally:
        meter.stop()
    table({node: phases(rows) for node, rows in told(tasks).items()}, meter)
    print(f"\nLoad {begun:.1f} at the begin, {os.getloadavg()[0]:.1f} at the end.", flush=True)


def table(nodes: dict[str, dict[str, tuple[float, float]]], meter: Meter) -> None:
    """Print a row for each phase; of each node seconds and, in brackets, those of its processor."""
    print("\n| Phase | " + " | ".join(f"{node}, s (CPU s)" for node in nodes) + " |")
    print("|---" * (len(nodes) + 1) + "|")
    names = [name for name, _ in MARKS if name is not None]
    for name in names:
        cells = [cell(meter, node, rows.get(name)) for node, rows in nodes.items()]
        print(f"| {name} | {' | '.join(cells)} |")
    for title, first, last in (
        ("**inspected**", names[0], names[2]),
        ("**deployed**", names[3], names[-1]),
    ):
        spans = [
            (rows[first][0], rows[last][1]) if first in rows and last in rows else None
            for rows in nodes.values()
        ]
        cells = [cell(meter, node, span) for node, span in zip(nodes, spans, strict=True)]
        print(f"| {title} | {' | '.join(cells)} |")


def cell(meter: Meter, node: str, span: tuple[float, float] | None) -> str:
    if span is None:
        return "not seen"
    number = node[1:3]
    cpu = meter.at(number, span[1]) - meter.at(number, span[0])
    return f"{span[1] - span[0]:.1f} ({cpu:.1f})"


def lab(machines: str, firmware: str | None, bmc: str, images: Path | None) -> None:
    """Run a lab from nothing to deployed, and print the table of its machines."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        words = [sys.executable, "-m", "drydockd.cli", "lab", "--machines", f"qemu:{machines}"]
        words += ["--bmc", bmc, "--plain", "--port", str(port), "--state-dir", name]
        words += ["--firmware", firmware] if firmware else []
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
    parser.add_argument("--labs", nargs="*", choices=LABS, default=list(LABS))
    parser.add_argument("--bmc", default="ipmi")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--watch", nargs=2, metavar=("FOLDER", "URL"))
    given = parser.parse_args()
    if given.watch:
        watch(Path(given.watch[0]), given.watch[1])
        return
    for kind in given.labs:
        lab(*LABS[kind], given.bmc, given.images)


if __name__ == "__main__":
    main()
