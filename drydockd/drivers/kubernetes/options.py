"""The options of the drivers for real clusters."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, model_validator

from drydockd.config.fields import Words
from drydockd.drivers.options import Options, opt

DIRECT_SECTION = "kubernetes_driver"
PROMENADE_SECTION = "promenade_driver"


def _plain_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("say https://<host>[:<port>][/<path>]")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("no user, password, query or fragment in it; messages show the URL")
    return value.rstrip("/")


def _templates(value: tuple[str, ...]) -> tuple[str, ...]:
    for template in value:
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(template)]
        except ValueError:
            fields = ["?"]
        if [field for field in fields if field is not None] != ["name"]:
            raise ValueError(f"{template!r} must have {{name}} in it once, and no other braces")
    if not value:
        raise ValueError("name at least one")
    return value


Url = Annotated[str, AfterValidator(_plain_url)]
Templates = Annotated[Words, AfterValidator(_templates)]


class DirectOptions(Options):
    url: Url | None = opt(
        None, "The API server; else kubeconfig or in_cluster says where it is: one of the three"
    )
    kubeconfig: Path | None = opt(
        None, "Says where the API server is and who drydockd is; exec plugins are refused"
    )
    context: str | None = opt(None, "Which context of the kubeconfig; null: its current one")
    in_cluster: bool = opt(False, "drydockd runs in the cluster: its pod's service account")
    token_file: Path | None = opt(
        None, "Bearer token; read again every minute, and when the API server refuses it"
    )
    token: SecretStr | None = opt(None, "The same as it is, for one that never ends")
    client_certificate: Path | None = opt(None, "PEM, instead of a token; read at the start")
    client_key: Path | None = opt(None, "PEM; null: it is in client_certificate")
    ca_file: Path | None = opt(
        None, "PEM file with the CAs of the API server; null: those of the system"
    )
    insecure: bool = opt(False, "Do not check the API server's certificate")
    name_templates: Templates = opt(
        ("{name}",),
        "Names of a node's object, tried in order until one exists; {name}: the node's",
    )
    wait_seconds: float = opt(
        0.0, "How long a node that the cluster does not know yet is waited for", ge=0, le=3600
    )
    connect_seconds: float = opt(10.0, "Seconds for a connection and its TLS", gt=0, le=300)
    read_seconds: float = opt(30.0, "Seconds for an answer", gt=0, le=600)
    connections: int = opt(16, "Requests at once; more wait for their turn", ge=1, le=256)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = (self.url is not None, self.kubeconfig is not None, self.in_cluster)
        if sum(ways) > 1:
            raise ValueError("give one of url, kubeconfig and in_cluster, and only one")
        own = (self.token_file, self.token, self.client_certificate, self.client_key, self.ca_file)
        if self.url is None and (any(value is not None for value in own) or self.insecure):
            raise ValueError(
                "token_file, token, client_certificate, client_key, ca_file and insecure go with "
                "url; kubeconfig and in_cluster bring their own"
            )
        if self.context is not None and self.kubeconfig is None:
            raise ValueError("context goes with kubeconfig")
        return self

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.token_file is not None and self.token is not None:
            raise ValueError("token_file and token: give one")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("client_key without client_certificate")
        if self.ca_file is not None and self.insecure:
            raise ValueError("ca_file without checking: leave insecure out, or remove ca_file")
        return self


class PromenadeOptions(Options):
    url: Url | None = opt(None, "Promenade with its path; null: from Keystone's catalogue")
    service_type: str = opt("kubernetesprovisioner", "Its type in the catalogue", min_length=1)
    interface: str = opt("internal", "Which of its endpoints: internal, public or admin")
    region: str | None = opt(None, "Of which region; null: the first there is")
    ca_file: Path | None = opt(
        None, "PEM file with the CAs of Promenade; null: those of the system"
    )
    insecure: bool = opt(False, "Do not check Promenade's certificate")
    connect_seconds: float = opt(20.0, "Seconds for a connection and its TLS", gt=0, le=300)
    read_seconds: float = opt(30.0, "Seconds for an answer", gt=0, le=600)
    connections: int = opt(16, "Requests at once; more wait for their turn", ge=1, le=256)

    @model_validator(mode="after")
    def _a_ca_is_for_checking(self) -> Self:
        if self.ca_file is not None and self.insecure:
            raise ValueError("ca_file without checking: leave insecure out, or remove ca_file")
        return self
