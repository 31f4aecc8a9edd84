"""From request headers to a Caller: the strategies' seam, and the table of two tokens."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from drydockd.api.headers import decoded
from drydockd.auth.audit import Audit, Event
from drydockd.auth.reasons import ABSENT, MALFORMED
from drydockd.auth.throttle import Throttle
from drydockd.errors import InvalidConfig, TooMany, Unavailable
from drydockd.model import Caller, changed

USER_TOKEN = "X-Auth-Token"  # noqa: S105
SERVICE_TOKEN = "X-Service-Token"  # noqa: S105
MARKER = "X-Context-Marker"
END_USER = "X-End-User"

ANONYMOUS = Caller(user="", authenticated=False)
MAX_TOKEN_CHARS = 8192
MAX_END_USER_CHARS = 256
# RFC 7230 visible characters: anything else in a token is an attack or an accident.
TOKEN = re.compile(rf"[\x21-\x7e]{{1,{MAX_TOKEN_CHARS}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verified:
    """A valid token's identity; `is_fresh` when it was worked out now, not remembered."""

    caller: Caller
    is_fresh: bool = False


class Strategy(Protocol):
    """One way to tell who sent a token. Event-loop thread only.

    `challenge` is its part of WWW-Authenticate on a 401, if any.
    """

    name: str
    challenge: str | None

    def recognises(self, token: str) -> bool:
        """Whether the token says it is this strategy's; then no other is asked. Costs little."""
        ...

    def anonymous(self, remote: str, headers: Mapping[str, str]) -> Caller | None:
        """Return the identity of a request from address `remote` that needs no token.

        Raises Misdirected and Forbidden for one that a browser was lured into.
        """
        ...

    async def verify(self, token: str, remote: str = "") -> Verified | None:
        """Return whose token it is, None when it is not valid; it came from address `remote`.

        Raises Unavailable when that cannot be found out now, TooMany when it will not be for
        this address.
        """
        ...

    def why(self, token: str) -> str:
        """Say why `token` was refused, by what it says itself and what its sender knows.

        Asks nobody. Empty: the request brought none.
        """
        ...

    async def close(self) -> None:
        """Let go of threads and connections. Safe to call twice."""
        ...


class Authenticator:
    """Identifies the caller of a request by the configured strategies, tried in order.

    Identity headers (``X-Roles`` and its kin) are never looked at. A user's token decides
    the identity and its roles; a service token beside it is recorded and must be valid; one
    alone, or beside a user's invalid one, is the identity. Source: contract, auth-policy,
    section 2.2; architecture, decision 12. `service_roles`, if given, are those of which a
    service token needs one.
    """

    def __init__(
        self,
        strategies: Sequence[Strategy],
        *,
        throttle: Throttle | None = None,
        audit: Audit | None = None,
        service_roles: Sequence[str] = (),
    ) -> None:
        if not strategies:
            raise InvalidConfig("auth_strategy is empty: choose keystone, jwt or noauth")
        names = [strategy.name for strategy in strategies]
        if "noauth" in names and len(names) > 1:
            raise InvalidConfig("auth_strategy noauth stands alone: beside it no token matters")
        self._strategies = tuple(strategies)
        self._service_roles = frozenset(role.lower() for role in service_roles)
        self._throttle = throttle
        self._audit = audit
        self.challenge = ", ".join(s.challenge for s in strategies if s.challenge) or None

    async def identify(
        self, headers: Mapping[str, str], remote: str, *, request_id: str = ""
    ) -> Caller:
        """Return who sent a request with `headers` from address `remote`; see `examine`."""
        caller, _ = await self.examine(headers, remote, request_id=request_id)
        return caller

    async def examine(
        self, headers: Mapping[str, str], remote: str, *, request_id: str = ""
    ) -> tuple[Caller, str]:
        """Return who sent a request, and why nobody is known to have (empty: somebody is).

        Without a valid identity the caller has ``authenticated=False`` and no roles, and if
        a token was sent the answer may be delayed. Raises Unavailable when a token cannot be
        checked now, TooMany when this address brought too many wrong ones, and what
        `Strategy.anonymous` raises.
        """
        caller, why = self._without_token(remote, headers), ""
        if caller is None:
            caller, why = await self._by_tokens(headers, remote, request_id)
        caller = changed(
            caller,
            request_id=request_id,
            external_marker=marker(_value(headers, MARKER)),
            end_user=decoded(_value(headers, END_USER))[:MAX_END_USER_CHARS] or caller.user,
        )
        return caller, why

    async def close(self) -> None:
        """Close every strategy. Safe to call twice."""
        for strategy in self._strategies:
            await strategy.close()

    def _without_token(self, remote: str, headers: Mapping[str, str]) -> Caller | None:
        for strategy in self._strategies:
            caller = strategy.anonymous(remote, headers)
            if caller is not None:
                return caller
        return None

    async def _by_tokens(
        self, headers: Mapping[str, str], remote: str, request_id: str
    ) -> tuple[Caller, str]:
        user_token = headers.get(USER_TOKEN, "")
        service_token = _value(headers, SERVICE_TOKEN)
        if not user_token and not service_token:
            return ANONYMOUS, self._why("")
        user = await self._verify(user_token, remote, request_id)
        service = await self._verify(service_token, remote, request_id)
        lacks_role = service is not None and not self._is_service(service)
        if lacks_role:
            self._refused(service_token, remote, request_id, "the service token lacks a role")
            service = None
        caller = _combine(user, service, has_service_token=bool(service_token))
        if caller is not ANONYMOUS:
            return caller, ""
        if user_token and user is None:
            why = f"{USER_TOKEN}: {self._why(user_token)}"
        elif lacks_role:
            why = f"{SERVICE_TOKEN}: it has none of the roles that services need"
        else:
            why = f"{SERVICE_TOKEN}: {self._why(service_token)}"
        if self._throttle is not None:
            await self._throttle.failed(remote, "token")
        return ANONYMOUS, why

    def _why(self, token: str) -> str:
        if token and not TOKEN.fullmatch(token):
            return MALFORMED
        asked = self._candidates(token) if token else self._strategies
        if len(asked) == 1:
            return asked[0].why(token) or ABSENT
        if not token:
            return ABSENT
        return "; ".join(f"by {strategy.name}, {strategy.why(token)}" for strategy in asked)

    def _is_service(self, service: Caller) -> bool:
        return not self._service_roles or any(
            role.lower() in self._service_roles for role in service.roles
        )

    async def _verify(self, token: str, remote: str, request_id: str) -> Caller | None:
        if not token:
            return None
        verified = await self._ask(token, remote) if TOKEN.fullmatch(token) else None
        if verified is None:
            self._refused(token, remote, request_id, "the token is not valid")
            return None
        if verified.is_fresh and self._audit is not None:
            self._audit.record(
                Event.AUTHN_LOGIN_SUCCESS,
                verified.caller.user,
                remote=remote,
                request_id=request_id,
                token=token,
            )
        return verified.caller

    async def _ask(self, token: str, remote: str) -> Verified | None:
        away: Unavailable | TooMany | None = None
        for strategy in self._candidates(token):
            try:
                verified = await strategy.verify(token, remote)
            except (Unavailable, TooMany) as error:
                away = away or error
                continue
            if verified is not None:
                return verified
        if away is not None:
            raise away
        return None

    def _candidates(self, token: str) -> tuple[Strategy, ...]:
        if len(self._strategies) > 1:
            for strategy in self._strategies:
                if strategy.recognises(token):
                    return (strategy,)
        return self._strategies

    def _refused(self, token: str, remote: str, request_id: str, why: str) -> None:
        if self._audit is not None:
            self._audit.record(
                Event.AUTHN_LOGIN_FAIL,
                remote=remote,
                request_id=request_id,
                token=token,
                description=why,
            )


def _combine(user: Caller | None, service: Caller | None, *, has_service_token: bool) -> Caller:
    if service is not None:
        return replace(user or service, service_user=service.user, service_roles=service.roles)
    if user is None or has_service_token:
        return ANONYMOUS
    return user


def _value(headers: Mapping[str, str], name: str) -> str:
    """Return the value of a header that few requests have: empty without it.

    To ask Tornado's headers for what is not there takes four times as long as to look for it.
    """
    if name not in headers:
        return ""
    return headers[name]


def marker(text: str) -> str:
    """Return a context marker in canonical form, empty unless it is a UUID of version 4.

    Source: contract, api, section 1.4.
    """
    if len(text) != 36:
        return ""
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return ""
    # uuid.UUID is lenient about braces and hyphens; only the full form counts.
    return str(parsed) if parsed.version == 4 and str(parsed) == text.lower() else ""
