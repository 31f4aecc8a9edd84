"""A lab of two daemons on a host each: the one that runs the tasks is stopped, the other goes on.

`stopped` is one such run, and what there is to complain of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from drydockd import acting
from drydockd.cluster.lease import Lease
from drydockd.drivers.fake import Access, FakeOptions
from drydockd.drivers.kubernetes.fake import FakeKubernetes
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.drivers.oob.fake import FakeOob
from drydockd.errors import Conflict
from drydockd.store.lease import Report
from drydockd.tasks import Drivers, Tasks
from tests.leaping import Leaping
from tests.tasks.helpers import KEYS, Lab, Shelf, site_text
from tests.tasks.replicas import Database, RowKeeper
from tests.tasks.stopping import Fate, Host, Network, Sessions, Wire, hosts
from tests.tasks.telling import PROGRESS, kept, recorded, told

OLD, NEW = "east", "west"
# Seconds; the test moves the clocks that leases go by.
TTL = 1e9
# What a machine does takes so long by the loop's clock, which leaps.
WORK = 1.0
LATENCIES = {"power": WORK, "discovery": WORK, "commission": WORK, "deploy": WORK, "wipe": WORK}
LATENCIES = {name: [seconds, seconds] for name, seconds in LATENCIES.items()}
LATENCIES |= {"bmc": [0, 0], "first_boot": [0.1, 0.1], "report": [0.1, 0.1]}
# Without a template: its worker is a process, and waiting for one the clock would leap.
TEXT = "".join(line for line in site_text(1).splitlines(True) if line.strip() != "- template")
SHELF = Shelf(site=TEXT)
COUNTED = ("power_cuts", "power_cuts_busy", "power_cuts_deployed", "starts", "netboots")
COUNTED += ("commissions", "deployments", "wipes", "first_boots")


class GoesOn(StrEnum):
    """When the stopped one does, of the work of the other one."""

    BEFORE = "before it"
    AMID = "amid it"
    BEHIND = "behind it"


class InSessions(FakeOob):
    """A BMC that is told things in sessions, each noted before it is used."""

    def __init__(self, options, *, room, wire, bmc):
        super().__init__(options, room=room)
        self._wire, self._bmc = wire, bmc

    async def power_off(self, node, voice):
        await self._in_session(super().power_off, node, voice)

    async def power_on(self, node, voice):
        await self._in_session(super().power_on, node, voice)

    async def _in_session(self, switch, node, voice):
        session = self._wire.session = await self._wire.to_bmc(self._bmc.open)
        await voice.fence(session)
        try:
            await switch(node, voice)
        finally:
            self._wire.session = None
        await self._wire.to_bmc(lambda: self._bmc.end(session))

    async def end_session(self, node, session, voice):
        await acting.may_act()
        await self._wire.to_bmc(lambda: self._bmc.end(session), act="end_session")


class Way:
    """What `Access` takes: the room is at the other end of a wire."""

    def __init__(self, wire):
        self._wire = wire

    def port(self):
        return self._wire

    async def close(self):
        """The room is its giver's."""


class Acts(list):
    """(daemon, act), in the order in which they arrived."""

    def __init__(self):
        super().__init__()
        self.news = asyncio.Event()

    def append(self, act):
        super().append(act)
        self.news.set()

    def of(self, who, since=0):
        return [act for name, act in self[since:] if name == who]

    def late(self, taken, *, is_paused):
        """Those of the old one behind place `taken`, or behind the other one's first act."""
        if is_paused:
            taken = next((place for place, act in enumerate(self) if act[0] == NEW), len(self))
        return self.of(OLD, taken)


@dataclass
class Daemon:
    host: Host
    lease: Lease
    tasks: Tasks
    lost: list[str] = field(default_factory=list)

    async def beat(self):
        """Beat on its own host; one that has ended does not."""
        beating = self.host.begin(self.lease.beat())
        await asyncio.wait({beating}, timeout=1)


class TwoHosts(Lab):
    """`is_paused`: a stop holds a whole host, and its clock with it; else a process."""

    def __init__(self, *, fate, in_sessions=False, is_paused=False, **room):
        self.network = Network(fate)
        self.database = Database(self.network)
        self.acts, self.bmc = Acts(), Sessions()
        self.now = 1000.0
        self._in_sessions, self._is_paused = in_sessions, is_paused
        self._asked = []
        super().__init__(TEXT, store=self.database.store, latencies=LATENCIES, **room)
        self.designs = SHELF
        self.old, self.new = self._daemon(OLD), self._daemon(NEW)
        self.tasks = self.old.tasks

    def _new(self):
        """They come when all else is there."""

    def _daemon(self, name):
        host = Host(name)
        wire = Wire(host, self.room, self.network, self.acts, self.bmc)
        lost = []

        def end(why):
            lost.append(why)
            host.die()

        def clock():
            return 1000.0 if self._is_paused and name == OLD else self.now

        lease = Lease(
            RowKeeper(self.database.lease, name),
            TTL,
            name=name,
            report=Report,
            lost=end,
            clock=clock,
        )
        drivers = self._drivers(wire)
        replica = self.database.replica(host)
        tasks = Tasks(replica, self.designs, drivers, KEYS, self.settings, authority=lease)
        return Daemon(host, lease, tasks, lost)

    def _drivers(self, wire):
        options = FakeOptions(power_seconds=5)
        if self._in_sessions:
            oob = InSessions(options, room=self.room, wire=wire, bmc=self.bmc)
        else:
            oob = FakeOob(options, room=self.room)
        found = oob, FakeNodeProvisioner(room=self.room), FakeKubernetes(room=self.room)
        for driver in found:
            driver._access = Access(Way(wire))
        return Drivers(oob=[oob], node=found[1], kubernetes=found[2])

    async def start(self):
        for daemon in (self.old, self.new, self.old):  # a first beat only measures the clock
            await daemon.beat()
        assert self.old.lease.is_runner
        await self.old.host.begin(self.old.tasks.start())
        self._is_up.set()

    async def ask(self, action):
        """Submit a task to the old one: from its answer on, nothing of it may be lost."""
        task = await self.old.host.begin(self.submit(action, all_nodes=True))
        return task.task_id

    async def until_stopped(self, task_id):
        """Return whether it stopped, or the task has ended before."""
        ended = asyncio.ensure_future(
            self.until(lambda: self.store.task(task_id).status.is_final, 600)
        )
        stopped = asyncio.ensure_future(self.old.host.stopped.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (ended, stopped):
            waiting.cancel()
        await asyncio.gather(ended, stopped, return_exceptions=True)
        return self.old.host.is_stopped

    async def hand_over(self, seconds):
        """Let the lease run out in `seconds`; the other daemon takes it, and the tasks."""
        self._is_up.clear()
        self._went_down.set()
        self._went_down = asyncio.Event()
        await until_idle()
        await asyncio.sleep(seconds)
        self.now += 2 * TTL
        self.database.lease.expire()
        await self.new.beat()
        assert self.new.lease.epoch.number == 2
        await self.new.host.begin(self.new.tasks.start(OLD))
        self.tasks = self.new.tasks
        self._is_up.set()

    async def go_on(self):
        """The stopped one goes on, as far as it can."""
        self.old.host.go_on()
        for replica in self.database.replicas:
            await replica.catch_up()
        await until_idle()

    async def amid(self, task_id):
        """Return when the new one has done something, or the task has ended."""
        while not (self.acts.of(NEW) or self.store.task(task_id).status.is_final):
            self.acts.news.clear()
            news = asyncio.ensure_future(self.acts.news.wait())
            await asyncio.wait({news}, timeout=1)
            news.cancel()

    async def from_node(self, call):
        """Do as a node does; who is stopped amid its answer goes on with that when it can."""
        while True:
            await self._is_up.wait()
            daemon = self.old if self.tasks is self.old.tasks else self.new
            asking = daemon.host.begin(call(daemon.tasks))
            self._asked.append(asking)
            gone = asyncio.ensure_future(self._went_down.wait())
            await asyncio.wait({asking, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if asking.done():
                if isinstance(asking.exception(), Conflict):
                    return None
                return asking.result()

    async def kill(self):
        for daemon in (self.old, self.new):
            if not daemon.lost:
                daemon.lease._end("the test is over")
            daemon.host.wind_down()
            await daemon.tasks._scheduler.abandon()
            await daemon.tasks._wishes.close()
            daemon.tasks._changes.close()
            if daemon.lease._expiry is not None:
                daemon.lease._expiry.cancel()
        for asking in self._asked:
            asking.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)


async def until_idle():
    """Let everything go on that can at this moment."""
    for _ in range(60):
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Scene:
    """What is done, and how the one that does it is stopped; `seconds` later another has it."""

    action: str
    room: dict
    fate: Fate
    goes_on: GoesOn = GoesOn.BEFORE
    seconds: float = 0.0
    in_sessions: bool = False
    is_paused: bool = False
    is_guarding: bool = True


@dataclass
class Seen:
    """What there is to see of one run.

    `late`: acts of the old one behind the take-over; where a whole host stood still, which no clock
    of its sees, behind the first act of the other one.
    """

    said: object
    kept: object
    recorded: object
    machine: dict
    steps: int
    late: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def run(scene, at=None):
    """Do it, stopping at suspension number `at`; None: it has not that many. See Seen."""
    with asyncio.Runner(loop_factory=Leaping) as runner:
        return runner.run(_run(scene, at))


async def _run(scene, at):
    with hosts():
        lab = TwoHosts(
            fate=scene.fate,
            in_sessions=scene.in_sessions,
            is_paused=scene.is_paused,
            **scene.room,
        )
        lab.database.is_guarding = scene.is_guarding
        async with lab:
            task_id = await lab.ask(scene.action)
            lab.old.host.stop_at(at)
            if await lab.until_stopped(task_id):
                seen = await _taken_over(lab, scene, task_id)
            elif at is not None:
                return None
            else:
                seen = await _look(lab, task_id, [])
            return seen


async def _taken_over(lab, scene, task_id):
    await lab.hand_over(scene.seconds)
    taken = len(lab.acts)
    if scene.goes_on is GoesOn.AMID:
        await lab.amid(task_id)
    if scene.goes_on is not GoesOn.BEHIND:
        await lab.go_on()
    await lab.until(lambda: lab.store.task(task_id).status.is_final, 600)
    if scene.goes_on is GoesOn.BEHIND:
        await lab.go_on()
    # It beats at last, if it has not ended before.
    await lab.old.beat()
    await until_idle()
    return await _look(lab, task_id, lab.acts.late(taken, is_paused=scene.is_paused))


async def _look(lab, task_id, late):
    machine = await lab.machine("n1")
    shown = {name: machine.counters[name] for name in COUNTED}
    shown |= {"power": machine.power, "state": machine.state, "next_boot": machine.next_boot}
    shown |= {"boot": machine.first_boot.state, "deployments": len(machine.deployments)}
    return Seen(
        told(lab, task_id),
        kept(lab, task_id),
        recorded(lab, task_id),
        shown,
        lab.old.host.steps,
        late,
        list(lab.old.lost),
    )


def complaints(seen, undisturbed):
    """What is other than in a run that nobody disturbed."""
    found = [f"late: {act}" for act in seen.late]
    if len(seen.lost) != 1:
        found.append(f"its process ended {len(seen.lost)} times")
    found += [f"said more: {one}" for one in (seen.said - undisturbed.said).elements()]
    missing = (undisturbed.said - seen.said).elements()
    found += [f"not said: {one}" for one in missing if not PROGRESS.search(one[-1])]
    for name in ("kept", "recorded", "machine"):
        mine, theirs = getattr(seen, name), getattr(undisturbed, name)
        if mine != theirs:
            found.append(f"{name}: {mine} instead of {theirs}")
    return found
