"""Getting a file from a path or URL into the workshop: what it is, and that it is the right one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from drydockd.errors import InvalidInput, NotFound, Unavailable
from drydockd.images.workshop import Say

CHUNK_BYTES = 1 << 20
SAID_EVERY_BYTES = 128 << 20
HEAD_BYTES = 4096
# Nothing for so long ends a download.
IDLE_SECONDS = 60.0
DIGITS = {"sha256": 64, "sha512": 128}
# Where its magic stands, the magic, the kind. A disk without partitions is the file system itself.
MAGIC = (
    (0, b"hsqs", "squashfs"),
    (0, b"QFI\xfb", "qcow2"),
    (0, b"\x1f\x8b", "tar"),
    (0, b"\xfd7zXZ\0", "tar"),
    (0, b"\x28\xb5\x2f\xfd", "tar"),
    (257, b"ustar", "tar"),
    (510, b"\x55\xaa", "raw"),
    (1080, b"\x53\xef", "raw"),
    (0, b"XFSB", "raw"),
)


@dataclass(frozen=True)
class Checksum:
    """`kind` is "sha256" or "sha512", `digits` are hexadecimal."""

    kind: str
    digits: str

    def __post_init__(self) -> None:
        wanted = DIGITS[self.kind]
        if len(self.digits) != wanted or set(self.digits.lower()) - set("0123456789abcdef"):
            raise InvalidInput(f"a {self.kind} is {wanted} hexadecimal digits, not {self.digits!r}")


def kind_of(head: bytes) -> str:
    """Return squashfs, tar, qcow2 or raw for the first `HEAD_BYTES` of a file.

    Raises InvalidInput for another. Compressed files are taken for tars.
    """
    for place, magic, kind in MAGIC:
        if head[place : place + len(magic)] == magic:
            return kind
    raise InvalidInput(
        "this is no squashfs, no tar (plain, gz, xz, zst) and no disk image (qcow2, raw)"
    )


def fetch(
    source: str, target: Path, checksum: Checksum, say: Say, look: Callable[[bytes], None]
) -> None:
    """Copy `source`, a path or an http(s) URL, to `target`.

    `look` gets the first `HEAD_BYTES` before anything else is fetched, and may raise. Raises
    InvalidInput if the checksum is another, NotFound, Unavailable if it cannot be had.
    """
    sum_ = hashlib.new(checksum.kind)
    got = 0
    with _chunks(source) as chunks, open(target, "wb") as file:
        for chunk in _with_head(chunks, look):
            sum_.update(chunk)
            file.write(chunk)
            before, got = got, got + len(chunk)
            if got // SAID_EVERY_BYTES > before // SAID_EVERY_BYTES:
                say(f"{source}: {got >> 20} MiB")
    if (found := sum_.hexdigest()) != checksum.digits.lower():
        raise InvalidInput(
            f"{source}: its {checksum.kind} is {found}, not {checksum.digits.lower()}: damaged, "
            "another version, or not what its publisher made; nothing was imported"
        )


def _with_head(chunks: Iterator[bytes], look: Callable[[bytes], None]) -> Iterator[bytes]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    look(head)
    yield head
    yield from chunks


@contextmanager
def _chunks(source: str) -> Iterator[Iterator[bytes]]:
    if not source.startswith(("http://", "https://")):
        path = Path(source)
        if not path.is_file():
            raise NotFound(f"{source}: no such file, and no http(s) URL")
        with open(path, "rb") as file:
            yield iter(lambda: file.read(CHUNK_BYTES), b"")
        return
    try:
        with httpx.stream("GET", source, follow_redirects=True, timeout=IDLE_SECONDS) as answer:
            if answer.status_code != httpx.codes.OK:
                raise Unavailable(f"{source}: the server answered {answer.status_code}")
            # As it lies there: the checksum is of that.
            yield answer.iter_raw(CHUNK_BYTES)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"{source}: {error or type(error).__name__}") from error
