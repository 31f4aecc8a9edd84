"""The daemons that share a store, as the page shows them: who runs the tasks, who is silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from drydockd import errors
from drydockd.handlers.services import Services
from drydockd.store import Member
from drydockd.web.page import PageHandler

# Of a lease: then a daemon is not counted among the living.
SILENT_LEASES = 3


class Lease(Protocol):
    """See cluster.lease.Lease."""

    @property
    def runner(self) -> str | None: ...

    @property
    def ttl(self) -> float: ...


class Company(Protocol):
    """What of the cluster is shown; see cluster.Cluster."""

    @property
    def name(self) -> str: ...

    @property
    def lease(self) -> Lease: ...

    def members(self) -> Sequence[Member]: ...

    def differences(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Line:
    """One daemon; `look` is how its state is coloured."""

    name: str
    state: str
    look: str
    is_here: bool
    address: str
    version: str


@dataclass(frozen=True, slots=True)
class Shown:
    """`troubles`: what is set otherwise somewhere, and that nobody runs the tasks."""

    lines: Sequence[Line]
    troubles: Sequence[str]


def shown(services: Services) -> Shown | None:
    """Return what there is to show; None where a daemon has its store for itself."""
    company: Company | None = getattr(services, "cluster", None)
    if company is None:
        return None
    troubles = list(company.differences())
    if company.lease.runner is None:
        troubles.insert(0, "No daemon runs the tasks: they wait until one can.")
    return Shown([_line(member, company) for member in company.members()], troubles)


def _line(member: Member, company: Company) -> Line:
    if member.name == company.lease.runner:
        state, look = "runs the tasks", "busy"
    elif member.silent_seconds > SILENT_LEASES * company.lease.ttl:
        state, look = f"silent for {member.silent_seconds:.0f} s", "bad"
    else:
        state, look = "serves", "good"
    is_here = member.name == company.name
    return Line(member.name, state, look, is_here, member.address, member.version)


class DaemonsHandler(PageHandler):
    """The part of the first page that tells of them, for pages that stay open."""

    policy: ClassVar = {"GET": "read_data"}
    about: ClassVar = {"GET": "the daemons that share a store"}

    async def get(self) -> None:
        if (daemons := shown(self.services)) is None:
            raise errors.NotFound("This daemon shares its store with no other")
        self.render_page("daemons.html", daemons=daemons)
