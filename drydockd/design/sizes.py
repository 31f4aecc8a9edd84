"""Storage sizes: ``20g``, ``>512mib``, ``30%``. One parser for plans and rules.

Source: contract, effective-design, section 8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from drydockd.errors import InvalidDesign

# Kept free behind an entry that takes the rest, for the partition table; also on groups.
REST_BYTES = 4 * 1024 * 1024
# No disk has 10^27 bytes, and Python refuses to read numbers of thousands of digits.
_DIGITS = 24
_GRAMMAR = re.compile(rf"(>?)([0-9]{{1,{_DIGITS}}})([A-Za-z]+|%)", re.ASCII)
_SPELLINGS = {
    10**6: "m M mb MB",
    10**9: "g G gb GB",
    10**12: "t T tb TB",
    2**20: "mi Mi mib MiB",
    2**30: "gi Gi gib GiB",
    2**40: "ti Ti tib TiB",
}
_UNITS = {unit: factor for factor, units in _SPELLINGS.items() for unit in units.split()}


@dataclass(frozen=True, slots=True)
class Size:
    """Either `size_bytes` or `percent` of the container is set; `minimum` says ``>``."""

    size_bytes: int | None = None
    percent: int | None = None
    minimum: bool = False

    def of(self, total: int | None) -> int:
        """Bytes on a container of `total` bytes. Raises InvalidDesign for percent of None."""
        if self.size_bytes is not None:
            return self.size_bytes
        if total is None:
            raise InvalidDesign("a percentage needs a disk or volume group to be a part of")
        return (self.percent or 0) * total // 100


@lru_cache(maxsize=1024)
def parse_size(text: str) -> Size:
    """Return what a size such as ``20g``, ``>512mib``, ``30%`` says.

    Suffixes without ``i`` are powers of 1000. Raises InvalidDesign.
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise _invalid(text)
    minimum, digits, unit = match[1] == ">", int(match[2]), match[3]
    if unit == "%":
        return Size(percent=digits, minimum=minimum)
    if unit not in _UNITS:
        raise _invalid(text)
    return Size(size_bytes=digits * _UNITS[unit], minimum=minimum)


def resolve(text: str, total: int | None = None, available: int | None = None) -> int:
    """Return the bytes an entry of size `text` gets on its container.

    `total` and `available` are the container's bytes, None without a container: then only a
    plain size has an answer. Raises InvalidDesign: bad size, or not enough storage.
    """
    size = parse_size(text)
    base = size.of(total)
    if available is None:
        if size.minimum:
            raise InvalidDesign(f"the size {text} needs a disk or volume group to take the rest of")
        return base
    if not size.minimum and base <= available:
        return base
    if size.minimum and base <= available - REST_BYTES:
        return available - REST_BYTES
    rest = " and 4 MiB kept free" if size.minimum else ""
    raise InvalidDesign(
        f"not enough storage: {text} is {base} bytes{rest}, {available} are available"
    )


def _invalid(text: str) -> InvalidDesign:
    return InvalidDesign(
        f"{text!r:.60} is no size; write digits and a unit (m, g, t, mi, gi, ti, with or without "
        "a b, or %), with > in front for a minimum, and no blanks"
    )
