"""Plans are refused before anything is changed."""

from dataclasses import replace

import pytest

from drydockd.errors import DriverConflict, DriverUnsupported
from drydockd.plans import (
    AddressPlan,
    BondPlan,
    DeviceName,
    DiskPlan,
    InterfacePlan,
    NetworkPlan,
    PartitionPlan,
    StoragePlan,
)
from drydockd.room.config import Defaults, MachineConfig
from drydockd.room.fitness import check_network, check_platform, check_storage
from drydockd.room.hardware import hardware_for
from drydockd.room.machine import Machine

IMAGES = {"bionic": ("ga-18.04",)}


@pytest.fixture
def machine(room):
    made = Machine("m1", MachineConfig(name="n1"), room, boot_mac="52:54:00:00:00:01")
    made.hardware = hardware_for("m1", made.config, None, Defaults(disk_gb=1), made.boot_mac)
    return made


def network(*nics, mode=None):
    bond = BondPlan(mode, None, None, None, None, None) if mode else None
    devices = tuple(DeviceName(nic) for nic in nics)
    plan = InterfacePlan("bond0", "l", devices, bond, 1500, None, AddressPlan("none"))
    return NetworkPlan((plan,), (), (), "local")


def storage(disk, *sizes):
    partitions = tuple(PartitionPlan(f"p{i}", size) for i, size in enumerate(sizes))
    return StoragePlan((DiskPlan(DeviceName(disk), 0, partitions),))


def test_plans_that_fit_pass(machine):
    check_network(machine, network("eno1", mode="802.3ad"))
    check_storage(machine, storage("sda", 5 * 10**8, 5 * 10**8))
    check_platform(machine, "bionic", {"ga-18.04"}, IMAGES)
    check_platform(machine, None, {"any"}, IMAGES)


def test_a_nic_that_is_not_there_is_named_with_those_that_are(machine):
    with pytest.raises(DriverUnsupported, match="wants NIC eno9; the machine has eno1"):
        check_network(machine, network("eno9"))


def test_a_bond_nobody_can_do_is_named(machine):
    with pytest.raises(DriverUnsupported, match="no bonding mode balance-tlb"):
        check_network(machine, network("eno1", mode="balance-tlb"))


def test_partitions_larger_than_their_disk_are_refused(machine):
    with pytest.raises(DriverUnsupported, match="need 1000000001 bytes, it has 1000000000"):
        check_storage(machine, storage("sda", 10**9, 1))


def test_a_disk_that_is_not_there_is_named(machine):
    with pytest.raises(DriverUnsupported, match="wants disk sdz; the machine has sda"):
        check_storage(machine, storage("sdz"))


def test_images_and_kernels_come_from_the_catalogue(machine):
    with pytest.raises(DriverUnsupported, match="no image x; there are bionic"):
        check_platform(machine, "x", set(), IMAGES)
    with pytest.raises(DriverUnsupported, match=r"has no kernel hwe; it has ga-18\.04"):
        check_platform(machine, "bionic", {"hwe"}, IMAGES)


def test_an_uncommissioned_machine_cannot_be_judged(machine):
    machine.hardware = None
    with pytest.raises(DriverConflict, match="never commissioned"):
        check_network(machine, replace(network("eno1")))
