"""Long answers in parts: what one turn of the loop may make of an answer, and no more."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from tornado.web import RequestHandler

from drydockd.handlers.slices import Slices

# What a part may hold, and what may be encoded for it: about 3 ms. Hundreds may wait.
PART_BYTES = 128 << 10
PART_RECORDS = 1000


class Part:
    """Gathers pieces of an answer until they are enough for one turn."""

    __slots__ = ("_bytes", "_pieces", "_records")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._bytes = self._records = 0

    def add(self, piece: bytes, records: int = 0) -> bool:
        """Add a piece, for which `records` were encoded; return whether it is time to `take`."""
        self._pieces.append(piece)
        self._bytes += len(piece)
        self._records += records
        return self._bytes >= PART_BYTES or self._records >= PART_RECORDS

    def take(self) -> bytes:
        """Return what was gathered, perhaps nothing, and begin anew."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self._bytes = self._records = 0
        return taken


async def send(
    handler: RequestHandler, parts: AsyncGenerator[bytes, None], slices: Slices, owner: str
) -> None:
    """Answer with `parts`, each made when the client has taken the one before but one.

    Each is made in a turn of `slices` that is `owner`'s, so a client that takes everything at
    once does not keep the loop, nor do many together. Raises what `parts` raises, and
    StreamClosedError when the client is gone: who takes too little for too long
    (`api.stall_timeout`) is cut off by the server.
    """
    async with aclosing(parts):
        is_waiting = False
        while True:
            await slices.turn(owner)
            part = await anext(parts, None)
            if part is None:
                break
            if part and is_waiting:
                await handler.flush()
                if handler.request.method == "HEAD":
                    break
            if part:
                handler.write(part)
                is_waiting = True
    handler.finish()
