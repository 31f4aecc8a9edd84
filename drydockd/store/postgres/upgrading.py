"""The format of a database is raised by hand, when the last daemon that knows less is gone."""

from __future__ import annotations

import re
from typing import Any

from drydockd.errors import StoreRefused
from drydockd.store.postgres import copying, schema
from drydockd.store.postgres.standing import alive, standing

# Format -> the statements that make the next one of it.
STEPS: dict[int, str] = {}


async def upgrade(connection: Any, version: str, lease_seconds: float) -> tuple[int, int]:
    """Bring the database to this drydockd's format; return which it had, and which it has.

    All of it or nothing; again is free. Raises StoreRefused, naming them, while daemons older
    than `version` live, and if the database is of a newer drydockd.
    """
    async with copying.whole(connection):
        found = await copying.head(connection, lock=True)
        if found.format == schema.FORMAT:
            return found.format, found.format
        members = alive(await standing(connection), lease_seconds)
        if older := [one for one in members if is_older(one.version, version)]:
            names = ", ".join(f"{one.name} ({one.version or 'unknown version'})" for one in older)
            raise StoreRefused(
                f"daemons older than {version} are at work: {names}. They could not read format"
                f" {schema.FORMAT}: upgrade or stop them first"
            )
        for number in range(found.format, schema.FORMAT):
            await connection.execute(STEPS[number])
        await connection.execute("UPDATE drydock.head SET format = $1", schema.FORMAT)
        return found.format, schema.FORMAT


def is_older(theirs: str, ours: str) -> bool:
    """Whether a daemon may know less. Of one release only the very same version does not."""
    return theirs != ours and _release(theirs) <= _release(ours)


def _release(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]
