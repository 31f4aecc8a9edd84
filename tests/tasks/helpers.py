"""Shared by the tests of the tasks: a lab of store, small site, machine room and Tasks."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import yaml

from drydockd.auth.bootkey import BootKeys
from drydockd.design import Design, nodefilter
from drydockd.design.compile import compile_site
from drydockd.design.validate import validate
from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.kubernetes.fake import FakeKubernetes
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.drivers.oob.fake import FakeOob
from drydockd.errors import Conflict, SourceUnavailable
from drydockd.model import Action, BootActionStatus, Caller, Message
from drydockd.room import Room
from drydockd.room.config import FaultKind, parse_config
from drydockd.site import Level
from drydockd.store.base import Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks import Drivers, ReportDetail, TaskRequest, Tasks, TaskSettings
from drydockd.tasks.shared.identities import Identities
from drydockd.tasks.steps.identity import IdentityCheck
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.words.times import moment_after

OPS = Caller(user="ops", external_marker="marker-1", end_user="captain")
KEYS = BootKeys(b"k" * 32)
SITE = "memory:site"

# What takes time in earnest takes next to none; limits stay far, whatever else the machine does.
QUICK = TaskSettings(
    drydock_timeout=60.0,
    identify_node=60.0,
    configure_hardware=60.0,
    apply_node_networking=60.0,
    apply_node_storage=60.0,
    apply_node_platform=60.0,
    deploy_node=60.0,
    bootaction_final_status=60.0,
    destroy_node=60.0,
    relabel_node=60.0,
    poll_interval=0.01,
    noop_seconds=0.02,
    resume_grace=0.3,
    driver_margin=0.1,
    abandon_after=0.1,
    network_retry_min_delay=0.01,
    network_retry_max_delay=0.02,
    retention_days=None,
)
BRIEF = {
    "bmc": [0, 0.001],
    "bmc_timeout": 0.01,
    "power": [0.001, 0.003],
    "discovery": [0.001, 0.005],
    "commission": [0.002, 0.01],
    "deploy": [0.002, 0.01],
    "wipe": [0.002, 0.01],
    "first_boot": [0.001, 0.003],
    "report": [0, 0.002],
}


def names(count):
    return tuple(f"n{i}" for i in range(1, count + 1))


def document(kind, name, **data):
    return {
        "schema": f"drydock/{kind}/v1",
        "metadata": {"schema": "metadata/Document/v1", "name": name},
        "data": data,
    }


def site_text(count=3, *, oob="ipmi", bootactions=True, bad=False, **by_node):
    """A small valid site: `count` nodes n1, n2 ...; `by_node` adds to a node's own data."""
    hosts = 250
    alias = {"address": "0:2.0.0", "bus_type": "scsi", "dev_type": "disk"}
    nic = {"address": "0000:01:00.0", "bus_type": "pci", "dev_type": "nic"}
    root = {"name": "root", "size": "30g", "bootable": True}
    root["filesystem"] = {"mountpoint": "/", "fstype": "ext4"}
    documents = [
        document("Region", "lab", tag_definitions=[], authorized_keys=["ssh-rsa AAAA lab"]),
        document(
            "NetworkLink",
            "pxe",
            mtu=1500,
            trunking={"mode": "disabled", "default_network": "pxe"},
            allowed_networks=["pxe"],
        ),
        document("Network", "pxe", cidr="10.1.0.0/16", dns={"domain": "lab.example"}),
        document("Network", "oob", cidr="10.2.0.0/16"),
        document(
            "HardwareProfile",
            "plain",
            vendor="Keel",
            generation="1",
            hw_version="1",
            bios_version="1",
            boot_mode="bios",
            bootstrap_protocol="pxe",
            pxe_interface=0,
            device_aliases={"disk_boot": alias, "nic_pxe": nic},
        ),
        document(
            "HostProfile",
            "base",
            hardware_profile="plain",
            primary_network="pxe",
            oob={"type": oob, "network": "oob", "account": "a", "credential": "c"},
            interfaces={"pxe": {"device_link": "pxe", "slaves": ["nic_pxe"], "networks": ["pxe"]}},
            storage={
                "physical_devices": {
                    "disk_boot": {"labels": {"bootdrive": "true"}, "partitions": [root]}
                }
            },
            platform={"image": "jammy", "kernel": "ga-22.04", "kernel_params": {}},
            metadata={"owner_data": {"role": "worker"}},
        ),
    ]
    for number, name in enumerate(names(count), 1):
        net, host = divmod(number, hosts)
        own = {
            "host_profile": "base",
            "addressing": [
                {"network": "pxe", "address": f"10.1.{net}.{host + 1 + (2 if bad else 0)}"},
                {"network": "oob", "address": f"10.2.{net}.{host + 1}"},
            ],
            **by_node.get(name, {}),
        }
        documents.append(document("BaremetalNode", name, **own))
    if bad:
        documents[-1]["data"]["addressing"][0]["address"] = "10.99.0.1"
    if bootactions:
        script = {
            "type": "file",
            "path": "/opt/hello",
            "permissions": "755",
            "data": "{{ node.hostname }} {{ action.action_id }} {{ action.action_key }}",
            "data_pipeline": ["utf8_decode", "template"],
        }
        packages = {"type": "pkg_list", "data": {"chrony": None}}
        documents.append(document("BootAction", "hello", signaling=True, assets=[script]))
        documents.append(document("BootAction", "quiet", signaling=False, assets=[packages]))
    return yaml.safe_dump_all(documents)


class Shelf:
    """Designs from memory, compiled and judged by the real parts; a source can be away.

    `gate` holds up all references, an event in `gates` that one.
    """

    longest_load = 60.0

    def __init__(self, **texts):
        self.texts = {f"memory:{name}": text for name, text in texts.items()}
        self.is_away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.gates = {}
        self.asked = []
        self._compiled = {}

    async def load(self, ref, *, marker="", end_user="", owner="", watch=None):
        self.asked.append((ref, marker, end_user))
        await self.gate.wait()
        if ref in self.gates:
            await self.gates[ref].wait()
        if self.is_away or ref not in self.texts:
            raise SourceUnavailable(f"{ref}: nobody answers")
        return await self.compile(self.texts[ref].encode(), ref, watch=watch)

    async def compile(self, content, ref, *, owner="", watch=None):
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._compiled:
            async with watch() if watch else nullcontext():
                self._compiled[digest] = compile_site(content)
        site, findings = self._compiled[digest]
        return Design(ref, digest, content, site, tuple(findings))

    async def fetch(self, ref, *, marker="", end_user=""):
        raise SourceUnavailable(ref)

    async def validate(self, design, catalogue):
        if not design.ok:
            return list(design.findings)
        return [*design.findings, *validate(design.site, catalogue)]


class LabRoom(Room):
    """The machine room, whose machines boot without HTTP: they call Tasks themselves."""

    lab = None

    def start_first_boot(self, machine):
        machine.counters["first_boots"] += 1
        return asyncio.get_running_loop().create_task(self._boot_here(machine))

    async def _boot_here(self, machine):
        await asyncio.sleep(self.seconds(machine, "first_boot"))
        boot = machine.spec.boot if machine.spec else None
        if boot is None or self.strikes(machine, FaultKind.NEVER_BOOTS):
            return
        name = machine.card.name
        await self.lab.from_node(lambda tasks: tasks.deployments.note_delivery(name, "units"))
        await self.lab.from_node(lambda tasks: tasks.deployments.note_delivery(name, "files"))
        if self.strikes(machine, FaultKind.NEVER_REPORTS):
            return
        is_bad = self.strikes(machine, FaultKind.REPORTS_FAILURE)
        status = BootActionStatus.FAILURE if is_bad else BootActionStatus.SUCCESS
        store = self.lab.store
        for row in store.boot_actions(name, context_id=boot_context(store, name)):
            if row.status is BootActionStatus.INCOMPLETE:
                await asyncio.sleep(self.seconds(machine, "report"))
                await self.lab.from_node(partial(report, row.action_id, status, is_bad))


def boot_context(store, name):
    return store.boot_context(name).context_id


async def report(action_id, status, is_bad, tasks):
    await tasks.deployments.report(action_id, status, [ReportDetail("done", is_bad)])


class CutOff(MemoryStore):
    """A store whose process dies at a chosen write: before it, or right behind it.

    Nothing that comes later is written, and nobody who waits for it goes on. `revive` is
    the next start.
    """

    def __init__(self):
        super().__init__()
        self.writes = 0
        self.die_at = None
        self.is_before = False
        self.died = asyncio.Event()

    def die(self, at, *, before):
        self.writes, self.die_at, self.is_before = 0, at, before

    def revive(self):
        self.die_at = None
        self.died.clear()

    async def write(self, *changes):
        self.writes += 1
        is_last = self.writes == self.die_at
        if self.died.is_set() or (is_last and self.is_before):
            self.died.set()
            await asyncio.Event().wait()
        await super().write(*changes)
        if is_last:
            self.died.set()
            await asyncio.Event().wait()


class Lab:
    """Everything a task needs, in one process; `restart` is a kill and a start."""

    def __init__(self, text=None, *, settings=None, faults=(), latencies=None, store=None, **room):
        self.store = store or MemoryStore()
        self._is_up = asyncio.Event()
        self._went_down = asyncio.Event()
        self.designs = Shelf(site=text or site_text())
        config = {"latencies": {**BRIEF, **(latencies or {})}, "faults": list(faults), **room}
        # Its machines unpack nothing, so the folder is never made.
        self.room = LabRoom(parse_config(config), Path(tempfile.gettempdir()) / "no-room")
        self.room.lab = self
        self.refused = 0
        self.drivers = Drivers(
            oob=[FakeOob(FakeOptions(power_seconds=0.3), room=self.room)],
            node=FakeNodeProvisioner(room=self.room),
            kubernetes=FakeKubernetes(room=self.room),
        )
        self.settings = settings or QUICK
        self.tasks = self._new()

    def _new(self):
        return Tasks(self.store, self.designs, self.drivers, KEYS, self.settings)

    caller = OPS

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.kill()
        await self.room.close()

    async def start(self):
        await self.tasks.start()
        self._went_down.clear()
        self._is_up.set()

    async def kill(self):
        """Cut everything of the daemon off, in the middle of whatever it does."""
        self._is_up.clear()
        self._went_down.set()
        await self.tasks._scheduler.abandon()
        self.tasks._changes.close()

    async def restart(self):
        await self.kill()
        self.tasks = self._new()
        await self.start()

    async def from_node(self, call):
        """Do as a node does: ask the daemon, again when it went away meanwhile."""
        while True:
            await self._is_up.wait()
            asking = asyncio.ensure_future(call(self.tasks))
            gone = asyncio.ensure_future(self._went_down.wait())
            await asyncio.wait({asking, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if asking.done():
                # A report that is known already, or of a superseded deployment, is refused.
                if isinstance(asking.exception(), Conflict):
                    self.refused += 1
                    return None
                return asking.result()
            asking.cancel()

    def with_settings(self, **changes):
        self.settings = replace(self.settings, **changes)

    @property
    def parts(self):
        """What steps run with."""
        return self.tasks._step_parts

    @property
    def check(self):
        """Who compares what BMCs tell; another one than the daemon's own, of the same store."""
        return IdentityCheck(Identities(self.store), self.store, self.settings)

    async def job(self, task, *, was_resumed=False):
        """Return a running top-level task, as the scheduler makes it for an action."""
        parts, task_id = self.parts, task.task_id
        return Job(
            task,
            await self.designs.load(SITE),
            parts.recorder,
            parts.shutdown,
            was_resumed=was_resumed,
            on_stop=partial(parts.slots.stop, task_id),
        )

    def node_run(self, job, name="n1", seconds=10, **options):
        """Return an attempt of a node at a step that the test does itself."""
        options.setdefault("until", moment_after(seconds))
        parts = self.parts
        return NodeRun(job, name, job.task_id, parts.recorder, parts.settings, **options)

    async def submit(self, action, *node_names, ref=SITE, **more):
        node_filter = nodefilter.by_names(node_names) if node_names else None
        request = TaskRequest(Action(action), ref, more.pop("node_filter", node_filter), **more)
        return await self.tasks.submit(request, OPS)

    async def run(self, action, *node_names, **more):
        task = await self.submit(action, *node_names, **more)
        return await self.finished(task.task_id)

    async def finished(self, task_id, seconds=20):
        async with asyncio.timeout(seconds):
            while not (task := self.store.task(task_id)).status.is_final:
                await self.tasks.wait(task_id, 5)
        return task

    async def until(self, test, seconds=20):
        """Wait until `test()` is true; looked at after every write."""
        news = asyncio.Event()
        unwatch = self.store.watch(lambda *_: news.set())
        try:
            async with asyncio.timeout(seconds):
                while not (found := test()):
                    news.clear()
                    await news.wait()
        finally:
            unwatch()
        return found

    def tree(self, task_id):
        """Every task of the tree, parents first."""
        found = [self.store.task(task_id)]
        for task in found:
            found.extend(self.store.subtasks(task.task_id))
        return found

    def outline(self, task_id):
        """The tree as nested lists of action, status, nodes."""
        task = self.store.task(task_id)
        children = [self.outline(child) for child in self.store.subtask_ids(task_id)]
        head = (str(task.action), str(task.result.status), task.scope)
        return [*head, children] if children else list(head)

    def texts(self, task_id, *, error=None):
        messages = self.store.messages(task_id)
        return [m.message for m in messages if error is None or m.error is error]

    def said(self, task_id):
        """All texts of a tree."""
        return [text for task in self.tree(task_id) for text in self.texts(task.task_id)]

    async def machine(self, name):
        for machine in await self.room.machines():
            if machine.name == name:
                return machine
        return None

    async def counters(self, counter):
        return {m.name: m.counters[counter] for m in await self.room.machines() if m.name}


def hold(monkeypatch, action):
    """Hold tasks back at the work of this module, until the returned event is set.

    A Lab made before is not held.
    """
    gate, run = asyncio.Event(), action.run

    async def held(job, **parts):
        await gate.wait()
        return await run(job, **parts)

    monkeypatch.setattr(action, "run", held)
    return gate


def fault(kind, *machines, **more):
    return {"fault": kind, "machines": list(machines) or ["*"], **more}


def concluded(run):
    """The last words of an attempt that the test does itself."""
    records = [change.record for change in run.at_end if isinstance(change, Put)]
    return [record.message for record in records if isinstance(record, Message)]


def errors_of(findings):
    return [f for f in findings if f.level is Level.ERROR]
