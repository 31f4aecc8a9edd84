"""The QEMU room itself: networks, switch, BMCs and machines, from nothing to nothing."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from drydockd.errors import Unavailable
from drydockd.room.qemu import lldp
from drydockd.room.qemu.bmc import Bmc, machine_script
from drydockd.room.qemu.lldp import Speaker
from drydockd.room.qemu.machine import (
    DISK_GIB,
    TRUNK_PORTS,
    Firmware,
    VirtualMachine,
    command_line,
    ovmf,
)
from drydockd.room.qemu.redfish import Facts, RedfishBmc
from drydockd.room.qemu.site import ACCOUNT
from drydockd.room.qemu.switch import Switch
from drydockd.room.qemu.trunk import SYSTEM, Port, Trunk
from drydockd.room.qemu.wires import VLAN, Plan, Wires

IPMI_PORT = 623
REDFISH_PORT = 8000
BMCS = ("ipmi", "redfish")
MACHINES = "machines"
# The MAC by which the bridge names itself; SYSTEM is that of the trunk's switch.
BOOT_SWITCH = bytes.fromhex("02dd00000002")
# IPMI takes 20 bytes at most.
CREDENTIAL_BYTES = 9
# What a path of a Unix socket may have, less the names below the folder.
LONGEST_FOLDER = 70


@dataclass(frozen=True, slots=True)
class QemuRoom:
    """What is there while the room is: `machines` by number, switched by `bmcs`, which speak what
    `oob_type` says."""

    folder: Path
    plan: Plan
    machines: tuple[VirtualMachine, ...]
    bmcs: tuple[Bmc | RedfishBmc, ...]
    credential: str
    oob_type: str = "ipmi"

    def bmc(self, machine: VirtualMachine) -> Bmc | RedfishBmc:
        return self.bmcs[machine.number - 1]


def firmware_of(number: int, wanted: Firmware | None = None) -> Firmware:
    """The wanted one, or BIOS and UEFI by turns."""
    return wanted or (Firmware.BIOS if number % 2 else Firmware.UEFI)


@asynccontextmanager
async def qemu_room(
    folder: Path, machines: int, oob_type: str = "ipmi", firmware: Firmware | None = None
) -> AsyncIterator[QemuRoom]:
    """Make `machines` of them, off and with empty disks, below `folder`; at the end all are gone
    but their files. `oob_type` is one of BMCS; `firmware` None is BIOS and UEFI by turns. Raises
    Unavailable. Needs a running loop: the switch, and BMCs of Redfish, work in it."""
    if len(str(folder)) > LONGEST_FOLDER:
        raise Unavailable(f"{folder}: a path of more than {LONGEST_FOLDER} characters is too long")
    async with AsyncExitStack() as ending:
        wires = Wires.laid()
        ending.callback(wires.close)
        numbers = range(1, machines + 1)
        made = tuple(_machine(folder, wires, n, firmware_of(n, firmware)) for n in numbers)
        trunk = Trunk(VLAN, _ports(made), wires.trunk)
        ending.callback(trunk.close)
        trunk.start()
        neighbours = Speaker([*_boot_voices(made), *_trunk_voices(made, trunk)])
        ending.callback(neighbours.close)
        neighbours.start()
        credential = secrets.token_urlsafe(CREDENTIAL_BYTES)
        make = _ipmi_bmc if oob_type == "ipmi" else _redfish_bmc
        bmcs = tuple(make(machine, wires.plan, credential) for machine in made)
        for bmc in bmcs:
            bmc.start()
            ending.callback(bmc.stop)
        for bmc in bmcs:
            bmc.wait()
        yield QemuRoom(folder, wires.plan, made, bmcs, credential, oob_type)


def _machine(folder: Path, wires: Wires, number: int, firmware: Firmware) -> VirtualMachine:
    place = folder / MACHINES / f"{number:02}"
    machine = VirtualMachine(number, firmware, place, wires.plug(number))
    place.mkdir(parents=True, exist_ok=True)
    # Found by name too: what was said on its console is looked for so.
    link = folder / MACHINES / machine.name
    if not link.is_symlink():
        link.symlink_to(place.name)
    for path, gib in zip(machine.disks, DISK_GIB, strict=True):
        empty_disk(path, gib)
    if firmware is Firmware.UEFI:
        shutil.copyfile(ovmf()[1], machine.variables)
    machine.console.touch()
    return machine


def empty_disk(path: Path, gib: int) -> None:
    path.unlink(missing_ok=True)
    words = ["qemu-img", "create", "-q", "-f", "qcow2", str(path), f"{gib}G"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Unavailable(f"{path}: {done.stderr.strip()}")


def _boot_voices(machines: tuple[VirtualMachine, ...]) -> Iterator[Callable[[], None]]:
    for machine in machines:
        yield lldp.tap_voice(
            machine.boot_tap, lldp.frame(BOOT_SWITCH, "lab-boot", machine.boot_tap)
        )


def _trunk_voices(
    machines: tuple[VirtualMachine, ...], trunk: Trunk
) -> Iterator[Callable[[], None]]:
    for port in _ports(machines):
        name = f"{port.machine}/{port.index + 1}"
        yield partial(trunk.say, port, lldp.frame(SYSTEM, "lab-trunk", name, VLAN))


def _ports(machines: tuple[VirtualMachine, ...]) -> dict[Port, tuple[Path, Path]]:
    return {
        Port(machine.number, index): machine.trunk_sockets(index)
        for machine in machines
        for index in range(TRUNK_PORTS)
    }


def _ipmi_bmc(machine: VirtualMachine, plan: Plan, credential: str) -> Bmc:
    bmc = Bmc(
        folder=machine.folder,
        name=machine.name,
        address=plan.bmc_address(machine.number),
        port=IPMI_PORT,
        account=ACCOUNT,
        credential=credential,
        guid=f"lab{plan.number}-{machine.serial}".ljust(16, ".")[:16],
    )
    bmc.write_files()
    _write_program(machine)
    return bmc


def _redfish_bmc(machine: VirtualMachine, plan: Plan, credential: str) -> RedfishBmc:
    _write_program(machine)
    mode = "UEFI" if machine.firmware is Firmware.UEFI else "Legacy"
    macs = (machine.boot_mac, *machine.trunk_macs)
    return RedfishBmc(
        address=plan.bmc_address(machine.number),
        port=REDFISH_PORT,
        account=ACCOUNT,
        credential=credential,
        facts=Facts(machine.name, machine.serial, machine.uuid, macs, mode),
        switch=Switch(machine.folder),
    )


def _write_program(machine: VirtualMachine) -> None:
    """Write what both kinds of BMC start the machine with."""
    path = machine.folder / "machine"
    ways = (command_line(machine, is_netboot=is_netboot) for is_netboot in (True, False))
    path.write_text(machine_script(*ways), encoding="utf-8")
    path.chmod(0o755)
