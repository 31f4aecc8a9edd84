"""When a daemon gets the work, what it does first, and what the daemons tell each other."""

import asyncio
from contextlib import asynccontextmanager

from drydockd.cluster.cluster import CONTACTS, Cluster, report
from drydockd.cluster.lease import Lease
from drydockd.errors import StoreUnavailable
from drydockd.store.base import Epoch, Member
from drydockd.store.lease import Beat
from drydockd.store.memory import MemoryStore
from drydockd.tasks.shared.contacts import Contacts

SETTINGS = {"policy": "p", "limits": "l"}


class Keeper:
    """Gives the lease away as soon as it is told to; `before` had it."""

    def __init__(self, steps, before="b"):
        self.steps, self.before = steps, before
        self.is_ours, self.failures = False, 0

    def when_freed(self, freed):
        """Nobody else is there."""

    async def beat(self, report, ttl, *, wants):
        epoch = Epoch(1) if self.is_ours else None
        return Beat(epoch, "a" if self.is_ours else self.before, 0.0, live=2)

    async def take_over(self):
        self.steps.append("take over")
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the database is away")
        return self.before

    async def leave(self):
        self.steps.append("leave")

    async def close(self):
        self.steps.append("close")


class Shared(MemoryStore):
    """A store in memory that others write to as well."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.daemons = steps, []

    async def fresh(self, seconds):
        self.steps.append("fresh")

    async def members(self):
        return self.daemons


class Backend:
    applied = 7

    def __init__(self, steps):
        self.steps = steps

    async def trim(self):
        self.steps.append("trim")
        return 0

    async def sweep(self):
        self.steps.append("sweep")
        return 0


class Peers:
    def __init__(self):
        self.asked = []

    async def waits(self, address, task_id):
        self.asked.append((address, task_id))
        return {"t": "its turn"}

    async def close(self):
        """It holds nothing."""


class Bench:
    def __init__(self, before="b", store=None, name="a"):
        self.steps, self.ends = [], []
        self.keeper = Keeper(self.steps, before)
        self.store = store or Shared(self.steps)
        self.peers, self.contacts = Peers(), Contacts()
        backend = Backend(self.steps)
        lease = Lease(
            self.keeper,
            60.0,
            name=name,
            report=lambda: report(backend, lambda: SETTINGS),
            lost=self.ends.append,
        )
        self.cluster = Cluster(
            self.store, backend, self.keeper, lease, self.peers, lambda: SETTINGS, self.ends.append
        )
        self.took_up = asyncio.get_running_loop().create_future()

    async def take_up(self, before):
        self.steps.append(f"take up after {before or 'nobody'}")
        self.took_up.set_result(before)

    async def gain(self):
        self.keeper.is_ours = True
        await self.cluster.lease.beat()


@asynccontextmanager
async def bench(**options):
    it = Bench(**options)
    it.cluster.start(it.contacts, it.take_up)
    try:
        yield it
    finally:
        await it.cluster.leave()


def member(name, *, is_runner=False, silent=1.0, **settings):
    address = f"http://{name}.example"
    return Member(name, address, "1.0", 7, is_runner, silent, SETTINGS | settings)


async def test_the_work_is_taken_up_after_the_one_before_is_ended_and_read():
    async with bench() as it:
        await it.gain()
        assert await it.took_up == "b"
        await it.cluster.leads.wait()
        assert it.steps[:3] == ["take over", "fresh", "take up after b"]


async def test_who_had_the_work_himself_takes_it_up_as_after_a_restart():
    async with bench(before="a") as it:
        await it.gain()
        assert await it.took_up == ""


async def test_without_the_lease_nothing_is_taken_up():
    async with bench() as it:
        await it.cluster.lease.beat()
        assert not it.cluster.is_here
        assert not it.cluster.leads.is_set()
    assert it.steps == ["close"]


async def test_a_take_over_goes_on_when_the_database_answers_again(monkeypatch):
    monkeypatch.setattr("drydockd.cluster.cluster.PAUSE_SECONDS", 0)
    async with bench() as it:
        it.keeper.failures = 2
        await it.gain()
        await it.took_up
        assert it.steps[:4] == ["take over", "take over", "take over", "fresh"]


async def test_who_cannot_do_the_work_ends_so_that_another_can():
    async def fail(before):
        raise OSError("no such interface")

    it = Bench()
    it.cluster.start(it.contacts, fail)
    await it.gain()
    while not it.ends:
        await asyncio.sleep(0)
    assert it.ends == ["cluster runner failed: no such interface"]
    await it.cluster.leave()


async def test_the_runner_tidies_up_and_gives_the_work_away_at_the_end():
    async with bench() as it:
        await it.gain()
        await it.cluster.leads.wait()
        while "sweep" not in it.steps:
            await asyncio.sleep(0)
    assert it.steps[-4:] == ["trim", "sweep", "leave", "close"]


async def test_nodes_that_one_daemon_heard_of_are_known_to_the_others():
    async with bench() as it, bench(store=it.store, name="b") as other:
        it.contacts.note("n1")
        await it.cluster.tell_contacts()
        assert other.contacts.of("n1") == it.contacts.of("n1") != ""
        assert it.store.driver_record(f"{CONTACTS}a").document["heard"].keys() == {"n1"}
        seq = it.store.seq
        await it.cluster.tell_contacts()
        assert it.store.seq == seq, "nothing new is not written"


async def test_the_runner_is_asked_where_it_says_it_is():
    async with bench() as it:
        await it.cluster.lease.beat()
        assert await it.cluster.waits("t") is None, "nobody knows where it is"
        it.store.daemons = [member("a"), member("b", is_runner=True)]
        assert await it.cluster.waits("t") == {"t": "its turn"}
        assert it.peers.asked == [("http://b.example", "t")]


async def test_other_settings_of_those_who_live_are_told():
    async with bench() as it:
        it.store.daemons = [
            member("a"), member("b", policy="q"), member("c", silent=9e9, limits="m")
        ]  # fmt: skip
        await it.cluster.waits(None)
        [line] = it.cluster.differences()
        assert line.startswith("the daemons a and b differ in policy: ")
        assert [one.name for one in it.cluster.members()] == ["a", "b", "c"]
