"""NetworkLink documents."""

import pytest

from drydockd.site import NetworkLink
from tests.design.helpers import document, only_finding, site_of


def link(**data):
    return document("NetworkLink", "l", {"allowed_networks": []} | data)


def test_a_plain_link_has_plain_defaults():
    assert site_of(link()).network_links["l"] == NetworkLink("l")


@pytest.mark.parametrize(
    ("mode", "hash_", "rate", "mon", "up", "down"),
    [
        ("disabled", None, None, None, None, None),
        ("802.3ad", "layer3+4", "fast", 100, 200, 200),
        ("active-backup", None, None, 100, 200, 200),
        ("balanced-rr", None, None, 100, 200, 200),
    ],
)
def test_defaults_depend_on_the_bonding_mode(mode, hash_, rate, mon, up, down):
    found = site_of(link(bonding={"mode": mode})).network_links["l"]
    assert (found.bonding_xmit_hash, found.bonding_peer_rate) == (hash_, rate)
    assert found.bonding_mon_rate == mon
    assert (found.bonding_up_delay, found.bonding_down_delay) == (up, down)


def test_options_of_another_mode_have_no_effect_but_are_kept():
    found = site_of(link(bonding={"mode": "disabled", "mon_rate": 5, "hash": "x"})).network_links[
        "l"
    ]
    assert found.bonding_mon_rate is None
    assert found.written == {"mode": "disabled", "mon_rate": 5, "hash": "x"}


def test_given_values_win():
    found = site_of(
        link(
            bonding={"mode": "802.3ad", "hash": "layer2", "peer_rate": "slow", "up_delay": 1.9},
            mtu=9000,
            linkspeed="10g",
            trunking={"mode": "802.1q", "default_network": "lan"},
            labels={"noconfig": None, "x": 5},
            allowed_networks=["lan"],
        )
    ).network_links["l"]
    assert found == NetworkLink(
        "l", ("lan",), "802.3ad", "layer2", "slow", 100, 1, 200, 9000, "10g", "802.1q", "lan",
        {"noconfig": None, "x": "5"},
        {"mode": "802.3ad", "hash": "layer2", "peer_rate": "slow", "up_delay": 1},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"bonding": {"mode": "balance-alb"}}, "bonding.mode"),
        ({"bonding": {"mon_rate": -1}}, "bonding.mon_rate"),
        ({"bonding": {"mon_rate": True}}, "bonding.mon_rate"),
        ({"bonding": {"rate": 1}}, "bonding: unknown key rate"),
        ({"trunking": {"mode": "on"}}, "trunking.mode"),
        ({"trunking": {"mode": True}}, "trunking.mode"),
        ({"mtu": "1500"}, "mtu"),
        ({"labels": {"a": []}}, "labels.a"),
        ({"vlan": "5"}, "unknown key vlan"),
        ({"allowed_networks": None}, "allowed_networks"),
    ],
)
def test_a_violation_is_told_with_its_path(data, where):
    assert where in only_finding(link(**data)).message


def test_allowed_networks_are_required():
    finding = only_finding(document("NetworkLink", "l", {}))
    assert "allowed_networks: is required" in finding.message
