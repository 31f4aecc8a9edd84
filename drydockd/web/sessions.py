"""Who is logged in to the page: tokens stay here, the browser only has the id of a session."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from drydockd.web.sharing import Kept, Sharing

Clock = Callable[[], float]

LONGEST_SECONDS = 8 * 3600.0
IDLE_SECONDS = 30 * 60.0
# Where daemons share their sessions, the others hear so often that one is used.
TELL_SECONDS = IDLE_SECONDS / 6
# As many are kept; the longest unused one makes room for a new one.
MOST = 1000
ID_BYTES = 32


@dataclass(slots=True)
class Session:
    """One login; `began` and `seen` are seconds of the clock of `Sessions`."""

    token: str = field(repr=False)
    began: float
    seen: float
    # What places of streams are counted for; says nothing about the session's id.
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    # When the other daemons, if there are any, heard last that it is used.
    told: float = 0.0


class Sessions:
    """The sessions, in memory only: a restart ends them. Event-loop thread only.

    A session ends 8 hours after it began, and 30 minutes after it was last used. Whether its
    token is still good is for who uses it to ask, every time. With `sharing` sessions are those
    of all daemons of a store: they outlive a restart, and end everywhere at once.
    """

    def __init__(
        self, clock: Clock = time.monotonic, most: int = MOST, sharing: Sharing | None = None
    ) -> None:
        self._clock = clock
        self._most = most
        self.sharing = sharing
        self._open: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, token: str) -> str:
        """Begin a session for a token that was found good; return its id, 256 random bits."""
        self._let_go()
        if len(self._open) >= self._most:
            self._open.popitem(last=False)
        session_id, now = secrets.token_urlsafe(ID_BYTES), self._clock()
        self._open[session_id] = Session(token, now, now, told=now)
        return session_id

    def find(self, session_id: str | None) -> Session | None:
        """Return a session that has not ended, and count it as used now."""
        session = self.peek(session_id)
        if session is not None and session_id is not None:
            session.seen = self._clock()
            self._open.move_to_end(session_id)
        return session

    def peek(self, session_id: str | None) -> Session | None:
        """Return a session that has not ended, without using it: what a stream does."""
        if session_id is None:
            return None
        session = self._open.get(session_id)
        if self.sharing is not None:
            session = self._shared(session_id, session, self.sharing.look(session_id))
        if session is not None and self._has_ended(session):
            del self._open[session_id]
            return None
        return session

    def end(self, session_id: str | None) -> None:
        """End a session. Safe for one that has ended."""
        if session_id is not None:
            self._open.pop(session_id, None)

    def _shared(
        self, session_id: str, session: Session | None, kept: Kept | None
    ) -> Session | None:
        """Return a session as the other daemons know it, which have seen it too."""
        if kept is None or self.sharing is None:
            self._open.pop(session_id, None)
            return None
        ahead = self._clock() - self.sharing.now
        if session is None:
            session = Session(kept.token, kept.began + ahead, kept.seen + ahead)
            self._open[session_id] = session
        session.seen = max(session.seen, kept.seen + ahead)
        session.told = max(session.told, kept.seen + ahead)
        return session

    async def share(self, session_id: str) -> None:
        """Let the other daemons know a session that has just begun. Raises StoreUnavailable."""
        if self.sharing is not None:
            await self.sharing.put(session_id, self._open[session_id].token)

    async def tell(self, session_id: str | None) -> None:
        """Let the other daemons know, now and then, that a session is used."""
        session = self._open.get(session_id or "")
        if self.sharing is None or session is None or session_id is None:
            return
        if session.seen - session.told >= TELL_SECONDS:
            session.told = session.seen
            await self.sharing.used(session_id)

    async def finish(self, session_id: str | None) -> None:
        """End a session, at all daemons. Safe for one that has ended. Raises StoreUnavailable."""
        self.end(session_id)
        if self.sharing is not None and session_id is not None:
            await self.sharing.remove(session_id)

    def _has_ended(self, session: Session) -> bool:
        now = self._clock()
        return now >= session.began + LONGEST_SECONDS or now >= session.seen + IDLE_SECONDS

    def _let_go(self) -> None:
        for session_id in [i for i, session in self._open.items() if self._has_ended(session)]:
            del self._open[session_id]
