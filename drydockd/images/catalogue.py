"""Reading the image catalogue: ``NAME.yaml`` beside ``blobs/<sha256>``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from drydockd.errors import InvalidConfig, NotFound

BLOBS = "blobs"
SUFFIX = ".yaml"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
LARGEST_ENTRY_BYTES = 1024 * 1024

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Bytes = Annotated[int, Field(ge=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    arch: str = "amd64"
    built: str = ""
    source: str = ""
    # What `images.build.recipe_key` said when it was built; empty for what was imported.
    recipe: str = ""
    packages: dict[str, str] = Field(default_factory=dict, repr=False)


class File(BaseModel):
    """One blob."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Sha256
    bytes: Bytes


class Image(_Entry):
    """An operating system: a root file system, unpacked onto the partitions of the design.

    `kernels` are the names that ``platform.kernel`` may have; `unpacked_bytes` is what the files
    take. `packages` maps installed packages to their versions.
    """

    kind: Literal["squashfs", "tar.zst"]
    release: str = ""
    sha256: Sha256
    bytes: Bytes
    unpacked_bytes: Bytes
    kernels: tuple[str, ...] = ()
    firmware: tuple[Literal["bios", "uefi"], ...] = ("bios", "uefi")
    features: tuple[str, ...] = ()


class Agent(_Entry):
    """What a machine starts to be inspected, installed and wiped: a kernel and an initrd."""

    kind: Literal["agent"]
    version: str = ""
    kernel: File
    initrd: File


class Alias(BaseModel):
    """Another name of an image, made by the operator."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Literal["alias"]
    image: str


Entry = Image | Agent | Alias
_MODELS: Mapping[str, type[Entry]] = {
    "squashfs": Image,
    "tar.zst": Image,
    "agent": Agent,
    "alias": Alias,
}


class ImageCatalogue:
    """The entries of `folder`; each look sees what changed, so that a build needs no restart.

    An entry is read again when its file is another: one with a list of packages takes 30 ms, and
    every start of a machine looks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[tuple[int, int, int], Entry]] = {}

    def entries(self) -> list[Entry]:
        """Return all entries by name. Raises InvalidConfig naming the file and what is wrong."""
        try:
            paths = sorted(self.folder.glob(f"*{SUFFIX}"))
            self._read = {path: self._entry(path) for path in paths}
        except OSError as error:
            raise InvalidConfig(f"image catalogue {self.folder}: {error.strerror}") from error
        return [entry for _, entry in self._read.values()]

    def _entry(self, path: Path) -> tuple[tuple[int, int, int], Entry]:
        found = path.stat()
        mark = (found.st_mtime_ns, found.st_size, found.st_ino)
        known = self._read.get(path)
        return known if known is not None and known[0] == mark else (mark, read_entry(path))

    def images(self) -> dict[str, Image]:
        """Return image by name, aliases included; one that leads nowhere is InvalidConfig."""
        entries = self.entries()
        found = {entry.name: entry for entry in entries if isinstance(entry, Image)}
        for entry in entries:
            if isinstance(entry, Alias):
                if entry.image not in found:
                    raise InvalidConfig(
                        f"image {entry.name} is an alias of {entry.image}, which the catalogue "
                        f"{self.folder} does not have"
                    )
                found[entry.name] = found[entry.image]
        return found

    def image(self, name: str) -> Image:
        """Raises NotFound naming those there are."""
        images = self.images()
        if name not in images:
            there = ", ".join(images) or "none"
            raise NotFound(f"the catalogue {self.folder} has no image {name}; it has {there}")
        return images[name]

    def agent(self, name: str) -> Agent:
        """Raises NotFound saying how one is made."""
        agents = {e.name: e for e in self.entries() if isinstance(e, Agent)}
        if name not in agents:
            as_name = "" if name == "agent" else f" --name {name}"
            raise NotFound(
                f"the catalogue {self.folder} has no agent {name}; "
                f"make it with: drydock image build agent{as_name}"
            )
        return agents[name]

    def blob(self, sha256: str) -> Path:
        """Return where the content lies. Raises NotFound if it does not."""
        path = self.folder / BLOBS / sha256
        if not re.fullmatch("[0-9a-f]{64}", sha256) or not path.is_file():
            raise NotFound(f"the catalogue {self.folder} has no content {sha256}")
        return path


def read_entry(path: Path) -> Entry:
    """Return the entry of a file. Raises InvalidConfig naming file, field and value."""
    where = f"image catalogue: {path}"
    try:
        if path.stat().st_size > LARGEST_ENTRY_BYTES:
            raise InvalidConfig(f"{where}: more than {LARGEST_ENTRY_BYTES} bytes, no entry of ours")
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise InvalidConfig(f"{where}: {error}") from error
    if not isinstance(document, dict):
        raise InvalidConfig(f"{where}: an entry is a mapping")
    model = _MODELS.get(str(document.get("kind")))
    if model is None:
        kinds = ", ".join(_MODELS)
        raise InvalidConfig(f"{where}: kind {document.get('kind')!r} is none of {kinds}")
    try:
        entry = model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidConfig(f"{where}: {field}: {first['msg']}") from error
    if entry.name != path.name.removesuffix(SUFFIX) or not NAME.fullmatch(entry.name):
        raise InvalidConfig(f"{where}: name {entry.name!r} is not that of its file")
    return entry
