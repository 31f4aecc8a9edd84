"""A process that holds the lease and switches a machine off by Redfish; `test_fence` starts it.

Its words, one JSON object in its arguments: `url` and `member`, `name` in the database, `ttl`,
`port` of the BMC, `warden` (whether it has one), `stops` (whether it stops itself between being
allowed to act and acting, as if its host stood still), `older` (a session to end before its first
act). It says what it does, line by line, until its input ends.
"""

import asyncio
import json
import os
import signal
import sys
from functools import partial

from drydockd import acting
from drydockd.cluster.lease import Lease
from drydockd.cluster.warden import Warden
from drydockd.drivers.oob.redfish.driver import RedfishOob
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.store.lease import Report
from drydockd.store.postgres.connect import connect
from drydockd.store.postgres.lease import PostgresKeeper
from tests.drivers.oob.redfish.conftest import OPTIONS, QUICK, a_node


def say(*words):
    print(*words, flush=True)


class Bmc:
    """Where the BMC is, for `a_node`."""

    def __init__(self, port):
        self.port = port


class Voice:
    async def say(self, text, *, error=False):
        say("told", text)

    async def fence(self, session):
        say("session", session)


class Stopping:
    """The lease's permit, behind which the process stops: checked, and not yet sent."""

    def __init__(self, lease):
        self._lease = lease
        self.reach_seconds = lease.reach_seconds

    async def may_act(self):
        await self._lease.may_act()
        say("stopping")
        os.kill(os.getpid(), signal.SIGSTOP)


def lost(why):
    say("lost", why)
    os._exit(75)


async def main(words, warden):
    keeper = PostgresKeeper(
        partial(connect, words["url"], purpose=f"{words['name']}/lease"),
        words["member"],
        words["name"],
    )
    lease = Lease(keeper, words["ttl"], name=words["name"], report=Report, lost=lost, warden=warden)
    lease.start()
    say("gained", (await lease.gained()).number)
    driver = RedfishOob(RedfishOptions(**OPTIONS), pace=QUICK)
    node = a_node(Bmc(words["port"]))
    with acting.bound(lease):
        if words.get("older"):
            await driver.end_session(node, words["older"], Voice())
    with acting.bound(Stopping(lease) if words.get("stops") else lease):
        try:
            await driver.power_off(node, Voice())
            say("off")
        except Exception as error:
            say("failed", error)
    await asyncio.to_thread(sys.stdin.read)
    await lease.leave()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    asyncio.run(main(given, Warden.fork() if given["warden"] else None))
