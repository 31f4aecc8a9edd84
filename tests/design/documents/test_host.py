"""The fields of hosts become layers: what is given, under its model name."""

import pytest

from drydockd.design.documents.host import duplicates, layer_of
from tests.design.helpers import findings_of, node, only_finding, profile

BODY = {
    "host_profile": "up",
    "hardware_profile": "hw",
    "primary_network": "lan",
    "oob": {"type": "ipmi", "account": "root"},
    "platform": {"image": "jammy", "kernel_params": {"quiet": True}},
    "metadata": {"tags": ["a"], "owner_data": {"k": "v"}, "rack": "r1", "boot_mac": "x"},
    "interfaces": {
        "bond0": {
            "device_link": "l",
            "slaves": ["s"],
            "networks": ["lan"],
            "sriov": {"vf_count": 4, "trustmode": True},
        },
        "pxe0": None,
    },
    "storage": {
        "physical_devices": {
            "sda": {
                "labels": {"b": "c"},
                "partitions": [{"name": "root", "filesystem": {"mountpoint": "/"}, "labels": {}}],
            },
            "sdb": None,
        },
        "volume_groups": {"vg": {"logical_volumes": [{"name": "lv", "size": "1g"}]}, "old": None},
    },
}


def test_a_body_becomes_a_layer():
    assert layer_of(BODY) == {
        "hardware_profile": "hw",
        "primary_network": "lan",
        "oob_type": "ipmi",
        "oob_parameters": {"account": "root"},
        "image": "jammy",
        "kernel_params": {"quiet": True},
        "tags": ["a"],
        "owner_data": {"k": "v"},
        "rack": "r1",
        "interfaces": {
            "bond0": {
                "network_link": "l",
                "hardware_slaves": ["s"],
                "networks": ["lan"],
                "sriov": True,
                "vf_count": 4,
                "trustedmode": True,
            },
            "pxe0": None,
        },
        "storage_devices": {
            "sda": {
                "labels": {"b": "c"},
                "partitions": {"root": {"formatted": True, "mountpoint": "/"}},
            },
            "sdb": None,
        },
        "volume_groups": {"vg": {"logical_volumes": {"lv": {"size": "1g"}}}, "old": None},
    }


def test_what_is_not_given_is_not_in_the_layer():
    assert layer_of({}) == {}
    assert layer_of({"oob": {}, "storage": {}}) == {"oob_parameters": {}}


def test_names_that_occur_twice_are_violations():
    twice = [{"name": "a"}, {"name": "b"}, {"name": "a"}]
    body = {
        "storage": {
            "physical_devices": {"sda": {"partitions": twice}, "sdb": None},
            "volume_groups": {"vg": {"logical_volumes": twice}},
        }
    }
    assert [path for path, _ in duplicates(body)] == [
        ("storage", "physical_devices", "sda", "partitions", 2, "name"),
        ("storage", "volume_groups", "vg", "logical_volumes", 2, "name"),
    ]


PARTS = "storage.physical_devices.sda"


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"host_profile": None}, "host_profile"),
        ({"oob": {"x": None}}, "oob.x"),
        ({"platform": {"images": "x"}}, "platform: unknown key images"),
        ({"platform": {"kernel_params": {"a": []}}}, "platform.kernel_params.a"),
        ({"metadata": {"tags": "x"}}, "metadata.tags"),
        ({"metadata": {"owner_data": {"a": 1}}}, "metadata.owner_data.a"),
        ({"metadata": {"racks": "x"}}, "metadata: unknown key racks"),
        ({"interfaces": {"e": {"slaves": "x"}}}, "interfaces.e.slaves"),
        ({"interfaces": {"e": {"labels": "x"}}}, "interfaces.e.labels"),
        ({"interfaces": {"e": {"sriov": "x"}}}, "interfaces.e.sriov"),
        ({"interfaces": {"e": {"sriov": {"vf_count": -3}}}}, "interfaces.e.sriov.vf_count"),
        ({"interfaces": {"e": {"sriov": {"trustedmode": "x"}}}}, "sriov.trustedmode"),
        ({"interfaces": ["e"]}, "interfaces: a mapping is required"),
        ({"storage": {"physical_devices": {"sda": {"partitions": [{}]}}}}, "[0].name: is required"),
        (
            {"storage": {"physical_devices": {"sda": {"partitions": [{"name": "a", "size": 5}]}}}},
            f"{PARTS}.partitions[0].size",
        ),
        (
            {"storage": {"physical_devices": {"sda": {"partitions": [{"name": "a", "x": 5}]}}}},
            f"{PARTS}.partitions[0]: unknown key x",
        ),
        (
            {
                "storage": {
                    "physical_devices": {
                        "sda": {"partitions": [{"name": "a", "filesystem": {"mount": "/"}}]}
                    }
                }
            },
            f"{PARTS}.partitions[0].filesystem: unknown key mount",
        ),
        ({"storage": {"physical_devices": {"sda": {"labels": {"a": 1}}}}}, f"{PARTS}.labels.a"),
        ({"storage": {"volume_groups": {"v": {"vg_uuid": "x"}}}}, "volume_groups.v.vg_uuid"),
        (
            {"storage": {"volume_groups": {"v": {"logical_volumes": [{"size": "1g"}]}}}},
            "logical_volumes[0].name: is required",
        ),
    ],
)
def test_a_violation_is_told_alike_for_profiles_and_nodes(data, where):
    for finding in (only_finding(profile("p", **data)), only_finding(node("n", **data))):
        assert finding.code == "DD001"
        assert where in finding.message


def test_open_mappings_take_more_keys():
    data = {
        "interfaces": {"e": {"ovs_dpdk": True, "pci_whitelist": "x", "sriov": {"num_vfs": 2}}},
        "storage": {"x": 1, "volume_groups": {"v": {"logical_volumes": [{"name": "l", "y": 1}]}}},
    }
    assert findings_of(profile("p", **data), node("n", **data)) == []


def test_a_device_is_named_without_dev_also_where_it_is_removed():
    devices = {"/dev/sda": {}, "!/dev/sdb": {}, "/dev/disk/by-id/x": None, "mapper/m": {}}
    layer = layer_of({"storage": {"physical_devices": devices}})

    assert list(layer["storage_devices"]) == ["sda", "!sdb", "disk/by-id/x", "mapper/m"]


def test_a_device_in_two_spellings_is_two_devices_too_many():
    disk = {"partitions": [{"name": "root"}]}
    storage = {"physical_devices": {"sda": disk, "/dev/sda": disk}}

    finding = only_finding(node("n", storage=storage))

    assert "physical_devices./dev/sda: a device of its own is required, sda is the same" in (
        finding.message
    )


def test_the_oob_type_is_lower_case_whatever_was_written():
    assert layer_of({"oob": {"type": "IPMI", "Account": "Root"}}) == {
        "oob_type": "ipmi",
        "oob_parameters": {"Account": "Root"},
    }
