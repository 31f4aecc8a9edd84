"""Nodes, drivers and domains for the tests of the libvirt driver."""

from drydockd.drivers.oob.libvirt import LibvirtOob, LibvirtOptions
from tests.room.helpers import a_node

QUICK = (0.01, 0.01, 0.01, 0.01)
SCHEMES = ("qemu+ssh", "test+ssh")
MAC = "52:54:00:00:00:01"

DOMAIN = """\
<domain type="{type}"{namespaces}>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit="MiB">64</memory>
  <os>
    <type arch="x86_64">hvm</type>
    {boot}
  </os>
  <devices>
    <disk type="file" device="disk">
      <source file="/no/disk"/>
      <target dev="vda" bus="virtio"/>{disk}
    </disk>
    <interface type="network">
      <mac address="52:54:00:00:00:99"/>
      <source network="default"/>{other}
    </interface>
    <interface type="network">
      <mac address="{mac}"/>
      <source network="default"/>{nic}
    </interface>
    {devices}
  </devices>
</domain>
"""
UUID = "6695eb01-f6a4-8304-79aa-0000000000%02x"


def a_domain(name="n1", *, number=1, mac=MAC, **parts):
    known = {
        "type": "test",
        "namespaces": "",
        "boot": '<boot dev="hd"/>',
        "disk": "",
        "nic": "",
        "other": "",
        "devices": "",
    }
    return DOMAIN.format(name=name, uuid=UUID % number, mac=mac, **{**known, **parts})


def a_driver(hypervisor=None, **options):
    """A driver whose asking is quick, with the keys of that hypervisor."""
    keys = {name: getattr(hypervisor, name, None) for name in ("keyfile", "known_hosts")}
    given = {"poll_interval": 0.05, **(keys if hypervisor else {}), **options}
    return LibvirtOob(LibvirtOptions(**given), pauses=QUICK, schemes=SCHEMES)


def a_guest(name="n1", uri="qemu+ssh://root@127.0.0.1/system", *, boot_mac=MAC, **fields):
    parameters = {"libvirt_uri": uri} if uri is not None else {}
    return a_node(name, oob_type="libvirt", oob_parameters=parameters, boot_mac=boot_mac, **fields)


# A guest of QEMU, without KVM: its network is a UDP socket of the test, and so is its serial port.
GUEST = """\
<domain type="qemu">
  <name>{name}</name>
  <memory unit="MiB">64</memory>
  <os>
    <type arch="x86_64" machine="pc">hvm</type>
    <boot dev="hd"/>
  </os>
  <devices>
    <disk type="file" device="disk">
      <driver name="qemu" type="raw"/>
      <source file="{disk}"/>
      <target dev="hda" bus="ide"/>
    </disk>
    <interface type="udp">
      <mac address="{mac}"/>
      <source address="127.0.0.1" port="{network}">
        <local address="127.0.0.1" port="{local}"/>
      </source>
      <model type="virtio"/>
    </interface>
    <serial type="tcp">
      <source mode="connect" host="127.0.0.1" service="{serial}"/>
      <protocol type="raw"/>
    </serial>
  </devices>
</domain>
"""
# A boot sector that writes D to the first serial port, and halts.
BOOT_SECTOR = bytes.fromhex("baf803b044eef4ebfd").ljust(510, b"\0") + b"\x55\xaa"
