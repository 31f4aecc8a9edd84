"""From global options to a client: made when a command needs it, and not before."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypedDict

import click

if TYPE_CHECKING:
    from keystoneauth1.session import Session as KeystoneSession

    from drydockd.client import Client

P = ParamSpec("P")

NO_URL = (
    "Unable to discover Drydock API URL: give --url or DD_URL, or --os-auth-url and credentials, "
    "or --os-cloud"
)
NO_LOGIN = "Unable to authenticate with Keystone"


class Credentials(TypedDict):
    """The global options that `Access` keeps as they are."""

    url: str | None
    no_auth: bool
    os_cloud: str | None
    os_token: str | None
    os_username: str | None
    os_user_id: str | None
    os_password: str | None
    os_auth_url: str | None
    os_project_name: str | None
    os_project_id: str | None
    os_project_domain_name: str | None
    os_project_domain_id: str | None
    os_user_domain_name: str | None
    os_user_domain_id: str | None
    os_application_credential_id: str | None
    os_application_credential_secret: str | None
    os_region_name: str | None
    os_interface: str | None


@dataclass(frozen=True)
class Access:
    """What the global options say about the API and the caller; secrets are not shown."""

    url: str | None = None
    no_auth: bool = False
    verify: bool | str = True
    os_cloud: str | None = None
    os_token: str | None = field(default=None, repr=False)
    os_username: str | None = None
    os_user_id: str | None = None
    os_password: str | None = field(default=None, repr=False)
    os_auth_url: str | None = None
    os_project_name: str | None = None
    os_project_id: str | None = None
    os_project_domain_name: str | None = None
    os_project_domain_id: str | None = None
    os_user_domain_name: str | None = None
    os_user_domain_id: str | None = None
    os_application_credential_id: str | None = None
    os_application_credential_name: str | None = None
    os_application_credential_secret: str | None = field(default=None, repr=False)
    os_region_name: str | None = None
    os_interface: str | None = None

    @contextmanager
    def client(self, *, identified: bool = True) -> Iterator[Client]:
        """Yield a client. Raises a usage error where URL or token cannot be had."""
        from drydockd.client import Client, Session

        access = self.completed()
        if isinstance(access.verify, str) and not os.path.exists(access.verify):
            raise click.UsageError(
                f"--ca-file (or OS_CACERT) {access.verify}: there is no such file"
            )
        auth_gen = access._auth_gen() if identified else None
        url = access.url or access._discovered()
        try:
            session = Session.from_url(url, auth_gen=auth_gen, verify=access.verify)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        with session:
            yield Client(session)

    def completed(self) -> Access:
        """Return this with what clouds.yaml says of `os_cloud`, where nothing else was given.

        Raises a usage error for a cloud that cannot be read.
        """
        # What the field calls the variables themselves.
        if not self.os_cloud or self.os_cloud == "envvars":
            return self
        from drydockd.client.clouds import read_cloud

        try:
            cloud = read_cloud(self.os_cloud)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        told: dict[str, Any] = {f"os_{name}": value for name, value in cloud.auth.items()}
        told |= {"os_region_name": cloud.region_name, "os_interface": cloud.interface}
        missing = {name: value for name, value in told.items() if not getattr(self, name)}
        verify = cloud.verify if self.verify is True and cloud.verify is not None else self.verify
        return replace(self, os_cloud=None, verify=verify, **missing)

    def _auth_gen(self) -> Callable[[], dict[str, str]] | None:
        """Return what gives the token's header; None where nobody wants one."""
        secrets = (self.os_token, self.os_password, self.os_application_credential_secret)
        if self.no_auth or not any((*secrets, self.os_username, self.os_user_id)):
            return None
        if self.os_token:
            return lambda: {"X-Auth-Token": self.os_token or ""}
        known = False

        def issue() -> dict[str, str]:
            # Asked again after a 401: the token that Keystone's session kept is not good.
            nonlocal known
            token = self._issued(anew=known)
            known = True
            return {"X-Auth-Token": token}

        return issue

    @functools.cached_property
    def _keystone(self) -> KeystoneSession:
        from drydockd.client.keystone import get_ks_session

        return get_ks_session(
            token=self.os_token,
            username=self.os_username,
            user_id=self.os_user_id,
            password=self.os_password,
            project_name=self.os_project_name,
            project_id=self.os_project_id,
            project_domain_name=self.os_project_domain_name,
            project_domain_id=self.os_project_domain_id,
            user_domain_name=self.os_user_domain_name,
            user_domain_id=self.os_user_domain_id,
            application_credential_id=self.os_application_credential_id,
            application_credential_name=self.os_application_credential_name,
            application_credential_secret=self.os_application_credential_secret,
            auth_url=self.os_auth_url,
            verify=self.verify,
        )

    def _issued(self, *, anew: bool) -> str:
        from keystoneauth1.exceptions import ClientException

        from drydockd.client.keystone import get_token

        try:
            if anew:
                self._keystone.invalidate()
            return get_token(self._keystone)
        except (ClientException, ValueError) as error:
            raise click.UsageError(f"{NO_LOGIN}: {_line(error)}") from None

    def _discovered(self) -> str:
        if not self.os_auth_url:
            raise click.UsageError(NO_URL)
        from keystoneauth1.exceptions import ClientException

        from drydockd.client.keystone import get_endpoint

        try:
            return get_endpoint(
                ks_sess=self._keystone,
                interface=self.os_interface or "internal",
                region_name=self.os_region_name,
            )
        except (ClientException, LookupError, ValueError) as error:
            raise click.UsageError(f"Unable to discover Drydock API URL: {_line(error)}") from None


def with_client(
    *, identified: bool = True
) -> Callable[[Callable[Concatenate[Client, P], None]], Callable[P, None]]:
    """Call the command with a client first; what the API refuses ends in one line, status 1."""

    def decorate(call: Callable[Concatenate[Client, P], None]) -> Callable[P, None]:
        @click.pass_obj
        @functools.wraps(call)
        def run(access: Access, /, *args: P.args, **options: P.kwargs) -> None:
            with access.client(identified=identified) as client, told():
                call(client, *args, **options)

        return run

    return decorate


@contextmanager
def told() -> Iterator[None]:
    """Turn a ClientError into one line on standard error and status 1."""
    from drydockd.client import ClientError

    try:
        yield
    except ClientError as error:
        code = f" (HTTP {error.status_code})" if error.status_code else ""
        raise click.ClickException(f"{error.reason}{code}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
