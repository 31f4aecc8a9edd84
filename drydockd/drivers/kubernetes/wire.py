"""One request to an API server or to Promenade, and what went wrong with it in a sentence."""

from __future__ import annotations

import asyncio
import email.utils
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from drydockd import acting
from drydockd.api.headers import clean
from drydockd.errors import DriverError, DriverPersistent, DriverTransient

# A Node with its images and managed fields has some 50 KiB.
LONGEST_BYTES = 8 << 20
LONGEST_TEXT = 400
LONGEST_RETRY_AFTER = 3600.0
JSON = "application/json"
# OpenSSL's reasons for an answer that is no TLS, by its versions.
NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


@dataclass(frozen=True, slots=True)
class Question:
    """Who is asked what: `about` is the node's name (or what else), `what` completes "to ...".

    `is_act`: it may change something; not every POST does.
    """

    about: str
    method: str
    url: str
    what: str
    is_act: bool = True

    def __str__(self) -> str:
        return f"{self.about}: {self.method} {self.url} (to {self.what})"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came; `secrets` are never in its `text`."""

    status: int
    headers: httpx.Headers
    body: bytes
    secrets: tuple[str, ...] = ()

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The JSON object, None where the body is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    @property
    def text(self) -> str:
        """The status and, on one line, what the server says of it."""
        document = self.document or {}
        said = next(
            (t for k in ("message", "description") if isinstance(t := document.get(k), str)), ""
        )
        if not said and self.document is None:
            said = self.body[: 4 * LONGEST_TEXT].decode("utf-8", "replace")
        for secret in self.secrets:
            said = said.replace(secret, "***")
        said = " ".join(clean(said).split())
        if len(said) > LONGEST_TEXT:
            said = f"{said[:LONGEST_TEXT]}..."
        known = httpx.codes.get_reason_phrase(self.status)
        return f"HTTP {self.status}{f' {known}' if known else ''}{f': {said}' if said else ''}"

    @property
    def retry_after(self) -> float | None:
        """The seconds of Retry-After, at most an hour. Source: RFC 9110, 10.2.3."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isdecimal():
            return min(float(value), LONGEST_RETRY_AFTER)
        try:
            when = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        return min(max(0.0, when.timestamp() - time.time()), LONGEST_RETRY_AFTER)


class Wire:
    """Connections to one server; the client is made with the first request, `close` ends it.

    `section` is that of the options, for what a message tells to do. Redirects are not followed
    and no proxy of the environment is used: the token goes where the configuration says. Of more
    calls than `connections` the others wait for their turn, which the step's limit bounds.
    """

    def __init__(
        self,
        section: str,
        context: ssl.SSLContext | None,
        *,
        connect_seconds: float,
        read_seconds: float,
        connections: int,
        server_name: str | None = None,
    ) -> None:
        self._section = section
        self._context = context
        self._seconds = connect_seconds + read_seconds
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._server_name = server_name
        self._connections = connections
        # Here and not in httpx: its pool looks at every connection for every request that waits
        # (300 nodes, 64 at once: 3.0 s of a processor; by turns of 16: 1.4).
        self._turn = asyncio.Semaphore(connections)
        self._client: httpx.AsyncClient | None = None

    async def ask(
        self,
        question: Question,
        *,
        headers: Mapping[str, str],
        document: Mapping[str, object] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Reply:
        """Return the answer, whatever its status. Raises DriverTransient, DriverPersistent.

        All of it is bounded by the seconds to connect and to read together.
        """
        content = None if document is None else json.dumps(document).encode()
        try:
            async with self._turn, asyncio.timeout(self._seconds):
                return await self._ask(question, headers, content, secrets)
        except TimeoutError:
            raise DriverTransient(
                f"{question}: no whole answer within {self._seconds:g} s; check the server and "
                "the network to it"
            ) from None
        except httpx.HTTPError as error:
            raise self._explained(question, error) from error

    async def _ask(
        self,
        question: Question,
        headers: Mapping[str, str],
        content: bytes | None,
        secrets: tuple[str, ...],
    ) -> Reply:
        extensions = acting.extensions(question.method if question.is_act else "GET")
        if self._server_name:
            extensions["sni_hostname"] = self._server_name
        connect = acting.connect_seconds(self._connect_seconds)
        client = self._opened()
        async with client.stream(
            question.method,
            question.url,
            headers=headers,
            content=content,
            extensions=extensions,
            timeout=httpx.Timeout(self._read_seconds, connect=connect, pool=None),
        ) as response:
            body = bytearray()
            # As it comes: nothing is unpacked that could grow.
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > LONGEST_BYTES:
                    raise DriverPersistent(
                        f"{question}: the answer is longer than {LONGEST_BYTES >> 20} MiB; "
                        f"is {self._section}.url right?"
                    )
            return Reply(response.status_code, response.headers, bytes(body), secrets)

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                # For plain HTTP none is needed, and the system's CAs take 30 ms to read.
                verify=self._context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                limits=httpx.Limits(
                    max_connections=None, max_keepalive_connections=self._connections
                ),
                headers={"Accept-Encoding": "identity"},
                follow_redirects=False,
                trust_env=False,
            )
        return self._client

    def _explained(self, question: Question, error: httpx.HTTPError) -> DriverError:
        tls = _tls_error(error)
        if isinstance(tls, ssl.SSLCertVerificationError):
            return DriverPersistent(
                f"{question}: the server's certificate is refused: {tls.verify_message}; give it "
                f"a good one, or name its CA in {self._section}.ca_file"
            )
        if tls is not None and any(word in _reason(tls) for word in NOT_TLS):
            return DriverPersistent(
                f"{question}: the server speaks no TLS there; correct port or scheme of the URL"
            )
        if isinstance(error, httpx.TimeoutException):
            kind = "connection" if isinstance(error, httpx.ConnectTimeout) else "answer"
            text = f"no {kind} in time"
        else:
            text = str(tls or error) or type(error).__name__
        return DriverTransient(
            f"{question}: {' '.join(text.split())}; check the server and the network to it"
        )

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def refusal(question: Question, reply: Reply, todo: str) -> DriverError:
    """Return the error of an answer of 400 and more that means the same for every server."""
    text = f"{question}: {reply.text}"
    if reply.status == httpx.codes.TOO_MANY_REQUESTS or reply.status >= 500:
        seconds = reply.retry_after
        asked = "" if seconds is None else f"; it asks to be left alone for {seconds:g} s"
        return DriverTransient(f"{text}{asked}", seconds)
    return DriverPersistent(f"{text}; {todo}")


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _reason(error: ssl.SSLError) -> str:
    return f"{error.reason or ''} {error}".upper().replace(" ", "_")
