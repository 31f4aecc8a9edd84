"""DNS domains of MAAS: one that a node needs is made when it is missing."""

from __future__ import annotations

from typing import Any

from drydockd.drivers.node.maas.answers import Refused
from drydockd.drivers.node.maas.client import Form, MaasClient
from drydockd.drivers.node.maas.paths import at


async def names(client: MaasClient) -> frozenset[str]:
    return frozenset(str(domain["name"]) for domain in await client.get(at("domains")))


async def ensure(client: MaasClient, name: str) -> bool:
    """Make the domain unless it is there; return whether it was made. Safe to repeat."""
    if name in await names(client):
        return False
    try:
        form: Form = {"name": name, "authoritative": False}
        await client.post(at("domains"), form=form, again=True)
    except Refused as error:
        if not error.is_about("already exists"):
            raise
    return True


async def put(client: MaasClient, path: str, form: Form) -> Any:
    """Change a machine; where its `domain` is missing in MAAS, that is made. Safe to repeat."""
    try:
        return await client.put(path, form)
    except Refused as error:
        if not error.is_about("unable to find domain"):
            raise
    await ensure(client, str(form["domain"]))
    return await client.put(path, form)
