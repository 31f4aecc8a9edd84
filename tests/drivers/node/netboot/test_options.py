"""The options of netboot."""

import pytest
from pydantic import ValidationError

from drydockd.drivers.node.netboot.options import NetbootOptions


def test_only_the_address_must_be_given():
    assert NetbootOptions(base_url="http://10.0.0.1:9100").dhcp == "own"
    with pytest.raises(ValidationError, match="base_url"):
        NetbootOptions()


@pytest.mark.parametrize("url", ["10.0.0.1", "http://10.0.0.1/x", "ftp://x", "http://a b"])
def test_an_address_is_a_scheme_and_a_host(url):
    with pytest.raises(ValidationError):
        NetbootOptions(base_url=url)


@pytest.mark.parametrize(
    ("dhcp", "dnsmasq", "is_shared"),
    [
        ("own", "child", True),
        ("own", "unit", False),
        ("proxy", "unit", True),
        ("none", "unit", True),
    ],
)
def test_a_server_that_gives_addresses_when_its_daemon_has_lost_the_work_is_not_for_several(
    dhcp, dnsmasq, is_shared
):
    options = NetbootOptions(base_url="http://10.0.0.1:9100", dhcp=dhcp, dnsmasq=dnsmasq)
    assert (options.alone() == "") is is_shared
