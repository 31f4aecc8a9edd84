"""What the configdrive tells a machine: keys, packages, and how it gets its boot data."""

import yaml

from drydockd.drivers.node.ironic import bootscript
from drydockd.drivers.node.ironic.nodes import instance_of
from drydockd.drivers.node.ironic.userdata import config_drive, meta_data, user_data
from tests.drivers.node.ironic.sites import KEY, a_spec


def cloud_config(spec):
    text = user_data(spec, "n1")
    assert text.startswith("#cloud-config\n")
    return yaml.safe_load(text)


def test_the_machine_is_named_and_lets_the_sites_keys_in():
    config = cloud_config(a_spec())
    assert (config["hostname"], config["fqdn"]) == ("n1", "n1.lab")
    assert config["ssh_authorized_keys"] == ["ssh-ed25519 AAAA ann"]
    meta = meta_data(a_spec(), "n1")
    assert meta["uuid"] == instance_of("d1")
    assert (meta["hostname"], meta["meta"]) == ("n1.lab", {"role": "control"})
    assert meta["public_keys"] == {"drydock-0": "ssh-ed25519 AAAA ann"}


def test_packages_are_installed_in_the_version_that_is_wanted():
    config = cloud_config(a_spec())
    assert config["packages"] == ["chrony", ["ceph-common", "17.2-1"]]
    assert config["package_update"] is True
    assert "packages" not in cloud_config(a_spec(packages={}))


def test_the_key_of_its_boot_data_is_roots_alone():
    config = cloud_config(a_spec())
    files = {entry["path"]: entry for entry in config["write_files"]}
    assert files[bootscript.SEED] == {
        "path": "/etc/drydock/boot",
        "owner": "root:root",
        "permissions": "0600",
        "content": f"http://api:9000/api/v1.0 n1 {KEY}\n",
    }
    others = [entry["content"] for path, entry in files.items() if path != bootscript.SEED]
    assert len(others) == 2
    assert not any(KEY in content for content in others)
    assert config["runcmd"][-1] == ["systemctl", "start", "--no-block", bootscript.UNIT]


def test_a_node_without_boot_actions_fetches_nothing():
    config = cloud_config(a_spec(boot=None))
    assert not {"write_files", "runcmd"} & config.keys()


def test_no_value_can_break_out_of_its_place():
    odd = "x\n---\nruncmd: [reboot] # \u2028 '\""
    config = cloud_config(a_spec(authorized_keys=(odd,), owner_data={"a": odd}))
    assert config["ssh_authorized_keys"] == [odd]
    drive = config_drive(a_spec(owner_data={"a": odd}), "n1", {"links": []})
    assert drive["meta_data"]["meta"] == {"a": odd}
    assert drive["network_data"] == {"links": []}
