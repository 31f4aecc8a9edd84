"""How requests to Ironic are authorized, and where it is: none, HTTP basic, Keystone."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

from drydockd.drivers.node.ironic.answers import plain
from drydockd.drivers.node.ironic.options import IronicOptions
from drydockd.errors import DriverPersistent, DriverTransient, InvalidInput

Answer = TypeVar("Answer")

SERVICE_TYPE = "baremetal"
# Of one request to Keystone; a token takes one, the catalogue comes with it.
KEYSTONE_SECONDS = 20.0


class Access(Protocol):
    """The way into Ironic. Both raise DriverTransient and DriverPersistent, without secrets."""

    async def url(self) -> str:
        """Return the root of the API, without a slash at its end."""
        ...

    async def headers(self) -> Mapping[str, str]: ...

    async def owner(self) -> str | None:
        """Return the project that nodes of this account belong to, if it has one."""
        ...

    def forget(self) -> None:
        """A request was refused as unauthenticated: what is known may be too old."""
        ...

    def close(self) -> None: ...


class FixedAccess:
    """No login, or the same one in every request."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = headers

    async def url(self) -> str:
        return self._url

    async def headers(self) -> Mapping[str, str]:
        return self._headers

    async def owner(self) -> str | None:
        return None

    def forget(self) -> None:
        """Nothing is remembered."""

    def close(self) -> None:
        """Nothing is open."""


class KeystoneAccess:
    """A token of Keystone's, renewed by keystoneauth1; asked in one thread of its own."""

    def __init__(self, options: IronicOptions) -> None:
        self._options = options
        is_system = options.system_scope
        self._session = session.Session(
            auth=v3.Password(
                options.auth_url,
                username=options.username,
                password=options.password.get_secret_value(),
                user_domain_name=options.user_domain_name,
                project_name=None if is_system else options.project_name,
                project_domain_name=None if is_system else options.project_domain_name,
                system_scope="all" if is_system else None,
            ),
            verify=str(options.ca_file) if options.ca_file else True,
            timeout=KEYSTONE_SECONDS,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ironic-keystone")

    async def url(self) -> str:
        if self._options.url:
            return self._options.url.rstrip("/")
        found = await self._asked(self._endpoint, f"{SERVICE_TYPE} endpoint")
        return found.rstrip("/").removesuffix("/v1")

    async def headers(self) -> Mapping[str, str]:
        return await self._asked(self._session.get_auth_headers, "token")

    async def owner(self) -> str | None:
        if self._options.system_scope:
            return None
        return await self._asked(self._session.get_project_id, "project")

    def forget(self) -> None:
        self._session.invalidate()

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _endpoint(self) -> str | None:
        options = self._options
        found: str | None = self._session.get_endpoint(
            service_type=SERVICE_TYPE, interface=options.interface, region_name=options.region
        )
        return found

    async def _asked(self, question: Callable[[], Answer | None], what: str) -> Answer:
        """Return the answer. Raises DriverPersistent: refused, or Keystone has none."""
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._thread, question)
        except (exceptions.ConnectFailure, exceptions.HttpServerError) as error:
            raise DriverTransient(
                f"Keystone at {self._options.auth_url} does not answer: {plain(error)}"
            ) from None
        except exceptions.ClientException as error:
            raise DriverPersistent(
                f"Keystone at {self._options.auth_url} gives {self._options.username} no {what}: "
                f"{plain(error)}"
            ) from None
        if not answer:
            raise DriverPersistent(
                f"Keystone at {self._options.auth_url} has no {what} for {self._options.username}"
            )
        return answer


def access_of(options: IronicOptions) -> Access:
    """Return the way in that the options describe. Raises InvalidInput: it is not said where."""
    if options.auth == "keystone":
        return KeystoneAccess(options)
    if options.url is None:
        raise InvalidInput("url is missing; only Keystone's catalogue could say it")
    headers = {}
    if options.auth == "http_basic":
        account = f"{options.username}:{options.password.get_secret_value()}"
        headers["Authorization"] = f"Basic {b64encode(account.encode()).decode()}"
    return FixedAccess(options.url.rstrip("/"), headers)
