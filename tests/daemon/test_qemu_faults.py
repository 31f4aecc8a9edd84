"""What goes wrong around a machine, on a machine: real firmware, disks, agent, BMC and daemon.

Nothing is wiped twice, nothing that the plan does not name, and nobody is deployed who did not
start from disk. Which fault has which test: tests/drivers/node/netboot/test_fault_rows.py.
"""

import os
import signal

import pytest

from drydockd.cli.lab_stage import SYSTEM
from drydockd.images import cache
from drydockd.images.catalogue import ImageCatalogue
from drydockd.room.qemu.machine import DISK_GIB
from tests.daemon.metal import MIB, SENTINEL_MIB, Metal, until
from tests.daemon.others import rival, twin
from tests.daemon.qemulab import a_folder, is_empty, marks

pytestmark = marks()

# The agent has its address: from here on it repeats whatever it asks.
AGENT_IS_UP = "udhcpc: started"
MID_IMAGE_MIB = 20
# As the daemon is set up unless somebody says otherwise; what would fail again is not repeated.
RETRIES = 3


@pytest.fixture
def a_metal():
    with a_folder() as folder:
        yield lambda **options: Metal(folder, **options)


def test_a_killed_daemon_and_a_hanging_agent_cost_one_wipe_and_nothing_else(a_metal):
    with a_metal(silent_seconds=15) as metal:
        untouched = metal.sentinel_content()
        inspected(metal)
        metal.begin()
        task = metal.submit("deploy_nodes")
        metal.shows(AGENT_IS_UP)
        metal.restart()
        away_in_mid_image(metal)
        hangs(metal, task)
        metal.shows("-- loader")
        metal.misses_its_server()
        metal.start()
        metal.tells(task, "starts from disk")
        metal.restart()
        assert metal.ended(task)["result"]["status"] == "success", metal.said(task)
        assert metal.status == "Deployed"
        assert (metal.count("-- wipe"), metal.count("-- unpack")) == (1, 1)
        # The report is sent before there is a prompt.
        metal.shows(f"{metal.name} login:")
        assert metal.sentinel_content() == untouched
        destroyed(metal)


def inspected(metal):
    """Known and inspected, over a daemon that is killed meanwhile."""
    assert metal.done("prepare_site") == "success"
    metal.begin()
    task = metal.submit("prepare_nodes")
    metal.shows(AGENT_IS_UP)
    metal.restart()
    assert metal.ended(task)["result"]["status"] == "success", metal.said(task)


def away_in_mid_image(metal):
    metal.shows("-- unpack")
    metal.gets(MID_IMAGE_MIB)
    metal.misses_its_server()
    metal.start()
    metal.shows("/boot/image/")


def hangs(metal, task):
    """As a machine does that waits for its memory or its disk; told, and left alone."""
    metal.signal(signal.SIGSTOP)
    metal.tells(task, "its agent is silent since")
    assert metal.is_on
    metal.signal(signal.SIGCONT)


def destroyed(metal):
    """Wiped once, over a daemon that is killed meanwhile; forgotten and off."""
    metal.begin()
    task = metal.submit("destroy_nodes", all_nodes=True)
    metal.shows(AGENT_IS_UP)
    metal.restart()
    assert metal.ended(task)["result"]["status"] == "success", metal.said(task)
    assert metal.get("/nodes") == []
    assert not metal.is_on
    # Each disk of the machine, its own: this phase empties all.
    assert metal.count("$ wipefs --all --force /dev/vda\n") <= 1
    assert metal.count("$ blkdiscard -f /dev/vda") == 1
    for index, gib in enumerate(DISK_GIB):
        assert is_empty(metal.machine.disks[index], gib, metal.folder)


def test_what_is_not_as_the_plan_says_ends_the_deployment_and_writes_nothing(a_metal):
    with a_metal(retries=RETRIES) as metal:
        untouched = metal.sentinel_content()
        for index, gib in enumerate(DISK_GIB):
            metal.mark(index, gib)
        marked = contents(metal)
        metal.prepare()

        metal.plug(without=1)
        assert "no disk with" in failed(metal)
        metal.plug()
        assert contents(metal) == marked

        metal.mark(1, DISK_GIB[1] - 1)
        smaller = metal.content(1)
        assert "the plan was made for" in failed(metal)
        assert contents(metal) == [marked[0], smaller]

        metal.mark(1, DISK_GIB[1])
        another_machine(metal)
        assert contents(metal) == marked

        no_image(metal)
        assert contents(metal) == marked

        another_server(metal)
        assert contents(metal) == marked

        wrong_image(metal)
        assert metal.content(0) != marked[0]
        assert metal.sentinel_content() == untouched


def contents(metal):
    return [metal.content(index) for index in range(len(DISK_GIB))]


def failed(metal, meanwhile=lambda: None, *, starts=1):
    """What a deployment that fails says. Its agent was started so often; its machine is off.

    `meanwhile` is done when the agent is up.
    """
    metal.begin()
    task = metal.submit("deploy_nodes")
    if starts:
        metal.shows(AGENT_IS_UP)
        meanwhile()
    assert metal.ended(task)["result"]["status"] == "failure"
    said = "\n".join(metal.said(task))
    assert metal.status in ("Failed deployment", "Ready"), metal.get("/nodes")
    assert "starts from disk" not in said
    until(lambda: not metal.is_on, "off after the agent's end")
    assert metal.count(AGENT_IS_UP) == starts, said
    return said


def another_machine(metal):
    """Of the same MAC, on the same network, while the agent of the right one does nothing."""
    disk = metal.folder / "twin.raw"
    disk.write_bytes(os.urandom(SENTINEL_MIB * MIB))
    content = disk.read_bytes()
    metal.begin()
    task = metal.submit("deploy_nodes")
    metal.shows(AGENT_IS_UP)
    metal.signal(signal.SIGSTOP)
    with twin(metal, disk) as console:
        assert metal.ended(task)["result"]["status"] == "failure"
        said = "\n".join(metal.said(task))
        assert "the machine that started has" in said, (said, console.read_text()[-2000:])
        until(lambda: "dismissed: 409" in console.read_text(), "the twin is sent away")
    assert disk.read_bytes() == content
    metal.signal(signal.SIGCONT)
    until(lambda: not metal.is_on, "the right one is sent away, too")
    assert metal.count("-- match") == 0
    assert metal.status == "Failed deployment"


def blob_of(metal):
    catalogue = ImageCatalogue(metal.catalogue)
    return catalogue.blob(catalogue.image(cache.image_name(SYSTEM)).sha256)


def no_image(metal):
    """Gone while the agent starts; then gone, or another, before any machine was started for it."""
    blob = blob_of(metal)
    content = blob.read_bytes()
    said = failed(metal, blob.unlink)
    assert "404" in said, said
    assert metal.count("-- match") == 1
    assert metal.count("-- wipe") == 0
    assert "has no content" in failed(metal, starts=0)
    blob.write_bytes(damaged(content))
    assert "its content is damaged" in failed(metal, starts=0)
    blob.write_bytes(content)


def damaged(content):
    """A bit of it is another; its length is not."""
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    return changed


def another_server(metal):
    """A DHCP server that gives the machine another address than ours would."""
    with metal.told(retries=0, hello_seconds=60), rival(metal) as addresses:
        task = metal.submit("deploy_nodes")
        assert metal.ended(task)["result"]["status"] == "failure"
        said = "\n".join(metal.said(task))
        mine = metal.room.plan.boot_address(metal.machine.number)
        assert f"a network boot from {addresses}" in said, said
        assert f"not from {mine}: refused" in said, said
        assert "no agent said hello within 60 s" in said, said
        # It is at its own disk, where nothing is to start from.
        metal.off()


def wrong_image(metal):
    """Damaged when its agent is up: known after the wipe, and nothing is wiped a second time."""
    blob = blob_of(metal)
    content = blob.read_bytes()

    def damage():
        blob.unlink()
        blob.write_bytes(damaged(content))

    said = failed(metal, damage)
    assert "the image has" in said, said
    assert (metal.count("-- wipe"), metal.count("-- unpack")) == (1, 1)
    blob.unlink()
    blob.write_bytes(content)


def test_a_power_cut_begins_anew_and_who_never_starts_from_disk_is_not_deployed(a_metal):
    with a_metal(retries=RETRIES, first_boot_seconds=20) as metal:
        untouched = metal.sentinel_content()
        metal.prepare()
        metal.begin()
        task = metal.submit("deploy_nodes")
        metal.shows("-- unpack")
        metal.gets(MID_IMAGE_MIB)
        metal.cut()
        metal.tells(task, "starts again, last step: unpack")
        until(lambda: metal.count("-- unpack") == 2, "unpacked again")
        # The disk dies between the installation and its first start.
        metal.plug(without_from_disk=0)
        ended = metal.ended(task)
        said = "\n".join(metal.said(task))
        assert ended["result"]["status"] == "failure", said
        assert "installed, but did not report from disk within 20 s" in said
        assert metal.status == "Failed deployment"
        assert (metal.count("-- wipe"), metal.count("-- finish")) == (2, 1)
        assert metal.sentinel_content() == untouched
