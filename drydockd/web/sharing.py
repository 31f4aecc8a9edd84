"""Sessions of the page where several daemons share a store: a login at one is one at all.

What is kept is a record with the token, encrypted under a key that is made of the server's secret
and the session's id. The id is in the browser alone, so neither the database nor a backup of it
gives a token away, and neither does the secret.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from drydockd.auth.secret import derive
from drydockd.errors import NotFound, StoreUnavailable
from drydockd.model import DriverRecord
from drydockd.store import Change, Edit, Put, Remove, Store

OWNER = "page"
NONCE_BYTES = 12
LABEL = "drydockd page session"


@dataclass(frozen=True, slots=True)
class Kept:
    """A session as all daemons know it; `began` and `seen` are seconds since 1970."""

    token: str = field(repr=False)
    began: float
    seen: float


class Sharing:
    """One per daemon that shares its store. Event-loop thread only."""

    def __init__(
        self,
        store: Store,
        secret: bytes,
        *,
        longest_seconds: float,
        most: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._secret = secret
        self._longest = longest_seconds
        self._most = most
        self._clock = clock

    @property
    def now(self) -> float:
        return self._clock()

    def look(self, session_id: str) -> Kept | None:
        """Return a session; None for one that was ended anywhere, or never was."""
        record = self._store.driver_record(_key(session_id))
        if record is None:
            return None
        said = record.document
        sealed = base64.b64decode(str(said["sealed"]))
        try:
            token = self._cipher(session_id).decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], record.key.encode()
            )
        except InvalidTag:
            # Of a secret that was replaced.
            return None
        return Kept(token.decode(), float(said["began"]), float(said["seen"]))

    async def put(self, session_id: str, token: str) -> None:
        """Let all daemons know a session that begins now. Raises StoreUnavailable."""
        key, nonce = _key(session_id), secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + self._cipher(session_id).encrypt(nonce, token.encode(), key.encode())
        text = base64.b64encode(sealed).decode("ascii")
        document = {"sealed": text, "began": self.now, "seen": self.now}
        await self._store.write(*self._room(), Put(DriverRecord(key, OWNER, document)))

    async def used(self, session_id: str) -> None:
        """Let all know that it is in use. An unreachable database ends no session."""
        now = self.now

        def edit(record: DriverRecord) -> DriverRecord:
            document = {**record.document, "seen": now}
            return DriverRecord(record.key, OWNER, document)

        try:
            await self._store.write(Edit(DriverRecord, _key(session_id), edit))
        except (NotFound, StoreUnavailable):
            return

    async def remove(self, session_id: str) -> None:
        """End a session at all daemons; safe for one that has ended. Raises StoreUnavailable."""
        await self._store.write(Remove(DriverRecord, _key(session_id)))

    def _room(self) -> list[Change]:
        """What goes when one more comes: those too old, and the one unused for longest."""
        kept = sorted(
            self._store.driver_records(OWNER), key=lambda one: float(one.document["seen"])
        )
        oldest = self.now - self._longest
        over = max(0, len(kept) + 1 - self._most)
        return [
            Remove(DriverRecord, record.key)
            for number, record in enumerate(kept)
            if number < over or float(record.document["began"]) < oldest
        ]

    def _cipher(self, session_id: str) -> AESGCM:
        return AESGCM(derive(self._secret, LABEL, session_id))


def _key(session_id: str) -> str:
    return f"{OWNER}/{hashlib.sha256(session_id.encode('utf-8', 'surrogateescape')).hexdigest()}"
