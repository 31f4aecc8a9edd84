"""Adding to the image catalogue and taking from it: an entry is whole or not there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from drydockd.errors import InvalidInput, NotFound
from drydockd.images.catalogue import BLOBS, NAME, SUFFIX, Agent, Alias, Entry, Image, read_entry

CHUNK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def add_blob(folder: Path, content: Path) -> tuple[str, int]:
    """Move the file `content` into the catalogue; return its digest and size. Durable."""
    digest, size = sha256_of(content), content.stat().st_size
    blobs = folder / BLOBS
    blobs.mkdir(mode=0o755, parents=True, exist_ok=True)
    _sync(content)
    content.chmod(0o644)
    os.replace(content, blobs / digest)
    _sync(blobs)
    return digest, size


def write_entry(folder: Path, entry: Entry) -> Path:
    """Write or replace the entry's file; return it. Raises InvalidInput for a bad name."""
    if not NAME.fullmatch(entry.name):
        raise InvalidInput(f"{entry.name!r} is no name of an image: letters, digits, . _ -")
    document = entry.model_dump(mode="json", exclude_defaults=False)
    path = folder / f"{entry.name}{SUFFIX}"
    new = folder / f".{entry.name}{SUFFIX}.new"
    new.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    _sync(new)
    os.replace(new, path)
    _sync(folder)
    return path


def remove(folder: Path, name: str) -> list[str]:
    """Remove an entry and the blobs that no other names; return those. Raises NotFound."""
    path = folder / f"{name}{SUFFIX}"
    if not NAME.fullmatch(name) or not path.is_file():
        raise NotFound(f"the catalogue {folder} has no entry {name}")
    path.unlink()
    _sync(folder)
    return sweep(folder)


def sweep(folder: Path) -> list[str]:
    """Remove blobs that no entry names, and what a build left half done; return their names."""
    named = {digest for path in folder.glob(f"*{SUFFIX}") for digest in blobs_of(read_entry(path))}
    gone = []
    for blob in sorted((folder / BLOBS).glob("*")):
        if blob.name not in named:
            blob.unlink()
            gone.append(blob.name)
    return gone


def blobs_of(entry: Entry) -> Iterable[str]:
    if isinstance(entry, Image):
        return (entry.sha256,)
    if isinstance(entry, Agent):
        return (entry.kernel.sha256, entry.initrd.sha256)
    assert isinstance(entry, Alias)  # noqa: S101
    return ()


def verify(folder: Path, entry: Entry) -> list[str]:
    """Hash the entry's blobs again; return what is wrong, by sentence."""
    problems = []
    for digest in blobs_of(entry):
        path = folder / BLOBS / digest
        if not path.is_file():
            problems.append(f"{entry.name}: its content {digest} is gone")
        elif (found := sha256_of(path)) != digest:
            problems.append(f"{entry.name}: {path} has sha256 {found}: damaged, build it anew")
    return problems


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
