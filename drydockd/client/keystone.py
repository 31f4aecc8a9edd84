"""Tokens and endpoints from Keystone, for those who have one; needs keystoneauth1."""

from __future__ import annotations

from typing import TypedDict, Unpack

from keystoneauth1 import session as ks
from keystoneauth1 import token_endpoint
from keystoneauth1.exceptions import CatalogException
from keystoneauth1.identity import v3
from keystoneauth1.plugin import BaseAuthPlugin

SERVICE_TYPE = "physicalprovisioner"


class AuthInfo(TypedDict, total=False):
    """What `get_ks_session` takes."""

    token: str | None
    username: str | None
    password: str | None
    project_name: str | None
    project_domain_name: str | None
    user_domain_name: str | None
    auth_url: str | None
    verify: bool | str


class GivenToken(v3.Token):
    """A token used as it is; Keystone is only asked for its catalogue."""

    def __init__(self, auth_url: str, token: str, project: str | None, domain: str | None) -> None:
        super().__init__(auth_url, token, project_name=project, project_domain_name=domain)
        self.given = token

    def get_token(self, session: ks.Session) -> str | None:
        return self.given


def get_ks_session(
    *,
    token: str | None = None,
    username: str | None = None,
    password: str | None = None,
    project_name: str | None = None,
    project_domain_name: str | None = None,
    user_domain_name: str | None = None,
    auth_url: str | None = None,
    verify: bool | str = True,
) -> ks.Session:
    """Return a Keystone session from a token, or from a name and password (v3).

    Nothing is contacted yet. A token needs no `auth_url`, but without one there is no
    catalogue to look an endpoint up in. Raises ValueError when there is neither.
    """
    plugin: BaseAuthPlugin
    if token and auth_url:
        plugin = GivenToken(auth_url, token, project_name, project_domain_name)
    elif token:
        plugin = token_endpoint.Token("", token)
    elif username and password and auth_url:
        plugin = v3.Password(
            auth_url,
            username=username,
            password=password,
            user_domain_name=user_domain_name,
            project_name=project_name,
            project_domain_name=project_domain_name,
        )
    else:
        raise ValueError("a token is needed, or user name, password and authentication URL")
    return ks.Session(auth=plugin, verify=verify)


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
    **auth_info: Unpack[AuthInfo],
) -> str:
    """Return the URL of a service from the catalogue. Raises LookupError when it has none."""
    session = ks_sess or get_ks_session(**auth_info)
    try:
        found = session.get_endpoint(service_type=service_type, interface=interface)
    except CatalogException:
        found = None
    if not found:
        raise LookupError(f"the catalogue has no {interface} endpoint for {service_type}")
    return str(found)
