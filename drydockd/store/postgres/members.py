"""The daemons of one database, as the database saw them last."""

from __future__ import annotations

from typing import Any

import orjson

from drydockd.store.base import Member

_MEMBERS = """
SELECT m.name, m.address, m.version, m.applied, m.settings,
    coalesce(l.holder = m.id AND l.until >= clock_timestamp(), false) AS is_runner,
    greatest(extract(epoch FROM clock_timestamp() - m.beat)::float8, 0) AS silent_seconds
FROM drydock.member m LEFT JOIN drydock.lease l ON l.name = 'runner' ORDER BY m.name
"""


async def members(connection: Any) -> list[Member]:
    return [
        Member(
            row["name"],
            row["address"],
            row["version"],
            row["applied"],
            row["is_runner"],
            row["silent_seconds"],
            orjson.loads(row["settings"]),
        )
        for row in await connection.fetch(_MEMBERS)
    ]
