"""A kubeconfig file, read for one cluster and one user. Nothing in it is ever run.

Source: Kubernetes, "kubeconfig (v1)".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from drydockd.drivers.kubernetes.tls import Pem
from drydockd.errors import InvalidInput

PEM_NAMES = ("certificate-authority", "client-certificate", "client-key")
LONGEST_BYTES = 1 << 20

# What changes who or where, and is not done here: said instead of being passed over.
REFUSED_USER = {
    "exec": "an exec plugin is a program that drydockd would have to run, and it does not; give "
    "the account a token (tokenFile) or a client certificate",
    "auth-provider": "auth providers are gone from Kubernetes; give the account a token "
    "(tokenFile) or a client certificate",
    "username": "API servers take no passwords any more; give the account a token (tokenFile) or "
    "a client certificate",
    "as": "impersonation is not done; give drydockd an account of its own",
}
REFUSED_CLUSTER = {
    "proxy-url": "the API server is asked directly; take it out and open the way to the server",
}


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """What one context of the file says; files in it are absolute."""

    server: str
    ca: Pem | None = field(default=None, repr=False)
    certificate: Pem | None = field(default=None, repr=False)
    key: Pem | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    insecure: bool = False
    server_name: str | None = None


def read(file: Path, context: str | None = None) -> Kubeconfig:
    """Return what `context`, or the current one, of the file says.

    Raises InvalidInput: file and key, what is wrong; values are not shown.
    """
    document = _document(file)
    name = context or document.get("current-context") or ""
    if not name:
        raise InvalidInput(f"{file}: no current-context; say which in kubernetes_driver.context")
    chosen = _named(file, document, "contexts", "context", name)
    cluster_name, user_name = _text(chosen, "cluster"), _text(chosen, "user")
    cluster = _named(file, document, "clusters", "cluster", cluster_name or "")
    user = _named(file, document, "users", "user", user_name or "")
    for kind, entry, owner, refused in (
        ("cluster", cluster, cluster_name, REFUSED_CLUSTER),
        ("user", user, user_name, REFUSED_USER),
    ):
        for key, why in refused.items():
            if entry.get(key):
                raise InvalidInput(f"{file}: {key} of {kind} {owner}: {why}")
    return _of(file, cluster, str(cluster_name), user, str(user_name))


def _of(
    file: Path, cluster: Mapping[str, Any], cluster_name: str, user: Mapping[str, Any], name: str
) -> Kubeconfig:
    server = _text(cluster, "server") or ""
    if not server.startswith(("https://", "http://")) or "@" in server:
        raise InvalidInput(f"{file}: server of cluster {cluster_name} is not https://<host>")
    ca = _pem(file, cluster, f"cluster {cluster_name}", PEM_NAMES[0])
    certificate, key = (_pem(file, user, f"user {name}", what) for what in PEM_NAMES[1:])
    token, token_file = _text(user, "token"), _text(user, "tokenFile")
    if not token and not token_file and certificate is None:
        raise InvalidInput(
            f"{file}: user {name} has no token, tokenFile or client-certificate; give it one"
        )
    return Kubeconfig(
        server=server,
        ca=ca,
        certificate=certificate,
        key=key,
        # As client-go: the file goes before what was written beside it.
        token=None if token_file else token,
        token_file=file.parent / token_file if token_file else None,
        insecure=cluster.get("insecure-skip-tls-verify") is True,
        server_name=_text(cluster, "tls-server-name"),
    )


def _document(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST_BYTES + 1)
        if len(content) > LONGEST_BYTES:
            raise InvalidInput(f"{file}: larger than {LONGEST_BYTES >> 20} MiB; no kubeconfig")
        found = yaml.safe_load(content)
    except OSError as error:
        raise InvalidInput(f"{file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        # The parser's own text would show the line, and there may be a token on it.
        raise InvalidInput(f"{file}: {where}not YAML") from None
    if not isinstance(found, dict):
        raise InvalidInput(f"{file}: no kubeconfig: a mapping with clusters, users and contexts")
    return found


def _named(
    file: Path, document: Mapping[str, Any], kind: str, inner: str, name: str
) -> Mapping[str, Any]:
    entries = document.get(kind)
    names = []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get(inner) or {}, dict):
            if entry.get("name") == name:
                return entry.get(inner) or {}
            names.append(str(entry.get("name")))
    there_are = f"; there are: {', '.join(names)}" if names else ""
    raise InvalidInput(f"{file}: {kind} has no {name or 'such name'}{there_are}")


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value if isinstance(value, str) and value else None


def _pem(file: Path, entry: Mapping[str, Any], owner: str, key: str) -> Pem | None:
    if data := _text(entry, f"{key}-data"):
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except binascii.Error:
            raise InvalidInput(f"{file}: {key}-data of {owner} is not base64") from None
    path = _text(entry, key)
    return file.parent / path if path else None
