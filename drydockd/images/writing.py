"""Adding to the image catalogue and taking from it: an entry is whole or not there."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import yaml

from drydockd.errors import Conflict, InvalidConfig, InvalidInput, NotFound
from drydockd.images.catalogue import (
    BLOBS,
    NAME,
    SUFFIX,
    Agent,
    Alias,
    Entry,
    File,
    Image,
    read_entry,
)

LOCK = ".lock"
E = TypeVar("E", Image, Agent)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other commands from changing the catalogue meanwhile; readers need no lock.

    Not to be taken twice by one caller.
    """
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def publish(folder: Path, contents: Sequence[Path], entry_of: Callable[[Sequence[File]], E]) -> E:
    """Move the files `contents` into the catalogue with the entry made of them; return that.

    All of it or nothing. What the name stood for before stays until `sweep`: machines may be
    installed from it just now.
    """
    files = [File(sha256=sha256_of(path), bytes=path.stat().st_size) for path in contents]
    entry = entry_of(files)
    with locked(folder):
        new = [file.sha256 for file in files if not (folder / BLOBS / file.sha256).exists()]
        try:
            for content, file in zip(contents, files, strict=True):
                _take(folder, content, file.sha256)
            write_entry(folder, entry)
        except BaseException:
            for digest in new:
                (folder / BLOBS / digest).unlink(missing_ok=True)
            raise
    return entry


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _take(folder: Path, content: Path, digest: str) -> None:
    blobs = folder / BLOBS
    blobs.mkdir(mode=0o755, parents=True, exist_ok=True)
    _sync(content)
    content.chmod(0o644)
    os.replace(content, blobs / digest)
    _sync(blobs)


def write_entry(folder: Path, entry: Entry) -> Path:
    """Write or replace the entry's file; return it. Raises InvalidInput for a bad name."""
    if not NAME.fullmatch(entry.name):
        raise InvalidInput(f"{entry.name!r} is no name of an image: letters, digits, . _ -")
    document = entry.model_dump(mode="json", exclude_defaults=False)
    path = folder / f"{entry.name}{SUFFIX}"
    # A dot file: no reader takes it for an entry.
    new = folder / f".{entry.name}{SUFFIX}.new"
    try:
        new.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        _sync(new)
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    _sync(folder)
    return path


def add_alias(folder: Path, name: str, image: str) -> Alias:
    """Make `name` another name of `image`, or lead it there from now on.

    Raises InvalidInput for a bad name, NotFound, Conflict if one of them is what it cannot be.
    """
    alias = Alias(name=name, kind="alias", image=image)
    path = path_of(folder, image)
    with locked(folder):
        if not isinstance(found := read_entry(path), Image):
            what = f"an alias of {found.image}" if isinstance(found, Alias) else "an agent"
            raise Conflict(f"{image} is {what}; an alias leads to an image")
        taken = folder / f"{name}{SUFFIX}"
        if NAME.fullmatch(name) and taken.exists() and not isinstance(read_entry(taken), Alias):
            raise Conflict(
                f"{name} is an entry of its own; remove it first: drydock image rm {name}"
            )
        write_entry(folder, alias)
    return alias


def remove(folder: Path, name: str) -> list[str]:
    """Remove an entry and its blobs that no other names; return those.

    Raises NotFound, and Conflict if aliases lead to it: they would lead nowhere. An entry that
    cannot be read goes too; its blobs are left to `sweep`.
    """
    path = path_of(folder, name)
    with locked(folder):
        if aliases := _aliases_of(folder, name):
            raise Conflict(
                f"{', '.join(aliases)} would lead nowhere without {name}; remove that first: "
                f"drydock image rm {' '.join(aliases)}"
            )
        try:
            mine = set(blobs_of(read_entry(path)))
        except InvalidConfig:
            mine = set()
        path.unlink()
        _sync(folder)
        try:
            return _drop(folder, mine - _named(folder))
        except InvalidConfig:
            return []  # nobody knows what the entry that cannot be read names


def sweep(folder: Path) -> list[str]:
    """Remove the blobs that no entry names; return their names.

    Raises InvalidConfig if an entry cannot be read: nobody knows what it names.
    """
    if not folder.is_dir():
        return []
    with locked(folder):
        there = {blob.name for blob in (folder / BLOBS).glob("*")}
        return _drop(folder, there - _named(folder))


def _aliases_of(folder: Path, name: str) -> list[str]:
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            entry = read_entry(path)
        except InvalidConfig:
            continue  # removing a bad entry must not fail of another
        if isinstance(entry, Alias) and entry.image == name:
            found.append(entry.name)
    return found


def _named(folder: Path) -> set[str]:
    entries = (read_entry(path) for path in folder.glob(f"*{SUFFIX}"))
    return {digest for entry in entries for digest in blobs_of(entry)}


def _drop(folder: Path, digests: Iterable[str]) -> list[str]:
    gone = sorted(digests)
    for digest in gone:
        (folder / BLOBS / digest).unlink(missing_ok=True)
    return gone


def path_of(folder: Path, name: str) -> Path:
    """Return the file of an entry. Raises NotFound."""
    path = folder / f"{name}{SUFFIX}"
    if not NAME.fullmatch(name) or not path.is_file():
        raise NotFound(f"the catalogue {folder} has no entry {name}")
    return path


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
