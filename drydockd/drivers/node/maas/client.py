"""MAAS over HTTP: signs each try anew, repeats what may be repeated, says what went wrong.

One per driver. Source: contract, maas, section 1, and maas-facts, sections 1 and 2.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import httpx

from drydockd import acting
from drydockd.drivers.node.maas import answers
from drydockd.drivers.node.maas.answers import Missing, Unsure
from drydockd.drivers.node.maas.oauth import authorization
from drydockd.drivers.node.maas.options import MaasOptions
from drydockd.errors import DriverError, DriverPersistent, DriverTransient, InvalidInput

Value = str | int | bool | None | Sequence[str | int]
Form = Mapping[str, Value]
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0

# The request did not leave, so that whatever it asks for was not begun.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class MaasClient:
    """Asks MAAS. Paths come from `paths.at`; answers are what their JSON says.

    All methods raise DriverTransient (no answer in time, or busy; after all tries),
    DriverPersistent (credentials, a proxy instead of MAAS), and of those `answers.Refused` (400),
    `answers.Missing` (404), `answers.Taken` (409).

    A field that is None is left out, and "" resets it.
    """

    def __init__(
        self,
        options: MaasOptions,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._key = options.key
        self._seconds = options.retry_seconds
        self._sleep = sleep
        self._connect_seconds, self._read_seconds = options.connect_seconds, options.read_seconds
        self._http = httpx.AsyncClient(
            base_url=f"{options.maas_api_url}/api/2.0/",
            headers={"Accept": "application/json"},
            limits=httpx.Limits(max_connections=options.connections),
            verify=_trust(options),
            # MAAS is on the site's own network, and its key is for nobody between.
            trust_env=False,
            transport=transport,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, op: str | None = None, query: Form | None = None) -> Any:
        """Read; repeated while MAAS is busy or away."""
        return answers.document(await self._asked("GET", path, op, query), _what("GET", path, op))

    async def read(self, path: str, op: str) -> bytes:
        """Read what is no JSON."""
        return (await self._asked("GET", path, op)).content

    async def put(self, path: str, form: Form) -> Any:
        """Change; repeated like `get`, since it ends the same."""
        response = await self._asked("PUT", path, form=form)
        return answers.document(response, _what("PUT", path, None))

    async def post(
        self, path: str, op: str | None = None, form: Form | None = None, *, again: bool = False
    ) -> Any:
        """Act. `again`: doing it twice is the same as once, so it is repeated like `get`.

        Without, it is repeated only if nothing can have been begun, and else raises
        `answers.Unsure`: the caller reads the state again.
        """
        response = await self._asked("POST", path, op, form=form, again=again)
        return answers.document(response, _what("POST", path, op))

    async def delete(self, path: str) -> None:
        """Remove; what is gone already is fine."""
        try:
            await self._asked("DELETE", path)
        except Missing:
            return

    async def _asked(
        self,
        method: str,
        path: str,
        op: str | None = None,
        query: Form | None = None,
        form: Form | None = None,
        *,
        again: bool = True,
    ) -> httpx.Response:
        what = _what(method, path, op)
        until = asyncio.get_running_loop().time() + self._seconds
        for made in itertools.count(1):
            wait = min(FIRST_PAUSE * 2.0 ** min(made - 1, 10), LONGEST_PAUSE)
            problem: DriverError
            try:
                response = await self._try(method, path, op, query, form)
            except httpx.TransportError as failure:
                problem = self._lost(failure, what)
                may_again = again or isinstance(failure, _NOT_SENT)
            except httpx.HTTPError as failure:
                raise DriverPersistent(f"MAAS: {what}: {self._said(failure)}") from failure
            else:
                if response.is_success:
                    return response
                problem = self._problem(response, what)
                may_again = again or response.status_code in answers.NOT_BEGUN
                wait = _asked_for(response) or wait
            if not isinstance(problem, DriverTransient):
                raise problem
            if not may_again:
                raise Unsure(str(problem)) from problem
            if asyncio.get_running_loop().time() + wait > until:
                raise problem
            await self._sleep(wait)
        raise AssertionError("unreachable")

    async def _try(
        self, method: str, path: str, op: str | None, query: Form | None, form: Form | None
    ) -> httpx.Response:
        parameters: list[tuple[str, str | int | float | bool | None]] = [*_pairs(query)]
        if op:
            parameters.insert(0, ("op", op))
        # Plain parts, as MAAS reads them from the oldest to the newest version.
        parts = [(name, (None, value.encode())) for name, value in _pairs(form)]
        return await self._http.request(
            method,
            path,
            params=parameters,
            files=parts or None,
            headers={"Authorization": authorization(self._key)},
            timeout=self._timeout(),
            extensions=acting.extensions(method),
        )

    def _timeout(self) -> httpx.Timeout:
        connect = acting.connect_seconds(self._connect_seconds)
        return httpx.Timeout(self._read_seconds, connect=connect, pool=None)

    def _problem(self, response: httpx.Response, what: str) -> DriverError:
        problem = answers.error(response, what)
        problem.args = tuple(self._key.hide(str(argument)) for argument in problem.args)
        return problem

    def _lost(self, failure: httpx.TransportError, what: str) -> DriverTransient:
        how = "no answer in time" if isinstance(failure, httpx.TimeoutException) else "no answer"
        return DriverTransient(f"MAAS: {what}: {how} ({self._said(failure)})")

    def _said(self, failure: Exception) -> str:
        return self._key.hide(str(failure) or type(failure).__name__)


def _what(method: str, path: str, op: str | None) -> str:
    return " ".join(filter(None, (method, path, op)))


def _pairs(form: Form | None) -> list[tuple[str, str]]:
    pairs = []
    for name, value in (form or {}).items():
        if value is None:
            continue
        many = value if not isinstance(value, str | int) else (value,)
        pairs += [(name, str(entry)) for entry in many]
    return pairs


def _asked_for(response: httpx.Response) -> float | None:
    """The seconds of a Retry-After that is a number."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdecimal() else None


def _trust(options: MaasOptions) -> ssl.SSLContext | bool:
    if options.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(options.ca_file))
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or "no certificates in it"
        raise InvalidInput(f"maasdriver.ca_file: {options.ca_file}: {reason}") from error
