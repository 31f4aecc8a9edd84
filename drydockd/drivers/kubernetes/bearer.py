"""Bearer tokens: given, or in a file that somebody else renews."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from drydockd.api.headers import is_plain
from drydockd.errors import DriverPersistent

# As client-go does; bound tokens are renewed an hour before they end, or at four fifths.
READ_AGAIN_SECONDS = 60.0
LONGEST_BYTES = 1 << 20


class Bearer:
    """A token, one in a file, or none. Its value is in no message."""

    def __init__(
        self,
        *,
        file: Path | None = None,
        token: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.file = file
        self._token = token
        self._read_at = 0.0
        self._clock = clock

    async def value(self) -> str | None:
        """Return the token, at most a minute old. Raises DriverPersistent: the file is unusable."""
        is_old = self._clock() - self._read_at >= READ_AGAIN_SECONDS
        if self.file is not None and (self._token is None or is_old):
            self._token = await asyncio.to_thread(read_token, self.file)
            self._read_at = self._clock()
        return self._token

    async def is_renewed(self, refused: str | None) -> bool:
        """Whether there is another token than `refused`, which the server does not take."""
        if self.file is not None and self._token == refused:
            self._token = await asyncio.to_thread(read_token, self.file)
            self._read_at = self._clock()
        return self._token != refused


def read_token(file: Path) -> str:
    """Return the token in `file`. Raises DriverPersistent, which does not show it."""
    try:
        with file.open("rb") as opened:
            token = opened.read(LONGEST_BYTES).strip().decode("latin-1")
    except OSError as error:
        raise DriverPersistent(f"token file {file}: {error.strerror}; who renews it?") from error
    if not token or not is_plain(token) or " " in token:
        what = "is not one bearer token" if token else "is empty"
        raise DriverPersistent(f"token file {file} {what}; put the token alone into it")
    return token
