"""GET over http with the checks of `confinement`: one attempt, redirects included.

Names are resolved here and the connection goes to the very address that was checked, so a
name server that changes its answer gains nothing. Proxies of the environment are not used
for the same reason.
"""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin

import httpx

from drydockd.api.headers import is_plain
from drydockd.design import references
from drydockd.design.budget import Hold
from drydockd.design.confinement import Hosts, ServiceHosts
from drydockd.design.file_source import too_large
from drydockd.design.references import Reference
from drydockd.errors import InvalidDesign, SourceUnavailable, Unavailable

log = logging.getLogger(__name__)

REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5
Resolve = Callable[[str, int], Awaitable[list[str]]]


class TokenSource(Protocol):
    """The daemon's own identity at Keystone, for ``deckhand+`` and ``promenade+``."""

    async def token(self) -> str:
        """Return a valid token. Raises Unavailable; safe to call often, tokens are kept."""

    def forget(self) -> None:
        """Drop the token kept, because a service refused it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source said. `url` is where it really came from; the validators belong to it."""

    content: bytes
    url: str
    etag: str | None = None
    last_modified: str | None = None


async def resolve_name(host: str, port: int) -> list[str]:
    """Return the addresses of `host`, best first. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class HttpSource:
    """Fetches http references; one per daemon. Safe for concurrent calls of one loop."""

    def __init__(
        self,
        hosts: Hosts,
        *,
        service_hosts: ServiceHosts | None = None,
        token: TokenSource | None = None,
        connect_timeout: float = 16,
        read_timeout: float = 300,
        max_bytes: int = 64 * 1024 * 1024,
        resolve: Resolve = resolve_name,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts = hosts
        self._service_hosts = service_hosts
        self._token = token
        self._timeout = httpx.Timeout(read_timeout, connect=connect_timeout)
        self._deadline = connect_timeout + read_timeout
        self._max_bytes = max_bytes
        self._resolve = resolve
        self._tls = tls

    async def get(
        self,
        reference: Reference,
        *,
        headers: Mapping[str, str],
        hold: Hold,
        known: Answer | None = None,
    ) -> Answer:
        """Return what the source answers; `known` itself when that is still what it has.

        `headers` go to the host the reference names, as its credentials do, and no further.
        What comes is counted in `hold`, and waits for room there.
        Raises SourceUnavailable for what may pass, InvalidDesign for what will not.
        """
        token = self._token_for(reference)
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._attempt(reference, headers, known, token, hold)
                if answer is None and token is not None:
                    token.forget()
                    answer = await self._attempt(reference, headers, known, token, hold)
        except httpx.InvalidURL:
            # Its text may quote user and password of a place redirected to.
            raise InvalidDesign(f"{reference.shown}: not a URI, or redirected to none") from None
        except TimeoutError as error:
            waiting = f", it waited for room: {hold.waits_for}" if hold.waits_for else ""
            raise SourceUnavailable(
                f"{reference.shown}: no complete answer within {self._deadline:g} s{waiting}"
            ) from error
        if answer is None:
            raise InvalidDesign(
                f"{reference.shown}: the source answered 401 twice; it does not accept the "
                "service account of keystone_authtoken"
            )
        return answer

    def _token_for(self, reference: Reference) -> TokenSource | None:
        if not reference.service:
            return None
        if self._token is None:
            raise InvalidDesign(
                f"{reference.shown}: {reference.scheme} needs a service account; "
                "set the options of keystone_authtoken"
            )
        if self._service_hosts is not None:
            self._service_hosts.check_name(reference.shown, reference.host, reference.port)
        return self._token

    async def _attempt(
        self,
        reference: Reference,
        headers: Mapping[str, str],
        known: Answer | None,
        token: TokenSource | None,
        hold: Hold,
    ) -> Answer | None:
        """One round of redirects; None when the service refused the token."""
        url, current = reference.url, reference
        for _ in range(MAX_REDIRECTS + 1):
            trusted = _origin(url) == _origin(reference.url)
            sent = dict(headers) if trusted else {}
            if trusted and token is not None:
                sent["X-Auth-Token"] = await _own_token(token, reference)
            condition = known if known is not None and known.url == url else None
            basic = reference.basic if trusted else None
            found = await self._exchange(current, url, sent, basic, reference, condition, hold)
            if not isinstance(found, str):
                return found
            current = _redirected(reference, found)
            url = current.url
        raise InvalidDesign(f"{reference.shown}: more than {MAX_REDIRECTS} redirects")

    async def _exchange(
        self,
        current: Reference,
        url: str,
        headers: Mapping[str, str],
        basic: tuple[str, str] | None,
        reference: Reference,
        known: Answer | None,
        hold: Hold,
    ) -> Answer | str | None:
        """One request: the answer, the URL it redirects to, or None for a refused token."""
        addresses = await self._addresses(reference.shown, current)
        for number, address in enumerate(addresses, 1):
            try:
                return await self._request(address, url, headers, basic, reference, known, hold)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if number == len(addresses):
                    raise _unavailable(reference, error) from error
            except httpx.TransportError as error:
                raise _unavailable(reference, error) from error
        raise SourceUnavailable(f"{reference.shown}: {current.host} has no address")

    async def _addresses(self, shown: str, current: Reference) -> list[str]:
        """The addresses of the host that may be connected to. Raises InvalidDesign if none."""
        self._hosts.check_name(shown, current.host, current.port)
        try:
            found = await self._resolve(current.host, current.port)
        except (OSError, UnicodeError) as error:
            raise SourceUnavailable(f"{shown}: {current.host} does not resolve: {error}") from error
        allowed, refusal = [], None
        for address in found:
            try:
                self._hosts.check_address(shown, current.host, current.port, address)
                allowed.append(address)
            except InvalidDesign as error:
                refusal = error
        if not allowed and refusal is not None:
            raise refusal
        return allowed

    async def _request(
        self,
        address: str,
        url: str,
        headers: Mapping[str, str],
        basic: tuple[str, str] | None,
        reference: Reference,
        known: Answer | None,
        hold: Hold,
    ) -> Answer | str | None:
        named = httpx.URL(url)
        sent = {"Accept-Encoding": "identity", "User-Agent": "drydockd", **headers}
        sent |= _conditions(known)
        sent["Host"] = named.netloc.decode("ascii")
        if basic is not None:
            sent["Authorization"] = _basic(basic)
        request = httpx.Request(
            "GET",
            named.copy_with(host=address),
            headers=sent,
            extensions={
                "sni_hostname": named.raw_host.decode("ascii"),
                "timeout": self._timeout.as_dict(),
            },
        )
        # A transport without a client: no redirects, cookies or proxies behind our back, and
        # no connection kept that was checked for another name.
        transport = httpx.AsyncHTTPTransport(verify=await self._tls_context(), trust_env=False)
        async with transport:
            response = await transport.handle_async_request(request)
            try:
                return await self._answer(response, url, reference, known, sent, hold)
            finally:
                await response.aclose()

    async def _answer(
        self,
        response: httpx.Response,
        url: str,
        reference: Reference,
        known: Answer | None,
        sent: Mapping[str, str],
        hold: Hold,
    ) -> Answer | str | None:
        status = response.status_code
        shown = reference.shown
        if status == 304 and known is not None:
            return known
        if status in REDIRECTS and "Location" in response.headers:
            return _joined(url, response.headers["Location"])
        if status == 401 and "X-Auth-Token" in sent:
            return None
        if status == 429 or status >= 500:
            raise SourceUnavailable(f"{shown}: the source answered {status}")
        if not 200 <= status < 300:
            raise InvalidDesign(f"{shown}: the source answered {status}")
        return Answer(
            await self._body(response, shown, hold),
            url,
            _repeatable(response.headers.get("ETag")),
            _repeatable(response.headers.get("Last-Modified")),
        )

    async def _body(self, response: httpx.Response, shown: str, hold: Hold) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise InvalidDesign(f"{shown}: the source answered in {encoding}, unasked")
        # Its value is its own memory; chunks that are joined take as much again.
        body = io.BytesIO()
        async for chunk in response.aiter_raw():
            if body.tell() + len(chunk) > self._max_bytes:
                raise too_large(shown, self._max_bytes)
            try:
                await hold.grow(len(chunk))
            except SourceUnavailable as error:
                raise SourceUnavailable(f"{shown}: {error}") from None
            body.write(chunk)
        return body.getvalue()

    async def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            # Reads and parses some hundred certificates: 10 to 30 ms.
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        return self._tls


def _repeatable(value: str | None) -> str | None:
    """Return a validator that can be sent back; an ETag may have letters that cannot."""
    return value if value and is_plain(value) else None


def _conditions(known: Answer | None) -> dict[str, str]:
    conditions = {}
    if known is not None and known.etag:
        conditions["If-None-Match"] = known.etag
    if known is not None and known.last_modified:
        conditions["If-Modified-Since"] = known.last_modified
    return conditions


def _basic(basic: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(basic).encode()).decode("ascii")


def _origin(url: str) -> tuple[str, str, int | None]:
    named = httpx.URL(url)
    return named.scheme, named.host, named.port


async def _own_token(token: TokenSource, reference: Reference) -> str:
    try:
        return await token.token()
    except Unavailable as error:
        raise SourceUnavailable(f"{reference.shown}: no service token: {error}") from error


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # no URI; said so when it is parsed


def _redirected(reference: Reference, url: str) -> Reference:
    if not url.lower().startswith(("http://", "https://")):
        raise InvalidDesign(f"{reference.shown}: redirected to something that is not http")
    try:
        return references.parse(url)
    except InvalidDesign as error:
        raise InvalidDesign(f"{reference.shown}: redirected badly: {error}") from error


def _unavailable(reference: Reference, error: Exception) -> SourceUnavailable:
    return SourceUnavailable(f"{reference.shown}: {type(error).__name__}: {error}")
