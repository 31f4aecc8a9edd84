"""Logins by name and password: Keystone gives a token for them, drydockd keeps neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.api.headers import is_plain
from drydockd.auth.identity import ServiceIdentity
from drydockd.errors import Unavailable

# Answers that mean: not with this name, password, domain and project.
REFUSALS = frozenset({400, 401, 403, 404, 409})


@dataclass(frozen=True, slots=True)
class Password:
    """What a person types; `domain` is the user's and the project's."""

    user: str
    password: str = field(repr=False)
    domain: str = "Default"
    project: str = ""


class Passwords:
    """Asks Keystone, in its threads. Event-loop thread only."""

    def __init__(self, identity: ServiceIdentity) -> None:
        self._identity = identity

    async def token(self, given: Password) -> str | None:
        """Return a new token, None when Keystone refuses what was `given`.

        Raises Unavailable when it does not answer. Source: Keystone's API v3, "Password
        authentication with scoped authorization".
        """
        body = _body(given)
        await self._identity.ready()
        call = self._identity.submit(lambda: self._identity.post("/auth/tokens", body))
        status, headers = await self._identity.wait(call)
        return _token(status, headers)


def _token(status: int, headers: Mapping[str, str]) -> str | None:
    if status in REFUSALS:
        return None
    token = headers.get("X-Subject-Token", "")
    if status != 201 or not token or not is_plain(token):
        raise Unavailable(f"Keystone answers HTTP {status} to a login; try again later")
    return token


def _body(given: Password) -> dict[str, object]:
    domain = {"name": given.domain}
    user = {"name": given.user, "password": given.password, "domain": domain}
    identity = {"methods": ["password"], "password": {"user": user}}
    if not given.project:
        return {"auth": {"identity": identity}}
    scope = {"project": {"name": given.project, "domain": domain}}
    return {"auth": {"identity": identity, "scope": scope}}
