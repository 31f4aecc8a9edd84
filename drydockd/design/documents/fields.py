"""The types of document fields: what a value must be, and the words for it when it is not.

Strict throughout: text is never made of a number, because the number already lost the text
(``0010`` is 8, ``0000:00:03.0`` is 3.0). Null is a value only where a table says so.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, PlainValidator
from pydantic_core import PydanticCustomError

from drydockd.design.addresses import split_servers

CLOSED = ConfigDict(extra="forbid", strict=True)
OPEN = ConfigDict(extra="ignore", strict=True)

UNSET = "!"
"""The text that unsets an inherited scalar."""

SCHEMES = (
    *("file", "http", "https"),
    *("deckhand+http", "deckhand+https", "promenade+http", "promenade+https"),
)
"""What a reference may begin with. Source: contract, design, section 1.1."""

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):\S", re.ASCII)


def expected(what: str) -> PydanticCustomError:
    """Return the error for a value that is not `what` (an expectation, as in messages)."""
    return PydanticCustomError("expected", "{expectation}", {"expectation": what})


def _number(value: object) -> int:
    if value.__class__ is int:
        return int(value)
    if value.__class__ is float and value == value and abs(value) != float("inf"):
        return int(value)
    raise expected("a number is required")


def _count(value: object) -> int:
    number = _number(value)
    if number < 0 or number != value:
        raise expected("an integer of at least 0 is required")
    return number


def _delay(value: object) -> int:
    number = _number(value)
    if isinstance(value, int | float) and value < 0:
        raise expected("a number of at least 0 is required")
    return number


def _vf_count(value: object) -> int:
    """-1 unsets what the parent profile says."""
    return -1 if value.__class__ is int and value == -1 else _count(value)


def _scalar_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    raise expected("a plain value is required")


def _label(value: object) -> str | None:
    return None if value is None else _scalar_text(value)


def _rack_label(value: object) -> str:
    # As filters compare them: the text a label has in YAML and JSON.
    return str(value).lower() if isinstance(value, bool) else _scalar_text(value)


def _plain_value(value: object) -> str | bool | int | float:
    if isinstance(value, str | bool | int | float):
        return value
    raise expected("a plain value is required")


def _kernel_param(value: object) -> str | bool | None:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return str(value)
    raise expected("a string, a number or a boolean is required")


def _ip(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise expected("an IPv4 or IPv6 address is required") from None
    return value


def _address(value: str) -> str:
    # Other texts are rule DD2002's, which knows the network.
    if not value:
        raise expected("dhcp or an IP address is required")
    return value


def _subnet(value: str) -> str:
    """One spelling for one subnet: ``::/0`` for ``0::0/0``, a prefix length for a mask."""
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise expected(f"a network in CIDR form is required{_meant(value)}") from None


def _meant(value: str) -> str:
    word = "".join(value.split())
    if word.lower() in ("default", "any", "all", "*", "0", "0/0", "0.0/0", "0.0.0/0", "0.0.0.0/"):
        return "; did you mean 0.0.0.0/0 (::/0 for IPv6)"
    try:
        return f"; did you mean {ipaddress.ip_network(word, strict=False)}"
    except ValueError:
        return ", such as 10.1.0.0/16, 0.0.0.0/0 or ::/0"


def _servers(value: str) -> str:
    """Name servers, parted by commas, semicolons or blanks."""
    for part in split_servers(value):
        try:
            ipaddress.ip_address(part)
        except ValueError:
            raise expected(
                "a list of IP addresses is required, separated by commas or blanks; "
                f"{part!r:.60} is none"
            ) from None
    return value


def _vlan(value: str) -> str:
    if re.fullmatch("[0-9]{1,9}", value, re.ASCII) is None or int(value) > 4094:
        raise expected("a string of digits, 0 to 4094, is required")
    return value


def _uuid(value: str) -> str:
    if value != UNSET:
        try:
            uuid.UUID(value)
        except ValueError:
            raise expected("a UUID is required") from None
    return value


def _uri(value: str) -> str:
    if _URI.match(value) is None:
        raise expected("a URI with a scheme is required")
    return value


def _location(value: str) -> str:
    match = _URI.match(value)
    # A template may put the scheme together only when it is rendered.
    if "{" not in value.partition(":")[0] and (match is None or match[1] not in SCHEMES):
        raise expected(f"a URI is required, its scheme one of {', '.join(SCHEMES)}")
    return value


def _permissions(value: str) -> str:
    if re.fullmatch("[0-7]{3,4}", value, re.ASCII) is None:
        raise expected("a string of 3 or 4 octal digits is required")
    return value


def _path(value: str) -> str:
    if re.match("/.", value) is None:
        raise expected("an absolute path is required")
    return value


def _bond_mode(value: str) -> str:
    # Documented as balanced-rr, accepted as balance-rr: one spelling inside.
    value = "balance-rr" if value == "balanced-rr" else value
    if value not in ("disabled", "802.3ad", "balance-rr", "active-backup"):
        raise expected("one of disabled, 802.3ad, balance-rr, active-backup is required")
    return value


def _package_data(value: object) -> str | dict[str, str | None]:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(version, str | None) for name, version in value.items()
    ):
        return value
    raise expected("a string, or a mapping of package names to versions, is required")


Number = Annotated[int, PlainValidator(_number)]
Count = Annotated[int, PlainValidator(_count)]
Delay = Annotated[int, PlainValidator(_delay)]
VfCount = Annotated[int, PlainValidator(_vf_count)]
ScalarText = Annotated[str, PlainValidator(_scalar_text)]
Label = Annotated[str | None, PlainValidator(_label)]
RackLabel = Annotated[str, PlainValidator(_rack_label)]
PlainValue = Annotated[str | bool | int | float, PlainValidator(_plain_value)]
KernelParam = Annotated[str | bool | None, PlainValidator(_kernel_param)]
Ip = Annotated[str, AfterValidator(_ip)]
Address = Annotated[str, AfterValidator(_address)]
Subnet = Annotated[str, AfterValidator(_subnet)]
Servers = Annotated[str, AfterValidator(_servers)]
Vlan = Annotated[str, AfterValidator(_vlan)]
Uuid = Annotated[str, AfterValidator(_uuid)]
Uri = Annotated[str, AfterValidator(_uri)]
Location = Annotated[str, AfterValidator(_location)]
Permissions = Annotated[str, AfterValidator(_permissions)]
AbsolutePath = Annotated[str, AfterValidator(_path)]
BondMode = Annotated[str, AfterValidator(_bond_mode)]
PackageData = Annotated[str | dict[str, str | None], PlainValidator(_package_data)]
