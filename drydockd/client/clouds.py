"""Logins from clouds.yaml, as the clients of OpenStack keep them.

Read is what says who one is and where Keystone is: `auth`, `auth_type`, `region_name`,
`interface`, `verify`, `cacert`. Source: openstacksdk, "Configuring OpenStack SDK Applications".
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SUFFIXES = (".yaml", ".yml", ".json")
SYSTEM = Path("/etc/openstack")
# Auth types of Keystone v3 -> the keys of `auth` without which they are none.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "password": ("password",),
    "v3password": ("password",),
    "token": ("token",),
    "v3token": ("token",),
    "v3applicationcredential": ("application_credential_secret",),
}
AUTH = (
    "auth_url", "username", "user_id", "password", "token",
    "project_name", "project_id", "project_domain_name", "project_domain_id",
    "user_domain_name", "user_domain_id",
    "application_credential_id", "application_credential_name", "application_credential_secret",
)  # fmt: skip


@dataclass(frozen=True)
class Cloud:
    """`auth` has keys of `AUTH` only; `verify` as of `Session`, None: nothing is said of it."""

    name: str
    auth: Mapping[str, str] = field(repr=False)
    region_name: str | None = None
    interface: str | None = None
    verify: bool | str | None = None


def read_cloud(name: str, environ: Mapping[str, str] = os.environ) -> Cloud:
    """Return the cloud `name` of clouds.yaml, completed from secure.yaml.

    Raises ValueError: file and key, what is wrong, what to do; a value is never shown.
    """
    file = _found("clouds", "OS_CLIENT_CONFIG_FILE", environ)
    if file is None:
        places = ", ".join(str(folder / "clouds.yaml") for folder in _folders(environ))
        raise ValueError(f"cloud {name}: there is no clouds.yaml; looked for {places}")
    clouds = _clouds(file)
    if name not in clouds:
        there_are = ", ".join(map(str, clouds)) or "none"
        raise ValueError(f"{file}: clouds has no {name}; there are: {there_are}")
    entry = clouds[name]
    secure = _found("secure", "OS_CLIENT_SECURE_FILE", environ)
    if secure is not None:
        entry = _merged(entry, _clouds(secure).get(name) or {})
    where = f"{file}: clouds.{name}" if secure is None else f"{file} with {secure}: clouds.{name}"
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is no mapping")
    return _cloud(name, entry, where)


def _cloud(name: str, entry: Mapping[str, Any], where: str) -> Cloud:
    if entry.get("profile") or entry.get("cloud"):
        raise ValueError(f"{where}.profile: profiles are not read; write its auth_url here")
    auth = entry.get("auth")
    if not isinstance(auth, dict):
        raise ValueError(f"{where}.auth is missing, or no mapping")
    for key, value in auth.items():
        if key not in AUTH:
            raise ValueError(f"{where}.auth.{key}: not known here; there are: {', '.join(AUTH)}")
        if not isinstance(value, str):
            raise ValueError(f"{where}.auth.{key} is no text; put it in quotes")
    kind = entry.get("auth_type") or "password"
    if kind not in NEEDS:
        raise ValueError(f"{where}.auth_type: {kind} is none of {', '.join(NEEDS)}")
    for key in ("auth_url", *NEEDS[kind]):
        if not auth.get(key):
            raise ValueError(f"{where}.auth.{key} is missing")
    wanted = AUTH if "password" in kind else [key for key in AUTH if key != "password"]
    return Cloud(
        name,
        {key: auth[key] for key in wanted if auth.get(key)},
        region_name=_text(entry, "region_name", where),
        interface=_text(entry, "interface", where),
        verify=_verify(entry, where),
    )


def _verify(entry: Mapping[str, Any], where: str) -> bool | str | None:
    is_checked = entry.get("verify")
    if is_checked is False or entry.get("insecure") is True:
        return False
    if is_checked not in (None, True):
        raise ValueError(f"{where}.verify is neither true nor false")
    if cacert := _text(entry, "cacert", where):
        path = os.path.expanduser(cacert)
        if not os.path.exists(path):
            raise ValueError(f"{where}.cacert {path}: there is no such file")
        return path
    return None


def _text(entry: Mapping[str, Any], key: str, where: str) -> str | None:
    value = entry.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{where}.{key} is no text; put it in quotes")
    return value or None


def _folders(environ: Mapping[str, str]) -> Iterator[Path]:
    yield Path.cwd()
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or "~", ".config")
    yield Path(home).expanduser() / "openstack"
    yield SYSTEM


def _found(stem: str, variable: str, environ: Mapping[str, str]) -> Path | None:
    """The first file there is; the one that a variable names must be there."""
    if named := environ.get(variable):
        return Path(named)
    candidates = (folder / f"{stem}{end}" for folder in _folders(environ) for end in SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def _clouds(file: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(file.read_bytes())  # JSON is YAML
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        # The parser's own text would show the line, and there may be a password on it.
        raise ValueError(f"{file}: not YAML{where}") from None
    clouds = found.get("clouds") if isinstance(found, dict) else None
    if not isinstance(clouds, dict):
        raise ValueError(f"{file}: no mapping `clouds` in it")
    return clouds


def _merged(base: object, more: object) -> Any:
    if not isinstance(base, dict) or not isinstance(more, dict):
        return more
    return base | {key: _merged(base.get(key), value) for key, value in more.items()}
