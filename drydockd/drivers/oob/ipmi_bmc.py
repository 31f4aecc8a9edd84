"""One call of drydockd at one BMC over IPMI: its questions, its deadline, its errors."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from drydockd.drivers.oob import ipmi_answers as answers
from drydockd.drivers.oob.attempts import repeated
from drydockd.drivers.oob.ipmitool import Bmc, Ipmitool, NoAnswer, Refused
from drydockd.errors import DriverError, DriverPersistent, DriverTransient
from drydockd.machines import PowerState

T = TypeVar("T")
U = TypeVar("U")

# Completion codes of a BMC that is busy, starting, or in a state that passes. Source: IPMI 2.0,
# table 5-2; 0x81: another party is setting the boot options.
PASSING = frozenset({0x81, 0xC0, 0xC3, 0xC4, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3, 0xD5, 0xFF})
NOT_PRIVILEGED = 0xD4
READ_POWER = "read the power state"
_CONTROL = {PowerState.OFF: "0x00", PowerState.ON: "0x01"}


class IpmiBmc:
    """Asks until `until`, a time of the loop's clock. Each method raises the DriverErrors."""

    def __init__(self, tool: Ipmitool, bmc: Bmc, until: float, pauses: Sequence[float]) -> None:
        self._tool = tool
        self._pauses = pauses
        self.bmc = bmc
        self.until = until

    async def repeated(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Do all of `operation` again while it fails in a way that may pass."""
        return await repeated(operation, until=self.until, pauses=self._pauses)

    async def status(self) -> bytes:
        """The bytes of Get Chassis Status."""
        return await self._raw(READ_POWER, "0x00", "0x01")

    async def power(self) -> PowerState:
        return self._read(READ_POWER, answers.power_of, await self.status())

    async def control(self, wanted: PowerState) -> None:
        """Tell it to go on or off; it has answered, not gone. A state that forbids it passes."""
        what = f"turn the power {wanted}"
        await self._raw(what, "0x00", "0x02", _CONTROL[wanted], is_act=True)

    async def set_boot_device(self, device: int, *, is_efi: bool) -> answers.BootFlags:
        """Set it for the next start; return how it reads back.

        Each of the questions is repeated for itself: on a line that loses much, three
        sessions in a row hardly ever succeed.
        """
        what = f"set the boot device to {answers.DEVICES[device]}"
        number = device
        if (
            is_efi
            and device == answers.DISK
            and await self.repeated(self._maker) in answers.SUPERMICRO
        ):
            number = answers.SUPERMICRO_EFI_DISK
        words = answers.set_boot_words(number, is_efi=is_efi)
        await self.repeated(self._keep_boot_device)
        await self.repeated(lambda: self._raw(what, *words, is_act=True))
        flags = await self.repeated(self.boot_flags)
        if flags.device not in (number, device):
            raise self.transient(what, f"said yes, and reads back: {flags}")
        return flags

    async def _keep_boot_device(self) -> None:
        """Else it is dropped a minute later. Not every BMC has that parameter."""
        with contextlib.suppress(Refused):
            words = ("raw", "0x00", "0x08", "0x03", "0x08")
            await self._ask("keep the boot device", *words, is_act=True)

    async def _maker(self) -> int | None:
        """Who made the BMC; None where it does not say."""
        try:
            text = await self._ask("read who made the BMC", "raw", "0x06", "0x01")
            return answers.maker_of(answers.octets(text))
        except (Refused, NoAnswer, answers.Unreadable):
            return None

    async def boot_flags(self) -> answers.BootFlags:
        what = "read the boot device"
        words = ("0x00", "0x09", "0x05", "0x00", "0x00")
        return self._read(what, answers.boot_flags, await self._raw(what, *words))

    async def guid(self) -> bytes | None:
        """The system GUID as it came; None where there is none."""
        try:
            text = await self._ask("read the system GUID", "raw", "0x06", "0x37")
        except Refused:
            return None
        return self._read("read the system GUID", answers.octets, text)

    async def lines(self, what: str, *words: str) -> dict[str, str]:
        """The fields of what ipmitool tells in lines; empty where the BMC has nothing to tell."""
        try:
            return answers.fields(await self._ask(what, *words))
        except (NoAnswer, Refused):
            return {}

    def transient(self, what: str, seen: str) -> DriverTransient:
        return DriverTransient(f"{self.bmc.host}: {what}: BMC {self.bmc.key} {seen}")

    async def _ask(self, what: str, *words: str, is_act: bool = False) -> str:
        return await self._tool.ask(self.bmc, what, *words, until=self.until, is_act=is_act)

    async def _raw(self, what: str, *words: str, is_act: bool = False) -> bytes:
        try:
            text = await self._ask(what, "raw", *words, is_act=is_act)
            return self._read(what, answers.octets, text)
        except Refused as error:
            raise self._refused(what, error) from None
        except NoAnswer as error:
            raise self.transient(what, f"answers without an answer ({error})") from None

    def _read(self, what: str, parse: Callable[[U], T], answer: U) -> T:
        try:
            return parse(answer)
        except answers.Unreadable:
            raise self.transient(what, "answers what is no answer to that") from None

    def _refused(self, what: str, error: Refused) -> DriverError:
        where = f"{self.bmc.host}: {what}: BMC {self.bmc.key} refuses it ({error})"
        if error.code in PASSING:
            return DriverTransient(where)
        if error.code == NOT_PRIVILEGED:
            privilege = self.bmc.privilege
            return DriverPersistent(f"{where}; {privilege} is not enough, see oob.privilege")
        return DriverPersistent(where)
