"""The libvirt driver at a real libvirtd over a real ssh; its test driver plays the machines."""

import asyncio
import itertools
import os
import select
from pathlib import Path

import pytest

from drydockd import acting
from drydockd.drivers.oob import libvirt, virsh
from drydockd.drivers.oob.libvirt import LibvirtOob, LibvirtOptions, hypervisor_of
from drydockd.drivers.options import Program
from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.machines import PowerState
from tests.drivers.oob.domains import (
    BOOT_SECTOR,
    GUEST,
    MAC,
    UUID,
    a_domain,
    a_driver,
    a_guest,
)
from tests.drivers.oob.guests import mac_of
from tests.drivers.oob.processes import children_of
from tests.peers.ipmi import free_udp_port
from tests.peers.libvirt import free_tcp_port
from tests.room.helpers import Voice

real = pytest.mark.process
NUMBERS = itertools.count(1)


@pytest.fixture
def guest(hypervisor):
    """Define a domain of its own at the hypervisor; return its node: ``guest(boot="...")``."""

    def make(*, boot_mac=MAC, mac=MAC, **parts):
        number = next(NUMBERS)
        name = f"n{number}-{os.getpid()}"
        hypervisor.define(a_domain(name, number=number, mac=mac, **parts))
        return a_guest(name, hypervisor.uri(), boot_mac=boot_mac)

    return make


@pytest.fixture
async def driver(hypervisor):
    driver = a_driver(hypervisor)
    yield driver
    await driver.close()


@real
async def test_power_goes_on_and_off_and_reads_back(guest, driver, children):
    node, voice, before = guest(), Voice(), children()
    assert await driver.power_state(node) is PowerState.OFF
    await driver.power_on(node, voice)
    assert await driver.power_state(node) is PowerState.ON
    await driver.power_off(node, voice)
    assert await driver.power_state(node) is PowerState.OFF
    assert [text for text, _ in voice.said] == [
        f"{node.name}: power is on",
        f"{node.name}: power is off",
    ]
    assert children() == before


class Permit:
    """As where several daemons share the work."""

    reach_seconds = 1.5

    async def may_act(self):
        """Yes."""


@real
async def test_power_goes_on_over_a_connection_that_forgets_what_it_could_not_deliver(
    guest, driver, children
):
    node, voice, before = guest(), Voice(), children()
    with acting.bound(Permit()):
        await driver.power_on(node, voice)
        assert await driver.power_state(node) is PowerState.ON
    assert children() == before


@real
async def test_what_is_on_already_is_left_alone(guest, driver, hypervisor):
    node = guest()
    await driver.power_on(node, Voice())
    number = hypervisor.virsh("domid", node.name)
    await driver.power_on(node, Voice())
    assert hypervisor.virsh("domid", node.name) == number


@real
async def test_a_paused_domain_is_on_and_can_be_turned_off(guest, driver, hypervisor):
    node = guest()
    hypervisor.virsh("start", node.name)
    hypervisor.virsh("suspend", node.name)
    assert await driver.power_state(node) is PowerState.ON
    assert (await driver.facts(node)).odd == ("is paused",)
    await driver.power_off(node, Voice())
    assert "shut off" in hypervisor.virsh("domstate", node.name)


class Stubborn:
    """A hypervisor that says yes to everything, and whose domain stays as it is."""

    async def run(self, at, what, *words, until, pass_fds=(), is_act=False):
        text = a_domain()
        return f"Id: -\nState: shut off\nPersistent: yes\n\n{text}" if "dominfo" in words[0] else ""


async def test_a_domain_that_does_not_start_is_given_up_with_what_was_seen():
    driver = a_driver(power_seconds=1, poll_interval=1)
    driver._virsh = Stubborn()
    with pytest.raises(
        DriverTransient, match=r"said yes, and the domain still is shut off after 1 s"
    ):
        await driver.power_on(a_guest(), Voice())


@real
async def test_the_next_start_is_a_network_boot_or_one_from_disk(guest, driver, hypervisor):
    node, voice = guest(), Voice()
    await driver.set_network_boot(node, voice)
    assert (await driver.facts(node)).boot_device == "network, then disk; always"
    await driver.set_disk_boot(node, voice)
    assert (await driver.facts(node)).boot_device == "disk, then network; always"
    assert voice.said[0][0] == f"{node.name}: the next start is a network boot"


@real
async def test_a_running_domain_keeps_running_when_its_next_start_is_changed(
    guest, driver, hypervisor
):
    node = guest()
    await driver.power_on(node, Voice())
    await driver.set_network_boot(node, Voice())
    assert await driver.power_state(node) is PowerState.ON
    assert (await driver.facts(node)).boot_device == "network, then disk; always"


@real
async def test_devices_with_an_order_of_their_own_get_another(guest, driver, hypervisor):
    node = guest(boot="", disk='<boot order="1"/>', other='<boot order="2"/>')
    await driver.set_network_boot(node, Voice())
    xml = hypervisor.virsh("dumpxml", node.name, "--inactive")
    nic = xml[xml.index(MAC) :]
    assert "<boot order='1'/>" in nic
    assert (await driver.facts(node)).boot_device == "network, then disk, then network; always"


@real
async def test_the_identity_and_the_secrets_of_a_domain_outlive_a_change(guest, driver, hypervisor):
    node = guest(devices='<graphics type="vnc" port="5999" passwd="hunter2"/>')
    before = (await driver.facts(node)).uuid
    await driver.set_network_boot(node, Voice())
    assert (await driver.facts(node)).uuid == before
    assert "hunter2" in hypervisor.virsh("dumpxml", node.name, "--inactive", "--security-info")


@real
async def test_facts_are_what_the_domain_tells(guest, driver):
    facts = await driver.facts(guest())
    assert (facts.generator, facts.power, facts.tls) == ("libvirt", PowerState.OFF, "ssh")
    assert facts.macs == ("52:54:00:00:00:99", MAC)
    assert facts.uuid.startswith(UUID[:30])
    assert facts.name.startswith("n")
    assert facts.seconds > 0


@real
async def test_a_domain_with_other_mac_addresses_is_never_touched(guest, driver):
    node = guest(mac="52:54:00:00:00:07")
    for call in (driver.power_on, driver.power_off, driver.set_network_boot):
        with pytest.raises(DriverPersistent, match=f"not the node's boot_mac {MAC}"):
            await call(node, Voice())
    with pytest.raises(DriverPersistent, match="it may be another machine"):
        await driver.power_state(node)
    facts = await driver.facts(node)
    assert (facts.power, facts.boot_device) == (PowerState.OFF, "disk; always")


# virsh takes the number of a running domain for it.
@real
async def test_a_node_whose_name_is_the_number_of_a_domain_is_not_that_one(driver, hypervisor):
    with pytest.raises(DriverPersistent, match="another name of the domain test"):
        await driver.power_off(a_guest("1", hypervisor.uri()), Voice())
    assert "running" in hypervisor.virsh("domstate", "test")


@real
async def test_a_domain_that_there_is_not_is_persistent(driver, hypervisor):
    with pytest.raises(DriverPersistent, match=r"failed to get domain 'nobody'; there is no dom"):
        await driver.power_state(a_guest("nobody", hypervisor.uri()))


@real
async def test_a_hypervisor_of_unknown_host_key_is_persistent_and_says_what_to_do(
    hypervisor, tmp_path
):
    driver = a_driver(hypervisor, known_hosts=tmp_path / "none")
    with pytest.raises(DriverPersistent, match=r"Host key.*libvirt_driver\.known_hosts"):
        await driver.power_state(a_guest("test", hypervisor.uri()))
    await driver.close()


@real
async def test_a_key_that_is_not_let_in_is_persistent(hypervisor):
    driver = a_driver(hypervisor, keyfile=hypervisor.folder / "hostkey")
    with pytest.raises(DriverPersistent, match=r"Permission denied.*libvirt_driver\.keyfile"):
        await driver.power_state(a_guest("test", hypervisor.uri()))
    await driver.close()


@real
async def test_a_dead_port_is_transient(hypervisor, driver):
    uri = f"test+ssh://root@127.0.0.1:{free_tcp_port()}/default"
    with pytest.raises(DriverTransient, match="Connection refused"):
        await driver.power_state(a_guest("test", uri))


@real
async def test_many_nodes_of_one_hypervisor_share_its_connections(hypervisor, driver):
    node = a_guest("test", hypervisor.uri(), boot_mac=None)
    states = await asyncio.gather(*(driver.power_state(node) for _ in range(12)))
    assert states == [PowerState.ON] * 12


class Silent:
    """A hypervisor that takes a connection, and says nothing: not even that it is an ssh."""

    def __init__(self):
        self.connected = asyncio.Event()

    async def serve(self, reader, writer):
        self.connected.set()
        await reader.read()
        writer.close()


@pytest.fixture
async def silent():
    silent = Silent()
    server = await asyncio.start_server(silent.serve, "127.0.0.1", 0)
    silent.port = server.sockets[0].getsockname()[1]
    silent.uri = f"qemu+ssh://root@127.0.0.1:{silent.port}/system"
    yield silent
    server.close()


def ssh_to(port):
    """The numbers of the ssh processes that virsh started for that port."""
    return [
        grandchild
        for child in children_of(os.getpid())
        for grandchild, words in children_of(child).items()
        if f" {port} " in words
    ]


async def gone(number):
    """Wait until a process that is not ours is no more."""
    try:
        fd = os.pidfd_open(number)
    except ProcessLookupError:
        return
    try:
        assert await asyncio.to_thread(select.select, [fd], [], [], 20)
    finally:
        os.close(fd)


@real
@pytest.mark.peer("libvirt")
async def test_a_silent_hypervisor_is_left_at_the_deadline_with_its_ssh(silent, children):
    driver = a_driver(give_up_seconds=1.5)
    call = asyncio.create_task(driver.power_state(a_guest(uri=silent.uri)))
    await silent.connected.wait()
    [ssh] = ssh_to(silent.port)
    with pytest.raises(DriverTransient, match=r"no answer from qemu\+ssh://root@127"):
        await call
    await gone(ssh)
    assert not children()
    await driver.close()


@real
@pytest.mark.peer("libvirt")
@pytest.mark.parametrize("call", ["power_state", "facts", "power_off", "set_network_boot"])
async def test_a_cancelled_call_leaves_no_process(call, silent, children):
    driver = a_driver()
    words = [a_guest(uri=silent.uri)] + [Voice()] * (call not in ("power_state", "facts"))
    running = asyncio.create_task(getattr(driver, call)(*words))
    await silent.connected.wait()
    [ssh] = ssh_to(silent.port)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await gone(ssh)
    assert not children()
    await driver.close()


@pytest.mark.parametrize(
    ("uri", "seen"),
    [
        (None, "has no oob.libvirt_uri"),
        ("qemu+tcp://host/system", "does not begin with qemu+ssh://"),
        ("qemu+ssh://root:hunter2@host/system", "has a password in its oob.libvirt_uri"),
        ("qemu+ssh:///system", "with no host"),
        ("qemu+ssh://-oProxyCommand=x/system", "a strange one"),
        ("qemu+ssh://-lroot@host/system", "or account"),
        ("qemu+ssh://host:port/system", "is none"),
        ("qemu+ssh://host/system?command=/bin/evil", "has ?command= in its oob.libvirt_uri"),
        ("qemu+ssh://host/system?no_verify=1", "has ?no_verify="),
        ("qemu+ssh://host/system#x", "characters that none has"),
        ("qemu+ssh://host/sys tem", "characters that none has"),
    ],
)
async def test_an_uri_that_cannot_be_is_refused_without_showing_it(uri, seen):
    with pytest.raises(DriverPersistent) as caught:
        await a_driver().power_state(a_guest(uri=uri))
    assert seen in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["-c", "a b", "n1; destroy n2", ""])
async def test_a_name_that_would_be_more_than_a_name_to_virsh_is_refused(name):
    with pytest.raises(DriverPersistent, match="has a name that cannot be a domain's"):
        await a_driver().power_state(a_guest(name))


def test_an_uri_may_name_account_port_and_socket():
    at = hypervisor_of(a_guest(uri="qemu+ssh://me@10.0.0.1:2222/system?socket=/run/x"))
    assert at.name == "qemu+ssh://me@10.0.0.1:2222"
    assert hypervisor_of(a_guest(uri="qemu+ssh://[fd00::1]/system")).name == "qemu+ssh://fd00::1"


def test_libvirts_test_driver_is_for_tests_only():
    with pytest.raises(DriverPersistent, match=r"begin with qemu\+ssh"):
        hypervisor_of(a_guest(uri="test:///default"))


def test_a_power_cycle_sets_the_boot_device_twice_and_switches_twice():
    driver = LibvirtOob(LibvirtOptions(give_up_seconds=10, power_seconds=100))
    assert driver.worst_case_seconds == 4 * 10 + 2 * 100


async def test_without_virsh_it_says_which_package_brings_it(monkeypatch):
    missing = Program("virsh-that-is-not-there", "libvirt-clients")
    monkeypatch.setattr(libvirt, "VIRSH", missing)
    monkeypatch.setattr(virsh, "VIRSH", missing)
    with pytest.raises(DriverPersistent, match="apt-get install libvirt-clients"):
        await a_driver().check()
    with pytest.raises(DriverPersistent, match="apt-get install libvirt-clients"):
        await a_driver().power_state(a_guest())


async def test_a_key_file_that_cannot_be_read_fails_the_check(tmp_path, programs):
    with pytest.raises(DriverPersistent, match="key cannot be read"):
        await a_driver(keyfile=tmp_path / "key").check()


@pytest.mark.slow
@pytest.mark.peer("qemu")
@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="libvirt starts no guest without /sys")
@real
async def test_a_power_cycle_with_network_boot_is_seen_by_the_firmware_of_the_guest(
    hypervisor, driver, wire, serial, tmp_path
):
    name = f"guest-{os.getpid()}"
    disk = tmp_path / "disk"
    disk.write_bytes(BOOT_SECTOR.ljust(1 << 20, b"\0"))
    ports = {"network": wire.port, "local": free_udp_port(), "serial": serial.port}
    hypervisor.define(GUEST.format(name=name, disk=disk, mac=MAC, **ports), driver="qemu")
    node, voice = a_guest(name, hypervisor.uri("qemu")), Voice()
    async with asyncio.timeout(120):
        # From disk, as it is defined.
        await driver.power_on(node, voice)
        assert await serial.written.get() == b"D"
        assert wire.discovers.empty()
        # As a task does it.
        await driver.set_network_boot(node, voice)
        await driver.power_off(node, voice)
        await driver.set_network_boot(node, voice)
        await driver.power_on(node, voice)
        frame = await wire.discovers.get()
        assert (mac_of(frame), b"iPXE" in frame) == (MAC, True)
        # And back.
        await driver.set_disk_boot(node, voice)
        await driver.power_off(node, voice)
        assert serial.written.empty()
        await driver.power_on(node, voice)
        assert await serial.written.get() == b"D"
        facts = await driver.facts(node)
        await driver.power_off(node, voice)
    assert (facts.boot_device, facts.macs) == ("disk, then network; always", (MAC,))
    assert [text for text, _ in voice.said][-1] == f"{name}: power is off"
