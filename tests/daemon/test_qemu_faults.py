"""What goes wrong around a machine, on a machine: real firmware, disks, agent, BMC and daemon.

Nothing is wiped twice, nothing that the plan does not name, and nobody is deployed who did not
start from disk. Which fault has which test: tests/drivers/node/netboot/test_fault_rows.py.
"""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from drydockd.cli.lab_stage import SYSTEM
from drydockd.images import cache
from drydockd.images.catalogue import ImageCatalogue
from drydockd.room.qemu.machine import DISK_GIB
from tests.daemon.metal import MIB, SENTINEL_MIB, Metal, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.process,
    pytest.mark.peer("netboot"),
    pytest.mark.skipif(os.geteuid() != 0, reason="bridges, taps and DHCP need root"),
    pytest.mark.skipif(
        os.environ.get("DRYDOCKD_QEMU") != "1", reason="minutes under emulation: make qemu"
    ),
    pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no bridges without /sys"),
]

# The agent has its address: from here on it repeats whatever it asks.
AGENT_IS_UP = "udhcpc: started"
MID_IMAGE_MIB = 20


@pytest.fixture
def a_metal():
    # Sockets in it: a short path.
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        yield lambda **options: Metal(Path(name), **options)


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
        assert f"{metal.name} login:" in metal.console
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
        assert is_empty(metal, index, gib)


def is_empty(metal, index, gib):
    """Whether every byte of a disk reads as zero."""
    empty = metal.folder / "empty.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", empty, f"{gib}G"], check=True)
    done = subprocess.run(["qemu-img", "compare", metal.machine.disks[index], empty], check=False)
    return done.returncode == 0


def test_what_is_not_as_the_plan_says_ends_the_deployment_and_writes_nothing(a_metal):
    with a_metal() as metal:
        untouched = metal.sentinel_content()
        for index, gib in enumerate(DISK_GIB):
            metal.mark(index, gib)
        marked = [metal.content(index) for index in range(len(DISK_GIB))]
        metal.prepare()

        metal.plug(without=1)
        assert "no disk with" in failed(metal)
        metal.plug()
        assert [metal.content(index) for index in range(len(DISK_GIB))] == marked

        metal.mark(1, DISK_GIB[1] - 1)
        smaller = metal.content(1)
        assert "the plan was made for" in failed(metal)
        assert [metal.content(0), metal.content(1)] == [marked[0], smaller]

        metal.mark(1, DISK_GIB[1])
        another_machine(metal)
        assert [metal.content(index) for index in range(len(DISK_GIB))] == marked

        damaged(metal)
        assert "the image has" in failed(metal)
        assert metal.content(0) != marked[0]
        assert metal.sentinel_content() == untouched


def failed(metal):
    """What a deployment that fails says. Its machine is off again."""
    metal.begin()
    task = metal.submit("deploy_nodes")
    assert metal.ended(task)["result"]["status"] == "failure"
    assert metal.status == "Failed deployment", metal.get("/nodes")
    assert "starts from disk" not in "".join(metal.said(task))
    until(lambda: not metal.is_on, "off after the agent's end")
    return "\n".join(metal.said(task))


def another_machine(metal):
    """Of the same MAC, on the same network, while the agent of the right one does nothing."""
    disk = metal.folder / "twin.raw"
    disk.write_bytes(os.urandom(SENTINEL_MIB * MIB))
    content = disk.read_bytes()
    metal.begin()
    task = metal.submit("deploy_nodes")
    metal.shows(AGENT_IS_UP)
    metal.signal(signal.SIGSTOP)
    with metal.twin(disk) as console:
        assert metal.ended(task)["result"]["status"] == "failure"
        said = "\n".join(metal.said(task))
        assert "the machine that started has" in said, (said, console.read_text()[-2000:])
        until(lambda: "dismissed: 409" in console.read_text(), "the twin is sent away")
    assert disk.read_bytes() == content
    metal.signal(signal.SIGCONT)
    until(lambda: not metal.is_on, "the right one is sent away, too")
    assert metal.count("-- match") == 0
    assert metal.status == "Failed deployment"


def damaged(metal):
    """A bit of the image is another; its length is not."""
    catalogue = ImageCatalogue(metal.catalogue)
    blob = catalogue.blob(catalogue.image(cache.image_name(SYSTEM)).sha256)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.unlink()
    blob.write_bytes(content)


def test_a_power_cut_begins_anew_and_who_never_starts_from_disk_is_not_deployed(a_metal):
    with a_metal(first_boot_seconds=20) as metal:
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
