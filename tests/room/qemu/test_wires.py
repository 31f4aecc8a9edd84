import os
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from drydockd.errors import Unavailable
from drydockd.room.qemu import wires
from drydockd.room.qemu.wires import MOST_LABS, Plan, Wires

as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not wires.TUN.exists(), reason="lays bridges and taps: root, /dev/net/tun"
)


def names():
    return {path.name for path in Path("/sys/class/net").iterdir()}


def test_labs_of_one_host_share_no_name_and_no_address():
    plans = [Plan(number) for number in range(MOST_LABS)]
    for tell in (lambda p: p.bridge, lambda p: p.trunk, lambda p: p.tap(1), lambda p: p.boot_cidr):
        assert len({tell(plan) for plan in plans}) == MOST_LABS


def test_names_fit_the_kernel_and_addresses_their_networks():
    plan = Plan(9)
    assert all(len(name) <= 15 for name in (plan.bridge, plan.trunk, plan.tap(32)))
    for machine in (0, 1, 32):
        assert ip_address(plan.boot_address(machine)) in ip_network(plan.boot_cidr)
        assert ip_address(plan.system_address(machine)) in ip_network(plan.system_cidr)
        assert ip_address(plan.bmc_address(machine)).is_loopback


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no bridges without /sys")
@as_root
@pytest.mark.process
def test_all_is_gone_when_it_is_closed_and_the_next_lab_finds_another_number():
    before = names()
    first = Wires.laid()
    try:
        tap = first.plug(1)
        second = Wires.laid()
        try:
            assert {first.plan.bridge, first.plan.trunk, tap} <= names() - before
            assert second.plan != first.plan
        finally:
            second.close()
    finally:
        first.close()
    assert not {first.plan.bridge, first.plan.trunk, tap, second.plan.bridge} & names()


@as_root
def test_what_ip_refuses_is_told_in_its_words():
    with pytest.raises(Unavailable, match="ip link set no-such-one up: Cannot find device"):
        wires._ip("link", "set", "no-such-one", "up")


def test_a_host_without_taps_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(wires, "TUN", tmp_path / "tun")
    with pytest.raises(Unavailable, match=r"need .*tun: No such file"):
        wires._tap("ddlab0-x")
