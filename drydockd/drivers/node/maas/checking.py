"""Whether MAAS can be worked with: version, key, images, rack controllers. Read-only.

Source: contract, maas, section 5, and maas-facts, rows 18 and 26.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from drydockd.drivers.base import SiteNote
from drydockd.drivers.node.maas import images
from drydockd.drivers.node.maas.account import Account
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.errors import DriverError

OLDEST, NEWEST = (3, 3), (3, 8)
SERVICES = ("http", "dhcpd", "rackd", "tftp")
HEALTHY = ("running", "off")


class Checker:
    def __init__(self, client: MaasClient, account: Account) -> None:
        self._client = client
        self._account = account

    async def check(self) -> Sequence[SiteNote]:
        """Return a verdict per service; each is asked, whatever the one before it said."""
        notes: list[SiteNote] = []
        for look in (self._version, self._key, self._images, self._racks):
            notes += await _looked(look)
            if look == self._key and any(note.error for note in notes):
                # Without login, whatever follows would say the same.
                break
        return notes

    async def _version(self) -> Sequence[SiteNote]:
        answer = await self._client.get(at("version"))
        text = str(answer.get("version") or "") if isinstance(answer, Mapping) else ""
        version = re.match(r"(\d+)\.(\d+)", text)
        if version is None:
            return [_bad("MAAS: GET version/ tells no version; does maas_api_url lead to MAAS?")]
        pair = int(version[1]), int(version[2])
        if pair < OLDEST:
            return [_bad(f"MAAS {text} is older than {_shown(OLDEST)}, the oldest that is known")]
        untried = f"; newer than {_shown(NEWEST)}, not tried" if pair > NEWEST else ""
        return [_good(f"MAAS {text} answers{untried}")]

    async def _key(self) -> Sequence[SiteNote]:
        # The version is told to everybody: these two prove the key.
        await self._client.get(at("account"), "list_authorisation_tokens")
        user = await self._account.ask()
        name = user.get("username")
        if user.get("is_superuser") is False:
            return [_bad(f"the API key is that of {name}, who is no administrator of MAAS")]
        return [_good(f"the API key is that of {name}")]

    async def _images(self) -> Sequence[SiteNote]:
        if await self._client.get(at("boot-resources"), "is_importing"):
            return [_bad("MAAS is importing images; wait for the end of that")]
        there = await images.resources(self._client)
        if not there:
            return [_bad("MAAS has no images; import some")]
        known = images.architectures(there)
        notes = [_good(f"{len(there)} boot resources, for {', '.join(sorted(known))}")]
        for architecture, names in (await self._unbootable(known)).items():
            notes.append(
                _bad(
                    f"no images for {architecture}: MAAS refuses every change of "
                    f"{', '.join(names)}; import them"
                )
            )
        return notes

    async def _unbootable(self, known: frozenset[str]) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for machine in await self._client.get(at("machines")):
            architecture = str(machine.get("architecture") or "").split("/")[0]
            if architecture and architecture not in known:
                found.setdefault(architecture, []).append(str(machine.get("hostname")))
        return found

    async def _racks(self) -> Sequence[SiteNote]:
        racks = await self._client.get(at("rackcontrollers"))
        if not racks:
            return [_bad("MAAS has no rack controller")]
        notes = [_rack_note(rack) for rack in racks]
        healthy = sum(not note.error for note in notes)
        # One that is ill is told; the site works as long as one is well.
        notes = (
            [SiteNote(note.text, False, *_context(note)) for note in notes] if healthy else notes
        )
        return [*notes, _good(f"{healthy} of {len(racks)} rack controllers are healthy")]


def is_healthy(rack: Mapping[str, Any]) -> bool:
    return not _ill(rack)


def _ill(rack: Mapping[str, Any]) -> Sequence[str]:
    states = {str(s.get("name")): str(s.get("status")) for s in rack.get("service_set") or ()}
    told = {name: states.get(name, "unknown") for name in SERVICES}
    return [f"{name} is {state}" for name, state in told.items() if state not in HEALTHY]


def _rack_note(rack: Mapping[str, Any]) -> SiteNote:
    name = str(rack.get("hostname"))
    ill = _ill(rack)
    text = f"rack controller {name}: {', '.join(ill) or 'healthy'}"
    return SiteNote(text, bool(ill), "rack_ctlr", name)


def _context(note: SiteNote) -> tuple[str, str]:
    return note.context_type, note.context


async def _looked(look: Callable[[], Awaitable[Sequence[SiteNote]]]) -> Sequence[SiteNote]:
    try:
        return await look()
    except DriverError as error:
        return [_bad(str(error))]


def _good(text: str) -> SiteNote:
    return SiteNote(text, False, "cluster", "maas")


def _bad(text: str) -> SiteNote:
    return SiteNote(text, True, "cluster", "maas")


def _shown(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
