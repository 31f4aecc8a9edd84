"""Ironic's REST API: one request and its answer; what may be repeated, and what went wrong.

A GET is asked again while Ironic is away, within the deadline of a request; anything else is sent
once, unless it certainly did not arrive. Errors name the node, method and path, the status and
Ironic's own words; never an account, a token or a body.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from drydockd import acting
from drydockd.drivers.node.ironic.access import Access
from drydockd.drivers.node.ironic.answers import plain, words_of
from drydockd.drivers.node.ironic.versions import agreed
from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient, NodeUnknown

VERSION = "X-OpenStack-Ironic-API-Version"
LOWEST = "X-OpenStack-Ironic-API-Minimum-Version"
HIGHEST = "X-OpenStack-Ironic-API-Maximum-Version"
# An inventory of hundreds of disks has less; a page of nodes is asked for in hundreds.
LONGEST_ANSWER = 16 << 20
PAGE = 200
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
CONNECTIONS = 32
# A conflict that ends by itself: "Node X is locked by host Y, please retry after ...", "Node X can
# not be updated while a state transition is in progress."
PASSING_BY = ("is locked by", "a state transition is in progress")
# What may pass: too many requests, no conductor or database for now, a proxy without its server.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Locked(DriverTransient):
    """Another operation of Ironic's holds the node; it ends by itself."""


class Taken(DriverConflict):
    """What was to be created is there already, or the node belongs to another instance."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `node` is whom it is about, for messages; empty: the site."""

    method: str
    path: str
    node: str = ""
    body: Any = None
    query: Mapping[str, str] | None = None

    @property
    def is_safe(self) -> bool:
        return self.method == "GET"

    def __str__(self) -> str:
        about = f"{self.node}: " if self.node else ""
        return f"{about}Ironic, {self.method} {self.path}"


class _NotSent(Exception):
    """No connection, so that nothing happened."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def is_ironics(self) -> bool:
        """Whether Ironic itself said it: a proxy's 404 is not absence."""
        return VERSION in self.headers or HIGHEST in self.headers


class IronicClient:
    """Speaks to one Ironic; `seconds` is the deadline of a call with its repeats."""

    def __init__(
        self, access: Access, *, seconds: float, context: ssl.SSLContext | bool = True
    ) -> None:
        self._access = access
        self._seconds = seconds
        self._version: str | None = None
        self._http = httpx.AsyncClient(
            verify=context,
            timeout=seconds,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=CONNECTIONS),
        )

    async def close(self) -> None:
        self._access.close()
        await self._http.aclose()

    async def version(self) -> str:
        """Return the version that is spoken; asked once. Raises DriverPersistent: too old."""
        if self._version is None:
            call = Call("GET", "/v1/")
            response = await self._within(call, {})
            headers = response.headers
            url = plain(await self._access.url())
            self._version = agreed(headers.get(LOWEST), headers.get(HIGHEST), url)
        return self._version

    async def get(self, path: str, node: str = "", query: Mapping[str, str] | None = None) -> Any:
        """Return what is there. Raises NodeUnknown for a certain 404."""
        return await self._answer(Call("GET", path, node, query=query))

    async def send(self, method: str, path: str, node: str, body: Any = None) -> Any:
        """Change something; return the answer, None where it is empty.

        After DriverTransient the change may have happened: read before it is sent again.
        """
        return await self._answer(Call(method, path, node, body))

    async def pages(
        self, path: str, key: str, query: Mapping[str, str]
    ) -> AsyncIterator[dict[str, Any]]:
        """Give every entry of a collection, a page at a time. Raises DriverPersistent: no end."""
        asked, marker = {**query, "limit": str(PAGE)}, None
        while True:
            page = await self.get(path, query=asked if marker is None else asked | marker)
            entries = page.get(key, [])
            for entry in entries:
                yield entry
            if not page.get("next") or not entries:
                return
            following = {"marker": str(entries[-1].get("uuid"))}
            if following == marker:
                raise DriverPersistent(f"Ironic, GET {path}: the page after {marker} is itself")
            marker = following

    async def _answer(self, call: Call) -> Any:
        response = await self._within(call, {VERSION: await self.version()})
        if not response.content:
            return None
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise DriverTransient(
                f"{call}: {response.status}, and the answer is no JSON: "
                f"{words_of(response.content)}"
            ) from None

    async def _within(self, call: Call, headers: Mapping[str, str]) -> _Answer:
        """Return a good answer; repeat what may be repeated until the deadline."""
        last: DriverTransient | None = None
        try:
            async with asyncio.timeout(self._seconds):
                pause = FIRST_PAUSE
                while True:
                    try:
                        return await self._once(call, headers)
                    except _NotSent as error:
                        last = DriverTransient(str(error))
                    except Locked:
                        raise
                    except DriverTransient as error:
                        if not call.is_safe:
                            raise
                        last = error
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        except TimeoutError:
            if last is not None:
                raise last from None
            raise DriverTransient(f"{call}: no answer in {self._seconds:g} s") from None

    async def _once(self, call: Call, headers: Mapping[str, str]) -> _Answer:
        response = await self._sent(call, headers)
        if response.status == 401:
            # The token may have been revoked before its time: once more with a new one.
            self._access.forget()
            response = await self._sent(call, headers)
        if response.status >= 300:
            raise _refusal(call, response)
        return response

    async def _sent(self, call: Call, headers: Mapping[str, str]) -> _Answer:
        url = await self._access.url()
        authorized = {**headers, **await self._access.headers(), "Accept": "application/json"}
        content = None if call.body is None else orjson.dumps(call.body)
        if content is not None:
            authorized["Content-Type"] = "application/json"
        request = self._http.build_request(
            call.method,
            url + call.path,
            params=call.query,
            headers=authorized,
            content=content,
            timeout=httpx.Timeout(self._seconds, connect=acting.connect_seconds(self._seconds)),
            extensions=acting.extensions(call.method),
        )
        try:
            response = await self._http.send(request, stream=True)
            try:
                content = await _read(call, response)
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _NotSent(f"{call}: no connection to {plain(url)}: {plain(error)}") from None
        except httpx.HTTPError as error:
            why = plain(error) or type(error).__name__
            raise DriverTransient(f"{call}: the connection broke: {why}") from None
        return _Answer(response.status_code, response.headers, content)


async def _read(call: Call, response: httpx.Response) -> bytes:
    """Read the answer, not more than LONGEST_ANSWER of it."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > LONGEST_ANSWER:
            raise DriverPersistent(
                f"{call}: answered with more than {LONGEST_ANSWER >> 20} MiB; is it an Ironic?"
            )
    return b"".join(parts)


def _refusal(
    call: Call, response: _Answer
) -> NodeUnknown | DriverTransient | DriverPersistent | DriverConflict:
    status = response.status
    text = f"{call}: {status}: {words_of(response.content) or 'no words'}"
    if status == 404 and response.is_ironics:
        return NodeUnknown(text)
    if status == 409:
        return Locked(text) if any(words in text for words in PASSING_BY) else Taken(text)
    if status in PASSING:
        return DriverTransient(text)
    if status in (401, 403):
        return DriverPersistent(f"{text}; see the account in ironic_driver")
    if 300 <= status < 400:
        return DriverPersistent(f"{text}; it sends us elsewhere, see ironic_driver.url")
    return DriverConflict(text) if status == 400 else DriverPersistent(text)
