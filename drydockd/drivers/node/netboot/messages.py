"""What agents and installed systems send: bodies of the boot listener's routes.

Texts of machines are shown, never executed; all are bounded. Source: contract, netboot, section 4.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Short = Annotated[str, StringConstraints(max_length=256)]
Text = Annotated[str, StringConstraints(max_length=4096)]
Macs = Annotated[tuple[Short, ...], Field(max_length=512)]


class Body(BaseModel):
    """Unknown fields are of a newer agent, and no harm."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Hello(Body):
    """POST /boot/hello. `mac` is that of the boot NIC, `macs` of all NICs."""

    nonce: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32,128}$")]
    mac: Short
    macs: Macs
    uuid: Short | None = None
    serial: Short | None = None
    firmware: Short | None = None
    version: Short = ""


class InventoryReport(Body):
    """POST /boot/inventory. `lshw` is XML, the others JSON texts; `mac` as of Hello."""

    mac: Short
    macs: Macs
    lshw: str
    lldp: str | None = None
    hardware: str | None = None
    uuid: Short | None = None
    serial: Short | None = None
    firmware: Short | None = None
    bmc_address: Short | None = None
    memory_mib: Annotated[int, Field(ge=0)] = 0
    cpus: Annotated[int, Field(ge=0)] = 0

    def documents(self) -> dict[str, str]:
        """Return the texts to keep, by generator."""
        texts = {"lshw": self.lshw, "lldp": self.lldp, "hardware": self.hardware}
        return {name: text for name, text in texts.items() if text}


class Progress(Body):
    """POST /boot/progress."""

    id: Short
    step: Short
    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    message: Text = ""


class End(Body):
    """POST /boot/end. `steps` are (name, seconds). `is_final`: the same work would fail again."""

    id: Short
    ok: bool
    error: Text | None = None
    is_final: bool = False
    steps: Annotated[tuple[tuple[Short, float], ...], Field(max_length=100)] = ()
    log: str = ""


class FirstBoot(Body):
    """POST /boot/first. `cmdline` is the kernel's command line, empty from an older system."""

    boot_id: Short = ""
    cmdline: Text = ""
    addresses: Annotated[tuple[Short, ...], Field(max_length=256)] = ()
    failed_units: Annotated[tuple[Short, ...], Field(max_length=256)] = ()
