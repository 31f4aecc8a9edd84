"""One POST to one receiver: to addresses that may be asked, bounded, redirects not followed.

Which addresses may be asked is what it is for designs (`design.confinement`): the name is resolved
here for each request, and the connection goes to the very address that was checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from drydockd.design.confinement import Hosts
from drydockd.design.http_source import Resolve, resolve_name
from drydockd.errors import InvalidDesign
from drydockd.webhooks import cloudevent
from drydockd.webhooks.signature import HEADER, sign

_MOST_ANSWER_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: a status, or 0 and the `trouble` in words. `pause`: seconds, as asked."""

    status: int
    trouble: str = ""
    pause: float | None = None


class Sender:
    """Posts to one URL. One request at a time; the connection stays while it may."""

    def __init__(
        self,
        url: str,
        secret: bytes,
        hosts: Hosts,
        *,
        seconds: float,
        resolve: Resolve = resolve_name,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url = httpx.URL(url)
        self._secret = secret
        self._hosts = hosts
        self._seconds = seconds
        self._resolve = resolve
        self._tls = tls
        self._now = now
        self._transport: httpx.AsyncHTTPTransport | None = None
        # Of what is shown nothing is secret: a query may hold a token.
        self.shown = str(self._url.copy_with(query=None))

    async def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    def check(self) -> None:
        """Raise InvalidDesign if its host may not be asked, as far as no name server is."""
        host, port = self._place()
        self._hosts.check_name(self.shown, host, port)
        with suppress(ValueError):
            ipaddress.ip_address(host)
            self._hosts.check_address(self.shown, host, port, host)

    def _place(self) -> tuple[str, int]:
        return self._url.host, self._url.port or _port(self._url.scheme)

    async def send(self, body: bytes) -> Answer:
        """Post a CloudEvent; return what came of it. Raises nothing but a cancel."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._send(body)
        except TimeoutError:
            trouble = f"no answer within {self._seconds:g} s"
        except InvalidDesign as error:
            trouble = str(error)
        except (httpx.HTTPError, OSError, UnicodeError, ssl.SSLError) as error:
            trouble = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        # What is left of a connection that broke, or waits, is of no use.
        await self.close()
        return Answer(0, trouble)

    async def _send(self, body: bytes) -> Answer:
        host, port = self._place()
        self._hosts.check_name(self.shown, host, port)
        refusal: InvalidDesign | None = None
        failure: httpx.TransportError | None = None
        for address in await self._resolve(host, port):
            try:
                self._hosts.check_address(self.shown, host, port, address)
                return await self._post(address, body)
            except InvalidDesign as error:
                refusal = error
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure or refusal or OSError(f"{host} has no address")

    async def _post(self, address: str, body: bytes) -> Answer:
        if self._transport is None:
            if self._tls is None:
                self._tls = await asyncio.to_thread(ssl.create_default_context)
            limits = httpx.Limits(max_connections=1, keepalive_expiry=30)
            self._transport = httpx.AsyncHTTPTransport(
                verify=self._tls, trust_env=False, limits=limits
            )
        request = httpx.Request(
            "POST",
            self._url.copy_with(host=address),
            headers=self._headers(body),
            content=body,
            extensions={
                "sni_hostname": self._url.raw_host.decode("ascii"),
                "timeout": httpx.Timeout(self._seconds).as_dict(),
            },
        )
        response = await self._transport.handle_async_request(request)
        try:
            taken = 0
            async for chunk in response.aiter_raw():
                taken += len(chunk)
                if taken > _MOST_ANSWER_BYTES:
                    break  # the status is enough; closing gives up the connection
        finally:
            await response.aclose()
        return Answer(response.status_code, pause=self._pause(response.headers))

    def _headers(self, body: bytes) -> dict[str, str]:
        return {
            "Host": self._url.netloc.decode("ascii"),
            "User-Agent": "drydockd",
            "Content-Type": cloudevent.CONTENT_TYPE,
            HEADER: sign(self._secret, int(self._now()), body),
        }

    def _pause(self, headers: Mapping[str, str]) -> float | None:
        """The seconds of Retry-After, which may be a date; None for none that can be read."""
        text = headers.get("Retry-After", "").strip()
        if text.isdecimal():
            return float(text[:9])
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self._now())
        except (ValueError, OverflowError):
            return None


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
