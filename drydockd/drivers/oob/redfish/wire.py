"""One request to a BMC and its answer, over a client that lives as long as one operation."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping

import httpx
import orjson

from drydockd.drivers.oob.redfish.answers import Answer, Mask, notes_of, parse
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.target import Target
from drydockd.drivers.oob.redfish.tls import WANTS, explained, reason_of, tls_error
from drydockd.drivers.oob.redfish.turns import Turns

# A service root has 2 KiB, a system 10; iDRAC's largest 200.
LONGEST_ANSWER = 1 << 20

HEADERS = {
    "Accept": "application/json",
    # A compressed answer could be of any size.
    "Accept-Encoding": "identity",
    # Some BMCs hang on the second request of a connection.
    "Connection": "close",
    "OData-Version": "4.0",
    "User-Agent": "drydockd",
}


class NoAnswer(Exception):
    """The message says what happened; `is_sent`: the BMC may have got the request."""

    def __init__(self, message: str, *, is_sent: bool) -> None:
        super().__init__(message)
        self.is_sent = is_sent


class Untrusted(Exception):
    """No TLS connection, and trying again is useless; `cure` says what helps."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


class Wire:
    """A client for one BMC. One for all BMCs would search its pool in quadratic time.

    `mask` hides of its messages what the BMC was given to log in.
    """

    def __init__(
        self,
        target: Target,
        options: RedfishOptions,
        context: ssl.SSLContext | None,
        turns: Turns,
    ) -> None:
        self._turns = turns
        self._seconds = options.connect_seconds + options.read_seconds
        self._timeout = httpx.Timeout(options.read_seconds, connect=options.connect_seconds)
        self.mask = Mask(target.account, target.password)
        self._client = httpx.AsyncClient(
            base_url=target.origin,
            verify=context if context is not None else False,
            headers=HEADERS,
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=0),
            trust_env=False,
        )

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Answer:
        """Return the answer, of whatever status. Raises NoAnswer, Untrusted."""
        await self._turns.take()
        content = None if body is None else orjson.dumps(body)
        all_headers = dict(headers or {})
        if content is not None:
            all_headers["Content-Type"] = "application/json"
        request = self._client.build_request(method, path, content=content, headers=all_headers)
        begin = asyncio.get_running_loop().time()
        try:
            # httpx has a limit for each read only; a BMC that drips would never reach it.
            async with asyncio.timeout(self._seconds):
                return await self._answer(request, begin)
        except TimeoutError:
            raise NoAnswer(f"no answer in {self._seconds:g} s", is_sent=True) from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _unconnected(error) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            raise NoAnswer(_words(error), is_sent=True) from error

    async def _answer(self, request: httpx.Request, begin: float) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            raw = bytearray()
            async for chunk in response.aiter_raw():
                raw += chunk
                if len(raw) > LONGEST_ANSWER:
                    raise NoAnswer(
                        f"answered with more than {LONGEST_ANSWER >> 20} MiB", is_sent=True
                    )
            body, is_object = parse(bytes(raw))
            stream = response.extensions.get("network_stream")
            return Answer(
                status=response.status_code,
                headers=response.headers,
                body=body,
                notes=notes_of(body, self.mask),
                is_object=is_object,
                seconds=asyncio.get_running_loop().time() - begin,
                tls=stream.get_extra_info("ssl_object") if stream else None,
            )
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._client.aclose()


def _unconnected(error: httpx.TransportError) -> Exception:
    if (failed := tls_error(error)) is not None:
        if (told := explained(failed)) is not None:
            return Untrusted(*told)
        reason = reason_of(failed)
        is_end = isinstance(failed, (*WANTS, ssl.SSLEOFError)) or "EOF" in reason
        why = "the connection was closed" if is_end else reason or "for an unknown reason"
        return NoAnswer(f"the TLS handshake failed ({why})", is_sent=False)
    return NoAnswer(_words(error), is_sent=False)


def _words(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return f"no connection ({_os_error(error)})"
    return f"the connection broke ({error or type(error).__name__})"


def _os_error(error: BaseException) -> str:
    """What the system says, in place of httpx's "All connection attempts failed"."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
            return os.strerror(cause.errno)
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
            continue
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
