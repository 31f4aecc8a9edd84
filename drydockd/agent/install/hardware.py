"""What this machine is: NICs, disks, DMI, BMC, neighbours; as the inventory that it reports."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drydockd.agent.install import lldp
from drydockd.agent.install.disks import disks_of
from drydockd.agent.install.loader import firmware
from drydockd.agent.install.programs import Programs

# What a vendor writes when it writes nothing.
FILLERS = ("", "none", "not specified", "to be filled by o.e.m.", "default string", "0")


def nics_of(sysfs: Path = Path("/sys")) -> list[dict[str, Any]]:
    """Return the physical NICs with their permanent MAC and where they sit."""
    found = []
    for entry in sorted((sysfs / "class/net").iterdir()):
        if not (entry / "device").exists():
            continue
        found.append(
            {
                "name": entry.name,
                "mac": (_read(entry / "address") or "").lower(),
                "bus_address": os.path.realpath(entry / "device").rpartition("/")[2],
                "driver": os.path.realpath(entry / "device/driver").rpartition("/")[2],
                "speed": _read(entry / "speed"),
                "carrier": _read(entry / "carrier") == "1",
            }
        )
    return found


def macs_of(nics: list[dict[str, Any]]) -> list[str]:
    return [nic["mac"] for nic in nics if nic["mac"]]


def dmi(sysfs: Path = Path("/sys")) -> dict[str, str]:
    """Return serial and UUID of the system as the firmware tells, fillers left out."""
    folder = sysfs / "class/dmi/id"
    names = {
        "uuid": "product_uuid",
        "serial": "product_serial",
        "vendor": "sys_vendor",
        "model": "product_name",
        "bios_version": "bios_version",
        "bios_date": "bios_date",
    }
    told = {key: _read(folder / name) or "" for key, name in names.items()}
    return {key: value for key, value in told.items() if value.lower() not in FILLERS}


def bmc_address(programs: Programs) -> str | None:
    """Return the address of the machine's own BMC, where it has one that tells."""
    if not any(Path(path).exists() for path in ("/dev/ipmi0", "/dev/ipmi/0", "/dev/ipmidev/0")):
        return None
    said = programs.run("ipmitool", "lan", "print", may_fail=True, seconds=30)
    for line in said.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "IP Address" and value.strip() not in ("", "0.0.0.0"):  # noqa: S104
            return value.strip()
    return None


def inventory(mac: str, programs: Programs, *, listens: bool = True) -> dict[str, Any]:
    """Return the body of POST /boot/inventory."""
    nics = nics_of()
    told = dmi()
    lshw = programs.run("lshw", "-xml", seconds=300)
    up = [nic["name"] for nic in nics]
    for name in up:
        programs.run("ip", "link", "set", name, "up", may_fail=True)
    heard = lldp.neighbours(up) if listens and up else {}
    hardware: Mapping[str, Any] = {
        "nics": nics,
        "disks": [asdict(disk) for disk in disks_of()],
        "dmi": told,
        "firmware": firmware(),
    }
    return {
        "mac": mac,
        "macs": macs_of(nics),
        "uuid": told.get("uuid"),
        "serial": told.get("serial"),
        "firmware": firmware(),
        "lshw": lshw,
        "lldp": json.dumps(heard) if heard else None,
        "hardware": json.dumps(hardware),
        "bmc_address": bmc_address(programs),
        "memory_mib": memory_mib(),
        "cpus": os.cpu_count() or 0,
    }


def memory_mib(path: Path = Path("/proc/meminfo")) -> int:
    for line in path.read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None
