import pytest

from drydockd.config.legacy import ALIASES, current_name, is_ignored
from drydockd.config.sources import SECTIONS


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
            assert new in SECTIONS[section]
            assert current_name(section, old) == new
