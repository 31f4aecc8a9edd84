"""What the bytes and lines of a BMC's IPMI answers say. Source: IPMI 2.0, chapters 20, 28, 34."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from drydockd.machines import PowerState

# Boot device selectors: bits 5..2 of the second byte of parameter 5.
PXE, DISK = 1, 2
# What Supermicro's firmware takes for the disk with UEFI, in place of the standard's. Source:
# contract, oob-faults, G.
SUPERMICRO_EFI_DISK = 9
# Its enterprise numbers with IANA.
SUPERMICRO = frozenset({10876, 47488})
DEVICES = {0: "none", PXE: "network", DISK: "disk", 3: "disk (safe mode)", 5: "CD", 6: "setup"}

_FAULTS = {
    1: "power overload",
    2: "power interlock active",
    3: "power fault",
    4: "power control fault",
}
_MISC_FAULTS = {0: "chassis intrusion", 2: "drive fault", 3: "fan fault"}
# What a FRU holds where nobody wrote anything into it.
_UNWRITTEN = ("to be filled", "not specified", "default string", "system serial", "n/a", "none")


class Unreadable(Exception):
    """An answer of other length or form than the standard says."""


def octets(text: str) -> bytes:
    """The bytes that `ipmitool raw` prints. Raises Unreadable."""
    try:
        return bytes.fromhex("".join(text.split()))
    except ValueError as error:
        raise Unreadable from error


def power_of(status: bytes) -> PowerState:
    """Bit 0 of the first byte of Get Chassis Status."""
    if not status:
        raise Unreadable
    return PowerState.ON if status[0] & 1 else PowerState.OFF


def faults_of(status: bytes) -> Iterator[str]:
    """What Get Chassis Status complains of."""
    for number, bits in ((0, _FAULTS), (2, _MISC_FAULTS)):
        if len(status) > number:
            yield from (f"says {text}" for bit, text in bits.items() if status[number] >> bit & 1)


@dataclass(frozen=True, slots=True)
class BootFlags:
    """Parameter 5 of the system boot options; `is_valid`: both bits that say so do."""

    device: int
    is_valid: bool
    is_persistent: bool
    is_efi: bool

    def __str__(self) -> str:
        if not self.device:
            return "none"
        words = [DEVICES.get(self.device, f"device {self.device}")]
        words.append("always" if self.is_persistent else "once")
        words += ["EFI"] * self.is_efi + ["not marked valid"] * (not self.is_valid)
        return ", ".join(words)


def boot_flags(answer: bytes) -> BootFlags:
    """Read the answer to Get System Boot Options 05 00 00. Raises Unreadable."""
    if len(answer) < 4 or answer[1] & 0x7F != 5:
        raise Unreadable
    return BootFlags(
        device=answer[3] >> 2 & 0x0F,
        is_valid=not answer[1] & 0x80 and bool(answer[2] & 0x80),
        is_persistent=bool(answer[2] & 0x40),
        is_efi=bool(answer[2] & 0x20),
    )


def maker_of(answer: bytes) -> int | None:
    """The enterprise number in the answer to Get Device ID; None where it is too short."""
    # 20 bits. Source: IPMI 2.0, section 20.1.
    return int.from_bytes(answer[6:9], "little") & 0xFFFFF if len(answer) >= 9 else None


def set_boot_words(device: int, *, is_efi: bool) -> tuple[str, ...]:
    """Words for `ipmitool raw`: boot from `device` at the next start only."""
    flags = 0x80 | (0x20 if is_efi else 0)
    return "0x00", "0x08", "0x05", f"0x{flags:02x}", f"0x{device << 2:02x}", "0x00", "0x00", "0x00"


def guids_of(answer: bytes) -> tuple[str, ...]:
    """The UUIDs that a system GUID may be: BMCs send it in one of three byte orders.

    SMBIOS (first three fields reversed), RFC 4122, IPMI (all reversed): those that look like a
    UUID of RFC 4122. Empty for a GUID nobody set; one is certain, several are a guess.
    """
    if len(answer) != 16 or len(set(answer)) == 1:
        return ()
    orders = (uuid.UUID(bytes_le=answer), uuid.UUID(bytes=answer), uuid.UUID(bytes=answer[::-1]))
    likely = [str(one) for one in orders if one.variant == uuid.RFC_4122 and 1 <= _version(one) < 9]
    return tuple(dict.fromkeys(likely))


def _version(one: uuid.UUID) -> int:
    return one.version or 0


def fields(text: str) -> dict[str, str]:
    """``Name : value`` lines; values that say nothing are left out, the first of a name counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = (part.strip() for part in line.partition(":"))
        if colon and value and not value.lower().startswith((*_UNWRITTEN, "unknown")):
            found.setdefault(name, value)
    return found
