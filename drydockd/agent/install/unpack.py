"""The image onto the target's file systems: hashed on its way, never kept in memory.

A squashfs lands as a file on the target's root, is checked, unpacked and removed; a tar goes
through zstd and tar as it comes, and is checked before the step ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drydockd.agent.install.programs import Programs
from drydockd.agent.install.talk import Server

SPOOL = ".drydock-image"
KINDS = ("squashfs", "tar.zst")


class WrongImage(Exception):
    """The bytes are not those of the plan."""


def check(image: Mapping[str, Any], server: Server) -> None:
    """Find out what is known of the image before anything is written for it.

    Raises WrongImage: of a kind or a length that the plan does not say. Raises Refused where the
    server has none, and what else the server raises.
    """
    if image["kind"] not in KINDS:
        raise WrongImage(f"kind {image['kind']}: this agent unpacks {', '.join(KINDS)}")
    there = server.size_of(_path(image))
    if there is not None and there != image["size_bytes"]:
        raise WrongImage(
            f"the server's image has {there} bytes, the plan says {image['size_bytes']}: verify it "
            "with drydock image verify"
        )


def _path(image: Mapping[str, Any]) -> str:
    return f"/boot/image/{image['sha256']}"


def unpack(
    image: Mapping[str, Any],
    target: Path,
    server: Server,
    programs: Programs,
    percent: Callable[[int], None],
) -> None:
    """Write the image onto `target`; `check` has passed before.

    Raises WrongImage, ToolFailed, OSError (full disk), and what the server raises.
    """
    taker = _Taker(image, server, percent)
    if image["kind"] == "squashfs":
        spool = target / SPOOL
        try:
            with open(spool, "wb") as file:
                taker.into(file.write)
            taker.check()
            programs.run("unsquashfs", "-f", "-no-progress", "-d", str(target), str(spool),
                         seconds=3600)  # fmt: skip
        finally:
            spool.unlink(missing_ok=True)
        return
    tar = ["tar", "-xp", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", str(target)]
    programs.pipe([["zstd", "-d", "-c"], tar], taker.into)
    taker.check()


class _Taker:
    """Takes the image from the server, counting and hashing."""

    def __init__(
        self, image: Mapping[str, Any], server: Server, percent: Callable[[int], None]
    ) -> None:
        self._image = image
        self._server = server
        self._percent = percent
        self._hash = hashlib.sha256()
        self._bytes = 0

    def into(self, write: Callable[[bytes], object]) -> None:
        size = self._image["size_bytes"]
        told = -1

        def take(chunk: bytes) -> None:
            nonlocal told
            self._hash.update(chunk)
            self._bytes += len(chunk)
            write(chunk)
            now = self._bytes * 100 // max(1, size)
            if now // 5 != told // 5:
                told = now
                self._percent(min(now, 100))

        self._server.download(_path(self._image), take, size)

    def check(self) -> None:
        found, wanted = self._hash.hexdigest(), self._image["sha256"]
        if found != wanted or self._bytes != self._image["size_bytes"]:
            raise WrongImage(
                f"the image has {self._bytes} bytes with sha256 {found}, the plan says "
                f"{self._image['size_bytes']} and {wanted}: verify it with drydock image verify"
            )
