"""How the cluster stands, read from its database: who runs, who lags, who is set otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from drydockd.errors import StoreRefused

STANDING = """
SELECT m.name, m.address, m.version, m.applied, m.settings,
       extract(epoch FROM now() - m.beat)::float8 AS silent,
       l.holder IS NOT NULL AND l.holder = m.id AND l.until > now() AS is_runner,
       h.seq - m.applied AS lag
FROM drydock.member m, drydock.head h, drydock.lease l
WHERE l.name = 'runner' ORDER BY m.name COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """One daemon as the database knows it.

    `lag`: writes it has not shown yet. `silent_seconds`: since it was heard last. `differs`: the
    settings in which it is not as the others are (see `differences`).
    """

    name: str
    address: str
    version: str
    is_runner: bool
    applied: int
    lag: int
    silent_seconds: float
    differs: tuple[str, ...] = ()


async def standing(connection: Any) -> list[Standing]:
    """Return all members, gone ones too, by name."""
    rows = await connection.fetch(STANDING)
    settings = {row["name"]: _settings(row["name"], row["settings"]) for row in rows}
    runner = next((row["name"] for row in rows if row["is_runner"]), None)
    differing = differences(settings, runner)
    return [
        Standing(
            name=row["name"],
            address=row["address"] or "",
            version=row["version"] or "",
            is_runner=row["is_runner"],
            applied=row["applied"],
            lag=max(0, row["lag"]),
            silent_seconds=round(max(0.0, row["silent"]), 1),
            differs=differing[row["name"]],
        )
        for row in rows
    ]


def differences(
    settings: Mapping[str, Mapping[str, str]], runner: str | None
) -> dict[str, tuple[str, ...]]:
    """Return for each member the names of the settings that are other than they should be.

    The runner's are what they should be; where nobody runs, what most of them have.
    """
    names = {name for found in settings.values() for name in found}
    right = {name: _right(settings, runner, name) for name in names}
    return {
        # One that has told nothing yet differs in nothing.
        member: tuple(sorted(name for name in names if found and found.get(name) != right[name]))
        for member, found in settings.items()
    }


def _right(settings: Mapping[str, Mapping[str, str]], runner: str | None, name: str) -> str | None:
    if runner is not None and settings[runner]:
        return settings[runner].get(name)
    # Of as many for one as for another, always the same one.
    told = [found for _, found in sorted(settings.items()) if found]
    found = Counter(one.get(name) for one in told)
    return found.most_common(1)[0][0]


def _settings(member: str, text: str) -> Mapping[str, str]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise StoreRefused(f"drydock.member, {member}: settings are not JSON: {error}") from None
    return {str(name): str(value) for name, value in found.items()}


def alive(members: Sequence[Standing], seconds: float) -> list[Standing]:
    """Those that were heard within the last `seconds`, and the runner."""
    return [one for one in members if one.is_runner or one.silent_seconds < seconds]
