"""No authentication: everyone on this machine is one forged identity. For laboratories."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable, Mapping, Sequence

from drydockd.auth.strategy import Verified
from drydockd.errors import Forbidden, InvalidConfig, Misdirected
from drydockd.model import Caller

log = logging.getLogger(__name__)

NAME = "noauth"


class NoAuth:
    """Gives every request the same identity, whatever tokens it carries.

    `roles` may be empty: then the identity has none. `listen` are the addresses the daemon
    listens on; anything but loopback raises InvalidConfig unless `is_forced`, and a request
    from elsewhere (a proxy's client, an inherited socket) stays without identity.

    A browser on this machine sends whatever a page tells it to, and the page's owner may let
    his own name point here (DNS rebinding). So only requests for names of this machine and
    for `names` are answered, and of pages only its own.
    """

    name = NAME
    challenge: str | None = None

    def __init__(
        self,
        roles: Sequence[str] = (),
        listen: Iterable[str] = (),
        *,
        names: Iterable[str] = (),
        is_forced: bool = False,
    ) -> None:
        listen = tuple(listen)
        self._names = frozenset(_folded(name) for name in (*listen, *names))
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

    def anonymous(self, remote: str, headers: Mapping[str, str]) -> Caller | None:
        """Return the forged identity for a request from `remote`.

        Raises Misdirected for a foreign name in Host, Forbidden for a foreign Origin.
        """
        if not (self._is_forced or is_loopback(remote)):
            return None
        host = headers.get("Host", "")
        if not self._is_ours(_name(host)):
            raise Misdirected(
                f"auth.strategy noauth answers to localhost and loopback addresses, not to "
                f"{host[:100]!r}: use one of those, or set api.public_url to the name it is "
                "reached by"
            )
        origin = headers.get("Origin")
        if origin is not None and not self._is_page_of_ours(origin, host):
            raise Forbidden(
                f"auth.strategy noauth answers no page of another place (Origin: {origin[:100]!r}"
                "); jwt or keystone do, to who has a token"
            )
        return self._caller

    def _is_ours(self, name: str) -> bool:
        """Whether a name in Host is ours; none at all is sent by no browser."""
        if not name or name == "localhost" or name in self._names:
            return True
        return _is_address(name) and (self._is_forced or is_loopback(name))

    def _is_page_of_ours(self, origin: str, host: str) -> bool:
        place = origin.partition("://")[2].lower()
        return bool(place) and (place == host.lower() or _name(place) in self._names)

    async def verify(self, token: str, remote: str = "") -> Verified | None:
        return None

    def why(self, token: str) -> str:
        return "noauth believes requests from this machine only, whatever token they bring"

    async def close(self) -> None:
        return None


def _name(host: str) -> str:
    """Return the name or address in ``host:port``, folded; what is neither as it came."""
    if host.startswith("["):
        return _folded(host.partition("]")[0])
    return _folded(host.partition(":")[0] if host.count(":") == 1 else host)


def _folded(name: str) -> str:
    return name.strip("[]").removesuffix(".").lower()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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
