"""One machine of the QEMU room: what it is made of, and QEMU's command line for it. Pure.

Source: qemu(1); contract, netboot, section 12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

QEMU = "qemu-system-x86_64"
OVMF = Path("/usr/share/OVMF")
# Its code and the memory of a new machine. Debian 13 has the flash of 4 MiB only.
OVMF_FILES = (("OVMF_CODE.fd", "OVMF_VARS.fd"), ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"))
DISK_GIB = (28, 8)
TRUNK_PORTS = 2
MEMORY_MIB = 1024


class Firmware(StrEnum):
    BIOS = "bios"
    UEFI = "uefi"


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """`number` counts from 1 and is in its MACs and addresses; its files lie in `folder`.

    The port to boot from is plugged into the tap `boot_tap`, two more into sockets of the trunk.
    """

    number: int
    firmware: Firmware
    folder: Path
    boot_tap: str

    @property
    def name(self) -> str:
        return f"q{self.number:02}-{self.firmware}"

    @property
    def serial(self) -> str:
        return f"QEMU-{self.number:04}"

    @property
    def uuid(self) -> str:
        return str(uuid5(NAMESPACE_OID, f"drydock lab {self.serial}"))

    @property
    def boot_mac(self) -> str:
        return self._mac(0)

    @property
    def trunk_macs(self) -> tuple[str, ...]:
        return tuple(self._mac(port) for port in range(1, TRUNK_PORTS + 1))

    def _mac(self, port: int) -> str:
        return f"52:54:00:dd:{self.number:02x}:{port:02x}"

    @property
    def disks(self) -> tuple[Path, ...]:
        return tuple(self.folder / f"disk{index}.qcow2" for index in range(len(DISK_GIB)))

    def disk_serial(self, index: int) -> str:
        return f"{self.serial}-D{index}"

    @property
    def console(self) -> Path:
        """What its serial port said, since it was made."""
        return self.folder / "console.log"

    @property
    def variables(self) -> Path:
        """The memory of a UEFI."""
        return self.folder / "ovmf-variables.fd"

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    def trunk_sockets(self, port: int) -> tuple[Path, Path]:
        """The machine's end of a trunk port, and the switch's."""
        return self.folder / f"port{port}", self.folder / f"port{port}-switch"


def ovmf(folder: Path = OVMF) -> tuple[Path, Path]:
    """Return code and memory of the UEFI that is there; if none is, of one that is not."""
    found = [(folder / code, folder / memory) for code, memory in OVMF_FILES]
    return next((pair for pair in found if pair[0].exists()), found[0])


def command_line(machine: VirtualMachine, *, is_netboot: bool) -> list[str]:
    """Return the words that start the machine in the background.

    Emulation, with a bounded cache of translated code: the default one makes 2 GiB of 1.
    """
    return [
        QEMU, "-name", machine.name,
        "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max", "-smp", "2",
        "-M", "q35,graphics=off", "-nodefaults", "-display", "none", "-m", str(MEMORY_MIB),
        "-smbios", f"type=1,serial={machine.serial},uuid={machine.uuid}",
        "-daemonize", "-pidfile", str(machine.pid_file),
        "-chardev", f"file,id=console,path={machine.console},append=on",
        "-serial", "chardev:console",
        *_firmware(machine), *_disks(machine, is_netboot=is_netboot),
        *_boot_port(machine, is_netboot=is_netboot), *_trunk(machine),
    ]  # fmt: skip


def _firmware(machine: VirtualMachine) -> Iterator[str]:
    if machine.firmware is Firmware.UEFI:
        yield from ("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={ovmf()[0]}")
        yield from ("-drive", f"if=pflash,unit=1,format=raw,file={machine.variables}")


def _disks(machine: VirtualMachine, *, is_netboot: bool) -> Iterator[str]:
    for index, path in enumerate(machine.disks):
        yield from (
            "-drive",
            f"if=none,id=disk{index},format=qcow2,file={path},cache=unsafe,discard=unmap",
        )
        place = f",bootindex={2 if is_netboot else 1}" if index == 0 else ""
        device = f"virtio-blk-pci,drive=disk{index},addr={4 + index:x},serial="
        yield from ("-device", f"{device}{machine.disk_serial(index)}{place}")


def _boot_port(machine: VirtualMachine, *, is_netboot: bool) -> Iterator[str]:
    yield from (
        "-netdev",
        f"tap,id=boot,ifname={machine.boot_tap},script=no,downscript=no",
    )
    # A BIOS starts from the network by the card's ROM, which is iPXE; a UEFI by itself.
    rom = ",romfile=" if machine.firmware is Firmware.UEFI else ""
    place = f"bootindex={1 if is_netboot else 2}"
    yield from ("-device", f"virtio-net-pci,netdev=boot,mac={machine.boot_mac},addr=8,{place}{rom}")


def _trunk(machine: VirtualMachine) -> Iterator[str]:
    for port, mac in enumerate(machine.trunk_macs):
        here, there = machine.trunk_sockets(port)
        ends = f"local.type=unix,local.path={here},remote.type=unix,remote.path={there}"
        yield from ("-netdev", f"dgram,id=trunk{port},{ends}")
        # 802.3ad aggregates full duplex ports of a known speed only.
        link = "speed=10000,duplex=full,romfile="
        yield from (
            "-device",
            f"virtio-net-pci,netdev=trunk{port},mac={mac},addr={9 + port:x},{link}",
        )
