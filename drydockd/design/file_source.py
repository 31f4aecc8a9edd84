"""File references: regular files under configured folders, and nothing else.

A caller who may create tasks must not read the server's files with them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from drydockd.errors import InvalidDesign

CHUNK = 1024 * 1024
Value = TypeVar("Value")


class Roots:
    """The folders that file references may read; regular files in them only."""

    def __init__(self, roots: Iterable[Path | str], *, max_bytes: int) -> None:
        self._roots = [Path(root) for root in roots]
        self._max_bytes = max_bytes

    def size(self, shown: str, path: str) -> int:
        """Return how many bytes `read` would return now; blocks, and raises, as that does."""
        return self._opened(shown, path, self._size)

    def read_small(self, shown: str, path: str, most_bytes: int) -> bytes | None:
        """Return the bytes of the file if they are not more than `most_bytes`, else None.

        Blocks, and raises, as `read`.
        """

        def read(shown: str, handle: int) -> bytes | None:
            return self._read(shown, handle) if self._size(shown, handle) <= most_bytes else None

        return self._opened(shown, path, read)

    def read(self, shown: str, path: str) -> bytes:
        """Return the bytes of the file `path`; blocks. Raises InvalidDesign.

        Links are followed only in working out which folder the file really is in; then every
        component is opened without following any, so nobody can change the way in between.
        """
        return self._opened(shown, path, self._read)

    def _opened(self, shown: str, path: str, use: Callable[[str, int], Value]) -> Value:
        try:
            # realpath itself fails when a link on the way is exchanged under its hands.
            real = Path(os.path.realpath(path))
            root = self._root_of(shown, real)
            handle = _open_below(root, real.relative_to(root).parts)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InvalidDesign(f"{shown}: cannot be read: {reason}") from error
        try:
            return use(shown, handle)
        finally:
            os.close(handle)

    def _root_of(self, shown: str, real: Path) -> Path:
        for root in self._roots:
            folder = Path(os.path.realpath(root))
            if real != folder and real.is_relative_to(folder):
                return folder
        raise InvalidDesign(
            f"{shown}: the file is in none of the folders that may be read; "
            "the option network.allowed_roots lists them"
        )

    def _size(self, shown: str, handle: int) -> int:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidDesign(f"{shown}: not a regular file")
        if status.st_size > self._max_bytes:
            raise too_large(shown, self._max_bytes)
        return status.st_size

    def _read(self, shown: str, handle: int) -> bytes:
        # One byte more than it should have: a file that grows meanwhile is read on.
        chunks, size, wanted = [], 0, self._size(shown, handle) + 1
        while chunk := os.read(handle, wanted):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max_bytes:
                raise too_large(shown, self._max_bytes)
            wanted = CHUNK
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_large(shown: str, max_bytes: int) -> InvalidDesign:
    return InvalidDesign(
        f"{shown}: larger than {max_bytes} bytes; "
        "the option network.max_document_bytes sets the limit"
    )


def _open_below(root: Path, parts: tuple[str, ...]) -> int:
    """Open a file under `root`, following no link on the way; the caller closes it."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(part, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Not blocking: opening a pipe would wait for its writer.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(parts[-1], flags, dir_fd=folder)
    finally:
        os.close(folder)
