"""Secrets in files that everybody on the machine can read: worth a warning, with the command.

Group is left alone: root:drydockd with 0640 is how a configuration is usually kept.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from drydockd.config.options import Settings
from drydockd.config.schema import Schema
from drydockd.config.sources import Given

URI_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def exposed_secrets(
    known: Mapping[str, Mapping[str, Given]],
    files: Sequence[Path],
    credentials: Path | None,
    schema: Schema,
) -> Iterator[str]:
    """Yield a warning for each of `files`, and of the credentials, that others can read.

    Only those that hold a secret, which are named; `known` is what was read from them.
    """
    holders: dict[Path, list[str]] = {}
    for section, options in known.items():
        for option, given in options.items():
            path = _file_of(given.origin, files, credentials)
            if path is not None and _is_secret(schema, section, option, given.value):
                holders.setdefault(path, []).append(f"{section}.{option}")
    for path, names in holders.items():
        if (mode := open_mode(path)) is not None:
            yield (
                f"{path} (mode {mode:04o}) can be read by everybody on this machine and holds"
                f" {', '.join(sorted(names))}; run `chmod o= {path}`"
            )


def exposed_keys(settings: Settings) -> Iterator[str]:
    """Yield a warning for each private key that others can read."""
    keystone = settings.keystone_authtoken
    keys = {
        "api.tls_key": settings.api.tls_key,
        "keystone_authtoken.keyfile": keystone.keyfile,
        # Without a file of its own the key is in that of the certificate.
        "keystone_authtoken.certfile": None if keystone.keyfile else keystone.certfile,
    }
    for option, path in keys.items():
        if path is not None and (mode := open_mode(path)) is not None:
            yield (
                f"{option}: {path} (mode {mode:04o}) holds a private key and can be read by"
                f" everybody on this machine; run `chmod o= {path}`"
            )


def open_mode(path: Path) -> int | None:
    """Return the mode of a regular file that others can read, None for every other."""
    try:
        status = path.stat()
    except OSError:
        return None  # whoever needs it says so
    mode = stat.S_IMODE(status.st_mode)
    return mode if stat.S_ISREG(status.st_mode) and mode & stat.S_IROTH else None


def _file_of(origin: str, files: Sequence[Path], credentials: Path | None) -> Path | None:
    name = origin.removeprefix("credential ")
    if credentials is not None and name != origin:
        return (credentials / name).resolve()
    return next((path for path in files if origin.startswith(f"{path}:")), None)


def _is_secret(schema: Schema, section: str, option: str, value: object) -> bool:
    if schema.is_secret(section, option):
        return bool(value)
    if schema.hides(section, option) and "'secret':" in str(value):
        return True
    return bool(URI_PASSWORD.search(str(value)))
