"""What options are made of: their types, bounds and help, and sections of them."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

MIB = 1 << 20


def _listed(value: object) -> object:
    """Let one word stand for a list of one, and a comma list for many (as INI and env do)."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _address(value: str) -> str:
    """Check ``host:port``, ``[v6]:port``; the port may be 0 (any free one)."""
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError('say "<address>:<port>", an IPv6 address in brackets')
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("put the IPv6 address in brackets")
    return value


def _network(value: str) -> str:
    ipaddress.ip_network(value, strict=False)
    return value


Listed = BeforeValidator(_listed)
Listen = Annotated[str, AfterValidator(_address)]
Words = Annotated[tuple[str, ...], Listed]
Paths = Annotated[tuple[Path, ...], Listed]
Numbers = Annotated[tuple[int, ...], Listed]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Listed]
Minutes = Annotated[int, Field(ge=1, le=7 * 24 * 60)]


def opt(default: Any, description: str, *, env: str | None = None, **rules: Any) -> Any:
    """State an option: its default (``...``: none, it must be given), its help and its bounds.

    `env` names an environment variable that means it too, beside ``DRYDOCKD_SECTION__OPTION``.
    """
    extra: dict[str, Any] | None = {"env": env} if env else None
    return Field(default, description=description, json_schema_extra=extra, **rules)


class Section(BaseModel):
    """A section: unknown options are mistakes, values never change after the load."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
