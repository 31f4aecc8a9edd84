"""What holds for a whole site: its region, its racks, its repositories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TagDefinition:
    tag: str
    type: str
    definition: str


@dataclass(frozen=True, slots=True)
class Repository:
    name: str
    url: str
    repo_type: str
    distributions: tuple[str, ...] | None = None
    subrepos: tuple[str, ...] | None = None
    components: tuple[str, ...] | None = None
    gpgkey: str | None = None
    arches: tuple[str, ...] = ("amd64",)
    options: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """The one site definition."""

    name: str
    tag_definitions: tuple[TagDefinition, ...] = ()
    authorized_keys: tuple[str, ...] = ()
    repositories: tuple[Repository, ...] = ()
    remove_unlisted: bool = False


@dataclass(frozen=True, slots=True)
class TorSwitch:
    switch_name: str
    mgmt_ip: str | None = None
    sdn_api_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Rack:
    name: str
    tor_switches: tuple[TorSwitch, ...] = ()
    location: Mapping[str, object] = field(default_factory=dict)
    local_networks: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
