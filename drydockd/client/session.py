"""One connection to a drydockd: base URL, token, time-outs, markers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypedDict, TypeGuard, Unpack
from urllib.parse import urlsplit

import httpx

from drydockd.api.headers import encoded, is_plain
from drydockd.client.errors import ClientConnectionError, ClientError
from drydockd.client.trust import verifier

log = logging.getLogger(__name__)

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
AuthGen = Callable[[], Headers]
Query = Mapping[str, str | float | None]
# (connect, read) in seconds; a number is the read time-out alone.
Timeout = float | tuple[float, float] | None

DEFAULT_TIMEOUT = (20.0, 30.0)
TOKEN_HEADER = "X-Auth-Token"  # noqa: S105, a header name
_MOST_REDIRECTS = 10
_VERSION_PATHS = ("/api/v1.0", "/api")


class Options(TypedDict, total=False):
    """What `Session.from_url` passes on."""

    auth_gen: AuthGen | None
    marker: str | None
    end_user: str | None
    timeout: Timeout
    token: str | None
    verify: bool | str
    transport: httpx.BaseTransport | None


class Session:
    """Sends requests to ``<scheme>://<host>[:<port>]/api/``; a context manager.

    `auth_gen` returns the headers that identify the caller, as pairs or a mapping. It is
    called at once, and again after a 401, whose request is then repeated once. `token` is
    short for an `auth_gen` that always gives this one. `marker` and `end_user` go with
    every request. `verify` is False, or the path of a file (or folder) with certificate
    authorities; True: what OS_CACERT, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names, else the usual
    ones. Raises ValueError for a path without certificates.
    """

    def __init__(
        self,
        host: str,
        port: int | str | None = None,
        scheme: str = "http",
        auth_gen: AuthGen | None = None,
        marker: str | None = None,
        end_user: str | None = None,
        timeout: Timeout = None,
        *,
        token: str | None = None,
        prefix: str = "",
        verify: bool | str = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        self.host = host
        self.scheme = scheme
        self.port = int(port) if port else None
        self.marker = marker
        self.end_user = end_user
        where = f"{host}:{self.port}" if self.port else host
        self.root_url = f"{scheme}://{where}{_clean(prefix)}/"
        self.base_url = f"{self.root_url}api/"
        self.default_timeout = _timeout(timeout, DEFAULT_TIMEOUT)
        if auth_gen is None and token is not None:
            auth_gen = lambda: {TOKEN_HEADER: token}  # noqa: E731
        self._auth_gen = auth_gen
        self._auth: dict[str, str] = {}
        self._client = httpx.Client(
            verify=verifier(verify),
            transport=transport,
            follow_redirects=False,
            headers={"Accept": "application/json"} | self._who(),
        )
        self.set_auth()

    @classmethod
    def from_url(cls, url: str, **more: Unpack[Options]) -> Session:
        """Return a session for an API URL; a path before ``/api/v1.0`` is kept (a proxy's).

        Raises ValueError for a URL without scheme or host.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("URL must specify a scheme and hostname, optionally a port")
        path = parts.path.rstrip("/")
        for known in _VERSION_PATHS:
            if path.endswith(known):
                path = path.removesuffix(known)
                break
        return cls(parts.hostname, parts.port, parts.scheme, prefix=path, **more)

    def _who(self) -> dict[str, str]:
        headers = {}
        if self.marker is not None:
            headers["X-Context-Marker"] = self.marker
        if self.end_user is not None:
            headers["X-End-User"] = encoded(self.end_user)
        return _checked(headers)

    def set_auth(self) -> None:
        """Ask `auth_gen` for the headers again."""
        self._auth = _checked(dict(self._auth_gen())) if self._auth_gen is not None else {}

    def get(
        self, endpoint: str, query: Query | None = None, timeout: Timeout = None
    ) -> httpx.Response:
        """Return the raw response. Raises ClientConnectionError when there is none."""
        return self.request("GET", endpoint, query=query, timeout=timeout)

    def post(
        self,
        endpoint: str,
        query: Query | None = None,
        body: str | bytes | None = None,
        data: object = None,
        timeout: Timeout = None,
    ) -> httpx.Response:
        """Send `body` as it is, else `data` as JSON; otherwise as `get`."""
        return self.request("POST", endpoint, query=query, body=body, data=data, timeout=timeout)

    def delete(
        self, endpoint: str, query: Query | None = None, timeout: Timeout = None
    ) -> httpx.Response:
        return self.request("DELETE", endpoint, query=query, timeout=timeout)

    def request(
        self,
        method: str,
        endpoint: str,
        *,
        query: Query | None = None,
        body: str | bytes | None = None,
        data: object = None,
        timeout: Timeout = None,
        headers: Mapping[str, str] | None = None,
        identified: bool = True,
    ) -> httpx.Response:
        """Send one request; `identified` False leaves the token out."""
        built = self._build(method, endpoint, query, body, data, timeout, headers)
        if not identified:
            return self._send(built)
        built.headers.update(self._auth)
        response = self._send(built)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._auth_gen is not None:
            log.debug("401 from %s, asking for a new token", _shown(built.url))
            self.set_auth()
            built.headers.update(self._auth)
            response = self._send(built)
        return response

    @contextmanager
    def stream(
        self,
        endpoint: str,
        query: Query | None = None,
        *,
        headers: Mapping[str, str],
        read_timeout: float,
    ) -> Iterator[httpx.Response]:
        """Open a GET whose body is read as it comes; redirects are the caller's."""
        limit = (self.default_timeout[0], read_timeout)
        built = self._build("GET", endpoint, query, None, None, limit, headers)
        built.headers.update(self._auth)
        with _translated(built):
            response = self._client.send(built, stream=True)
            if response.status_code == httpx.codes.UNAUTHORIZED and self._auth_gen is not None:
                response.close()
                self.set_auth()
                built.headers.update(self._auth)
                response = self._client.send(built, stream=True)
            try:
                yield response
            finally:
                response.close()

    def _build(
        self,
        method: str,
        endpoint: str,
        query: Query | None,
        body: str | bytes | None,
        data: object,
        timeout: Timeout,
        headers: Mapping[str, str] | None,
    ) -> httpx.Request:
        connect, read = _timeout(timeout, self.default_timeout)
        headers = _checked(dict(headers or {}))
        given = {k: str(v) for k, v in (query or {}).items() if v is not None}
        return self._client.build_request(
            method,
            endpoint if "://" in endpoint else self.base_url + endpoint.lstrip("/"),
            params=given or None,
            content=body,
            json=data if body is None else None,
            headers={"Content-Type": "application/json"} | headers if body is not None else headers,
            timeout=httpx.Timeout(connect=connect, read=read, write=read, pool=connect),
        )

    def _send(self, request: httpx.Request) -> httpx.Response:
        with _translated(request):
            response = self._client.send(request)
            for _ in range(_MOST_REDIRECTS):
                following = response.next_request
                if following is None:
                    return response
                if _origin(following.url) != _origin(request.url):
                    # Token and key are for the server they were given to, and no other.
                    for name in (*self._auth, "X-Bootaction-Key"):
                        following.headers.pop(name, None)
                response = self._client.send(following)
            return response

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextmanager
def _translated(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        kind = "connection" if isinstance(error, httpx.ConnectTimeout) else "answer"
        raise ClientConnectionError(f"{_shown(request.url)}: no {kind} in time") from error
    except httpx.HTTPError as error:
        why = _other_scheme(request.url, error) or str(error)
        raise ClientConnectionError(f"{_shown(request.url)}: {why}") from error


# How OpenSSL calls an answer that is no TLS, by its versions.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")


def _other_scheme(url: httpx.URL, error: Exception) -> str:
    """Say that http was spoken to who speaks https, or the reverse; empty if it was not that."""
    if url.scheme == "https":
        text = f"{error!r} {error.__cause__!r}".upper().replace(" ", "_")
        if any(reason in text for reason in _NO_TLS):
            return "the server does not speak TLS there: use http:// instead of https://"
    elif isinstance(error, httpx.RemoteProtocolError):
        return f"no HTTP answer ({error}): if the server speaks TLS there, use https://"
    return ""


def _timeout(given: object, default: tuple[float, float]) -> tuple[float, float]:
    """Return (connect, read); what is no time-out is told and the default kept."""
    if given is None:
        return default
    if _is_number(given):
        return default[0], float(given)
    if isinstance(given, tuple) and len(given) == 2:
        connect, read = given
        if _is_number(connect) and _is_number(read):
            return float(connect), float(read)
    log.warning("timeout %r is neither a number nor a pair of numbers; %s kept", given, default)
    return default


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checked(headers: dict[str, str]) -> dict[str, str]:
    """Return `headers`, if each can be sent; the values may be secret, and are not shown."""
    for name, value in headers.items():
        if not is_plain(value):
            raise ClientError(
                f"The value of {name} has a letter or control that no header may have"
            )
    return headers


def _clean(prefix: str) -> str:
    stripped = prefix.strip("/")
    return f"/{stripped}" if stripped else ""


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _shown(url: httpx.URL) -> str:
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))
