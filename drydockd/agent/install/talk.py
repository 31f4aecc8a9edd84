"""Talking to the boot listener: every request is repeated until the phase's time is up.

Refused, timed out, 5xx and 429: again after 1, 2, ... 5 seconds. 401, 403, 409: `Dismissed`, nobody
wants this agent any more. Any other refusal is `Refused`, at once. A download goes on by Range at
the byte it had reached, and its time begins anew with each part that comes. No redirection is
followed: it would carry the token elsewhere. A server whose certificate is not to be trusted is
told nothing: `Untrusted`, at once.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator
from typing import Any

DISMISSING = (401, 403, 409)
LONGEST_PAUSE = 5
CHUNK_BYTES = 1 << 20
# Of one request; a long poll adds what it waits for. A dead connection is noticed after this.
ANSWER_SECONDS = 60.0


class Dismissed(Exception):
    """The server wants nothing more from this agent: power off."""


class OutOfTime(Exception):
    """The server could not be reached for as long as the phase may take."""


class Refused(Exception):
    """The server will never answer this: asking again is of no use."""


class Untrusted(Refused):
    """Whoever answers cannot prove to be the server."""


class NotTaken(Exception):
    """What was downloaded could not be written: a full disk, a program that ended."""


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Server:
    """The boot listener at `url`; `seconds` is how long it may be away."""

    def __init__(
        self,
        url: str,
        *,
        seconds: float,
        say: Callable[[str], None],
        cafile: str | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self.token = ""
        self._seconds = seconds
        self._say = say
        self._pause = pause
        # The listener's certificate is of the CA that came with the agent, and of no other.
        self._opener = _opener(ssl.create_default_context(cafile=cafile))
        others = ssl.create_default_context()
        if cafile:
            others.load_verify_locations(cafile)
        self._others = _opener(others)

    def post(self, path: str, body: Any, *, seconds: float | None = None) -> Any:
        """Send `body` as JSON; return the answer. Raises Dismissed, Refused, OutOfTime."""
        # Letters as they are: escaped, a log of another script would be six times its size.
        data = json.dumps(body, ensure_ascii=False).encode(errors="replace")
        return self._json(path, data, ANSWER_SECONDS, seconds)

    def get(self, path: str, *, waits: float = 0.0) -> Any:
        """`waits` is how long the server may hold the answer back."""
        return self._json(path, None, ANSWER_SECONDS + waits, None)

    def _json(self, path: str, data: bytes | None, timeout: float, seconds: float | None) -> Any:
        for attempt in self._attempts(path, seconds):
            with attempt, self._open(path, data, timeout) as answer:
                return _parsed(answer.read())
        raise OutOfTime(f"{self.url}{path}: no answer")

    def size_of(self, path: str) -> int | None:
        """Return how many bytes the server has for a path, None if it does not tell.

        Raises Dismissed, Refused (it has none), OutOfTime.
        """
        for attempt in self._attempts(path, None):
            with attempt, self._open(path, None, ANSWER_SECONDS, method="HEAD") as answer:
                told = answer.headers.get("Content-Length") or ""
                return int(told) if told.isdecimal() else None
        raise OutOfTime(f"{self.url}{path}: no answer")

    def download(self, path: str, write: Callable[[bytes], object], size: int) -> None:
        """Hand the `size` bytes of `path` to `write`, in order, each once.

        Raises NotTaken where `write` raises OSError, Dismissed, Refused, OutOfTime.
        """
        done = 0
        attempts = self._attempts(path, None)
        for attempt in attempts:
            with attempt:
                headers = {"Range": f"bytes={done}-"} if done else {}
                with self._open(path, None, ANSWER_SECONDS, headers) as answer:
                    # A server that does not resume sends all again: what is there is passed over.
                    skip = done if answer.status == 200 else 0
                    if not skip and done:
                        _check_begin(answer.headers.get("Content-Range"), done)
                    for chunk in _chunks(answer):
                        fresh = chunk[skip:][: size - done]
                        skip = max(0, skip - len(chunk))
                        if fresh:
                            _hand(write, fresh)
                            done += len(fresh)
                            attempts.renew()
                        if done == size:
                            break
                if done < size:
                    raise OSError(f"ended at byte {done} of {size}")
                return
        raise OutOfTime(f"{self.url}{path}: no answer")

    def fetch(self, url: str, headers: dict[str, str]) -> bytes:
        """Return what another address answers, such as the API's boot data.

        Raises Refused for any refusal: it is none of the boot listener's. Raises OutOfTime.
        """
        for attempt in self._attempts(url, None, dismissing=()):
            with attempt:
                request = urllib.request.Request(url, headers=headers)  # noqa: S310
                with self._others.open(request, timeout=ANSWER_SECONDS) as answer:
                    body: bytes = answer.read()
                    return body
        raise OutOfTime(f"{url}: no answer")

    def _open(
        self,
        path: str,
        data: bytes | None,
        timeout: float,
        headers: dict[str, str] | None = None,
        method: str | None = None,
    ) -> Any:
        request = urllib.request.Request(  # noqa: S310
            self.url + path, data=data, method=method
        )
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        return self._opener.open(request, timeout=timeout)

    def _attempts(
        self, path: str, seconds: float | None, dismissing: Collection[int] = DISMISSING
    ) -> _Attempts:
        limit = self._seconds if seconds is None else seconds
        return _Attempts(path, limit, dismissing, self._say, self._pause)


class _Attempts:
    """One attempt after another until `seconds` have passed since the first, or since `renew`."""

    def __init__(
        self,
        path: str,
        seconds: float,
        dismissing: Collection[int],
        say: Callable[[str], None],
        pause: Callable[[float], None],
    ) -> None:
        self._path = path
        self._seconds = seconds
        self._dismissing = dismissing
        self._say = say
        self._pause = pause
        self.renew()

    def renew(self) -> None:
        self._until = time.monotonic() + self._seconds
        self._next = 1

    def __iter__(self) -> Iterator[_Attempt]:
        while True:
            attempt = _Attempt(self._path, self._dismissing)
            yield attempt
            pause = self._next
            if time.monotonic() + pause > self._until:
                self._say(f"{self._path}: {attempt.problem}; given up")
                return
            self._say(f"{self._path}: {attempt.problem}; again in {pause} s")
            self._pause(pause)
            self._next = min(LONGEST_PAUSE, pause + 1)


class _Attempt:
    """Swallows what is worth another attempt, and keeps its text."""

    def __init__(self, where: str, dismissing: Collection[int]) -> None:
        self._where = where
        self._dismissing = dismissing
        self.problem = ""

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, urllib.error.HTTPError):
            text = _message(error)
            if error.code in self._dismissing:
                raise Dismissed(f"{error.code}: {text}") from error
            if error.code != 429 and error.code < 500:
                raise Refused(f"{error.url}: {error.code}: {text}") from error
            self.problem = f"{error.code}: {text}"
            return True
        cause = getattr(error, "reason", error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Untrusted(_distrust(self._where, cause)) from error
        if isinstance(
            error, urllib.error.URLError | OSError | http.client.HTTPException | socket.timeout
        ):
            self.problem = str(getattr(error, "reason", None) or error) or type(error).__name__
            return True
        return False


def _opener(context: ssl.SSLContext) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        _NoRedirection(),
        urllib.request.HTTPSHandler(context=context),
    )


def _distrust(where: str, error: ssl.SSLCertVerificationError) -> str:
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return (
        f"{where}: the server's certificate is not trusted, nothing was told to it: "
        f"{error.verify_message}; it is {now} here"
    )


def _parsed(body: bytes) -> Any:
    """Raises OSError for what is no JSON: something else answered, the server may yet."""
    try:
        return json.loads(body or b"null")
    except ValueError as error:
        raise OSError(f"the answer is no JSON: {error}") from error


def _check_begin(told: str | None, done: int) -> None:
    if not (told or "").startswith(f"bytes {done}-"):
        raise OSError(f"asked from byte {done}, the answer has {told or 'no Content-Range'}")


def _hand(write: Callable[[bytes], object], chunk: bytes) -> None:
    try:
        write(chunk)
    except OSError as error:
        raise NotTaken(str(error)) from error


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(65536)).get("message", error.reason))
    except (ValueError, AttributeError, OSError):
        return str(error.reason)


def _chunks(answer: Any) -> Iterator[bytes]:
    while chunk := answer.read(CHUNK_BYTES):
        yield chunk
