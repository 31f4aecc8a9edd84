"""Every design field that a provisioner may honour, in netboot: its effect, or its refusal.

One design uses all of them; it is compiled, planned and assembled as for a deployment, and each
row looks at what the agent is told, or at what dnsmasq serves. What is refused is refused before a
machine is started. Source: contract, node-provisioner, section 5, column N.
"""

import copy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from drydockd.design import plans
from drydockd.design.compile import compile_site
from drydockd.design.inventory import hardware_of
from drydockd.drivers.node.netboot.assembly import Applied, SiteWide, assemble
from drydockd.drivers.node.netboot.dhcpconf import (
    LocalInterface,
    Places,
    boot_networks,
    dnsmasq_conf,
)
from drydockd.drivers.node.netboot.installplan import wire_form
from drydockd.drivers.node.netboot.layout import BOOT_RESERVE
from drydockd.errors import DriverPersistent, DriverUnsupported, NodeUnknown
from drydockd.images.catalogue import Image
from drydockd.machines import Document, Inventory
from drydockd.plans import DeploySpec
from tests.design.helpers import document
from tests.design.lshw import TERABYTE, a_disk_element, a_nic_element, an_lshw
from tests.drivers.node.netboot.test_provisioner import NODE, SPEC
from tests.drivers.node.netboot.test_provisioner import bench as bench
from tests.drivers.node.netboot.test_provisioner import catalogue as catalogue

MACS = [f"52:54:00:aa:00:0{i}" for i in range(4)]
FS_UUID = "0f1d2c3b-4a59-4687-9f6e-5d4c3b2a1f0e"
PART_UUID = "1f1d2c3b-4a59-4687-9f6e-5d4c3b2a1f0e"
VG_UUID = "2f1d2c3b-4a59-4687-9f6e-5d4c3b2a1f0e"
LV_UUID = "3f1d2c3b-4a59-4687-9f6e-5d4c3b2a1f0e"
LSHW = an_lshw(
    a_disk_element("sda", "scsi@0:2.0.0", TERABYTE, "WD-1"),
    a_disk_element("sdb", "scsi@0:2.1.0", TERABYTE, "WD-2"),
    *(a_nic_element(f"eno{i}", f"pci@0000:19:00.{i}", MACS[i]) for i in range(4)),
)
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nabc\n-----END PGP PUBLIC KEY BLOCK-----"
REPOSITORY = {
    "repo_type": "apt", "url": "http://mirror/debian", "distributions": ["bookworm"],
    "subrepos": ["bookworm-updates"], "components": ["main", "contrib"], "gpgkey": KEY,
    "arches": ["amd64"], "options": {"check-valid-until": "no"},
}  # fmt: skip
BOND = {
    "mode": "802.3ad", "hash": "layer3+4", "peer_rate": "fast", "mon_rate": 100,
    "up_delay": 1000, "down_delay": 3000,
}  # fmt: skip
ALIASES = {
    "bootdisk": {"address": "0:2.0.0", "bus_type": "scsi", "dev_type": "disk"},
    "nic_a": {"address": "0000:19:00.1", "bus_type": "pci", "dev_type": "nic"},
}
ROOT = {
    "name": "root", "size": "30g", "part_uuid": PART_UUID,
    "filesystem": {"mountpoint": "/", "fstype": "ext4", "mount_options": "noatime",
                   "fs_uuid": FS_UUID, "fs_label": "ROOT"},
}  # fmt: skip
PHYSICAL = {
    "bootdisk": {"partitions": [ROOT, {"name": "rest", "size": ">1g",
                                       "filesystem": {"mountpoint": "/srv", "fstype": "xfs"}}]},
    "sdb": {"volume_group": "data"},
}  # fmt: skip
VOLUMES = {"data": {"vg_uuid": VG_UUID, "logical_volumes": [
    {"name": "var", "size": "50%", "lv_uuid": LV_UUID,
     "filesystem": {"mountpoint": "/var", "fstype": "ext4"}}]}}  # fmt: skip
INTERFACES = {
    "boot0": {"device_link": "boot", "slaves": ["eno0"], "networks": ["boot"]},
    "bond0": {"device_link": "trunk", "slaves": ["nic_a", "eno2"], "networks": ["mgmt", "store"]},
    "fast0": {"device_link": "plain", "slaves": ["eno3"], "networks": ["vf"],
              "sriov": {"vf_count": 2, "trustedmode": True}},
    "spare0": {"device_link": "none", "slaves": ["eno3"], "networks": []},
}  # fmt: skip


def a_design():
    return {
        "Region": {"lab": {
            "authorized_keys": ["ssh-ed25519 AAAA ops"],
            "repositories": {"remove_unlisted": True, "debian": REPOSITORY},
        }},
        "Network": {
            "boot": {"cidr": "10.20.0.0/24", "dns": {"domain": "boot.lab", "servers": "10.20.0.53"},
                     "ranges": [{"type": "dhcp", "start": "10.20.0.100", "end": "10.20.0.150"},
                                {"type": "reserved", "start": "10.20.0.1", "end": "10.20.0.9"},
                                {"type": "static", "start": "10.20.0.10", "end": "10.20.0.99"}]},
            "mgmt": {"cidr": "10.21.0.0/24", "mtu": 1500, "dns": {"domain": "lab", "servers":
                     "10.0.0.53,10.0.0.54"}, "routes": [
                        {"subnet": "0.0.0.0/0", "gateway": "10.21.0.1", "metric": 10},
                        {"subnet": "10.50.0.0/16", "gateway": "10.21.0.2", "metric": 20}]},
            "store": {"cidr": "10.22.0.0/24", "vlan": "22", "mtu": 9000},
            "vf": {"cidr": "10.23.0.0/24"},
            "far": {"cidr": "10.30.0.0/24", "ranges": [
                {"type": "dhcp", "start": "10.30.0.10", "end": "10.30.0.20"}],
                "dhcp_relay": {"self_ip": "10.30.0.1", "upstream_target": "10.20.0.1"}},
        },
        "NetworkLink": {
            "boot": {"allowed_networks": ["boot"], "trunking": {"default_network": "boot"}},
            "trunk": {"bonding": BOND, "mtu": 9000, "allowed_networks": ["mgmt", "store"],
                      "trunking": {"mode": "802.1q", "default_network": "mgmt"}},
            "plain": {"allowed_networks": ["vf"], "trunking": {"default_network": "vf"}},
            "none": {"labels": {"noconfig": "true"}, "allowed_networks": []},
        },
        "HardwareProfile": {"hw": {
            "vendor": "X", "boot_mode": "uefi", "bootstrap_protocol": "pxe", "pxe_interface": 0,
            "device_aliases": ALIASES, "cpu_sets": {"vms": "2-7"},
            "hugepages": {"big": {"size": "1G", "count": 16}},
        }},
        "BaremetalNode": {"n1": {
            "hardware_profile": "hw", "primary_network": "mgmt",
            "oob": {"type": "ipmi", "network": "boot", "account": "a", "credential": "c"},
            "interfaces": INTERFACES,
            "storage": {"physical_devices": PHYSICAL, "volume_groups": VOLUMES},
            "platform": {"image": "debian-12", "kernel": "6.1.0-1-amd64", "kernel_params": {
                "quiet": True, "isolcpus": "hardwareprofile:cpuset.vms",
                "hugepagesz": "hardwareprofile:hugepages.big.size",
                "hugepages": "hardwareprofile:hugepages.big.count"}},
            "metadata": {"boot_mac": MACS[0], "tags": ["gpu"], "owner_data": {"team": "infra"}},
            "addressing": [{"network": "boot", "address": "10.20.0.11"},
                           {"network": "mgmt", "address": "10.21.0.11"},
                           {"network": "store", "address": "dhcp"},
                           {"network": "vf", "address": "10.23.0.11"}],
        }},
    }  # fmt: skip


@dataclass(frozen=True)
class Honoured:
    """What a design becomes: the plan of its node, and the configuration of dnsmasq."""

    plan: dict
    dhcp: str
    applied: Applied

    def text(self, path):
        (file,) = [file for file in self.plan["files"] if file["path"] == path]
        return file["text"]

    def net(self, name):
        return self.text(f"/etc/systemd/network/10-drydock-{name}")

    def filesystem(self, mountpoint):
        return next(f for f in self.plan["storage"]["filesystems"] if f["mountpoint"] == mountpoint)


def made(design, packages=None):
    stream = yaml.safe_dump_all(
        document(kind, name, data) for kind, named in design.items() for name, data in named.items()
    )
    site, findings = compile_site(stream.encode())
    assert not [finding.message for finding in findings if finding.error]
    node = site.nodes["n1"]
    hardware = hardware_of(site, node, Inventory((Document("lshw", "text/xml", LSHW),)))
    applied = Applied(
        plans.network_plan(site, node, hardware),
        plans.storage_plan(site, node, hardware, boot_reserve=BOOT_RESERVE),
        plans.platform_plan(site, node),
    )
    image = Image(
        name="debian-12", kind="squashfs", sha256="a" * 64, bytes=1, unpacked_bytes=1,
        kernels=("6.1.0-1-amd64",), features=("lvm",),
    )  # fmt: skip
    spec = DeploySpec(
        "d1", node.image, node.kernel, site.domain_of(node), packages=packages or {},
        owner_data=node.owner_data, authorized_keys=site.region.authorized_keys,
    )  # fmt: skip
    repositories = site.region.repositories
    wide = SiteWide(tuple(repositories), site.region.remove_unlisted)
    plan = wire_form(assemble(node.name, applied, spec, image, wide))
    here = (LocalInterface("eth0", ("10.20.0.1/24",)),)
    dhcp = dnsmasq_conf(boot_networks(site.networks, here), PLACES, "http://10.20.0.1:9100")
    return Honoured(plan, dhcp, applied)


PLACES = Places(Path("leases"), Path("hosts"), Path("tftp"))


@cache
def whole():
    return made(a_design(), {"chrony": None, "curl": "7.88"})


HONOURED = {
    "Region authorized_keys": lambda h: h.text("/root/.ssh/authorized_keys")
    == "ssh-ed25519 AAAA ops\n",
    "repositories url": lambda h: " http://mirror/debian " in sources(h),
    "repositories distributions": lambda h: "debian bookworm main" in sources(h),
    "repositories subrepos": lambda h: "debian bookworm-updates main" in sources(h),
    "repositories components": lambda h: "main contrib" in sources(h),
    "repositories gpgkey": lambda h: "abc" in h.text("/etc/apt/keyrings/drydock-debian.asc"),
    "repositories arches": lambda h: "arch=amd64" in sources(h),
    "repositories options": lambda h: "check-valid-until=no" in sources(h),
    "repositories remove_unlisted": lambda h: h.text("/etc/apt/sources.list") == "",
    "bonding mode": lambda h: "Mode=802.3ad" in h.net("bond0.netdev"),
    "bonding hash": lambda h: "TransmitHashPolicy=layer3+4" in h.net("bond0.netdev"),
    "bonding peer_rate": lambda h: "LACPTransmitRate=fast" in h.net("bond0.netdev"),
    "bonding mon_rate": lambda h: "MIIMonitorSec=100ms" in h.net("bond0.netdev"),
    "bonding up_delay": lambda h: "UpDelaySec=1000ms" in h.net("bond0.netdev"),
    "bonding down_delay": lambda h: "DownDelaySec=3000ms" in h.net("bond0.netdev"),
    "NetworkLink mtu": lambda h: "MTUBytes=9000" in h.net("bond0.network"),
    "trunking mode": lambda h: "VLAN=bond0.22" in h.net("bond0.network"),
    "trunking default_network": lambda h: "Address=10.21.0.11/24" in h.net("bond0.network"),
    "label noconfig": lambda h: not [f for f in h.plan["files"] if "spare0" in f["path"]],
    "Network vlan": lambda h: "Id=22" in h.net("bond0.22.netdev"),
    "Network mtu": lambda h: "MTUBytes=9000" in h.net("bond0.22.netdev"),
    "Network cidr": lambda h: "Address=10.23.0.11/24" in h.net("fast0.network"),
    "ranges dhcp": lambda h: "dhcp-range=set:boot,10.20.0.100,10.20.0.150," in h.dhcp,
    "ranges reserved": lambda h: "10.20.0.9" not in h.dhcp,
    "ranges static": lambda h: "10.20.0.99" not in h.dhcp,
    "routes": lambda h: "Destination=10.50.0.0/16\nGateway=10.21.0.2\nMetric=20"
    in h.net("bond0.network"),
    "dns.domain": lambda h: "Domains=lab\n" in h.net("bond0.network")
    and "option:domain-name,boot.lab" in h.dhcp,
    "dns.servers": lambda h: "DNS=10.0.0.54\n" in h.net("bond0.network")
    and "option:dns-server,10.20.0.53" in h.dhcp,
    "dhcp_relay.upstream_target": lambda h: "dhcp-range=set:far,10.30.0.10," in h.dhcp,
    "device_aliases": lambda h: f"PermanentMACAddress={MACS[1]}"
    in h.net("bond0-member0.network") and h.plan["storage"]["disks"][0]["find"]["serial"] == "WD-1",
    "cpu_sets": lambda h: "isolcpus=2-7" in h.plan["kernel_params"],
    "hugepages": lambda h: h.plan["kernel_params"].startswith("hugepagesz=1G hugepages=16"),
    "boot_mode: both loaders' files": lambda h: "undionly.kpxe" in h.dhcp and "ipxe.efi" in h.dhcp,
    "boot_mode: EFI system partition": lambda h: h.filesystem("/boot/efi")["kind"] == "vfat",
    "metadata.tags": lambda h: h.applied.platform.static_tags == ("gpu",),
    "addressing static": lambda h: "Address=10.21.0.11/24" in h.net("bond0.network"),
    "addressing dhcp": lambda h: "DHCP=yes" in h.net("bond0.22.network"),
    "primary_network": lambda h: "Destination=0.0.0.0/0\nGateway=10.21.0.1"
    in h.net("bond0.network") and "RequiredForOnline=routable" in h.net("bond0.network"),
    "sriov": lambda h: "SR-IOVVirtualFunctions=2" in h.net("fast0.link")
    and h.net("fast0.network").count("Trust=yes") == 2,
    "interface name of single NICs": lambda h: "Name=boot0" in h.net("boot0.link")
    and f"PermanentMACAddress={MACS[0]}" in h.net("boot0.link"),
    "storage partitions": lambda h: [p["name"] for p in h.plan["storage"]["disks"][0]["partitions"]]
    == ["bios", "esp", "root", "rest"],
    "storage part_uuid": lambda h: h.plan["storage"]["disks"][0]["partitions"][2]["uuid"]
    == PART_UUID,
    "storage fs_uuid": lambda h: h.filesystem("/")["uuid"] == FS_UUID,
    "storage fs_label": lambda h: h.filesystem("/")["label"] == "ROOT",
    "storage mount_options": lambda h: f"UUID={FS_UUID} / ext4 noatime" in h.text("/etc/fstab"),
    "storage fstype": lambda h: h.filesystem("/srv")["kind"] == "xfs",
    "storage size": lambda h: h.plan["storage"]["disks"][0]["partitions"][2]["size_mib"]
    == 30 * 10**9 // 2**20,
    "storage volume_groups": lambda h: h.plan["storage"]["groups"][0]["uuid"] == VG_UUID
    and h.plan["storage"]["groups"][0]["members"][0]["disk"] == 1,
    "storage logical_volumes": lambda h: h.plan["storage"]["groups"][0]["volumes"][0]["uuid"]
    == LV_UUID and h.filesystem("/var")["place"]["volume"] == "var",
    "platform.image": lambda h: h.plan["image"]["sha256"] == "a" * 64,
    "platform.kernel": lambda h: h.plan["kernel"] == "6.1.0-1-amd64",
    "platform.kernel_params": lambda h: "quiet" in h.plan["kernel_params"].split()
    and "quiet" in h.text("/etc/default/grub.d/50-drydock.cfg"),
    "BootAction pkg_list": lambda h: h.plan["packages"] == ("chrony", "curl=7.88"),
}  # fmt: skip
# What other parts honour, each with the test that shows it. Nobody honours vendor, generation,
# hw_version and tag_definitions (bios_version: see drift); oob is for the drivers of BMCs.
ELSEWHERE = {
    "boot_mode: firmware of the start": "tests/drivers/node/netboot/test_provisioner.py::"
    "test_the_agent_is_told_the_boot_mode_that_the_hardware_profile_wants",
    "boot_mode: an image that starts by it": "tests/drivers/node/netboot/test_installs.py::"
    "test_an_image_that_the_firmware_cannot_start_is_refused_before_anything_begins",
    "boot_mode: EFI bit at the BMC": "tests/drivers/oob/test_ipmi.py::",
    "routedomain": "tests/design/test_routes.py::",
    "ranges static: reservations": "tests/drivers/node/netboot/test_addresses.py::"
    "test_a_nodes_address_on_a_boot_network_is_reserved_for_its_mac",
    "pxe_interface, bootstrap_protocol": "tests/drivers/node/netboot/test_hints.py::"
    "test_another_nic_is_told",
    "BootAction unit, file": "tests/agent/install/test_configure.py::"
    "test_boot_data_is_fetched_with_its_key_which_is_nowhere_else_and_units_are_enabled",
    "metadata.owner_data: labels": "tests/tasks/actions/test_relabel_nodes.py::",
    "metadata.rack: filters": "tests/design/test_nodefilter.py::",
}


def sources(honoured):
    return honoured.text("/etc/apt/sources.list.d/drydock-debian.list")


@pytest.mark.parametrize("field", HONOURED)
def test_the_field_is_honoured(field):
    assert HONOURED[field](whole())


@pytest.mark.parametrize("field", ELSEWHERE)
def test_the_field_is_honoured_elsewhere(field):
    path, _, name = ELSEWHERE[field].partition("::")
    text = (Path(__file__).parents[4] / path).read_text()
    assert f"def {name}" in text


def changed(*path, value):
    design = copy.deepcopy(a_design())
    at = design
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return design


N1 = ("BaremetalNode", "n1")
REFUSED = {
    "linkspeed": (
        changed("NetworkLink", "plain", "linkspeed", value="25gbps"),
        "interface fast0: linkspeed 25gbps of link plain",
    ),
    "repositories repo_type rpm": (
        changed("Region", "lab", "repositories", "debian", value=REPOSITORY | {"repo_type": "rpm"}),
        "repository debian: repo_type rpm",
    ),
    "sriov on a bond": (
        changed(*N1, "interfaces", "bond0", "sriov", value={"vf_count": 1}),
        "interface bond0: sriov on a bond",
    ),
    "platform.kernel hwe-*": (
        changed(*N1, "platform", "kernel", value="hwe-22.04"),
        "platform.kernel hwe-22.04: image debian-12 has 6.1.0-1-amd64",
    ),
    "interface name": (
        changed(*N1, "interfaces", value={**INTERFACES, "a-name-of-a-nic-too-long":
                                          INTERFACES["boot0"]}),
        "cannot be an interface's name",
    ),
    "storage fstype": (
        changed(*N1, "storage", "volume_groups", "data", "logical_volumes", value=[
            {"name": "var", "size": "9g", "filesystem": {"mountpoint": "/var", "fstype": "zfs"}}]),
        "data/var: fstype zfs; netboot makes ext4",
    ),
    "dhcp_relay.upstream_target": (
        changed("Network", "far", "dhcp_relay", "upstream_target", value="10.9.9.9"),
        "upstream_target 10.9.9.9 is no address of this host",
    ),
    "dhcp_relay.self_ip": (
        changed("Network", "far", "dhcp_relay", "self_ip", value="10.99.0.1"),
        "self_ip 10.99.0.1 is not in 10.30.0.0/24",
    ),
}  # fmt: skip


@pytest.mark.parametrize("field", REFUSED)
def test_the_value_is_refused_with_its_name_before_any_machine_is_started(field):
    design, words = REFUSED[field]
    with pytest.raises((DriverUnsupported, DriverPersistent)) as refused:
        made(design)
    assert words in str(refused.value)


async def test_the_boot_mac_is_what_a_node_is_known_by(bench):
    node = replace(NODE, boot_mac="52:54:00:00:00:09")
    with pytest.raises(NodeUnknown, match="52:54:00:00:00:09"):
        await bench.driver.find(node)


async def test_owner_data_are_stored_with_the_deployment(bench):
    handle = await bench.ready()
    await bench.driver.find(NODE)
    await bench.driver.deploy(handle, replace(SPEC, owner_data={"team": "infra"}), bench.voice)
    assert bench.driver.machines.install(handle.id)["owner_data"] == {"team": "infra"}
