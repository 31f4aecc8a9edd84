"""GRUB from the image's own packages, for the firmware that the machine started with.

`grub.cfg` is written here: update-grub took 34 s. No entry is made in the firmware's memory:
the fallback path is enough. Source: contract, netboot, section 5.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drydockd.agent.install.configure import write_file
from drydockd.agent.install.disks import Disk
from drydockd.agent.install.filesystems import Storage
from drydockd.agent.install.programs import Programs

_NUMBERS = re.compile(r"\d+")


class NoKernel(Exception):
    """The image has no kernel that the plan could start."""


class BadOptions(Exception):
    """Kernel arguments that cannot be read."""


def firmware(sysfs: Path = Path("/sys")) -> str:
    """Return ``uefi`` or ``bios``: what this machine started with."""
    return "uefi" if (sysfs / "firmware/efi").is_dir() else "bios"


def install(
    plan: Mapping[str, Any],
    target: Path,
    disk: Disk,
    storage: Storage,
    programs: Programs,
    *,
    booted_by: str,
) -> None:
    """Write grub.cfg, and install GRUB on `disk`, which the firmware starts from."""
    text = grub_cfg(plan, target, storage)
    write_file(target, "/boot/grub/grub.cfg", text.encode(), 0o600)
    run = ("chroot", str(target), "grub-install")
    if booted_by == "uefi":
        programs.run(*run, "--target=x86_64-efi", "--efi-directory=/boot/efi", "--removable",
                     "--no-nvram", seconds=600)  # fmt: skip
    else:
        programs.run(*run, "--target=i386-pc", disk.path, seconds=600)


def kernels(target: Path) -> list[str]:
    """Return the versions that the image has with their initrd, the newest first."""
    boot = target / "boot"
    names = [path.name.removeprefix("vmlinuz-") for path in boot.glob("vmlinuz-*")]
    names = [name for name in names if (boot / f"initrd.img-{name}").is_file()]
    return sorted(names, key=_version, reverse=True)


def _version(name: str) -> tuple[list[int], str]:
    return [int(number) for number in _NUMBERS.findall(name)], name


def chosen_kernel(target: Path, wanted: str | None) -> str:
    there = kernels(target)
    if wanted is None and there:
        return there[0]
    if wanted not in there:
        raise NoKernel(f"kernel {wanted or 'any'}: the image has {', '.join(there) or 'none'}")
    return str(wanted)


def grub_cfg(plan: Mapping[str, Any], target: Path, storage: Storage) -> str:
    """Return the menu: one entry, the plan's kernel with the plan's arguments."""
    version = chosen_kernel(target, plan.get("kernel"))
    root, _ = storage.place_of("/")
    boot, folder = storage.place_of("/boot")
    folder = folder.rstrip("/")
    # A root on LVM is found by its device: the generic initramfs activates just what is named.
    place = root["place"]
    device = f"/dev/mapper/{mapped(place)}" if place.get("group") else f"UUID={root['uuid']}"
    options = plan.get("kernel_params") or ""
    initrd = f"{folder}/initrd.img-{version}"
    return (
        "set default=0\nset timeout=2\n"
        "insmod part_gpt\ninsmod lvm\ninsmod ext2\ninsmod xfs\ninsmod btrfs\n"
        f"{serial_of(options)}"
        f"search --no-floppy --fs-uuid --set=root {boot['uuid']}\n"
        f"menuentry {_word(plan['node'] + ' ' + version)} {{\n"
        f"    linux {folder}/vmlinuz-{version} root={device} ro {quoted(options)}\n"
        f"    initrd {initrd}\n}}\n"
    )


def mapped(place: Mapping[str, Any]) -> str:
    """device-mapper doubles hyphens within names."""
    return f"{place['group'].replace('-', '--')}-{place['volume'].replace('-', '--')}"


def quoted(options: str) -> str:
    """Kernel arguments as GRUB's script takes them: each word in single quotes where needed.

    Double quotes keep spaces within an argument, as in the kernel; GRUB adds them again itself.
    Raises BadOptions for one that is not closed.
    """
    lexer = shlex.shlex(options, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.quotes, lexer.escape, lexer.commenters = True, '"', "", ""
    try:
        return " ".join(map(_word, lexer))
    except ValueError as error:
        raise BadOptions(f"kernel arguments {options!r}: {error}") from error


def _word(text: str) -> str:
    plain = re.fullmatch(r"[A-Za-z0-9_.,:=/@%+-]+", text)
    return text if plain else "'" + text.replace("'", "'\\''") + "'"


def serial_of(options: str) -> str:
    """GRUB talks on the serial console that the kernel will use."""
    found = re.search(r"console=ttyS(\d+)(?:,(\d+))?", options)
    if found is None:
        return ""
    speed = found[2] or "115200"
    return (
        f"serial --unit={found[1]} --speed={speed}\n"
        "terminal_input console serial\nterminal_output console serial\n"
    )
