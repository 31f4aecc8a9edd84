"""Out-of-band control of BMCs over IPMI 2.0, by the program ipmitool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import Field, field_validator

from drydockd.config.fields import Numbers
from drydockd.drivers.base import BmcFacts, PowerState, Voice
from drydockd.drivers.oob import ipmi_answers as answers
from drydockd.drivers.oob.attempts import PAUSES
from drydockd.drivers.oob.ipmi_bmc import IpmiBmc
from drydockd.drivers.oob.ipmi_facts import facts_of
from drydockd.drivers.oob.ipmitool import IPMITOOL, Bmc, Ipmitool
from drydockd.drivers.options import Offer, Options, opt
from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.oob import SUITES, parse_port, parse_privilege, parse_suites
from drydockd.site import Node

T = TypeVar("T")

# The name of the original's section, so that its configurations stay readable.
SECTION = "pyghmi_driver"
# IPMI 2.0, section 22.30 and 20.15.
MOST_ACCOUNT_BYTES, MOST_CREDENTIAL_BYTES = 16, 20


class IpmiOptions(Options):
    poll_interval: float = opt(
        10.0, "Longest pause, in seconds, between looks at a power state", gt=0, le=600
    )
    power_seconds: float = opt(180.0, "Seconds a machine may take to go on or off", gt=0, le=3600)
    give_up_seconds: float = opt(
        75.0, "Seconds in which a BMC that does not answer is asked again", gt=0, le=3600
    )
    command_seconds: float = opt(
        20.0, "Seconds after which one run of ipmitool is killed", gt=0, le=600
    )
    port: int = opt(623, "UDP port of the BMCs; a node's own: oob.port", ge=1, le=65535)
    cipher_suites: Annotated[Numbers, Field(min_length=1, max_length=8)] = opt(
        (17, 3),
        "Cipher suites in the order in which they are tried; a node's own: oob.cipher_suite",
    )
    privilege: Literal["ADMINISTRATOR", "OPERATOR"] = opt(
        "ADMINISTRATOR", "Level that is asked for at login; a node's own: oob.privilege"
    )
    require_valid: bool = opt(
        False, "Fail where a boot device reads back without the bit that says it is valid"
    )

    @field_validator("cipher_suites")
    @classmethod
    def _are_there(cls, suites: tuple[int, ...]) -> tuple[int, ...]:
        if bad := [suite for suite in suites if suite not in SUITES]:
            raise ValueError(f"{bad[0]} is no cipher suite with a login; say 1 to 17")
        return suites


class IpmiOob:
    """An OobDriver for nodes of type ``ipmi``.

    A call that asks ends `give_up_seconds` after it began, one that switches the power at most
    `power_seconds` later. So a power cycle (boot device, off, boot device, on) takes at most
    ``4 * give_up_seconds + 2 * power_seconds``.
    """

    oob_types: tuple[str, ...] = ("ipmi",)

    def __init__(self, options: IpmiOptions, *, pauses: Sequence[float] = PAUSES) -> None:
        self._options = options
        self._pauses = pauses
        self._first_pause = 1.0
        self._tool = Ipmitool(options.command_seconds)
        self.ask_seconds = options.give_up_seconds
        self.worst_case_seconds = 4 * options.give_up_seconds + 2 * options.power_seconds

    async def check(self) -> None:
        if not IPMITOOL.is_there():
            raise DriverPersistent(f"oob driver ipmi: needs {IPMITOOL}")

    async def close(self) -> None:
        """Each call ends what it started."""
        self._tool.close()

    async def set_network_boot(self, node: Node, voice: Voice) -> None:
        await self._set_boot(node, answers.PXE, voice)

    async def set_disk_boot(self, node: Node, voice: Voice) -> None:
        await self._set_boot(node, answers.DISK, voice)

    async def facts(self, node: Node) -> BmcFacts:
        return await facts_of(self._bmc(node))

    async def power_state(self, node: Node) -> PowerState:
        bmc = self._bmc(node)
        return await bmc.repeated(bmc.power)

    async def power_off(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.OFF, voice)

    async def power_on(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.ON, voice)

    def _bmc(self, node: Node) -> IpmiBmc:
        until = asyncio.get_running_loop().time() + self._options.give_up_seconds
        return IpmiBmc(self._tool, bmc_of(node, self._options), until, self._pauses)

    async def _set_boot(self, node: Node, device: int, voice: Voice) -> None:
        bmc = self._bmc(node)
        is_efi = node.hardware is not None and node.hardware.boot_mode == "uefi"

        async def operation() -> answers.BootFlags:
            flags = await bmc.set_boot_device(device, is_efi=is_efi)
            if self._options.require_valid and not flags.is_valid:
                raise bmc.transient(
                    "set the boot device",
                    f"reads it back without its valid bit, which {SECTION}.require_valid asks for",
                )
            return flags

        flags = await bmc.repeated(operation)
        text = f"{node.name}: the next start is a {answers.DEVICES[device]} boot"
        if not flags.is_valid:
            text += "; the BMC reads it back without its valid bit and may not keep to it"
        elif is_efi and not flags.is_efi:
            text += "; the BMC did not keep its EFI bit, it may be one in legacy mode"
        await voice.say(text)

    async def _switch(self, node: Node, wanted: PowerState, voice: Voice) -> None:
        """Read, tell, look until it reads so. What reads so is told nothing."""
        bmc = self._bmc(node)

        async def operation() -> bool:
            is_told = await bmc.repeated(bmc.power) is not wanted
            if is_told:
                await bmc.control(wanted)
            return is_told

        if await bmc.repeated(operation):
            await self._await_power(bmc, wanted)
        await voice.say(f"{node.name}: power is {wanted}")

    async def _await_power(self, bmc: IpmiBmc, wanted: PowerState) -> None:
        clock = asyncio.get_running_loop().time
        bmc.until = clock() + self._options.power_seconds
        pause = min(self._first_pause, self._options.poll_interval)
        state = PowerState.UNKNOWN
        try:
            while (state := await bmc.repeated(bmc.power)) is not wanted:
                if clock() + pause >= bmc.until:
                    break
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._options.poll_interval)
            else:
                return
        except DriverTransient:
            if state is PowerState.UNKNOWN:  # not one answer since it was told
                raise
        raise bmc.transient(
            f"turn the power {wanted}",
            f"said yes, and still reads {state} after {self._options.power_seconds:g} s",
        )


def bmc_of(node: Node, options: IpmiOptions) -> Bmc:
    """Return where the BMC of a node is and how one logs in. Raises DriverPersistent."""
    given = node.oob_parameters
    address = node.oob_address
    if not address:
        network = given.get("network") or "(none)"
        raise _wrong(node, f"has no static address on its oob network {network}")
    account, credential = given.get("account"), given.get("credential")
    if account is None or credential is None:
        missing = "account" if account is None else "credential"
        raise _wrong(node, f"has no oob.{missing}")
    _check_login(node, account, credential)
    return Bmc(
        host=node.name,
        address=address,
        port=_read(node, "port", parse_port) or options.port,
        account=account,
        privilege=_read(node, "privilege", parse_privilege) or options.privilege,
        suites=_read(node, "cipher_suite", parse_suites) or options.cipher_suites,
        credential=credential,
    )


def _check_login(node: Node, account: str, credential: str) -> None:
    for name, value, most in (
        ("account", account, MOST_ACCOUNT_BYTES),
        ("credential", credential, MOST_CREDENTIAL_BYTES),
    ):
        if len(value.encode()) > most:
            raise _wrong(node, f"has an oob.{name} of over {most} bytes, the most that IPMI takes")
        if not value.isprintable():
            raise _wrong(node, f"has an oob.{name} with characters that cannot be typed")


def _read(node: Node, key: str, parse: Callable[[str], T]) -> T | None:
    """Return what the node says of `key` itself; what is left empty is not said."""
    text = node.oob_parameters.get(key)
    if not text:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise _wrong(node, f"has oob.{key} {text[:80]!r}; say {error}") from None


def _wrong(node: Node, what: str) -> DriverPersistent:
    return DriverPersistent(f"{node.name} {what}")


DRIVER = Offer(
    IpmiOob,
    IpmiOptions,
    SECTION,
    "BMCs over IPMI 2.0 (RMCP+)",
    needs=(IPMITOOL,),
)
