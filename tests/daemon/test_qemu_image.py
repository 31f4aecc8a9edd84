"""Another system than the lab's own, and another agent, installed for real.

`DRYDOCKD_QEMU_IMAGE` names an image of the folder of the lab's images (`drydock image import NAME
... --images FOLDER`), `DRYDOCKD_QEMU_AGENT` an agent there, as one with the kernel for metal.
`DRYDOCKD_QEMU_FIRMWARE=uefi` takes a machine with a UEFI.
"""

import json
import os

import yaml

from drydockd.room.qemu.machine import TRUNK_PORTS, Firmware
from tests.daemon.metal import Metal
from tests.daemon.qemulab import a_folder, marks

FIRMWARE = Firmware(os.environ.get("DRYDOCKD_QEMU_FIRMWARE", "bios"))
IMAGE, AGENT = os.environ.get("DRYDOCKD_QEMU_IMAGE"), os.environ.get("DRYDOCKD_QEMU_AGENT")
ROOT_BYTES = 20 * 10**9
MIB = 1 << 20
pytestmark = marks(
    asked=IMAGE is not None or AGENT is not None,
    how="DRYDOCKD_QEMU_IMAGE or DRYDOCKD_QEMU_AGENT",
)


def of_one_disk(document):
    """The lab's design without volumes, xfs and a bond: for systems that have none of their
    programs. Its two ports of the trunk stay spare."""
    data = document["data"]
    if IMAGE is not None and "platform" in data:
        data["platform"]["image"] = IMAGE
        data["storage"]["physical_devices"].pop("disk_data")
        data["storage"].pop("volume_groups")
        for partition in data["storage"]["physical_devices"]["disk_boot"]["partitions"]:
            partition["filesystem"].pop("fstype", None)
            # Behind it the disk is free: a root that grows would.
            partition["size"] = partition["size"].removeprefix(">")
        data["interfaces"].pop("bond0")
        data["primary_network"] = "pxe"
    if IMAGE is not None and "addressing" in data:
        data["addressing"] = [one for one in data["addressing"] if one["network"] != "oam"]
    return document


def test_it_is_installed_starts_from_disk_and_is_as_designed():
    options = {} if AGENT is None else {"agent": AGENT}
    is_alone = IMAGE is not None
    with (
        a_folder() as folder,
        Metal(folder, is_alone=is_alone, firmware=FIRMWARE, **options) as metal,
    ):
        site = metal.stage.site
        documents = [of_one_disk(one) for one in yaml.safe_load_all(site.read_text())]
        site.write_text(yaml.safe_dump_all(documents))
        metal.prepare()
        task = metal.submit("deploy_nodes")
        assert metal.ended(task)["result"]["status"] == "success", metal.said(task)
        assert metal.status == "Deployed"
        told = metal.account()
        assert told["failed"].strip() == ""
        assert told["firmware"] == FIRMWARE
        assert told["hostname"].strip() == metal.name
        assert "drydock.lab=quay" in told["cmdline"].split()
        if IMAGE is not None:
            compare(metal, told)


def compare(metal, told):
    devices = {d["mountpoint"]: d for d in flat(json.loads(told["lsblk"])["blockdevices"])}
    assert ROOT_BYTES - MIB < devices["/"]["size"] <= ROOT_BYTES
    links = {link["ifname"]: link for link in json.loads(told["addresses"])}
    (address,) = [a["local"] for a in links["pxe"]["addr_info"] if a["family"] == "inet"]
    assert address == metal.room.plan.boot_address(metal.machine.number)
    spare = [one for one in links.values() if one.get("address") in metal.machine.trunk_macs]
    assert len(spare) == TRUNK_PORTS
    assert not [a for one in spare for a in one["addr_info"] if a["family"] == "inet"]


def flat(devices):
    for device in devices:
        yield device
        yield from flat(device.get("children", ()))
