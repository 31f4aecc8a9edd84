"""A provisioner for an Ironic, the node that it is asked for, and its way from enrolled to gone."""

import contextlib
from dataclasses import dataclass, field

from drydockd.drivers.node.ironic.options import IronicOptions
from drydockd.drivers.node.ironic.provisioner import IronicProvisioner
from drydockd.errors import DriverTransient, NodeUnknown
from drydockd.plans import (
    AddressPlan,
    BootDelivery,
    DeploySpec,
    DeviceName,
    DiskPlan,
    FilesystemPlan,
    InterfacePlan,
    NetworkPlan,
    PartitionPlan,
    PlatformPlan,
    RoutePlan,
    StoragePlan,
)
from drydockd.site import Addressing, Node, Partition, StorageDevice
from tests.room.helpers import Voice

GIB = 2**30
KEY = "ab" * 32
KERNEL = "6.1.0-1-amd64"
IMAGES = {
    "debian-12": {
        "url": "http://images/debian-12.qcow2",
        "checksum": "0" * 64,
        "kernels": [KERNEL],
    }
}
OPTIONS = {
    "enroll": True,
    "hardware_types": {"redfish": "fake-hardware"},
    "images": IMAGES,
    "poll_seconds": 1.0,
    "request_seconds": 30.0,
}
ROOT = Partition("root", ">20g", mountpoint="/", fstype="ext4", mount_options="defaults")


def options(url="http://127.0.0.1:6385", **more):
    return IronicOptions(**{"url": url, **OPTIONS, **more})


def mac_of(number):
    return f"52:54:00:00:{number // 256:02x}:{number % 256:02x}"


def a_node(name="n1", number=1, **fields):
    """A node that Ironic can honour."""
    values = {
        "oob_type": "redfish",
        "oob_parameters": {"network": "oob", "account": "adm", "credential": "bmc-pass-77"},
        "addressing": (Addressing("oob", "static", f"10.0.0.{number % 250}"),),
        "boot_mac": mac_of(number),
        "image": "debian-12",
        "storage_devices": (StorageDevice("sda", partitions=(ROOT,)),),
    }
    return Node(name=name, **{**values, **fields})


def network_plan(mac):
    return NetworkPlan(
        (
            InterfacePlan(
                "eno1",
                "pxe",
                (DeviceName("eno1", mac=mac),),
                None,
                1500,
                "pxe",
                AddressPlan("static", "10.1.0.7/24"),
                (RoutePlan("0.0.0.0/0", "10.1.0.1", 100),),
            ),
        ),
        ("10.1.0.1",),
        ("10.1.0.53",),
        "lab",
    )


def storage_plan(**fields):
    partition = PartitionPlan(
        "root", 100 * GIB - 2**22, filesystem=FilesystemPlan("ext4", "/", "defaults")
    )
    disk = DiskPlan(DeviceName("sda", serial="S-a"), 100 * GIB, (partition,))
    return StoragePlan(**{"disks": (disk,), "root": ("sda", "root"), **fields})


PLATFORM = PlatformPlan("debian-12", None, "", "kp", ("control",))


def a_spec(deployment_id="d1", name="n1", **fields):
    values = {
        "packages": {"chrony": None, "ceph-common": "17.2-1"},
        "boot": BootDelivery(KEY, "http://api:9000/api/v1.0", name),
        "owner_data": {"role": "control"},
        "authorized_keys": ("ssh-ed25519 AAAA ann",),
    }
    return DeploySpec(deployment_id, "debian-12", None, "lab", **{**values, **fields})


@dataclass
class Way:
    """The steps of a node as the tasks take them."""

    provisioner: IronicProvisioner
    voice: Voice = field(default_factory=Voice)

    async def prepare(self, node):
        return await patiently(lambda: self._prepare(node))

    async def deploy(self, node, deployment_id="d1"):
        return await patiently(lambda: self.deploy_once(node, deployment_id))

    async def destroy(self, node):
        await patiently(lambda: self.provisioner.destroy(node, self.voice))

    async def _prepare(self, node):
        try:
            handle = await self.provisioner.find(node)
        except NodeUnknown:
            handle = None
        handle = await self.provisioner.adopt(handle, node)
        return await self.provisioner.commission(handle, self.voice)

    async def deploy_once(self, node, deployment_id="d1"):
        handle = await self.provisioner.find(node)
        await self.provisioner.apply_network(handle, network_plan(node.boot_mac))
        await self.provisioner.apply_storage(handle, storage_plan())
        await self.provisioner.apply_platform(handle, PLATFORM)
        spec = a_spec(deployment_id, node.name)
        return await self.provisioner.deploy(handle, spec, self.voice)


async def patiently(call):
    """As the task steps are: what may pass is tried again, from what Ironic says it is."""
    for _ in range(40):
        try:
            return await call()
        except DriverTransient as error:
            last = error
    raise last


@contextlib.asynccontextmanager
async def way(url, **more):
    provisioner = IronicProvisioner(options(url, **more))
    try:
        yield Way(provisioner)
    finally:
        await provisioner.close()
