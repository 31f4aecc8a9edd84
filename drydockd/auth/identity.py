"""drydockd's own account at Keystone: one token for validation and for outbound requests."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

from drydockd.api.headers import is_plain
from drydockd.errors import InvalidConfig, Unavailable

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Account:
    """Where Keystone is and who drydockd is there; names as in ``[keystone_authtoken]``.

    `auth_url` may end in ``/v3`` or not. The scope is a project by id, or by name and
    domain; a domain, trust or system scope may be given instead.
    """

    auth_url: str
    username: str | None = None
    password: str = field(default="", repr=False)
    user_id: str | None = None
    user_domain_name: str | None = None
    user_domain_id: str | None = None
    project_name: str | None = None
    project_id: str | None = None
    project_domain_name: str | None = None
    project_domain_id: str | None = None
    domain_id: str | None = None
    domain_name: str | None = None
    system_scope: str | None = None
    trust_id: str | None = None
    default_domain_id: str | None = None
    default_domain_name: str | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    insecure: bool = False
    timeout_seconds: float = 5.0
    retries: int = 3


class ServiceIdentity:
    """Holds drydockd's own Keystone token and the few threads that talk to Keystone.

    A TokenSource. Every call is bounded: by the library's time-out in its thread, by
    `deadline_seconds` for who waits, by `max_waiting` calls in all. After a failed
    connection the next `pause_seconds` answer Unavailable at once. Raises InvalidConfig for
    an account that cannot work.
    """

    def __init__(
        self,
        account: Account,
        *,
        workers: int = 4,
        deadline_seconds: float = 15.0,
        pause_seconds: float = 1.0,
        max_waiting: int = 256,
    ) -> None:
        _check(account)
        self.url = v3_url(account.auth_url)
        self._plugin = _plugin(account, self.url)
        self._session = _session(account, self._plugin)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="keystone")
        self._deadline = deadline_seconds
        self._pause = pause_seconds
        self._max_waiting = max_waiting
        self._waiting = 0
        self._away_until = 0.0
        self._lock = threading.Lock()
        self._requests = 0

    @property
    def requests(self) -> int:
        """How many requests were made of Keystone, for metrics."""
        return self._requests

    async def token(self) -> str:
        """Return drydockd's own token, a new one when the last has expired or was forgotten.

        Raises Unavailable when Keystone gives none; the log says why. Worth a call at the
        start of the daemon: it shows a wrong account before the first request does.
        """
        return await self.wait(self.submit(self._own_token))

    def forget(self) -> None:
        """Drop the own token because someone answered 401 to it. Safe to call twice."""
        self._plugin.invalidate()

    def validate(self, token: str) -> tuple[int, object]:
        """Ask Keystone about `token`; blocking, for `submit`. Returns status and parsed body.

        The own token is renewed once when Keystone refuses it.
        """
        self._count()
        response = self._session.get(
            f"{self.url}/auth/tokens",
            params={"nocatalog": ""},
            headers={"X-Subject-Token": token, "Accept": "application/json"},
            authenticated=True,
            raise_exc=False,
            redirect=False,
            log=False,
        )
        body = response.json() if response.status_code == 200 else None
        return response.status_code, body

    def submit(self, call: Callable[[], Answer]) -> asyncio.Future[Answer]:
        """Run `call` in a thread; its Keystone errors become Unavailable. Await it by `wait`."""
        if time.monotonic() < self._away_until:
            raise Unavailable("Keystone does not answer; try again later")
        if self._waiting >= self._max_waiting:
            raise Unavailable("too many requests wait for Keystone; try again later")
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, self._translated, call)
        self._waiting += 1
        future.add_done_callback(self._done)
        return future

    async def wait(self, future: asyncio.Future[Answer]) -> Answer:
        """Return the future's result, or raise Unavailable after the deadline.

        The future itself goes on: others may wait for it too.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._deadline)
        except TimeoutError:
            raise Unavailable("Keystone takes too long; try again later") from None

    async def close(self) -> None:
        """Let the threads end; calls under way finish within their own time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: asyncio.Future[Answer]) -> None:
        self._waiting -= 1
        # Looked at here, so that a failure nobody waits for any more is not a warning.
        if not future.cancelled():
            future.exception()

    def _own_token(self) -> str:
        self._count()
        token = self._plugin.get_token(self._session)
        if not token or not is_plain(token):
            raise Unavailable("Keystone gave no token, or none that a header may carry")
        return token

    def _translated(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except exceptions.HTTPClientError as error:
            # Paused too: each further login would bring the account nearer to being locked.
            self._away_until = time.monotonic() + self._pause
            log.error(
                "Keystone refuses drydockd's own account with HTTP %s: check user, password, "
                "project and roles in keystone_authtoken",
                error.http_status,
            )
            raise Unavailable("drydockd cannot log in to Keystone; tell its operator") from error
        except (exceptions.ClientException, ValueError) as error:
            self._away_until = time.monotonic() + self._pause
            log.warning("Keystone at %s does not answer: %s", self.url, error)
            raise Unavailable("Keystone does not answer; try again later") from error

    def _count(self) -> None:
        with self._lock:
            self._requests += 1


def v3_url(auth_url: str) -> str:
    """Return the v3 root for an ``auth_url`` with or without ``/v3``, without trailing slash."""
    url = auth_url.rstrip("/")
    return url if url.endswith("/v3") else f"{url}/v3"


def _check(account: Account) -> None:
    if not account.auth_url.startswith(("http://", "https://")):
        raise InvalidConfig(f"keystone_authtoken.auth_url: {account.auth_url!r} is not an http URL")
    if not (account.user_id or account.username):
        raise InvalidConfig("keystone_authtoken: username or user_id is missing")
    if not account.password:
        raise InvalidConfig("keystone_authtoken.password is missing")
    has_default = account.default_domain_id or account.default_domain_name
    has_user_domain = account.user_domain_id or account.user_domain_name or has_default
    if not account.user_id and not has_user_domain:
        raise InvalidConfig("keystone_authtoken: username needs user_domain_name or _id")
    has_project_domain = account.project_domain_id or account.project_domain_name or has_default
    if account.project_name and not account.project_id and not has_project_domain:
        raise InvalidConfig("keystone_authtoken: project_name needs project_domain_name or _id")
    scopes = (
        account.project_id or account.project_name,
        account.domain_id or account.domain_name,
        account.trust_id,
        account.system_scope,
    )
    if sum(bool(scope) for scope in scopes) != 1:
        raise InvalidConfig(
            "keystone_authtoken: the account needs one scope: project_id, or project_name with "
            "its domain (or a domain, trust or system scope)"
        )
    if account.keyfile and not account.certfile:
        raise InvalidConfig("keystone_authtoken: keyfile without certfile")


def _plugin(account: Account, url: str) -> v3.Password:
    return v3.Password(
        url,
        username=account.username,
        user_id=account.user_id,
        password=account.password,
        user_domain_id=account.user_domain_id or account.default_domain_id,
        user_domain_name=account.user_domain_name or account.default_domain_name,
        project_id=account.project_id,
        project_name=account.project_name if not account.project_id else None,
        project_domain_id=account.project_domain_id or account.default_domain_id,
        project_domain_name=account.project_domain_name or account.default_domain_name,
        domain_id=account.domain_id,
        domain_name=account.domain_name,
        system_scope=account.system_scope,
        trust_id=account.trust_id,
    )


def _session(account: Account, plugin: v3.Password) -> session.Session:
    verify: bool | str = str(account.cafile) if account.cafile else True
    cert: str | tuple[str, str] | None = None
    if account.certfile:
        cert = str(account.certfile)
        if account.keyfile:
            cert = (str(account.certfile), str(account.keyfile))
    if account.insecure:
        log.warning("keystone_authtoken.insecure: Keystone's certificate is not checked")
        # Said once, here; the library would say it again for every request.
        warnings.filterwarnings("ignore", "Unverified HTTPS request")
    return session.Session(
        auth=plugin,
        verify=False if account.insecure else verify,
        cert=cert,
        timeout=account.timeout_seconds,
        redirect=False,
        app_name="drydockd",
        connect_retries=account.retries,
    )
