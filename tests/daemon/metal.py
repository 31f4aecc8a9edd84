"""Machines of the QEMU room and a daemon of its own process, both to be broken by tests."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from drydockd.cli.lab_stage import qemu_stage
from drydockd.room.qemu.bmc import machine_script
from drydockd.room.qemu.machine import command_line
from drydockd.room.qemu.room import empty_disk
from tests.daemon.helpers import started
from tests.daemon.qemulab import images

# Of a host that emulates two processors on one of its own, with other work.
EVENT_SECONDS = 1800
LOOK_SECONDS = 0.2
MIB = 1 << 20
SENTINEL_MIB = 64
# What is on a disk from before: its first and last MiB, where tables are, and one between.
MARKED_MIB = (0, 700, -1)


@contextmanager
def in_a_loop(context):
    """Enter an asynchronous context in a loop of a thread of its own, where it goes on working."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def done(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    try:
        entered = done(context.__aenter__())
        try:
            yield entered
        finally:
            done(context.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def until(is_so, what, seconds=EVENT_SECONDS):
    """Return what `is_so` returns when it is true. Consoles, disks and BMCs tell nobody."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if found := is_so():
            return found
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")


class Metal:
    """One machine with an additional disk that no design names, and a daemon that deploys it.

    `options` are the provisioner's. The catalogue is a copy: it may be damaged. With `is_alone`
    the installed system has the network it booted from, and no other. `firmware` None is a BIOS.
    A step that fails is repeated `retries` times.
    """

    def __init__(self, folder, *, is_alone=False, firmware=None, retries=0, **options):
        self.folder, self.is_alone, self.options = folder, is_alone, options
        self.firmware, self.retries = firmware, retries
        self._ending = ExitStack()
        self.process = None

    def __enter__(self):
        with ExitStack() as failing:
            failing.callback(self._close)
            self._enter()
            failing.pop_all()
        return self

    def _enter(self):
        self.port = a_port()
        context = qemu_stage(self.folder, 1, images(), self.port, firmware=self.firmware)
        self.stage = self._ending.enter_context(in_a_loop(context))
        self.room = self.stage.room
        (self.machine,), (self.bmc,) = self.room.machines, self.room.bmcs
        self.name = self.machine.name
        self.sentinel = self.folder / "sentinel.raw"
        with open(self.sentinel, "wb") as file:
            file.truncate(SENTINEL_MIB * MIB)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", self.sentinel], check=True)
        self.plug()
        self._settings()
        self.start()

    def __exit__(self, *error):
        try:
            if error[0] is not None:
                self._tell()
        finally:
            self._close()

    def _close(self):
        try:
            self.kill()
        finally:
            self._ending.close()

    def _tell(self):
        """What a person would look at, into the output of the test that failed."""
        print((self.folder / "log").read_text()[-6000:])
        print(self.console[-6000:])

    def _settings(self):
        self.catalogue = self.folder / "images"
        # What is being built there is none of ours.
        hidden = shutil.ignore_patterns(".*")
        shutil.copytree(images(), self.catalogue, copy_function=_linked, ignore=hidden)
        sections = {name: dict(values) for name, values in self.stage.settings.items()}
        sections["api"]["listen"] = f"0.0.0.0:{self.port}"
        sections["limits"] = {"retries": self.retries}
        sections["network"] = {"allowed_roots": [str(self.folder)]}
        driver = sections["drivers"].pop("netboot_driver")
        sections |= {name: dict(values) for name, values in sections.pop("drivers").items()}
        if self.is_alone:
            driver["report_url"] = driver["base_url"]
            url = f"{sections['api']['public_url']}/api/v1.0/bootactions/"
            sections["bootactions"] = {"report_url": url}
        sections["netboot_driver"] = driver | {"images": str(self.catalogue)} | self.options
        self.sections = json.loads(json.dumps(sections))

    # -- the daemon

    def start(self):
        self._running = ExitStack()
        self.process = self._running.enter_context(started(self.folder, **self.sections))
        self.process.manager.settimeout(LOOK_SECONDS)
        until(self._is_ready, lambda: self.process.log[-2000:])

    def _is_ready(self):
        assert self.process.popen.poll() is None, self.process.log[-2000:]
        try:
            return "READY=1" in self.process.manager.recv(4096).decode()
        except TimeoutError:
            return False

    def kill(self):
        """As the kernel does when memory is short: without a word."""
        if self.process is not None:
            self.process.signal(signal.SIGKILL)
            self._running.close()
            self.process = None

    def restart(self):
        self.kill()
        self.start()

    @contextmanager
    def told(self, *, retries, **options):
        """With these options of the provisioner, from a restart of the daemon to another one."""
        before = self.sections
        self.sections = before | {
            "limits": {"retries": retries},
            "netboot_driver": before["netboot_driver"] | options,
        }
        self.restart()
        try:
            yield
        finally:
            self.sections = before
            self.restart()

    def _http(self):
        base = f"http://127.0.0.1:{self.port}/api/v1.0"
        return httpx.Client(base_url=base, headers=self.process.admin(), timeout=60)

    def get(self, path):
        with self._http() as http:
            return http.get(path).raise_for_status().json()

    def submit(self, action, **more):
        body = {"action": action, "design_ref": self.stage.site.as_uri(), **more}
        with self._http() as http:
            return http.post("/tasks", json=body).raise_for_status().json()["task_id"]

    def ended(self, task_id):
        def end():
            task = self.get(f"/tasks/{task_id}")
            return task if task["status"] in ("complete", "terminated") else None

        return until(end, lambda: self.said(task_id)[-5:])

    def done(self, action, **more):
        """Do it and return its result: success or failure."""
        return self.ended(self.submit(action, **more))["result"]["status"]

    def prepare(self):
        for action in ("prepare_site", "prepare_nodes"):
            task = self.submit(action)
            assert self.ended(task)["result"]["status"] == "success", self.said(task)

    def said(self, task_id):
        tree = self.get(f"/tasks/{task_id}?layers=-1").values()
        tasks = [one for one in tree if isinstance(one, dict) and "result" in one]
        lists = [task["result"]["details"]["messageList"] for task in tasks]
        return [message["message"] for messages in lists for message in messages]

    def tells(self, task_id, words):
        """Return when the task says something that has `words`."""
        until(lambda: any(words in text for text in self.said(task_id)),
              lambda: f"{words!r} in {self.said(task_id)}")  # fmt: skip

    @property
    def status(self):
        rows = {row["hostname"]: row["status_name"] for row in self.get("/nodes")}
        return rows.get(self.name)

    def account(self):
        """What the installed system told of itself: part -> text."""
        (action,) = self.get("/bootactions")
        task = self.get(f"/tasks/{action['task_id']}")
        messages = task["result"]["details"]["messageList"]
        told = {}
        for extra in (message.get("extra", {}) for message in messages):
            if "part" in extra:
                # A long one comes in pieces.
                told[extra["part"]] = told.get(extra["part"], "") + extra["told"]
        return told

    # -- the machine

    @property
    def console(self):
        return self.machine.console.read_text(errors="replace")

    def begin(self):
        """What the console said until now is not looked at any more."""
        self._seen = len(self.console)

    def shows(self, *words, since=None):
        """Return when the console has shown one of `words` since `begin`, or since it had that
        many letters."""
        begin = self._seen if since is None else since
        until(lambda: any(word in self.console[begin:] for word in words),
              lambda: f"{words} in {self.console[-2000:]}")  # fmt: skip

    def misses_its_server(self):
        """Kill the daemon, and return when the agent has noticed."""
        told = len(self.console)
        self.kill()
        self.shows("again in ", since=told)

    def count(self, words):
        return self.console[self._seen :].count(words)

    def gets(self, mib):
        """Return when the machine has got so much more over its boot network."""
        counter = Path(f"/sys/class/net/{self.machine.boot_tap}/statistics/tx_bytes")
        aim = int(counter.read_text()) + mib * MIB
        until(lambda: int(counter.read_text()) > aim, f"{mib} MiB to the machine")

    @property
    def pid(self):
        with suppress(FileNotFoundError, ValueError):
            return int(self.machine.pid_file.read_text())

    @property
    def is_on(self):
        return self.pid is not None and is_running(self.pid)

    def signal(self, number):
        os.kill(self.pid, number)

    def cut(self):
        """The power goes and comes back: the machine starts as its firmware is set up."""
        self.signal(signal.SIGKILL)
        until(lambda: not self.is_on, "off")
        subprocess.run([self.machine.folder / "machine", "default"], check=True)

    def plug(self, *, without=None, without_from_disk=None):
        """Cable the machine: its disks but the one of that index, and the sentinel; another one may
        be missing when it is started from disk."""
        network = self._words(without, is_netboot=True)
        disk = self._words(without_from_disk, is_netboot=False)
        self.bmc.program("machine", machine_script(network, disk))

    def _words(self, without, *, is_netboot):
        words = command_line(self.machine, is_netboot=is_netboot)
        if without is not None:
            at = next(i for i, word in enumerate(words) if f"id=disk{without}," in word)
            del words[at - 1 : at + 3]
        file = f"if=none,id=sentinel,format=raw,file={self.sentinel}"
        device = "virtio-blk-pci,drive=sentinel,addr=c,serial=SENTINEL"
        return [*words, "-drive", file, "-device", device]

    def mark(self, index, gib):
        """A disk of that size on which something is."""
        path = self.machine.disks[index]
        empty_disk(path, gib)
        for mib in MARKED_MIB:
            at = (mib if mib >= 0 else gib * 1024 + mib) * MIB
            subprocess.run(["qemu-io", "-c", f"write -P 0x5a {at} {MIB}", path],
                           check=True, stdout=subprocess.DEVNULL)  # fmt: skip

    def content(self, index):
        """A digest of all that reads on a disk; it changes with any byte of it."""
        told = subprocess.run(["qemu-img", "map", "--output=json", self.machine.disks[index]],
                              check=True, capture_output=True, text=True).stdout  # fmt: skip
        digest = hashlib.sha256()
        with open(self.machine.disks[index], "rb") as file:
            for part in json.loads(told):
                if not part["zero"]:
                    file.seek(part["offset"])
                    digest.update(f"{part['start']} ".encode() + file.read(part["length"]))
        return digest.hexdigest()

    def sentinel_content(self):
        return hashlib.sha256(self.sentinel.read_bytes()).hexdigest()

    def off(self):
        """The power goes, and does not come back."""
        self.signal(signal.SIGKILL)
        until(lambda: not self.is_on, "off")


def a_port():
    """One that nobody is given for a connection while the daemon is away."""
    for port in range(9300, 9400):
        with suppress(OSError), socket.create_server(("0.0.0.0", port)):
            return port
    raise AssertionError("no free port from 9300 to 9399")


def is_running(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def _linked(source, target):
    """A second name of a file, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
