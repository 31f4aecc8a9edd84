"""What is the same for every installation of a site, kept over restarts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import TypeAdapter

from drydockd.drivers.base import Shelf
from drydockd.drivers.node.netboot.assembly import SiteWide
from drydockd.errors import DriverUnsupported
from drydockd.site import Repository

RECORD = "site"
_repositories = TypeAdapter(tuple[Repository, ...])


async def keep(shelf: Shelf, repositories: Sequence[Repository], *, remove_unlisted: bool) -> None:
    """Raises DriverUnsupported for repositories that are not apt's: nothing is changed."""
    for repository in repositories:
        if repository.repo_type != "apt":
            raise DriverUnsupported(
                f"repository {repository.name}: repo_type {repository.repo_type}; netboot knows apt"
            )
    document = {
        "repositories": [asdict(repository) for repository in repositories],
        "remove_unlisted": remove_unlisted,
    }
    await shelf.put({RECORD: document})


def kept(shelf: Shelf) -> SiteWide:
    document = shelf.record(RECORD) or {}
    return SiteWide(
        _repositories.validate_python(document.get("repositories", ())),
        bool(document.get("remove_unlisted")),
    )
