"""Where the API server is and who drydockd is there: from options, a kubeconfig, or the pod."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from drydockd.drivers.kubernetes import kubeconfig
from drydockd.drivers.kubernetes.bearer import Bearer
from drydockd.drivers.kubernetes.options import DIRECT_SECTION, DirectOptions
from drydockd.drivers.kubernetes.tls import context_of
from drydockd.errors import InvalidInput

# What a kubelet mounts into a pod. Source: Kubernetes, "Accessing the API from a Pod".
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"


@dataclass(frozen=True, slots=True)
class Access:
    """One API server and one identity. `source` says where both come from, for messages."""

    url: str
    context: ssl.SSLContext | None = field(repr=False)
    bearer: Bearer = field(repr=False)
    source: str
    server_name: str | None = None


def access_of(
    options: DirectOptions,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """Return what the options say. Raises InvalidInput: which option or file, what to do."""
    if options.url is None and options.kubeconfig is None and not options.in_cluster:
        raise InvalidInput(
            f"{DIRECT_SECTION} says not where the API server is: give url, kubeconfig or in_cluster"
        )
    if options.kubeconfig is not None:
        access = _from_kubeconfig(options.kubeconfig, options.context)
    elif options.in_cluster:
        access = _from_pod(environ, service_account)
    else:
        access = _from_options(options)
    _check(access)
    return access


def _from_options(options: DirectOptions) -> Access:
    has_token = options.token is not None or options.token_file is not None
    if not has_token and options.client_certificate is None:
        raise InvalidInput(
            f"{DIRECT_SECTION} says not who drydockd is: give token_file, token or "
            "client_certificate"
        )
    token = options.token.get_secret_value() if options.token else None
    is_tls = (options.url or "").startswith("https:")
    context = context_of(
        ca=options.ca_file,
        certificate=options.client_certificate,
        key=options.client_key,
        insecure=options.insecure,
    )
    return Access(
        url=options.url or "",
        context=context if is_tls else None,
        bearer=Bearer(file=options.token_file, token=token),
        source=DIRECT_SECTION,
    )


def _from_kubeconfig(file: Path, context: str | None) -> Access:
    found = kubeconfig.read(file, context)
    tls = context_of(
        ca=found.ca,
        certificate=found.certificate,
        key=found.key,
        insecure=found.insecure,
        names=tuple(f"{file}: {name}" for name in kubeconfig.PEM_NAMES),  # type: ignore[arg-type]
    )
    return Access(
        url=found.server.rstrip("/"),
        context=tls if found.server.startswith("https:") else None,
        bearer=Bearer(file=found.token_file, token=found.token),
        source=f"{DIRECT_SECTION}.kubeconfig {file}",
        server_name=found.server_name,
    )


def _from_pod(environ: Mapping[str, str], folder: Path) -> Access:
    host, port = environ.get(HOST), environ.get(PORT)
    token = folder / "token"
    if not host or not port or not token.is_file():
        missing = f"{HOST} and {PORT} are not set" if not host or not port else f"no {token}"
        raise InvalidInput(
            f"{DIRECT_SECTION}.in_cluster: {missing}; drydockd runs in no pod, or its pod has "
            "automountServiceAccountToken: false"
        )
    where = f"[{host}]" if ":" in host else host
    return Access(
        url=f"https://{where}:{port}",
        context=context_of(ca=folder / "ca.crt"),
        bearer=Bearer(file=token),
        source=f"{DIRECT_SECTION}.in_cluster",
    )


def _check(access: Access) -> None:
    if access.context is None and not _is_here(urlsplit(access.url).hostname or ""):
        raise InvalidInput(
            f"{access.source}: {access.url} is not https, and would carry the token readable "
            "through the network; only a proxy on this machine may be http"
        )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
