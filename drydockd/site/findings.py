"""What is wrong or strange in a design, and what the rules that say so are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class DocumentRef:
    """Which document a finding is about: ``drydock/<Kind>/v1`` and its name."""

    schema: str
    name: str


class Level(StrEnum):
    ERROR = "Error"
    WARNING = "Warning"
    INFO = "Info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One validation message; contract, validation, section 2.

    `code` such as ``DD2005``; `message` whole, rule findings with their ``<rule name>: ``
    prefix; `diagnostic` says what would be right; `line` is 1-based in the stream, 0 unknown.
    """

    code: str
    level: Level
    message: str
    diagnostic: str = ""
    documents: tuple[DocumentRef, ...] = ()
    ts: str = ""
    line: int = 0

    @property
    def error(self) -> bool:
        return self.level is Level.ERROR


class NoteKind(StrEnum):
    """What a reader can notice that the design no longer shows once it is read."""

    MISREAD_WORD = "misread word"
    MISSPELT_SCHEMA = "misspelt schema"
    DUPLICATE_KEY = "duplicate key"
    UNKNOWN_KEY = "unknown key"


@dataclass(frozen=True, slots=True)
class Note:
    """Something a reader noticed in a document; a rule says it. `line` as in `Finding`."""

    kind: NoteKind
    text: str
    hint: str
    documents: tuple[DocumentRef, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the node provisioner offers: image name -> kernel names. For rule DD3001.

    A name that ends in ``*`` offers every kernel whose name begins so.
    `failure` says why it could not be asked, or could not answer; `images` is then not used.
    """

    images: Mapping[str, tuple[str, ...]]
    failure: str | None = None

    def has_kernel(self, image: str, kernel: str) -> bool:
        return any(
            kernel.startswith(offered[:-1]) if offered.endswith("*") else kernel == offered
            for offered in self.images[image]
        )


@dataclass(frozen=True, slots=True)
class Unrenderable:
    """An asset that cannot be rendered for a node; `text` names asset, cause and template line."""

    node: str
    bootaction: str
    text: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What rules are told besides the design.

    `catalogue` is None without a node provisioner. `oob_types` are those that the enabled OOB
    drivers answer for; None where nobody knows, as offline. `unrenderable` is what was found when
    every boot action was rendered on trial.
    """

    catalogue: Catalogue | None = None
    oob_types: tuple[str, ...] | None = None
    unrenderable: tuple[Unrenderable, ...] = ()
