"""The options of the provisioner `ironic`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from drydockd.config.fields import Section
from drydockd.drivers.options import Options, SecretStr, opt


class Image(Section):
    """One image of the catalogue: a whole disk, as Ironic's `image_source` takes it."""

    url: str = opt(..., "Where Ironic's agents fetch it", pattern=r"^(https?|file|oci)://\S+$")
    checksum: str | None = opt(
        None, "Its checksum (SHA-256, SHA-512), or the URL of a file of checksums"
    )
    kernels: tuple[str, ...] = opt(
        ...,
        "The kernels that it brings, which designs name; ga-* is any that begins so",
        min_length=1,
    )
    filesystem: str = opt("ext4", "The type of its root file system")


class IronicOptions(Options):
    """Times are seconds."""

    url: str | None = opt(
        None,
        "The API, as http://10.0.0.1:6385; null: the catalogue of Keystone says it",
        pattern=r"^https?://[^\s@]+$",
    )
    auth: Literal["none", "http_basic", "keystone"] = opt("none", "How Ironic is logged in to")
    username: str = opt("", "The account, for http_basic and keystone")
    password: SecretStr = opt(SecretStr(""), "Its password")
    auth_url: str = opt("", "Keystone, as https://keystone.example:5000/v3")
    user_domain_name: str = opt("Default", "Keystone: the domain of the account")
    project_name: str = opt("", "Keystone: the project that a token is asked for")
    project_domain_name: str = opt("Default", "Keystone: the domain of that project")
    system_scope: bool = opt(False, "Keystone: a token for the whole system instead of a project")
    region: str | None = opt(None, "Keystone: the region of the catalogue's entry")
    interface: Literal["internal", "public", "admin"] = opt(
        "internal", "Keystone: the interface of the catalogue's entry"
    )
    ca_file: Path | None = opt(
        None, "PEM file with the CAs of Ironic and Keystone; null: those of the system"
    )
    images: dict[str, Image] = opt(
        {}, "Image name of the designs: url, checksum, kernels, filesystem (docs/ironic.md)"
    )
    enroll: bool = opt(
        False, "Make unknown nodes known from the design; false: they are, or Ironic finds them"
    )
    hardware_types: dict[str, str] = opt(
        {"ipmi": "ipmi", "redfish": "redfish"},
        "Enrolling: the hardware type (Ironic's driver) for each oob.type",
    )
    driver_info: dict[str, str] = opt(
        {}, "Enrolling: what stands in the driver_info of every node, as deploy_kernel"
    )
    owner: str | None = opt(
        None, "The owner (or lessee) of nodes that are ours; those of others are never touched"
    )
    inspect: Literal["always", "missing"] = opt(
        "always", "When a node that is commissioned is inspected: or only without an inventory"
    )
    automated_clean: bool = opt(
        True,
        "What [conductor]automated_clean of the conductors is, as Ironic does not tell; false: "
        "no node is destroyed without automated_clean of its own, as nothing would wipe it",
    )
    kernel_append_params: bool = opt(
        False,
        "Give kernel parameters to Ironic: only for a deploy interface that installs them; "
        "false: a design that has some is refused",
    )
    poll_seconds: float = opt(
        5.0, "Longest pause between looks at a node that is at work; the first come sooner",
        gt=0, le=300,
    )  # fmt: skip
    request_seconds: float = opt(60.0, "Deadline of a request, with its repeats", gt=0, le=600)

    @model_validator(mode="after")
    def _what_the_login_needs(self) -> Self:
        if self.auth == "none":
            return self
        needed = {"username": self.username, "password": self.password.get_secret_value()}
        if self.auth == "keystone":
            needed["auth_url"] = self.auth_url
            needed["project_name"] = self.project_name or ("-" if self.system_scope else "")
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise ValueError(f"auth: {self.auth} needs {', '.join(missing)}")
        return self
