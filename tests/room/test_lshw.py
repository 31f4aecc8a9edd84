"""The documents of discovery."""

from xml.etree import ElementTree

from drydockd.room.config import Defaults, MachineConfig
from drydockd.room.hardware import hardware_for
from drydockd.room.lshw import lldp_xml, lshw_xml


def made():
    config = MachineConfig(
        name="n1",
        nics=[{"name": "eno1", "address": "0000:01:00.0"}, {"name": "eno2"}],
        disks=[{"name": "sda", "serial": "S<1>", "size_gb": 2}],
    )
    defaults = Defaults(cpus=2, memory_mib=1024)
    return hardware_for("m1", config, None, defaults, "52:54:00:00:00:01")


def test_lshw_says_what_there_is_and_escapes_what_it_says():
    tree = ElementTree.fromstring(lshw_xml(made(), "n<1>"))
    assert tree.find("node").get("id") == "n<1>"
    kinds = [node.get("class") for node in tree.iter("node")]
    assert (kinds.count("processor"), kinds.count("network"), kinds.count("disk")) == (2, 2, 1)
    [disk] = [node for node in tree.iter("node") if node.get("class") == "disk"]
    assert disk.findtext("logicalname") == "/dev/sda"
    assert disk.findtext("serial") == "S<1>"
    assert (disk.find("size").get("units"), disk.findtext("size")) == ("bytes", "2000000000")
    [nic, _] = [node for node in tree.iter("node") if node.get("class") == "network"]
    assert (nic.findtext("businfo"), nic.findtext("serial")) == (
        "pci@0000:01:00.0",
        "52:54:00:00:00:01",
    )


def test_lldp_shows_a_switch_port_per_nic():
    tree = ElementTree.fromstring(lldp_xml(made(), "rack7"))
    assert [port.get("name") for port in tree.iter("interface")] == ["eno1", "eno2"]
    assert {name.text for name in tree.iter("name")} == {"rack7-tor"}
