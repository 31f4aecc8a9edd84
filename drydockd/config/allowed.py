"""What the original allowed without saying so: options that would allow it here, for a comment.

The original sent its token wherever a reference pointed, fetched from every host and read every
file; its boot keys never ended. drydockd asks to be told. Source: contract, auth-policy, section
5, bootactions, section 4, and tasks, section 7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

SERVICES = ("deckhand+", "promenade+")
WEB = ("http", "https")


@dataclass(frozen=True, slots=True)
class Allowance:
    """An option of ours, with the `value` that comes closest to what the original did, and `why`.

    An empty list says that nobody knows what is used at this site.
    """

    section: str
    option: str
    value: object
    why: str


def allowances(references: Iterable[str] = ()) -> list[Allowance]:
    """Return them all; `references` are designs that were used, and tell hosts and folders."""
    services, hosts, folders = set[str](), set[str](), set[str]()
    for reference in references:
        host, folder, is_service = _places(reference)
        hosts |= {host} - {""}
        services |= {host} - {""} if is_service else set()
        folders |= {folder} - {""}
    return [
        Allowance(
            "auth",
            "service_hosts",
            sorted(services),
            "The original sent its service token to whatever host a deckhand+ or promenade+ "
            "reference named. Here only to these",
        ),
        Allowance(
            "network",
            "allowed_hosts",
            sorted(hosts),
            "The original fetched designs and assets from every host. Here from these; without "
            "any, from public addresses only",
        ),
        Allowance(
            "network",
            "allowed_roots",
            sorted(folders),
            "The original read every file that a file:// reference named. Here only in these "
            "folders",
        ),
        Allowance(
            "bootactions",
            "key_lifetime",
            None,
            "The original's boot keys never ended. Here they do, 7 days after the deployment, or "
            "after the move if they came with it; null: never",
        ),
        Allowance(
            "store",
            "retention_days",
            90,
            "The original's deployments purged tasks after 90 days, by a job of their own. Here "
            "nothing is purged unless this is set",
        ),
    ]


def _places(reference: str) -> tuple[str, str, bool]:
    """Return host (with its port), folder, and whether a token is sent; what is not there: ""."""
    prefix = next((word for word in SERVICES if reference.startswith(word)), "")
    try:
        parts = urlsplit(reference.removeprefix(prefix))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "", "", False
    if parts.scheme == "file":
        return "", str(PurePosixPath(unquote(parts.path)).parent), False
    if parts.scheme not in WEB or not parts.hostname:
        return "", "", False
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}{port}", "", bool(prefix)
