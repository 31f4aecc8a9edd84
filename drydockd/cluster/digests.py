"""What has to be the same at all daemons of a database, as digests: none tells a secret."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

import orjson

from drydockd.config import Settings
from drydockd.store.base import Member

# Of a digest so much is shown to all: enough to tell two apart.
DIGITS = 16


def digests(
    settings: Settings, policy: Mapping[str, str], secret: bytes, token_keys: Iterable[str] = ()
) -> dict[str, str]:
    """Return what is to be the same -> a digest of it, made with `secret`.

    `policy` is the one in force, rule -> check; `token_keys` are the ids of the keys by which
    local tokens are believed.
    """
    bootactions = settings.bootactions.model_dump(mode="json")
    told: dict[str, object] = {
        "policy": dict(policy),
        "bootactions.report_url": bootactions.pop("report_url"),
        "drivers": [settings.plugins.model_dump(mode="json"), settings.drivers],
        "limits": [settings.limits.model_dump(mode="json"), bootactions],
        "timeouts": settings.timeouts.model_dump(mode="json"),
        "token keys": sorted(token_keys),
        "cluster.lease_seconds": settings.cluster.lease_seconds,
        "store.retention_days": settings.store.retention_days,
    }
    return {name: _digest(secret, name, value) for name, value in told.items()}


def _digest(secret: bytes, name: str, value: object) -> str:
    text = orjson.dumps([name, value], default=_plain, option=orjson.OPT_SORT_KEYS)
    return hmac.new(secret, text, hashlib.sha256).hexdigest()[:DIGITS]


def _plain(value: object) -> object:
    """What JSON has no word for: a secret by what it is, anything else by its name."""
    if hasattr(value, "get_secret_value"):
        return value.get_secret_value()
    return list(value) if isinstance(value, set | frozenset) else str(value)


def differences(name: str, mine: Mapping[str, str], members: Iterable[Member]) -> list[str]:
    """Return a line for each other member that has something set otherwise than `name` has."""
    found = []
    for member in members:
        if member.name == name or not member.settings:
            continue
        other = [what for what, digest in mine.items() if member.settings.get(what) != digest]
        if other:
            found.append(
                f"the daemons {name} and {member.name} differ in {', '.join(sorted(other))}: what"
                " a task comes to depends on which of them runs it"
            )
    return found
