"""Talking to the boot listener: every request is repeated until the phase's time is up.

Refused, timed out, 5xx and 429: again after 1, 2, ... 5 seconds. 401, 403, 409: `Dismissed`, nobody
wants this agent any more. A download goes on by Range at the byte it had reached.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

DISMISSING = (401, 403, 404, 409, 410)
LONGEST_PAUSE = 5
CHUNK_BYTES = 1 << 20
# Of one request; a long poll adds what it waits for. A dead connection is noticed after this.
ANSWER_SECONDS = 60.0


class Dismissed(Exception):
    """The server wants nothing more from this agent: power off."""


class OutOfTime(Exception):
    """The server could not be reached for as long as the phase may take."""


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
        context = ssl.create_default_context(cafile=cafile) if cafile else None
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if context is not None:
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def post(self, path: str, body: Any, *, seconds: float | None = None) -> Any:
        """Send `body` as JSON; return the answer. Raises Dismissed, OutOfTime."""
        data = json.dumps(body).encode()
        return self._json(path, data, ANSWER_SECONDS, seconds)

    def get(self, path: str, *, waits: float = 0.0) -> Any:
        """`waits` is how long the server may hold the answer back."""
        return self._json(path, None, ANSWER_SECONDS + waits, None)

    def _json(self, path: str, data: bytes | None, timeout: float, seconds: float | None) -> Any:
        for attempt in self._attempts(path, seconds):
            with attempt, self._open(path, data, timeout) as answer:
                return json.loads(answer.read() or b"null")
        raise OutOfTime(f"{self.url}{path}: no answer")

    def download(self, path: str, write: Callable[[bytes], object], size: int) -> None:
        """Hand the `size` bytes of `path` to `write`, in order, each once."""
        done = 0
        for attempt in self._attempts(path, None):
            with attempt:
                headers = {"Range": f"bytes={done}-"} if done else {}
                with self._open(path, None, ANSWER_SECONDS, headers) as answer:
                    if done and answer.status != 206:
                        raise OSError(f"{path}: the server does not resume at byte {done}")
                    for chunk in _chunks(answer):
                        write(chunk)
                        done += len(chunk)
                if done < size:
                    raise OSError(f"{path}: ended at byte {done} of {size}")
                return
        raise OutOfTime(f"{self.url}{path}: no answer")

    def fetch(self, url: str, headers: dict[str, str]) -> bytes:
        """Return what another address answers, such as the API's boot data."""
        for attempt in self._attempts(url, None):
            with attempt:
                request = urllib.request.Request(url, headers=headers)  # noqa: S310
                with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                    body: bytes = answer.read()
                    return body
        raise OutOfTime(f"{url}: no answer")

    def _open(
        self,
        path: str,
        data: bytes | None,
        timeout: float,
        headers: dict[str, str] | None = None,
    ) -> Any:
        request = urllib.request.Request(self.url + path, data=data)  # noqa: S310
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        return self._opener.open(request, timeout=timeout)

    def _attempts(self, path: str, seconds: float | None) -> Iterator[_Attempt]:
        """One attempt after another until `seconds` have passed since the first."""
        until = time.monotonic() + (self._seconds if seconds is None else seconds)
        pause = 1
        while True:
            attempt = _Attempt()
            yield attempt
            if time.monotonic() + pause > until:
                self._say(f"{path}: {attempt.problem}; given up")
                return
            self._say(f"{path}: {attempt.problem}; again in {pause} s")
            self._pause(pause)
            pause = min(LONGEST_PAUSE, pause + 1)


class _Attempt:
    """Swallows what is worth another attempt, and keeps its text."""

    problem = ""

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, urllib.error.HTTPError):
            text = _message(error)
            if error.code in DISMISSING:
                raise Dismissed(f"{error.code}: {text}") from error
            self.problem = f"{error.code}: {text}"
            return error.code == 429 or error.code >= 500
        if isinstance(
            error, urllib.error.URLError | OSError | http.client.HTTPException | socket.timeout
        ):
            self.problem = str(getattr(error, "reason", None) or error) or type(error).__name__
            return True
        return False


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(65536)).get("message", error.reason))
    except (ValueError, AttributeError, OSError):
        return str(error.reason)


def _chunks(answer: Any) -> Iterator[bytes]:
    while chunk := answer.read(CHUNK_BYTES):
        yield chunk
