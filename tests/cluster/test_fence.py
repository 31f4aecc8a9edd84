"""Two daemons' processes, a real PostgreSQL, a BMC: no act of an older epoch after one of a newer.

The one that has the lease stops between being allowed to act and acting, which no check can
prevent; the other one gets the lease and acts; then the first goes on. Without a warden the BMC's
log shows its late act: so the test can see what the warden prevents.
"""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager

import pytest

from drydockd.store.postgres.schema import statements
from tests.peers.bmc import Machine, ScriptedBmc

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.peer("postgres")]

TTL = 4.0
EAST, WEST = {"member": 1, "name": "east"}, {"member": 2, "name": "west"}
MEMBERS = "INSERT INTO drydock.member (name, beat) VALUES ('east', now()), ('west', now())"


class Log(list):
    """The requests to one BMC; what changes something also goes to the log of all."""

    def __init__(self, who, acts):
        super().__init__()
        self._who, self._acts = who, acts

    def append(self, request):
        super().append(request)
        method, path = request
        if method != "GET" and not path.startswith("/redfish/v1/SessionService"):
            self._acts.append(self._who)


class Holder:
    def __init__(self, process):
        self.process = process
        self.lines = []

    async def until(self, word):
        """Read what it says up to a line that begins so; return the rest of that line."""
        async with asyncio.timeout(120):
            while line := (await self.process.stdout.readline()).decode().strip():
                self.lines.append(line)
                if line.split(" ")[0] == word:
                    return line.partition(" ")[2]
        raise AssertionError(f"it never said {word}, but {self.lines}")

    def send(self, number):
        os.kill(self.process.pid, number)

    async def end(self):
        """Read on until it has ended."""
        async with asyncio.timeout(120):
            rest = await self.process.stdout.read()
            self.lines += rest.decode().splitlines()
            return await self.process.wait()


@pytest.fixture
async def scene(postgres):
    """Tables with two members, and a machine with a BMC that both reach by ports of their own."""
    postgres.run(statements() + MEMBERS)
    made = Scene(postgres)
    for who in ("east", "west"):
        bmc = await ScriptedBmc(made.machine).start()
        bmc.asked = Log(who, made.acts)
        made.bmcs[who] = bmc
    yield made
    for bmc in made.bmcs.values():
        await bmc.stop()


class Scene:
    def __init__(self, postgres):
        self._postgres = postgres
        self.machine = Machine(power="On")
        self.bmcs = {}
        self.acts = []

    @asynccontextmanager
    async def holder(self, member, *, by=None, warden=True, **more):
        port = self.bmcs[by or member["name"]].port
        words = {"url": self._postgres.url, "ttl": TTL, "port": port, "warden": warden}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.cluster.holder", json.dumps(words | member | more)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield Holder(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def cuts(machine):
    """How often it was told to go off."""
    return machine.resets.count("ForceOff")


async def test_a_stopped_runner_never_acts_after_the_next_one(scene):
    async with scene.holder(EAST, stops=True) as east:
        assert await east.until("gained") == "1"
        await east.until("stopping")
        async with scene.holder(WEST) as west:
            assert await west.until("gained") == "2"
            await west.until("off")
            # Nothing is left that could be resumed.
            assert await east.end() == -signal.SIGKILL

    assert set(scene.acts) == {"west"}
    assert cuts(scene.machine) == 1


async def test_without_a_warden_its_late_act_is_seen(scene):
    async with scene.holder(EAST, stops=True, warden=False) as east:
        await east.until("stopping")
        async with scene.holder(WEST) as west:
            assert await west.until("gained") == "2"
            await west.until("off")
            scene.machine.power = "On"  # the next step of its task has switched it on
            east.send(signal.SIGCONT)
            assert await east.end() == 75
            while scene.acts[-1] == "west":
                await asyncio.sleep(0)

    assert scene.acts[-1] == "east"
    assert cuts(scene.machine) == 2


async def test_the_device_fence_refuses_what_no_warden_could_prevent(scene):
    """As when a whole host stood still, and its warden with it: both go to the BMC by one way."""
    async with scene.holder(EAST, by="west", stops=True, warden=False) as east:
        session = await east.until("session")
        await east.until("stopping")
        async with scene.holder(WEST, older=session) as west:
            await west.until("off")
            scene.machine.power = "On"
            east.send(signal.SIGCONT)
            await east.end()

    assert f"told n1: ended session {session}, which was left at the BMC" in west.lines
    assert cuts(scene.machine) == 1
