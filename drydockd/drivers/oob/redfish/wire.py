"""One request to a BMC and its answer: what is sent, how long it may take, what went wrong."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import h11
import orjson

from drydockd import acting
from drydockd.drivers.oob.redfish.answers import Answer, Mask, notes_of, parse
from drydockd.drivers.oob.redfish.connection import (
    Connection,
    HandshakeFailed,
    Headers,
    Reply,
    TooLong,
)
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.target import Target
from drydockd.drivers.oob.redfish.tls import explained, reason_of
from drydockd.drivers.oob.redfish.turns import Turns

# A service root has 2 KiB, a system 10; iDRAC's largest 200.
LONGEST_ANSWER = 1 << 20

HEADERS: Headers = [
    (b"Accept", b"application/json"),
    # A compressed answer could be of any size.
    (b"Accept-Encoding", b"identity"),
    # Some BMCs hang on the second request of a connection.
    (b"Connection", b"close"),
    (b"OData-Version", b"4.0"),
    (b"User-Agent", b"drydockd"),
]
# What a path may hold beside letters and digits; the rest is quoted, what is quoted stays.
# Source: RFC 3986, 3.3 and 3.4.
PLAIN = "/?:@!$&'()*+,;=%"


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
    """The way to one BMC, for the requests of one operation.

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
        self._target = target
        self._context = context
        self._connect_seconds = options.connect_seconds
        self._read_seconds = options.read_seconds
        self._headers = [(b"Host", target.authority.encode()), *HEADERS]
        self._cookies: dict[bytes, bytes] = {}
        self.mask = Mask(target.account, target.password)

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        is_act: bool = False,
    ) -> Answer:
        """Return the answer, of whatever status. Raises NoAnswer, Untrusted.

        `is_act`: it changes more than our own session, so it takes the right to act.
        """
        await self._turns.take()
        content = b"" if body is None else orjson.dumps(body)
        begin = asyncio.get_running_loop().time()
        connection = await self._connected()
        try:
            if is_act:
                await acting.may_act()
            # Not for each read: a BMC that drips would never reach it.
            async with asyncio.timeout(self._read_seconds):
                reply = await connection.exchange(
                    method,
                    quote(path, PLAIN).encode(),
                    [*self._headers, *self._kept(), *_encoded(headers or {}), *_about(content)],
                    content,
                    longest=LONGEST_ANSWER,
                )
            seconds = asyncio.get_running_loop().time() - begin
            return self._answer(reply, seconds, connection.tls)
        except TimeoutError:
            raise NoAnswer(f"no answer in {self._read_seconds:g} s", is_sent=True) from None
        except TooLong:
            text = f"answered with more than {LONGEST_ANSWER >> 20} MiB"
            raise NoAnswer(text, is_sent=True) from None
        except (OSError, h11.ProtocolError) as error:
            raise NoAnswer(f"the connection broke ({_words(error)})", is_sent=True) from error
        finally:
            connection.close()

    async def _connected(self) -> Connection:
        target = self._target
        try:
            async with asyncio.timeout(acting.connect_seconds(self._connect_seconds)):
                return await Connection.open(target.address, target.port, self._context)
        except TimeoutError:
            raise NoAnswer("no connection in time", is_sent=False) from None
        except HandshakeFailed as failed:
            raise _without_tls(failed.__cause__) from failed
        except OSError as error:
            raise NoAnswer(f"no connection ({_words(error)})", is_sent=False) from error

    def _answer(self, reply: Reply, seconds: float, tls: ssl.SSLObject | None) -> Answer:
        self._keep(reply.headers)
        body, is_object = parse(reply.body)
        return Answer(
            status=reply.status,
            headers=_decoded(reply.headers),
            body=body,
            notes=notes_of(body, self.mask),
            is_object=is_object,
            seconds=seconds,
            tls=tls,
        )

    # Some BMCs give a cookie with the session and want it back. Source: RFC 6265.

    def _keep(self, headers: Headers) -> None:
        for name, value in headers:
            if name == b"set-cookie":
                cookie, _, content = value.partition(b";")[0].partition(b"=")
                self._cookies[cookie.strip()] = content.strip()

    def _kept(self) -> Headers:
        pairs = b"; ".join(name + b"=" + value for name, value in self._cookies.items())
        return [(b"Cookie", pairs)] if pairs else []


def _about(content: bytes) -> Headers:
    if not content:
        return []
    length = str(len(content)).encode()
    return [(b"Content-Type", b"application/json"), (b"Content-Length", length)]


def _encoded(headers: Mapping[str, str]) -> Headers:
    """As they came: what a BMC says is sent back byte for byte."""
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Names in lower case; what comes twice is one list. Source: RFC 9110, 5.3."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _without_tls(error: BaseException | None) -> Exception:
    if not isinstance(error, ssl.SSLError):
        why = "the connection was closed"
        return NoAnswer(f"the TLS handshake failed ({why})", is_sent=False)
    if (told := explained(error)) is not None:
        return Untrusted(*told)
    reason = reason_of(error)
    is_end = isinstance(error, ssl.SSLEOFError) or "EOF" in reason
    why = "the connection was closed" if is_end else reason or "for an unknown reason"
    return NoAnswer(f"the TLS handshake failed ({why})", is_sent=False)


def _words(error: Exception) -> str:
    """What the system says, without "Connect call failed" and the address."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error) or type(error).__name__
