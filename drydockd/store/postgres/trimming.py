"""What every daemon has seen, and is old, goes from the feed. The runner's work."""

from __future__ import annotations

from typing import Any

KEEP_SECONDS = 3600.0
# A daemon that was silent for so long is waited for no more: it reloads.
LIVE_SECONDS = 60.0
# So many writes go in one statement.
SLICE = 2000

# Up to which write all may go. The newest stays: history is compared by it.
_UNTIL = """
SELECT least(
    -- `least` passes over what is null: when nobody lives nobody is waited for, but when nothing
    -- is old nothing goes.
    coalesce((SELECT max(seq) FROM drydock.write
              WHERE at <= clock_timestamp() - make_interval(secs => $1)), 0),
    (SELECT min(applied) FROM drydock.member
     WHERE beat > clock_timestamp() - make_interval(secs => $2)),
    (SELECT seq - 1 FROM drydock.head)
) AS until, (SELECT min(seq) FROM drydock.write) AS first
"""
_CHANGES = "DELETE FROM drydock.change WHERE seq <= $1"
_WRITES = "DELETE FROM drydock.write WHERE seq <= $1"


async def trim(connection: Any, keep_seconds: float, live_seconds: float) -> int:
    """Remove old writes, the oldest first; return how many went."""
    row = await connection.fetchrow(_UNTIL, keep_seconds, live_seconds)
    first, until = row["first"], row["until"]
    if first is None or until is None:
        return 0
    gone = 0
    while first + gone <= until:
        slice_end = min(first + gone + SLICE - 1, until)
        async with connection.transaction():
            await connection.execute(_CHANGES, slice_end)
            await connection.execute(_WRITES, slice_end)
        gone = slice_end - first + 1
    return gone
