"""Whether the content of an image is what its entry says; each state of a file is read once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from drydockd.errors import InvalidConfig
from drydockd.images.catalogue import Image, ImageCatalogue

CHUNK_BYTES = 1 << 20
# Size, both times and number of a file: with another of them its content may be another.
Mark = tuple[int, int, int, int]


class Proofs:
    """Keeps which files were found good; one that was touched since is hashed again."""

    def __init__(self, catalogue: ImageCatalogue) -> None:
        self._catalogue = catalogue
        self._good: dict[str, Mark] = {}

    def check(self, image: Image, is_given_up: Callable[[], bool] = lambda: False) -> None:
        """Blocking: it reads the whole file, if it did not before; not to its end when
        `is_given_up`, which is asked now and then.

        Raises NotFound: there is no content; InvalidConfig: it is damaged, or cannot be read.
        """
        path = self._catalogue.blob(image.sha256)
        try:
            mark = _mark(path)
            if self._good.get(image.sha256) == mark:
                return
            found = _sha256(path, is_given_up)
        except OSError as error:
            raise InvalidConfig(f"image {image.name}: {path}: {error.strerror}") from error
        if found != image.sha256 or mark[0] != image.bytes:
            raise InvalidConfig(
                f"image {image.name}: its content is damaged, {path} has {mark[0]} bytes with "
                f"sha256 {found} instead of {image.bytes}: build or import it anew"
            )
        self._good[image.sha256] = mark


def _sha256(path: Path, is_given_up: Callable[[], bool]) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            if is_given_up():
                break
    return digest.hexdigest()


def _mark(path: Path) -> Mark:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
