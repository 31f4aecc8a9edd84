"""What a design node tells of its machine."""

from drydockd.room.card import card_of
from drydockd.site import (
    DeviceAlias,
    HardwareProfile,
    Interface,
    Selector,
    StorageDevice,
)
from tests.room.helpers import a_node


def test_bmc_and_boot_address_are_those_of_their_networks():
    card = card_of(a_node())
    assert (card.bmc, card.boot_ip) == ("10.0.0.1", "10.1.0.1")


def test_nics_come_from_slaves_and_their_addresses_from_selectors():
    bond = Interface(
        "bond0",
        hardware_slaves=("nic1", "eno2"),
        slave_selectors=(Selector("address", "0000:43:00.0"), Selector("name", "eno2")),
    )
    card = card_of(a_node(interfaces=(bond,)))
    assert card.nics == ("nic1", "eno2")
    assert card.nic_addresses == {"nic1": "0000:43:00.0"}


def test_hardware_profile_and_storage_are_on_it():
    profile = HardwareProfile(
        "p",
        boot_mode="uefi",
        pxe_interface="pxe",
        devices=(DeviceAlias("bootdisk", "0:2.0.0", "scsi"),),
    )
    card = card_of(a_node(hardware=profile, storage_devices=(StorageDevice("bootdisk"),)))
    assert (card.boot_mode, card.pxe_interface, card.disks) == ("uefi", "pxe", ("bootdisk",))
    assert card.aliases == profile.devices


def test_a_node_without_anything_has_a_card_too():
    card = card_of(a_node(addressing=(), oob_parameters={}))
    assert (card.bmc, card.boot_mac, card.boot_ip, card.nics) == (None, None, None, ())


def test_a_disk_is_known_by_the_last_part_of_its_path():
    disks = tuple(StorageDevice(name) for name in ("sda", "mapper/mpatha", "disk/by-id/wwn-0x5"))

    assert card_of(a_node(storage_devices=disks)).disks == ("sda", "mpatha", "wwn-0x5")
