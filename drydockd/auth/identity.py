"""drydockd's own account at Keystone: one token for validation and for outbound requests."""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

from drydockd.api.headers import is_plain
from drydockd.auth.circuit import Circuit
from drydockd.errors import InvalidConfig, Unavailable

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

NO_ANSWER = "Keystone does not answer; try again later"
TOO_LONG = "Keystone takes too long; try again later"
# A probe's time-out for each of its two requests.
PROBE_SECONDS = 2.0


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


class _Away(Unavailable):
    """Keystone did not answer, or not us; `trouble` says it for the operator."""

    def __init__(self, said: str, trouble: str, level: int = logging.WARNING) -> None:
        super().__init__(said)
        self.trouble = trouble
        self.level = level


class ServiceIdentity:
    """Holds drydockd's own Keystone token and the few threads that talk to Keystone.

    A TokenSource. Every call is bounded: by the library's time-out in its thread, by
    `deadline_seconds` for who waits, by `max_waiting` calls in all; those of the reserve
    (`is_reserved`) have threads of their own and no such limit. After a failure everyone's
    call ends at once, and after `pause_seconds` one probe finds out whether Keystone is back
    (see circuit). Raises InvalidConfig for an account that cannot work.
    """

    def __init__(
        self,
        account: Account,
        *,
        workers: int = 4,
        reserved_workers: int = 2,
        deadline_seconds: float = 15.0,
        pause_seconds: float = 1.0,
        max_waiting: int = 256,
    ) -> None:
        _check(account)
        self.url = v3_url(account.auth_url)
        self._plugin = _plugin(account, self.url)
        self._session = _session(account, self._plugin)
        quick = replace(account, timeout_seconds=PROBE_SECONDS, retries=0, insecure=False)
        self._probing = _session(quick, self._plugin)
        self._probing.verify = self._session.verify
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="keystone")
        self._reserve = ThreadPoolExecutor(reserved_workers, thread_name_prefix="keystone-known")
        self._prober = ThreadPoolExecutor(1, thread_name_prefix="keystone-probe")
        self._circuit = Circuit(
            "Keystone", lambda: self._run(self._prober, self._probe), pause_seconds=pause_seconds
        )
        self._deadline = deadline_seconds
        self._max_waiting = max_waiting
        self._waiting = 0
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
        await self.ready()
        return await self.wait(self.submit(self._own_token, is_reserved=True))

    async def endpoint(
        self, service_type: str, *, interface: str, region: str | None = None
    ) -> str | None:
        """Return a service's URL from the catalogue that came with the token; None: not in it.

        Raises Unavailable as `token` does.
        """

        def look() -> str | None:
            self._own_token()
            catalogue = self._plugin.get_access(self._session).service_catalog
            try:
                found: str | None = catalogue.url_for(
                    service_type=service_type, interface=interface, region_name=region
                )
            except exceptions.CatalogException:
                return None
            return found

        await self.ready()
        return await self.wait(self.submit(look, is_reserved=True))

    async def ready(self) -> None:
        """Return at once while Keystone answers; else raise Unavailable within a second."""
        await self._circuit.ready()

    async def check(self, seconds: float) -> str | None:
        """Ask Keystone whether it is there; return what is wrong, None if nothing is."""
        return await self._circuit.check(seconds)

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

    def post(self, path: str, body: object) -> tuple[int, Mapping[str, str]]:
        """Post JSON as nobody; blocking, for `submit`. Returns status and headers of the answer."""
        self._count()
        response = self._session.post(
            f"{self.url}{path}",
            json=body,
            headers={"Accept": "application/json"},
            authenticated=False,
            raise_exc=False,
            redirect=False,
            log=False,
        )
        return response.status_code, response.headers

    def submit(
        self, call: Callable[[], Answer], *, is_reserved: bool = False
    ) -> asyncio.Future[Answer]:
        """Run `call` in a thread; its Keystone errors become Unavailable. Await it by `wait`.

        `is_reserved`: for somebody who was known before; never refused for others' sake.
        """
        if is_reserved:
            return self._run(self._reserve, call)
        if self._waiting >= self._max_waiting:
            raise Unavailable("too many requests wait for Keystone; try again later")
        future = self._run(self._pool, call)
        self._waiting += 1
        future.add_done_callback(self._one_less)
        return future

    async def wait(self, future: asyncio.Future[Answer]) -> Answer:
        """Return the future's result, or raise Unavailable after the deadline.

        The future itself goes on: others may wait for it too.
        """
        failure = self._circuit.failure()
        both: set[asyncio.Future[Any]] = {future, failure}
        done, _ = await asyncio.wait(
            both, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED
        )
        if future in done:
            return future.result()
        if failure not in done:
            trouble = f"Keystone at {self.url} takes longer than {self._deadline} s"
            self._circuit.open(trouble, TOO_LONG)
            raise Unavailable(TOO_LONG)
        raise Unavailable(NO_ANSWER)

    async def close(self) -> None:
        """Let the threads end; calls under way finish within their own time-out."""
        for pool in (self._pool, self._reserve, self._prober):
            pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, pool: ThreadPoolExecutor, call: Callable[[], Answer]) -> asyncio.Future[Answer]:
        loop = asyncio.get_running_loop()
        is_probe = pool is self._prober
        future = loop.run_in_executor(pool, self._translated, call, is_probe)
        future.add_done_callback(self._done)
        return future

    def _one_less(self, future: asyncio.Future[Answer]) -> None:
        self._waiting -= 1

    def _done(self, future: asyncio.Future[Answer]) -> None:
        # Looked at here, so that a failure nobody waits for any more is not a warning.
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._circuit.close()
        elif isinstance(error, _Away):
            self._circuit.open(error.trouble, str(error), level=error.level)

    def _probe(self) -> None:
        """Ask about our own token, briefly and once."""
        self._count()
        own = self._plugin.get_token(self._probing)
        response = self._probing.get(
            f"{self.url}/auth/tokens",
            params={"nocatalog": ""},
            headers={"X-Subject-Token": own, "Accept": "application/json"},
            authenticated=True,
            raise_exc=False,
            redirect=False,
            log=False,
        )
        if response.status_code >= 500:
            raise ValueError(f"HTTP {response.status_code}")

    def _own_token(self) -> str:
        self._count()
        token = self._plugin.get_token(self._session)
        if not token or not is_plain(token):
            raise Unavailable("Keystone gave no token, or none that a header may carry")
        return token

    def _translated(self, call: Callable[[], Answer], is_probe: bool) -> Answer:
        if self._circuit.trouble is not None and not is_probe:
            raise Unavailable(NO_ANSWER)  # waited in the queue meanwhile
        try:
            return call()
        except exceptions.HTTPClientError as error:
            # Paused too: each further login would bring the account nearer to being locked.
            raise _Away(
                "drydockd cannot log in to Keystone; tell its operator",
                f"Keystone refuses drydockd's own account with HTTP {error.http_status}: check"
                " user, password, project and roles in keystone_authtoken",
                logging.ERROR,
            ) from error
        except (exceptions.ClientException, ValueError) as error:
            raise _Away(NO_ANSWER, f"Keystone at {self.url} does not answer: {error}") from error

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
