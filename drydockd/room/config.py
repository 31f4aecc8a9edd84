"""The room's configuration: machines, latencies, faults, images; every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from drydockd.errors import InvalidInput
from drydockd.machines import NodeState, canonical_mac


def _mac(text: str) -> str:
    found = canonical_mac(text)
    if found is None:
        raise ValueError("not a MAC address; write it as 52:54:00:aa:bb:01")
    return found


Mac = Annotated[str, AfterValidator(_mac)]


class FaultKind(StrEnum):
    """What can go wrong with a machine; docs/room.md says what each looks like."""

    BMC_SILENT = "bmc_silent"
    BMC_DENIED = "bmc_denied"
    BMC_ANSWER_LOST = "bmc_answer_lost"
    POWER_STUCK = "power_stuck"
    NO_DISCOVERY = "no_discovery"
    COMMISSION_FAILS = "commission_fails"
    COMMISSION_HANGS = "commission_hangs"
    DEPLOY_FAILS = "deploy_fails"
    DEPLOY_HANGS = "deploy_hangs"
    WIPE_FAILS = "wipe_fails"
    WIPE_HANGS = "wipe_hangs"
    NEVER_BOOTS = "never_boots"
    NEVER_REPORTS = "never_reports"
    REPORTS_FAILURE = "reports_failure"
    RELABEL_FAILS = "relabel_fails"
    SLOW = "slow"


AT_BMC = (FaultKind.BMC_SILENT, FaultKind.BMC_DENIED, FaultKind.BMC_ANSWER_LOST)


class BmcCall(StrEnum):
    """What a BMC is asked; the names are those of the driver's methods.

    Not just ``on`` and ``off``: these are booleans in YAML.
    """

    BOOT = "set_network_boot"
    READ = "power_state"
    FACTS = "facts"
    OFF = "power_off"
    ON = "power_on"


def _span(value: object) -> object:
    """A single number is a range without width."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (value, value)
    return value


Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Span = Annotated[tuple[Seconds, Seconds], BeforeValidator(_span)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Latencies(Strict):
    """Seconds, each a number or ``[from, to]``."""

    bmc: Span = (0.01, 0.05)
    bmc_timeout: Span = (2.0, 2.0)
    power: Span = (0.05, 0.2)
    discovery: Span = (0.2, 0.6)
    commission: Span = (0.3, 1.0)
    deploy: Span = (0.5, 2.0)
    wipe: Span = (0.2, 0.6)
    first_boot: Span = (0.1, 0.4)
    report: Span = (0.02, 0.1)

    @model_validator(mode="after")
    def _ordered(self) -> Latencies:
        for name in type(self).model_fields:
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: {low} is more than {high}; write the smaller one first")
        return self


class NicConfig(Strict):
    name: str
    mac: Mac | None = None
    address: str | None = None


class DiskConfig(Strict):
    """`address` is ``<bus>@<address>`` as lshw's businfo has it, such as ``scsi@0:2.0.0``."""

    name: str
    address: str | None = None
    size_gb: Annotated[int, Field(gt=0)] | None = None
    serial: str | None = None


class Told(StrEnum):
    """What a BMC can tell of its machine besides the power."""

    SERIAL = "serial"
    UUID = "uuid"
    MACS = "macs"
    NAME = "name"
    VENDOR = "vendor"
    MODEL = "model"
    FIRMWARE = "firmware"


class BmcConfig(Strict):
    """What the BMC tells instead of the truth; `omits` is what it does not tell at all."""

    serial: str | None = None
    uuid: str | None = None
    macs: tuple[Mac, ...] = ()
    name: str | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    omits: tuple[Told, ...] = ()


class MachineConfig(Strict):
    """One machine that is described rather than made on demand."""

    name: str | None = None
    bmc: str | None = None
    boot_mac: Mac | None = None
    state: NodeState | None = None
    power: Annotated[str, Field(pattern="^(on|off)$")] = "off"
    kind: Annotated[str, Field(pattern="^(machine|infrastructure)$")] = "machine"
    nics: tuple[NicConfig, ...] = ()
    disks: tuple[DiskConfig, ...] = ()
    tells: BmcConfig = BmcConfig()

    @model_validator(mode="after")
    def _identity(self) -> MachineConfig:
        if not (self.name or self.bmc or self.boot_mac):
            raise ValueError("a machine needs a name, a bmc address or a boot_mac to be known by")
        return self


class FaultConfig(Strict):
    """`machines` are patterns over node names; `share` picks that part of them, always the same.

    `times` is how often it strikes each machine (None: always); `factor` is for ``slow``;
    `calls`, for the faults of BMCs, are the calls it strikes (none: all of them).
    """

    fault: FaultKind
    machines: tuple[str, ...] = ("*",)
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    times: Annotated[int, Field(ge=1)] | None = None
    factor: Annotated[float, Field(gt=0)] = 10.0
    calls: tuple[BmcCall, ...] = ()

    @model_validator(mode="after")
    def _called(self) -> FaultConfig:
        if self.calls and self.fault not in AT_BMC:
            raise ValueError(f"calls are for {', '.join(AT_BMC)}, not for {self.fault}")
        return self


class Defaults(Strict):
    """What a machine has that nobody described."""

    cpus: Annotated[int, Field(gt=0)] = 32
    memory_mib: Annotated[int, Field(gt=0)] = 131072
    disk_gb: Annotated[int, Field(gt=0)] = 24000
    tells: BmcConfig = BmcConfig()


class Reports(Strict):
    """First boot: detail posts before the final one, patience and bounds."""

    details: Annotated[int, Field(ge=0)] = 2
    give_up_seconds: Annotated[float, Field(gt=0)] = 900.0
    retry_seconds: Span = (0.2, 5.0)
    connections: Annotated[int, Field(gt=0)] = 32
    archive_bytes: Annotated[int, Field(gt=0)] = 64 * 2**20
    archive_members: Annotated[int, Field(gt=0)] = 10_000


IMAGES: Mapping[str, tuple[str, ...]] = {
    "xenial": ("ga-16.04", "hwe-16.04"),
    "bionic": ("ga-18.04", "hwe-18.04"),
    "focal": ("ga-20.04", "hwe-20.04"),
    "jammy": ("ga-22.04", "hwe-22.04"),
    "noble": ("ga-24.04", "hwe-24.04"),
}


def _number_or_list(value: object) -> str:
    return "<list>" if isinstance(value, list | tuple) else "<number>"


Machines = Annotated[
    Annotated[int, Field(ge=0), Tag("<number>")]
    | Annotated[tuple[MachineConfig, ...], Tag("<list>")],
    Discriminator(_number_or_list),
]


class RoomConfig(Strict):
    """The whole file. `machines`: None = one for every node that is asked for, N, or a list."""

    machines: Machines | None = None
    initial: NodeState | None = None
    seed: int = 0
    scale: Annotated[float, Field(gt=0)] = 1.0
    latencies: Latencies = Latencies()
    defaults: Defaults = Defaults()
    faults: tuple[FaultConfig, ...] = ()
    images: Mapping[str, tuple[str, ...]] = IMAGES
    reports: Reports = Reports()


def parse_config(raw: object, where: str = "room") -> RoomConfig:
    """Return the configuration; raises InvalidInput that lists every mistake with its place."""
    if raw is not None and not isinstance(raw, Mapping):
        raise InvalidInput(f"{where}: a mapping is needed, not {type(raw).__name__}")
    try:
        return RoomConfig.model_validate(dict(raw or {}))
    except ValidationError as error:
        raise InvalidInput(_explain(error, where)) from None


def load_config(source: str | Path) -> RoomConfig:
    """Read a room file. Raises InvalidInput when it is unreadable, not YAML or wrong."""
    try:
        text = Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"room file {source} cannot be read: {error}") from error
    try:
        raw: Any = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise InvalidInput(f"room file {source} is not YAML: {error}") from error
    return parse_config(raw, where=f"room file {source}")


def _explain(error: ValidationError, where: str) -> str:
    lines: dict[str, None] = {}
    for problem in error.errors(include_url=False, include_context=False):
        # The tags of Machines are no part of the file's path.
        path = [str(p) for p in problem["loc"] if p not in ("<number>", "<list>")]
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            text = "is not an option of the room"
        lines[f"{where}: {'.'.join(path) or 'file'}: {text}"] = None
    return "\n".join(lines)
