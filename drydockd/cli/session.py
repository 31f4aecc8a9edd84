"""From global options to a client: made when a command needs it, and not before."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypedDict

import click

if TYPE_CHECKING:
    from keystoneauth1.session import Session as KeystoneSession

    from drydockd.client import Client

P = ParamSpec("P")

NO_URL = (
    "Unable to discover Drydock API URL: give --url or DD_URL, or --os-auth-url and credentials"
)
NO_LOGIN = "Unable to authenticate with Keystone"


class Credentials(TypedDict):
    """The global options that `Access` keeps as they are."""

    url: str | None
    no_auth: bool
    os_token: str | None
    os_username: str | None
    os_password: str | None
    os_auth_url: str | None
    os_project_name: str | None
    os_project_domain_name: str | None
    os_user_domain_name: str | None


@dataclass(frozen=True)
class Access:
    """What the global options say about the API and the caller; secrets are not shown."""

    url: str | None = None
    no_auth: bool = False
    verify: bool | str = True
    os_token: str | None = field(default=None, repr=False)
    os_username: str | None = None
    os_password: str | None = field(default=None, repr=False)
    os_auth_url: str | None = None
    os_project_name: str | None = None
    os_project_domain_name: str | None = None
    os_user_domain_name: str | None = None

    @contextmanager
    def client(self, *, identified: bool = True) -> Iterator[Client]:
        """Yield a client. Raises a usage error where URL or token cannot be had."""
        from drydockd.client import Client, Session

        auth_gen = self._auth_gen() if identified else None
        url = self.url or self._discovered()
        try:
            session = Session.from_url(url, auth_gen=auth_gen, verify=self.verify)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        with session:
            yield Client(session)

    def _auth_gen(self) -> Callable[[], dict[str, str]] | None:
        """Return what gives the token's header; None where nobody wants one."""
        if self.no_auth or not (self.os_token or self.os_username or self.os_password):
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
            password=self.os_password,
            project_name=self.os_project_name,
            project_domain_name=self.os_project_domain_name,
            user_domain_name=self.os_user_domain_name,
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
            return get_endpoint(ks_sess=self._keystone)
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
