"""The agent as machines fetch it: the catalogue's files, the initrd with what is this site's own
behind it. Both are the same for everybody and hold no secret.

The kernel unpacks one archive after the other, each beginning at a multiple of four bytes; the
initrd's first process copies all below ``/site`` into the agent's system. Source: the kernel's
documentation, driver-api/early-userspace/buffer-format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from drydockd.drivers.node.netboot.script import AgentFiles
from drydockd.errors import NotFound
from drydockd.images.catalogue import ImageCatalogue

CA_FILE = "site/etc/drydock/ca.pem"
ALIGNED = 4


class ServedAgent:
    """The agent `name` of the catalogue. `ca` returns the PEM text that it is to trust, or None."""

    def __init__(
        self, catalogue: ImageCatalogue, name: str, ca: Callable[[], str | None] = lambda: None
    ) -> None:
        self._catalogue = catalogue
        self._name = name
        self._ca = ca

    def files(self) -> AgentFiles:
        """Return the names under which both are fetched now: another content, another name."""
        agent = self._catalogue.agent(self._name)
        site = self._site()
        initrd = agent.initrd.sha256
        if site:
            initrd = hashlib.sha256(initrd.encode() + site).hexdigest()
        return AgentFiles(agent.kernel.sha256, initrd)

    def file(self, name: str) -> tuple[Path, bytes]:
        """Return where the file of that name lies and what comes behind it.

        Raises NotFound for anything but these two files.
        """
        files = self.files()
        if name == files.kernel:
            return self._catalogue.blob(name), b""
        if name != files.initrd:
            raise NotFound(f"no file {name} is served to everybody")
        path = self._catalogue.blob(self._catalogue.agent(self._name).initrd.sha256)
        site = self._site()
        padding = b"\0" * (-path.stat().st_size % ALIGNED)
        return path, padding + site if site else b""

    def _site(self) -> bytes:
        ca = self._ca()
        return archive({CA_FILE: ca.encode()}) if ca else b""


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return files of root, with the folders above them, as a cpio archive (format newc).

    Source: cpio(5), "New ASCII Format".
    """
    folders = {
        str(parent): None
        for name in files
        for parent in reversed(PurePosixPath(name).parents)
        if str(parent) != "."
    }
    entries = [(name, 0o040755, b"") for name in folders]
    entries += [(name, 0o100644, content) for name, content in files.items()]
    written = b"".join(
        _entry(number, name, mode, content)
        for number, (name, mode, content) in enumerate(entries, start=1)
    )
    return written + _entry(0, "TRAILER!!!", 0, b"")


def _entry(inode: int, name: str, mode: int, content: bytes) -> bytes:
    path = name.encode() + b"\0"
    # ino, mode, uid, gid, nlink, mtime, filesize, dev and rdev major and minor, namesize, check.
    numbers = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + path
    return _padded(head) + _padded(content)


def _padded(text: bytes) -> bytes:
    return text + b"\0" * (-len(text) % ALIGNED)
