"""Tags of MAAS: made, put on a machine, and removed again when they are ours.

A tag's name is ``[a-zA-Z0-9_-]+``. Source: contract, maas, sections 2 and 11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from drydockd.drivers.node.maas.answers import Missing, Refused
from drydockd.drivers.node.maas.client import Form, MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.errors import DriverUnsupported

# Behind the host name and this comes the boot action key, for MAAS' own curtin template.
KEY_MARK = "__baid__"
COMMENT = "made by drydockd"
_NAME = re.compile(r"[a-zA-Z0-9_-]+")


def key_prefix(hostname: str) -> str:
    return f"{hostname}{KEY_MARK}"


def checked(name: str) -> str:
    """Return `name`. Raises DriverUnsupported: MAAS would not take a tag of that name."""
    if _NAME.fullmatch(name) is None:
        raise DriverUnsupported(f"tag {name!r}: MAAS takes letters, digits, _ and - only")
    return name


async def make(client: MaasClient, name: str, form: Form | None = None) -> None:
    """Make the tag, if there is none of this name. Safe to repeat."""
    try:
        # A second try finds the tag of the first and says so.
        await client.post(
            at("tags"), form={"name": name, "comment": COMMENT, **(form or {})}, again=True
        )
    except Refused as error:
        if not error.is_about("already exists"):
            raise


async def put_on(client: MaasClient, name: str, sid: str) -> None:
    """Put the tag on a machine. Safe to repeat."""
    await client.post(at("tag", name=name), "update_nodes", {"add": sid}, again=True)


async def take_off(client: MaasClient, name: str, sid: str) -> None:
    """Take the tag off a machine; one that is gone is off. Safe to repeat."""
    try:
        await client.post(at("tag", name=name), "update_nodes", {"remove": sid}, again=True)
    except Missing:
        return


async def remove(client: MaasClient, gone: Iterable[str]) -> None:
    """Remove tags altogether; those that are gone are fine."""
    for name in sorted(gone):
        await client.delete(at("tag", name=name))
