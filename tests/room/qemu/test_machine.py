from pathlib import Path

import pytest

from drydockd.room.qemu.machine import Firmware, VirtualMachine, command_line, ovmf


def a_machine(firmware=Firmware.BIOS, number=3):
    return VirtualMachine(number, firmware, Path("/lab/machines/03"), "ddlab0-3")


def words_of(machine, *, is_netboot=True):
    return " ".join(command_line(machine, is_netboot=is_netboot))


def test_it_never_uses_kvm_and_bounds_the_emulators_cache():
    assert "-accel tcg,thread=multi,tb-size=256 -cpu max" in words_of(a_machine())
    assert "kvm" not in words_of(a_machine())


@pytest.mark.parametrize(("is_netboot", "network", "disk"), [(True, 1, 2), (False, 2, 1)])
def test_the_boot_device_comes_first(is_netboot, network, disk):
    words = words_of(a_machine(), is_netboot=is_netboot)
    assert f"mac=52:54:00:dd:03:00,addr=8,bootindex={network}" in words
    assert f"serial=QEMU-0003-D0,bootindex={disk}" in words


def test_a_bios_starts_from_the_network_by_the_rom_of_one_card_a_uefi_by_itself():
    assert words_of(a_machine()).count("romfile=") == 2
    uefi = words_of(a_machine(Firmware.UEFI))
    assert uefi.count("romfile=") == 3
    assert f"readonly=on,file={ovmf()[0]} " in uefi
    assert "file=/lab/machines/03/ovmf-variables.fd" in uefi


@pytest.mark.parametrize("size", ["", "_4M"])
def test_a_uefi_is_of_the_flash_that_there_is_with_a_memory_of_the_same_size(tmp_path, size):
    for part in ("CODE", "VARS"):
        (tmp_path / f"OVMF_{part}{size}.fd").touch()
    (tmp_path / "OVMF_CODE_4M.secboot.fd").touch()
    found = (tmp_path / f"OVMF_CODE{size}.fd", tmp_path / f"OVMF_VARS{size}.fd")
    assert ovmf(tmp_path) == found


def test_without_any_uefi_one_is_named_that_is_not_there(tmp_path):
    assert not ovmf(tmp_path)[0].exists()


def test_the_ports_of_the_bond_have_a_speed_or_802_3ad_would_never_come_up():
    assert words_of(a_machine()).count("speed=10000,duplex=full") == 2


def test_machines_differ_in_all_that_tells_machines_apart():
    one, other = a_machine(number=1), a_machine(number=2)
    for tell in (
        lambda m: m.name,
        lambda m: m.serial,
        lambda m: m.uuid,
        lambda m: m.boot_mac,
        lambda m: m.trunk_macs,
        lambda m: m.disk_serial(0),
    ):
        assert tell(one) != tell(other)
