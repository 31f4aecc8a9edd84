"""Region: the site definition. Source: contract, design, section 3.1."""

from __future__ import annotations

from typing import Literal, Required

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from drydockd.design.documents.fields import CLOSED, OPEN
from drydockd.site import Region, Repository, TagDefinition


@with_config(CLOSED)
class TagDefinitionBody(TypedDict):
    tag: str
    definition_type: Literal["lshw_xpath"]
    definition: str


# Sites have keys here that the original ignores too; they get a warning.
@with_config(OPEN)
class RepositoryBody(TypedDict, total=False):
    repo_type: Required[Literal["apt", "rpm"]]
    url: Required[str]
    distributions: list[str]
    subrepos: list[str]
    components: list[str]
    gpgkey: str
    arches: list[str]
    options: dict[str, str]


class RepositoriesBody(BaseModel):
    """Every key but ``remove_unlisted`` is the name of a repository."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, RepositoryBody] = Field(init=False)

    remove_unlisted: bool = False


@with_config(CLOSED)
class Body(TypedDict, total=False):
    tag_definitions: list[TagDefinitionBody]
    authorized_keys: list[str]
    repositories: RepositoriesBody


def build(name: str, body: Body) -> Region:
    """Return the site definition; line breaks inside keys are removed."""
    repositories = body.get("repositories", RepositoriesBody())
    return Region(
        name=name,
        tag_definitions=tuple(
            TagDefinition(entry["tag"], entry["definition_type"], entry["definition"])
            for entry in body.get("tag_definitions", ())
        ),
        authorized_keys=tuple(
            key.replace("\r", "").replace("\n", "") for key in body.get("authorized_keys", ())
        ),
        repositories=tuple(
            _repository(key, entry) for key, entry in (repositories.model_extra or {}).items()
        ),
        remove_unlisted=repositories.remove_unlisted,
    )


def _repository(name: str, body: RepositoryBody) -> Repository:
    return Repository(
        name=name,
        url=body["url"],
        repo_type=body["repo_type"],
        distributions=_texts(body.get("distributions")),
        subrepos=_texts(body.get("subrepos")),
        components=_texts(body.get("components")),
        gpgkey=body.get("gpgkey"),
        arches=tuple(body.get("arches", ("amd64",))),
        options=body.get("options"),
    )


def _texts(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
