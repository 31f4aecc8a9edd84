"""Tokens and endpoints from Keystone, for those who have one; needs keystoneauth1."""

from __future__ import annotations

from typing import TypedDict, Unpack

from keystoneauth1 import session as ks
from keystoneauth1 import token_endpoint
from keystoneauth1.exceptions import CatalogException
from keystoneauth1.identity import v3
from keystoneauth1.plugin import BaseAuthPlugin

from drydockd.client.trust import trusted

SERVICE_TYPE = "physicalprovisioner"


class Scope(TypedDict, total=False):
    """Of which project; as keystoneauth1's plugins call it."""

    project_name: str | None
    project_id: str | None
    project_domain_name: str | None
    project_domain_id: str | None


class User(TypedDict, total=False):
    """Who one is; as keystoneauth1's plugins call it."""

    username: str | None
    user_id: str | None
    user_domain_name: str | None
    user_domain_id: str | None


class AuthInfo(Scope, User, total=False):
    """What `get_ks_session` takes."""

    token: str | None
    password: str | None
    application_credential_id: str | None
    application_credential_name: str | None
    application_credential_secret: str | None
    auth_url: str | None
    verify: bool | str


class GivenToken(v3.Token):
    """A token used as it is; Keystone is only asked for its catalogue."""

    def __init__(self, auth_url: str, token: str, scope: Scope) -> None:
        super().__init__(auth_url, token, **scope)
        self.given = token

    def get_token(self, session: ks.Session) -> str | None:
        return self.given


def get_ks_session(**auth_info: Unpack[AuthInfo]) -> ks.Session:
    """Return a Keystone session from a token, a password or an application credential (v3).

    Nothing is contacted yet. A token needs no `auth_url`, but without one there is no
    catalogue to look an endpoint up in. `verify` as of `Session`. Raises ValueError when there is
    nothing to log in with.
    """
    return ks.Session(auth=_plugin(auth_info), verify=trusted(auth_info.get("verify", True)))


def _plugin(info: AuthInfo) -> BaseAuthPlugin:
    auth_url, token = info.get("auth_url"), info.get("token")
    scope: Scope = {
        "project_name": info.get("project_name"),
        "project_id": info.get("project_id"),
        "project_domain_name": info.get("project_domain_name"),
        "project_domain_id": info.get("project_domain_id"),
    }
    user: User = {
        "username": info.get("username"),
        "user_id": info.get("user_id"),
        "user_domain_name": info.get("user_domain_name"),
        "user_domain_id": info.get("user_domain_id"),
    }
    if token and auth_url:
        return GivenToken(auth_url, token, scope)
    if token:
        return token_endpoint.Token("", token)
    if auth_url and (secret := info.get("application_credential_secret")):
        # Its project is its own.
        return v3.ApplicationCredential(
            auth_url,
            application_credential_id=info.get("application_credential_id"),
            application_credential_name=info.get("application_credential_name"),
            application_credential_secret=secret,
            **user,
        )
    if auth_url and (password := info.get("password")) and (user["username"] or user["user_id"]):
        return v3.Password(auth_url, password=password, **user, **scope)
    raise ValueError("a token is needed, or user name, password and authentication URL")


def get_token(ks_sess: ks.Session | None = None, **auth_info: Unpack[AuthInfo]) -> str:
    """Return a token; `auth_info` is what `get_ks_session` takes. Raises keystoneauth1's errors."""
    found = (ks_sess or get_ks_session(**auth_info)).get_token()
    if not found:
        raise ValueError("Keystone gave no token")
    return str(found)


def get_endpoint(
    service_type: str = SERVICE_TYPE,
    ks_sess: ks.Session | None = None,
    interface: str = "internal",
    region_name: str | None = None,
    **auth_info: Unpack[AuthInfo],
) -> str:
    """Return the URL of a service from the catalogue. Raises LookupError when it has none."""
    session = ks_sess or get_ks_session(**auth_info)
    try:
        found = session.get_endpoint(
            service_type=service_type, interface=interface, region_name=region_name
        )
    except CatalogException:
        found = None
    if not found:
        region = f" in region {region_name}" if region_name else ""
        raise LookupError(f"the catalogue has no {interface} endpoint for {service_type}{region}")
    return str(found)
