"""The room for real: machines with firmware behind BMCs, and nothing left of them at the end."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from drydockd.errors import Unavailable
from drydockd.machines import PowerState
from drydockd.room.qemu.machine import Firmware
from drydockd.room.qemu.room import firmware_of, qemu_room
from tests.drivers.oob.ipmi_nodes import a_driver, node_at
from tests.room.helpers import Voice


def interfaces():
    return {path.name for path in Path("/sys/class/net").iterdir()}


def test_firmware_goes_by_turns():
    assert [firmware_of(number) for number in (1, 2, 3)] == [
        Firmware.BIOS,
        Firmware.UEFI,
        Firmware.BIOS,
    ]


def test_all_machines_have_the_firmware_that_is_wanted():
    assert {firmware_of(number, Firmware.UEFI) for number in (1, 2)} == {Firmware.UEFI}


async def test_a_folder_too_deep_for_sockets_is_refused_before_anything_is_made(tmp_path):
    deep = tmp_path / ("x" * 80)
    with pytest.raises(Unavailable, match="too long"):
        async with qemu_room(deep, 1):
            pass
    assert not deep.exists()


@pytest.fixture
def short():
    """A folder with a path that sockets can have."""
    with tempfile.TemporaryDirectory(prefix="room-") as name:
        yield Path(name)


async def said(path, word):
    """Return when the console said `word`."""
    async with asyncio.timeout(240):
        # A file tells nobody that it grows.
        while word not in path.read_bytes():
            await asyncio.sleep(0.2)


@pytest.mark.peer("netboot")
@pytest.mark.skipif(
    os.environ.get("DRYDOCKD_QEMU") != "1", reason="minutes under emulation: make qemu"
)
@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no bridges without /sys")
@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0, reason="bridges and taps need root")
async def test_a_bmc_starts_the_firmware_of_its_machine_and_nothing_is_left_at_the_end(short):
    before, voice, driver = interfaces(), Voice(), a_driver(port=623)
    async with qemu_room(short, 2) as room:
        bios, uefi = room.machines
        for machine in (bios, uefi):
            address = room.plan.bmc_address(machine.number)
            login = {"account": "admin", "credential": room.credential}
            node = node_at(None, machine.name, address=address, **login)
            assert await driver.power_state(node) is PowerState.OFF
            await driver.set_network_boot(node, voice)
            await driver.power_on(node, voice)
        pids = [int(machine.pid_file.read_text()) for machine in room.machines]
        await said(bios.console, b"net0: 52:54:00:dd:01:00")
        await said(uefi.console, b"PXE")
        assert {room.plan.bridge, room.plan.trunk, bios.boot_tap} <= interfaces() - before
    for pid in pids:
        status = Path(f"/proc/{pid}/status")
        assert not status.exists() or "State:\tZ" in status.read_text()
    assert interfaces() == before
