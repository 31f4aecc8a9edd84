"""The files of an installed system besides its network: names, keys, packages' sources. Pure.

Source: contract, netboot, section 5, step "configure"; sources.list(5), systemd.unit(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from drydockd.drivers.node.netboot.installplan import FileEntry
from drydockd.errors import DriverUnsupported
from drydockd.site import Repository

FIRST_BOOT_UNIT = "drydock-first-boot.service"
FIRST_BOOT_PROGRAM = "/usr/local/sbin/drydock-first-boot"
FIRST_BOOT_SECRET = "/etc/drydock/first-boot"  # noqa: S105 (a path)
FIRST_BOOT_CA = "/etc/drydock/ca.pem"
GRUB_FILE = "/etc/default/grub.d/50-drydock.cfg"
KEYRINGS = "/etc/apt/keyrings"
SOURCES = "/etc/apt/sources.list.d"
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ARMOUR = "-----BEGIN PGP PUBLIC KEY BLOCK-----"


@dataclass(frozen=True, slots=True)
class Target:
    """What the files are made of; none of it is secret."""

    hostname: str
    domain: str
    image: str = ""
    kernel_params: str = ""
    dns_servers: tuple[str, ...] = ()
    authorized_keys: tuple[str, ...] = ()
    repositories: tuple[Repository, ...] = ()
    remove_unlisted: bool = False


def target_files(target: Target) -> list[FileEntry]:
    """Return the files in the order they are written. Raises DriverUnsupported."""
    files = [
        FileEntry("/etc/hostname", f"{target.hostname}\n"),
        FileEntry("/etc/hosts", _hosts(target)),
        FileEntry("/etc/machine-id", ""),
        FileEntry(GRUB_FILE, _grub_default(target.kernel_params)),
        *_first_boot(),
    ]
    if target.dns_servers:
        files.append(FileEntry("/etc/resolv.conf", _resolv(target)))
    if target.authorized_keys:
        files.append(_authorized_keys(target.authorized_keys))
    if target.remove_unlisted:
        files.append(FileEntry("/etc/apt/sources.list", ""))
    for repository in target.repositories:
        files += _repository(repository)
    return files


def _hosts(target: Target) -> str:
    names = target.hostname
    if target.domain:
        names = f"{target.hostname}.{target.domain} {target.hostname}"
    return (
        f"127.0.0.1 localhost\n127.0.1.1 {names}\n"
        "::1 localhost ip6-localhost ip6-loopback\n"
        "ff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n"
    )


def _resolv(target: Target) -> str:
    search = f"search {target.domain}\n" if target.domain else ""
    return search + "".join(f"nameserver {server}\n" for server in target.dns_servers)


def _grub_default(kernel_params: str) -> str:
    """For a later update-grub; the first grub.cfg is written by the agent with the same line."""
    quoted = kernel_params.replace("\\", "\\\\").replace('"', '\\"')
    quoted = quoted.replace("$", "\\$").replace("`", "\\`")
    return f'GRUB_CMDLINE_LINUX="{quoted}"\nGRUB_DISABLE_OS_PROBER=true\n'


def _authorized_keys(keys: Sequence[str]) -> FileEntry:
    for key in keys:
        if "\n" in key.strip():
            raise DriverUnsupported("authorized_keys: a key holds a line break")
    text = "".join(f"{key.strip()}\n" for key in keys)
    return FileEntry("/root/.ssh/authorized_keys", text, 0o600)


def first_boot(report_url: str, secret: str, ca: str | None = None) -> list[FileEntry]:
    """Return the files with which the installed system opens POST /boot/first once: where and
    with what, and the PEM text of whom it trusts to be there."""
    told = FileEntry(FIRST_BOOT_SECRET, f"{report_url} {secret}\n", 0o600)
    return [told, FileEntry(FIRST_BOOT_CA, ca)] if ca else [told]


def _first_boot() -> Iterator[FileEntry]:
    yield FileEntry(f"/etc/systemd/system/{FIRST_BOOT_UNIT}", _UNIT)
    yield FileEntry(FIRST_BOOT_PROGRAM, _program(), 0o755)


_UNIT = f"""\
[Unit]
Description=Tell drydockd that this machine started from its disk
Wants=network-online.target
After=network-online.target
ConditionPathExists={FIRST_BOOT_SECRET}

[Service]
Type=oneshot
ExecStart={FIRST_BOOT_PROGRAM}
TimeoutStartSec=infinity
StandardOutput=journal+console

[Install]
WantedBy=multi-user.target
"""


def _program() -> str:
    return (resources.files(__package__) / "first-boot.sh").read_text(encoding="utf-8")


def _repository(repository: Repository) -> Iterator[FileEntry]:
    where = f"repository {repository.name}"
    if repository.repo_type != "apt":
        raise DriverUnsupported(f"{where}: repo_type {repository.repo_type}; netboot knows apt")
    if not _WORD.fullmatch(repository.name):
        raise DriverUnsupported(f"{where}: the name must be letters, digits, dots and hyphens")
    options = dict(repository.options or {})
    if repository.arches:
        options.setdefault("arch", ",".join(repository.arches))
    if repository.gpgkey:
        key = repository.gpgkey
        if _ARMOUR not in key:
            raise DriverUnsupported(f"{where}: gpgkey is no armoured PGP public key block")
        path = f"{KEYRINGS}/drydock-{repository.name}.asc"
        yield FileEntry(path, key if key.endswith("\n") else key + "\n")
        options.setdefault("signed-by", path)
    yield FileEntry(
        f"{SOURCES}/drydock-{repository.name}.list", _source_lines(repository, options, where)
    )


def _source_lines(repository: Repository, options: Mapping[str, str], where: str) -> str:
    suites = [*(repository.distributions or ()), *(repository.subrepos or ())]
    if not suites:
        raise DriverUnsupported(f"{where}: distributions are needed, netboot writes source lines")
    components = " ".join(repository.components or ("main",))
    bracket = " ".join(f"{key}={value}" for key, value in options.items())
    lines = [
        f"deb {f'[{bracket}] ' if bracket else ''}{repository.url} {suite} {components}"
        for suite in suites
    ]
    for line in lines:
        if not line.isprintable():
            raise DriverUnsupported(f"{where}: a value holds a line break or control character")
    return "".join(f"{line}\n" for line in lines)
