"""Every driver asks before each request that changes something, at each attempt; real peers tell.

`Refusing` never lets anything pass: then nothing may have reached the peer. `Counting` lets all
pass: then it was asked at least as often as the peer was told something.
"""

import os
import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import tornado.web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

import drydockd
from drydockd import acting
from drydockd.drivers.node.ironic.access import FixedAccess
from drydockd.drivers.node.ironic.client import IronicClient
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.oob.manual import ManualOob, ManualOptions
from drydockd.drivers.oob.redfish.driver import RedfishOob
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.machines import PowerState
from drydockd.plans import NetworkPlan, PlatformPlan, StoragePlan
from tests.drivers.kubernetes.helpers import driver_for
from tests.drivers.node.maas.making import options as maas_options
from tests.drivers.oob.domains import MAC, a_domain, a_guest
from tests.drivers.oob.domains import a_driver as a_libvirt_driver
from tests.drivers.oob.ipmi_nodes import a_driver as an_ipmi_driver
from tests.drivers.oob.ipmi_nodes import node_at
from tests.drivers.oob.redfish.conftest import OPTIONS, QUICK
from tests.drivers.oob.redfish.conftest import a_node as a_redfish_node
from tests.peers.bmc import Rule, ScriptedBmc
from tests.peers.kubernetes import serving
from tests.peers.maas import Simulator
from tests.room.helpers import Site, Voice, a_node, a_spec, quick, served

DRIVERS = Path(drydockd.__file__).parent


class Refused(Exception):
    pass


class Counting:
    """A permit that lets everything pass."""

    reach_seconds = 5.0

    def __init__(self):
        self.asked = 0

    async def may_act(self):
        self.asked += 1


class Refusing(Counting):
    async def may_act(self):
        await super().may_act()
        raise Refused


async def refused(*calls):
    """Make the calls; each has to be refused for want of the right to act."""
    for call in calls:
        with acting.bound(Refusing()), pytest.raises(Refused):
            await call()


# -- the ways out: whoever adds one says here how it asks

ASKS = {
    "drivers/kubernetes/wire.py",
    "drivers/node/ironic/client.py",
    "drivers/node/maas/client.py",
    "drivers/oob/ipmitool.py",
    "drivers/oob/redfish/connection.py",
    "drivers/oob/redfish/wire.py",
    "drivers/oob/virsh.py",
    "room/exchange.py",
}
CHANGES_NOTHING = {
    "drivers/oob/dial.py": "a program of its own: the connection of the ssh that virsh.py asks for",
    "drivers/oob/command.py": "runs what ipmitool and virsh ask for",
    "drivers/node/ironic/access.py": "gets tokens from Keystone",
    "drivers/node/netboot/arrivals.py": "tries this host's kernel, on loopback",
    "drivers/node/netboot/dnsmasq.py": "its own DHCP server, a child",
    "drivers/node/netboot/hostcheck.py": "asks this host",
    "drivers/node/netboot/interfaces.py": "asks this host",
}
WAY_OUT = re.compile(
    r"AsyncClient\(|AsyncHTTPClient\(|sock_connect\(|open_connection\(|create_connection\("
    r"|\.Popen\(|subprocess\.run\(|create_subprocess|command\.(ask|run)\(|\.sendto\("
    r"|session\.Session\(|HTTPS?Connection\(|urlopen|requests\."
)


def test_every_way_out_of_the_drivers_is_known_and_asks():
    sources = [*(DRIVERS / "drivers").rglob("*.py"), DRIVERS / "room" / "exchange.py"]
    found = {
        str(path.relative_to(DRIVERS)): path.read_text()
        for path in sources
        if WAY_OUT.search(path.read_text())
    }

    assert set(found) - ASKS - set(CHANGES_NOTHING) == set()
    assert [name for name in sorted(ASKS & set(found)) if "acting." not in found[name]] == []


# -- BMCs


@pytest.fixture
async def bmc():
    bmc = await ScriptedBmc().start()
    yield bmc
    await bmc.stop()


def told(bmc):
    """What the BMC was asked to change, sessions left out."""
    return [
        f"{method} {path}"
        for method, path in bmc.asked
        if method != "GET" and "SessionService" not in path
    ]


def a_redfish_driver():
    return RedfishOob(RedfishOptions(**OPTIONS), pace=QUICK)


async def test_redfish_changes_nothing_without_the_right_to(bmc):
    driver, node, voice = a_redfish_driver(), a_redfish_node(bmc), Voice()

    await refused(
        lambda: driver.set_network_boot(node, voice),
        lambda: driver.power_on(node, voice) if _is_off(bmc) else driver.power_off(node, voice),
    )

    assert told(bmc) == []
    # And each of them logged out.
    assert bmc.sessions == {}


def _is_off(bmc):
    return bmc.machine.power.lower() == "off"


async def test_redfish_ends_nobodys_session_without_the_right_to(bmc):
    driver, node = a_redfish_driver(), a_redfish_node(bmc)
    path = "/redfish/v1/SessionService/Sessions/77"
    bmc.sessions[path], bmc.session_notes[path] = "its-token", {}

    await refused(lambda: driver.end_session(node, path, Voice()))

    assert list(bmc.sessions) == [path]


async def test_redfish_asks_at_each_attempt(bmc):
    driver, node, permit = a_redfish_driver(), a_redfish_node(bmc), Counting()
    bmc.rules.append(Rule(method="PATCH", status=503, times=2))

    with acting.bound(permit):
        await driver.set_network_boot(node, Voice())

    assert len(told(bmc)) >= 3
    assert permit.asked == len(told(bmc))


async def test_reading_redfish_takes_no_right(bmc):
    with acting.bound(Refusing()):
        await a_redfish_driver().power_state(a_redfish_node(bmc))


@pytest.mark.process
async def test_ipmi_changes_nothing_without_the_right_to(ipmi_sim):
    sim, driver, voice = ipmi_sim("n1"), an_ipmi_driver(), Voice()
    node = node_at(sim.port)

    await refused(
        lambda: driver.power_on(node, voice),
        lambda: driver.set_network_boot(node, voice),
        lambda: driver.set_disk_boot(node, voice),
    )
    with acting.bound(Refusing()):
        assert await driver.power_state(node) is PowerState.OFF

    assert sim.told == []


@pytest.mark.process
async def test_ipmi_asks_for_each_run(ipmi_sim):
    sim, driver, permit = ipmi_sim("n1"), an_ipmi_driver(cipher_suites=(17, 3)), Counting()

    with acting.bound(permit):
        await driver.set_network_boot(node_at(sim.port), Voice())
        await driver.power_on(node_at(sim.port), Voice())

    assert sim.told[-1] == "power 1"
    # Its hooks see one line for some of what was set.
    assert permit.asked >= len(sim.told)


@pytest.mark.process
async def test_libvirt_changes_nothing_without_the_right_to(hypervisor):
    name = f"acts-{os.getpid()}"
    hypervisor.define(a_domain(name, number=77, mac=MAC))
    node, voice = a_guest(name, hypervisor.uri(), boot_mac=MAC), Voice()
    driver = a_libvirt_driver(hypervisor)
    try:
        before = hypervisor.virsh("dumpxml", name, "--inactive")
        await refused(
            lambda: driver.power_on(node, voice), lambda: driver.set_network_boot(node, voice)
        )
        assert await driver.power_state(node) is PowerState.OFF
        assert hypervisor.virsh("dumpxml", name, "--inactive") == before
    finally:
        await driver.close()


async def test_a_person_is_asked_for_nothing_without_the_right_to():
    voice, driver = Voice(), ManualOob(ManualOptions(wait=0))

    await refused(lambda: driver.power_off(a_node(), voice))

    assert voice.said == []


# -- provisioners


async def test_maas_changes_nothing_without_the_right_to():
    maas = Simulator()
    await maas.start()
    client = MaasClient(maas_options(maas))
    try:
        await refused(
            lambda: client.put("machines/abc/", {"hostname": "n1"}),
            lambda: client.post("machines/", "allocate", {"system_id": "abc"}),
            lambda: client.post("machines/", "allocate", {"system_id": "abc"}, again=True),
            lambda: client.delete("machines/abc/"),
        )
        assert maas.writes() == []
        with acting.bound(Refusing()):
            await client.get("version/")
    finally:
        await client.close()
        await maas.stop()


class PlainIronic(tornado.web.RequestHandler):
    """Answers everything well, the first change of each kind with a broken token."""

    def initialize(self, heard):
        self.heard = heard

    def prepare(self):
        self.heard.append(self.request.method)
        self.set_header("X-OpenStack-Ironic-API-Minimum-Version", "1.1")
        self.set_header("X-OpenStack-Ironic-API-Maximum-Version", "1.115")
        self.set_header("X-OpenStack-Ironic-API-Version", "1.87")
        is_first = self.heard.count(self.request.method) == 1
        if self.request.method != "GET" and is_first:
            self.set_status(401)
        self.finish({})


@asynccontextmanager
async def an_ironic():
    heard = []
    socket, port = bind_unused_port()
    server = HTTPServer(tornado.web.Application([(".*", PlainIronic, {"heard": heard})]))
    server.add_sockets([socket])
    client = IronicClient(FixedAccess(f"http://127.0.0.1:{port}", {}), seconds=20)
    try:
        yield client, heard
    finally:
        await client.close()
        server.stop()
        await server.close_all_connections()


async def test_ironic_changes_nothing_without_the_right_to():
    async with an_ironic() as (client, heard):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            await refused(lambda method=method: client.send(method, "/v1/nodes/n1", "n1", {}))
        with acting.bound(Refusing()):
            await client.get("/v1/nodes/n1", "n1")

    assert set(heard) == {"GET"}


async def test_ironic_is_asked_for_at_each_attempt():
    permit = Counting()
    async with an_ironic() as (client, heard):
        with acting.bound(permit):
            await client.send("PUT", "/v1/nodes/n1/states/provision", "n1", {})

    assert heard.count("PUT") == 2
    assert permit.asked == 2


def acts_of(site, handle, node):
    """All that the drivers of the room do to it."""
    nodes, voice = site.nodes, site.voice
    return {
        "boot": lambda: site.oob.set_network_boot(node, voice),
        "off": lambda: site.oob.power_off(node, voice),
        "on": lambda: site.oob.power_on(node, voice),
        "adopt": lambda: nodes.adopt(handle, node),
        "enrol": lambda: nodes.adopt(None, node),
        "commission": lambda: nodes.commission(handle, voice),
        "deploy": lambda: nodes.deploy(handle, a_spec(), voice),
        "destroy": lambda: nodes.destroy(node, voice),
        "network": lambda: nodes.apply_network(handle, NetworkPlan((), (), (), "local")),
        "storage": lambda: nodes.apply_storage(handle, StoragePlan(())),
        "platform": lambda: nodes.apply_platform(handle, PlatformPlan(None, None, "", "t")),
        "site": lambda: nodes.apply_site_network({}, {}),
        "keys": lambda: nodes.apply_keys(["ssh-rsa a"]),
        "repositories": lambda: nodes.apply_repositories([], remove_unlisted=False),
        "labels": lambda: site.kubernetes.relabel(node.name, {"a": "b"}),
    }


@pytest.mark.parametrize("is_far", [False, True], ids=["near", "far"])
async def test_nothing_is_done_in_the_room_without_the_right_to(open_room, is_far):
    room = open_room(quick())
    async with served(room) as (url, _):
        site = Site(room, url if is_far else None)
        site.room = room
        node = a_node()
        handle = await site.prepare(node)
        before = [(m.counters, m.state, m.power, m.revision) for m in await room.machines()]

        await refused(*acts_of(site, handle, node).values())
        with acting.bound(Refusing()):
            await site.nodes.find(node)
            await site.oob.power_state(node)

        after = [(m.counters, m.state, m.power, m.revision) for m in await room.machines()]
        assert after == before
        await site.close()


# -- clusters


async def test_labels_are_not_changed_without_the_right_to():
    async with serving("n1") as api, driver_for(api) as driver:
        await refused(lambda: driver.relabel("n1", {"rack": "r1"}))
        with acting.bound(Refusing()):
            await driver.check()

        assert api.count("PATCH") == 0


async def test_labels_are_asked_for_at_each_attempt():
    permit = Counting()
    async with serving("n1") as api, driver_for(api) as driver:
        api.rule("PATCH", "/api/v1/nodes/n1", status=409, times=1)
        with acting.bound(permit):
            await driver.relabel("n1", {"rack": "r1"})

        assert api.count("PATCH") == 2
    assert permit.asked == 2
