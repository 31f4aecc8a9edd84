"""SSH keys of the API's user and package repositories: what drydockd put there, it takes away.

Keys that others added stay. Source: contract, maas, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drydockd.drivers.base import SiteNote
from drydockd.drivers.node.maas.answers import Refused
from drydockd.drivers.node.maas.client import Form, MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.records import KEYS, REPOSITORIES, Records
from drydockd.errors import DriverUnsupported
from drydockd.site import Repository

# MAAS' own; it removes neither.
STANDARD = ("main_archive", "ports_archive")
COMPONENTS = ("main", "restricted", "universe", "multiverse")
POCKETS = ("security", "updates", "backports")
LISTS = ("distributions", "components", "disabled_components", "disabled_pockets", "arches")


async def apply_keys(
    client: MaasClient, records: Records, keys: Sequence[str]
) -> Sequence[SiteNote]:
    """MAAS gives the keys to all machines it deploys for this user."""
    wanted = list(dict.fromkeys("".join(key.splitlines()).strip() for key in keys))
    there = {str(entry["key"]): entry["id"] for entry in await client.get(at("sshkeys"))}
    mine = records.names(KEYS)
    new = [key for key in wanted if key and key not in there]
    await records.keep_names(KEYS, mine | set(new))
    for key in new:
        await _add_key(client, key)
    gone = [key for key in there if key in mine and key not in wanted]
    for key in gone:
        await client.delete(at("sshkey", id=there[key]))
    await records.keep_names(KEYS, (mine | set(new)) & set(wanted))
    text = f"{len(wanted)} authorized keys, {len(new)} of them new, {len(gone)} removed"
    return [SiteNote(text, False, "cluster", "maas")]


async def _add_key(client: MaasClient, key: str) -> None:
    try:
        await client.post(at("sshkeys"), form={"key": key}, again=True)
    except Refused as error:
        if not error.is_about("already"):
            raise


async def apply_repositories(
    client: MaasClient,
    records: Records,
    repositories: Sequence[Repository],
    *,
    remove_unlisted: bool,
) -> Sequence[SiteNote]:
    """Reconcile by name. Raises DriverUnsupported, before any write: not apt, or options."""
    forms = {repository.name: repository_form(repository) for repository in repositories}
    there = {str(entry["name"]): entry for entry in await client.get(at("package-repositories"))}
    mine = records.names(REPOSITORIES)
    await records.keep_names(REPOSITORIES, mine | (forms.keys() - there.keys()))
    notes = [await _repository(client, there.get(name), form) for name, form in forms.items()]
    gone = [
        name
        for name in there
        if name not in forms and name not in STANDARD and (remove_unlisted or name in mine)
    ]
    for name in gone:
        await client.delete(at("package-repository", id=there[name]["id"]))
        notes.append(SiteNote(f"repository {name}: removed"))
    kept = (mine | (forms.keys() - there.keys())) & forms.keys()
    await records.keep_names(REPOSITORIES, kept)
    return notes


async def _repository(client: MaasClient, known: Mapping[str, Any] | None, form: Form) -> SiteNote:
    name = str(form["name"])
    if known is None:
        await client.post(at("package-repositories"), form={k: v for k, v in form.items() if v})
        return SiteNote(f"repository {name}: created")
    change = {key: value for key, value in form.items() if _kept(known, key) != value}
    if not change:
        return SiteNote(f"repository {name}: as it was")
    await client.put(at("package-repository", id=known["id"]), change)
    return SiteNote(f"repository {name}: changed: {', '.join(change)}")


def _kept(known: Mapping[str, Any], key: str) -> str:
    value = known.get(key) or ""
    return ",".join(value) if key in LISTS else str(value)


def repository_form(repository: Repository) -> Form:
    """Return the form of one repository; lists are comma texts, an empty one resets.

    The archives of the distribution say what is left out; others what there is.
    """
    if repository.repo_type != "apt":
        raise DriverUnsupported(
            f"repository {repository.name}: repo_type {repository.repo_type}; MAAS knows apt"
        )
    if repository.options:
        raise DriverUnsupported(
            f"repository {repository.name}: options {', '.join(repository.options)}; MAAS has none"
        )
    components = repository.components
    is_standard = repository.name in STANDARD
    left_out = _without(COMPONENTS, components) if is_standard else ()
    return {
        "name": repository.name,
        "url": repository.url,
        "distributions": ",".join(repository.distributions or ()),
        "components": "" if is_standard else ",".join(components or ()),
        "disabled_components": ",".join(left_out),
        "disabled_pockets": ",".join(_without(POCKETS, repository.subrepos)),
        "arches": ",".join(repository.arches),
        "key": repository.gpgkey or "",
    }


def _without(known: Sequence[str], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """What of `known` is not wanted; nothing where the design does not say."""
    return () if wanted is None else tuple(name for name in known if name not in wanted)
