"""Documents become an effective site; what cannot be compiled is told per node."""

import json

import pytest

from drydockd.design.compile import compile_site
from drydockd.site import Interface, LogicalVolume, Partition, StorageDevice
from tests.design.helpers import (
    compiled,
    document,
    findings_of,
    node,
    only_finding,
    profile,
    site_of,
)

# The examples of the contract, effective-design, sections 2.3 and 2.4.
LISTS = """
---
apiVersion: drydock/v1
kind: HostProfile
metadata: {name: base}
spec:
  hardware_profile: r640
  primary_network: lan
  platform: {image: jammy, kernel: ga-22.04, kernel_params: {quiet: true, console: ttyS0}}
  metadata: {tags: [prod, rackable], owner_data: {team: infra, tier: '1'}}
---
apiVersion: drydock/v1
kind: HostProfile
metadata: {name: worker}
spec:
  host_profile: base
  platform: {kernel_params: {console: ttyS1, nosmt: true}}
  metadata: {tags: ['!rackable', worker], owner_data: {tier: '2'}}
---
apiVersion: drydock/v1
kind: BaremetalNode
metadata: {name: w01}
spec:
  host_profile: worker
  platform: {kernel: '!', kernel_params: {'!quiet': ''}}
  metadata: {tags: [gpu], owner_data: {'!team': ''}, rack: r1}
  addressing: [{network: lan, address: 10.9.0.11}]
---
{schema: drydock/HardwareProfile/v1, metadata: {name: r640}, data: {}}
"""
STORAGE = """
---
schema: drydock/HostProfile/v1
metadata: {schema: metadata/Document/v1, name: disks}
data:
  hardware_profile: r640
  interfaces:
    bond0: {device_link: trunk, slaves: [nic1, nic2], networks: [lan, ceph], sriov: {vf_count: 4}}
    pxe0: {device_link: pxe, slaves: [nic3], networks: [pxe]}
  storage:
    physical_devices:
      sda:
        partitions:
          - {name: root, size: 30g, bootable: true, filesystem: {mountpoint: /, fstype: xfs}}
          - {name: boot, size: 1g, filesystem: {mountpoint: /boot}}
      sdb: {volume_group: data}
      sdc: {volume_group: data}
    volume_groups:
      data:
        logical_volumes:
          - {name: logs, size: 20%, filesystem: {mountpoint: /var/log}}
          - {name: lib, size: '>20g', filesystem: {mountpoint: /var/lib}}
---
schema: drydock/BaremetalNode/v1
metadata: {schema: metadata/Document/v1, name: n7}
data:
  host_profile: disks
  addressing: [{network: lan, address: 10.9.0.17}]
  interfaces:
    bond0: {networks: ['!ceph']}
    pxe0: null
  storage:
    physical_devices:
      sda: {partitions: [{name: root, size: 60g, filesystem: {mountpoint: /}}]}
      '!sdc': {}
      sdd: {volume_group: data}
    volume_groups:
      data: {logical_volumes: [{name: logs, size: 40%}]}
---
{schema: drydock/HardwareProfile/v1, metadata: {name: r640}, data: {}}
"""


def test_the_example_of_lists_maps_and_scalars_comes_out():
    site, findings = compile_site(LISTS.encode())
    assert findings == ()
    w01 = site.nodes["w01"]
    assert w01.tags == ("gpu", "worker", "prod")
    assert w01.owner_data == {"tier": "2"}
    assert w01.kernel_params == {"console": "ttyS1", "nosmt": True}
    assert (w01.image, w01.kernel) == ("jammy", None)
    assert (w01.hardware_profile, w01.primary_network, w01.rack) == ("r640", "lan", "r1")
    assert w01.parent_profile == "worker"


def test_the_example_of_storage_and_interfaces_comes_out():
    site, findings = compile_site(STORAGE.encode())
    assert findings == ()
    n7 = site.nodes["n7"]
    (bond,) = n7.interfaces
    assert bond == Interface(
        "bond0", "trunk", ("nic1", "nic2"), ("lan",), True, 4, False, bond.slave_selectors
    )
    assert n7.storage_devices == (
        StorageDevice(
            "sda",
            partitions=(
                Partition("root", "60g", True, None, None, "/", "xfs", "defaults"),
                Partition("boot", "1g", False, None, None, "/boot", "ext4", "defaults"),
            ),
        ),
        StorageDevice("sdb", volume_group="data"),
        StorageDevice("sdd", volume_group="data"),
    )
    (group,) = n7.volume_groups
    assert group.physical_volumes == (("sdb", None), ("sdd", None))
    assert group.logical_volumes == (
        LogicalVolume("logs", "40%", None, "/var/log", "ext4", "defaults"),
        LogicalVolume("lib", ">20g", None, "/var/lib", "ext4", "defaults"),
    )


def test_nodes_that_cannot_be_compiled_are_told_each_and_the_others_go_on():
    bad = {"a": "hardwareprofile:x", "b": "hardwareprofile:y"}
    site, findings = compiled(
        node("good"),
        node("no-parent", host_profile="gone"),
        node("no-hardware", hardware_profile="gone"),
        node("bad-params", platform={"kernel_params": bad}),
        document("BaremetalNode", "none", {"addressing": [{"network": "lan", "address": "dhcp"}]}),
    )  # fmt: skip
    assert list(site.nodes) == ["good"]
    assert [(f.code, f.documents[0].name) for f in findings] == [
        ("DD000", "no-parent"),
        ("DD000", "no-hardware"),
        ("DD000", "bad-params"),
        ("DD000", "bad-params"),
        ("DD000", "none"),
    ]
    assert "node no-parent: HostProfile gone not defined" in findings[0].message
    assert "HardwareProfile gone not defined" in findings[1].message
    assert "kernel parameter a" in findings[2].message
    assert "no hardware_profile" in findings[4].message


def test_a_broken_profile_is_named_beside_the_node():
    finding = only_finding(profile("p", host_profile="gone"), node("n", host_profile="p"))
    assert [d.name for d in finding.documents] == ["n", "p"]
    assert "HostProfile gone not defined (needed by HostProfile p)" in finding.message


def test_a_cycle_of_profiles_is_told():
    finding = only_finding(
        profile("a", host_profile="b"), profile("b", host_profile="a"), node("n", host_profile="a")
    )
    assert "a -> b -> a" in finding.message


def test_a_broken_profile_that_no_node_uses_harms_nobody():
    assert findings_of(profile("p", host_profile="gone"), node("n")) == []


def test_an_error_of_reading_stops_before_inheritance():
    site, findings = compiled(node("n", host_profile="gone"), document("Rack", "r", {"x": 1}))
    assert [f.code for f in findings] == ["DD001"]
    assert not site.nodes


def test_a_node_carries_its_hardware():
    site = site_of(node("n"))
    assert site.nodes["n"].hardware is site.hardware_profiles["hw"]


def test_profiles_are_marked_compiled_where_a_node_needs_them():
    site = site_of(
        profile("p", metadata={"tags": ["a"]}),
        profile("q", host_profile="p"),
        profile("r", host_profile="p", metadata={"tags": ["!a", "b"]}),
        node("n", host_profile="q"),
    )
    assert {name: p.source for name, p in site.host_profiles.items()} == {
        "p": "compiled",
        "q": "compiled",
        "r": "designed",
    }
    assert site.host_profiles["q"].tags == ("a",)
    assert site.host_profiles["r"].tags == ("b",)
    assert site.nodes["n"].source == "compiled"


def test_targets_are_the_effective_nodes_in_design_order():
    term = {"filter_type": "union", "node_tags": ["x"]}
    tagged = {"filter_set_type": "union", "filter_set": [term]}
    site = site_of(
        profile("p", metadata={"tags": ["x"]}),
        node("z", host_profile="p"),
        node("a", host_profile="p", metadata={"tags": ["!x"]}),
        node("m", metadata={"tags": ["x"]}),
        document("BootAction", "some", {"assets": [], "node_filter": tagged}),
        document("BootAction", "all", {"assets": []}),
    )  # fmt: skip
    assert site.bootactions["some"].target_nodes == ("z", "m")
    assert site.bootactions["all"].target_nodes == ("z", "a", "m")
    assert [spec.name for spec in site.bootactions_of("a")] == ["all"]


@pytest.mark.parametrize(
    ("primary", "domain"),
    [(None, "local"), ("gone", "local"), ("empty", "local"), ("lan", "local"), ("org", "x.org")],
)
def test_the_domain_is_that_of_the_primary_network(primary, domain):
    more = {} if primary is None else {"primary_network": primary}
    site = site_of(
        document("Network", "org", {"cidr": "10.1.0.0/24", "dns": {"domain": "x.org"}}),
        document("Network", "empty", {"cidr": "10.1.0.0/24", "dns": {"domain": ""}}),
        node("n", **more),
    )
    assert site.domain_of(site.nodes["n"]) == domain
    assert site.fqdn_of(site.nodes["n"]) == f"n.{domain}"


def test_compiling_twice_gives_the_same():
    first, second = (compile_site(STORAGE.encode())[0] for _ in range(2))
    assert first == second
    assert json.dumps(repr(first)) == json.dumps(repr(second))


def test_a_design_that_spreads_too_much_is_an_error(monkeypatch):
    monkeypatch.setattr("drydockd.design.inheritance.LIMIT", 10)
    finding = only_finding(
        profile("p", metadata={"tags": [f"t{i}" for i in range(20)]}),
        node("n", host_profile="p", metadata={"tags": ["own"]}),
    )
    assert "more than 10 values" in finding.message
