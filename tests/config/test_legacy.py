import pytest

from drydockd.config.legacy import (
    ALIASES,
    current_name,
    driver_name,
    is_ignored,
    is_without_driver,
)
from drydockd.config.schema import OWN


@pytest.mark.parametrize(
    ("section", "option"),
    [
        ("database", "anything"),
        ("default", "leader_grace_period"),
        ("plugins", "ingester"),
        ("keystone_authtoken", "delay_auth_decision"),
        ("keystone_authtoken", "memcache_pool_maxsize"),
        ("oslo_policy", "remote_timeout"),
    ],
)
def test_options_without_a_meaning_are_known(section, option):
    assert is_ignored(section, option)


@pytest.mark.parametrize(("section", "option"), [("api", "listen"), ("plugins", "oob_driver")])
def test_options_with_a_meaning_are_not_ignored(section, option):
    assert not is_ignored(section, option)


def test_every_old_spelling_leads_to_an_option():
    for section, names in ALIASES.items():
        for old, new in names.items():
            assert new in OWN[section]
            assert current_name(section, old) == new


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("node.maasdriver.driver.MaasNodeDriver", "maas"),
        ("oob.pyghmi_driver.driver.PyghmiDriver", "ipmi"),
        ("oob.pyghmi_driver.PyghmiDriver", "ipmi"),
        ("oob.redfish_driver.driver.RedfishDriver", "redfish"),
        ("oob.libvirt_driver.driver.LibvirtDriver", "libvirt"),
        ("oob.manual_driver.driver.ManualDriver", "manual"),
        ("kubernetes.promenade_driver.driver.PromenadeDriver", "promenade"),
    ],
)
def test_the_class_paths_of_the_original_have_short_names(path, name):
    assert driver_name("drydock_provisioner.drivers." + path) == name


def test_a_strangers_path_is_not_taken_for_one_of_the_original():
    assert driver_name("mine.redfish_driver:Driver") is None


def test_a_section_of_the_original_is_without_driver_until_one_reads_it():
    assert is_without_driver("maasdriver", {"api"})
    assert not is_without_driver("maasdriver", {"maasdriver"})
    assert not is_without_driver("mine_driver", {"api"})
