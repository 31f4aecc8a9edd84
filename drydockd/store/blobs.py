"""Contents too big for records: one file each, named by the sha256 of what it holds."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Container
from pathlib import Path

from drydockd.errors import NotFound, StoreRefused
from drydockd.store.disk import Disk, replace_file

_NAME = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The blobs of one state directory. Its methods may be called from any thread."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self._disk = disk
        self._folder = folder
        self._lock = threading.Lock()
        # Certainly on disk, as raw digests. A file that is not in here may be half of
        # the truth: its name may not have been synced.
        self._durable: set[bytes] = set()

    def open(self, used: Container[str]) -> None:
        """Drop what a crash left over and what is not `used`; raises OSError."""
        for path in self._folder.iterdir():
            if _NAME.fullmatch(path.name) and path.name in used:
                self._durable.add(bytes.fromhex(path.name))
            elif path.is_file():
                self._disk.unlink(path)
        self._disk.sync_folder(self._folder)

    def has(self, digest: str) -> bool:
        """Whether a blob is certainly on disk. Asks nobody."""
        return bytes.fromhex(digest) in self._durable

    def put(self, digest: str, content: bytes) -> None:
        """Keep `content` under its `digest`; durable when it returns. Raises OSError."""
        with self._lock:
            if bytes.fromhex(digest) in self._durable:
                return
            replace_file(self._disk, self._folder / digest, [content])
            self._durable.add(bytes.fromhex(digest))

    def read(self, digest: str) -> bytes:
        """Raises NotFound, and StoreRefused if the content is not what it was.

        After both a `put` writes it anew.
        """
        if not _NAME.fullmatch(digest):
            raise NotFound(f"no blob {digest}")
        path = self._folder / digest
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            self.forget(digest)
            raise NotFound(f"no blob {digest}") from None
        if hashlib.sha256(content).hexdigest() != digest:
            self.forget(digest)
            raise StoreRefused(f"{path} is damaged: its content does not match its name")
        return content

    def forget(self, digest: str) -> None:
        """Note that `digest` is to go, or is not what it was: a `put` then writes it anew."""
        self._durable.discard(bytes.fromhex(digest))

    def sweep(self, digest: str) -> None:
        """Remove a forgotten blob, unless it was put again meanwhile. Raises OSError."""
        with self._lock:
            if bytes.fromhex(digest) not in self._durable:
                path = self._folder / digest
                if path.exists():
                    self._disk.unlink(path)
