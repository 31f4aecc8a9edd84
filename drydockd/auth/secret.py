"""The server's secrets: random files only their owner may read, made once and never logged."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from drydockd.errors import InvalidConfig

SECRET_BYTES = 32
MAX_FILE_BYTES = 4096
REMOVE = "remove it to have a new one made (which voids everything made with the old one)"


def load_secret(path: Path, *, create: bool = True, anew: str = REMOVE) -> bytes:
    """Return the secret kept in `path`, making one first if there is none and `create`.

    The file holds at least 64 hex digits (32 random bytes) and is made whole or not at all:
    two processes that start together end up with the same one. Raises InvalidConfig when it
    is missing (not `create`), readable by others, someone else's, or not what it should be;
    `anew` says then how a new one is made on purpose.
    """
    try:
        return _read(path, anew)
    except FileNotFoundError:
        if not create:
            raise InvalidConfig(f"{path}: the secret file is missing") from None
    try:
        _create(path)
        return _read(path, anew)
    except OSError as error:
        raise InvalidConfig(f"{path}: cannot make the secret file: {error.strerror}") from error


def secret_problem(path: Path, *, anew: str = REMOVE) -> str | None:
    """Return why the daemon would refuse the secret at `path`, None if it is good or not there.

    Asked by whoever may read it: it may be another user's than the one who looks.
    """
    try:
        _read(path, anew, is_own=False)
    except FileNotFoundError:
        return None
    except InvalidConfig as error:
        return str(error)
    return None


def replace_secret(path: Path) -> Path | None:
    """Make a new secret in the place of the one at `path`; return where the old one is now.

    None if there was none. Raises OSError.
    """
    kept = None
    if os.path.lexists(path):
        kept = path.with_name(f"{path.name}.void-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
        os.rename(path, kept)
    _create(path)
    return kept


def derive(secret: bytes, label: str, *parts: str) -> bytes:
    """Return 32 bytes that depend on `label` and every part: HMAC-SHA256 (RFC 2104).

    Every input is preceded by its length, so no two lists of parts make one message.
    """
    message = b""
    for text in (label, *parts):
        data = text.encode("utf-8")
        message += len(data).to_bytes(8, "big") + data
    digest = _keyed(secret).copy()
    digest.update(message)
    return digest.digest()


@lru_cache(maxsize=8)
def _keyed(secret: bytes) -> hmac.HMAC:
    """Return the HMAC before any message: a node's fetch derives several keys of one secret."""
    return hmac.new(secret, digestmod=hashlib.sha256)


def _read(path: Path, anew: str, *, is_own: bool = True) -> bytes:
    try:
        # Not blocking, should someone put a pipe there; never through a link.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidConfig(f"{path}: cannot read the secret file: {error.strerror}") from error
    try:
        _check_file(path, os.fstat(descriptor), is_own=is_own)
        content = os.read(descriptor, MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    try:
        secret = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        secret = b""
    if not SECRET_BYTES <= len(secret) <= MAX_FILE_BYTES // 2:
        raise InvalidConfig(
            f"{path}: not a secret, expected at least {SECRET_BYTES * 2} hex digits and nothing "
            f"else, found {len(content)} bytes; put the right file back, or {anew}"
        )
    return secret


def _check_file(path: Path, status: os.stat_result, *, is_own: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidConfig(f"{path}: not a regular file")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise InvalidConfig(f"{path}: mode {mode:04o} lets others read it; chmod 0600 {path}")
    if is_own and status.st_uid not in _owners(path):
        raise InvalidConfig(
            f"{path}: belongs to uid {status.st_uid}, drydockd runs as uid {os.geteuid()}"
        )


def _owners(path: Path) -> set[int]:
    """Return whose a secret may be: ours, root's; root also uses that of the folder's owner."""
    owners = {os.geteuid(), 0}
    if os.geteuid() == 0:
        owners.add(path.parent.stat().st_uid)
    return owners


def _create(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            if os.geteuid() == 0:
                # Made by root for a daemon that is not: it belongs to whom the folder does.
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(secrets.token_bytes(SECRET_BYTES).hex().encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, not a rename: it never replaces the secret of one who was faster.
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
