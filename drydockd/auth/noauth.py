"""No authentication: everyone on this machine is one forged identity. For laboratories."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable, Sequence

from drydockd.auth.strategy import Verified
from drydockd.errors import InvalidConfig
from drydockd.model import Caller

log = logging.getLogger(__name__)

NAME = "noauth"


class NoAuth:
    """Gives every request the same identity, whatever tokens it carries.

    `roles` may be empty: then the identity has none. `listen` are the addresses the daemon
    listens on; anything but loopback raises InvalidConfig unless `is_forced`, and a request
    from elsewhere (a proxy's client, an inherited socket) stays without identity.
    """

    name = NAME
    challenge: str | None = None

    def __init__(
        self, roles: Sequence[str] = (), listen: Iterable[str] = (), *, is_forced: bool = False
    ) -> None:
        open_to = sorted(address for address in listen if not is_loopback(address))
        if open_to and not is_forced:
            raise InvalidConfig(
                f"auth_strategy noauth lets everyone in who reaches {', '.join(open_to)}: listen "
                "on 127.0.0.1 or ::1, choose keystone or jwt, or force it if you mean it"
            )
        self._is_forced = is_forced
        self._caller = Caller(
            user=NAME,
            user_id=NAME,
            user_domain_id=NAME,
            project_id=NAME,
            project_domain_id=NAME,
            roles=tuple(role.strip() for role in roles if role.strip()),
            is_admin_project="admin" in roles,
        )
        log.warning(
            "NO AUTHENTICATION: everyone who reaches %s acts with the roles: %s",
            ", ".join(open_to) or "this machine's loopback address",
            ", ".join(self._caller.roles) or "none",
        )

    def recognises(self, token: str) -> bool:
        return False

    def anonymous(self, remote: str) -> Caller | None:
        """Return the forged identity for a request from `remote`."""
        return self._caller if self._is_forced or is_loopback(remote) else None

    async def verify(self, token: str) -> Verified | None:
        return None

    async def close(self) -> None:
        return None


def is_loopback(address: str) -> bool:
    """Whether `address` (IP, localhost, or the path of a Unix socket) is this machine only."""
    if address == "localhost" or address.startswith(("/", "unix:")):
        return True
    try:
        ip = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_loopback
