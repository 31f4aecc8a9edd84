"""Building agents and images of Debian packages, with mmdebstrap and mksquashfs.

Everything is made in a folder of its own beside the blobs, and enters the catalogue at its end.
Source: contract, netboot, sections 7 and 8.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from drydockd.errors import InvalidInput
from drydockd.images import initrd, recipes
from drydockd.images.catalogue import Agent, File, Image
from drydockd.images.contents import bytes_of, features_of, kernels_of, packages_of
from drydockd.images.recipes import AGENT_PACKAGES, IMAGE_PACKAGES, KERNELS, Recipe
from drydockd.images.workshop import Say, Workshop, discard, require, workshop
from drydockd.images.writing import publish

NEEDS = {"mmdebstrap": "mmdebstrap", "mksquashfs": "squashfs-tools"}
AGENT_NEEDS = NEEDS | {"cpio": "cpio", "zstd": "zstd", "dpkg-deb": "dpkg"}
# systemd-networkd's own package is systemd; resolv.conf is written by the agent.
IMAGE_HOOKS = (
    'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/resolv.conf',
    ': > "$1"/etc/machine-id',
    'chroot "$1" systemctl enable systemd-networkd.service',
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin',
)
# Raised by hand when the way of building changes and no list, script or line of the agent does.
WAY = 1


def recipe_key(recipe: Recipe, kind: str) -> str:
    """Return 64 hex digits that stay the same as long as a build would be made of the same.

    `kind` is "agent" or "image". It is of the recipe: packages, options, scripts and, for an agent,
    its code; not of the versions a mirror has today. Entries bear it as `recipe`; a cache that
    must follow security updates adds a date of its own.
    """
    made_of: dict[str, object] = {
        "way": WAY, "kind": kind, "suite": recipe.suite, "mirror": recipe.mirror,
        "kernel": KERNELS[recipe.kernel], "include": sorted(recipe.include),
    }  # fmt: skip
    if kind == "agent":
        scripts = ("init.sh", "agent-init.sh", "udhcpc.sh")
        code = resources.files("drydockd.agent.install").iterdir()
        made_of |= {
            "packages": AGENT_PACKAGES, "level": recipes.AGENT_LEVEL,
            "left out": (recipes.AGENT_EXCLUDES, recipes.KEPT_DOCS),
            "trimmed": (recipes.AGENT_TRIM, recipes.AGENT_MODULES_TRIM),
            "early": recipes.EARLY_MODULES,
            "scripts": [initrd.resource(name) for name in scripts],
            "code": {e.name: e.read_text("utf-8") for e in code if e.name.endswith(".py")},
        }  # fmt: skip
    else:
        made_of |= {
            "packages": IMAGE_PACKAGES, "level": recipes.IMAGE_LEVEL, "hooks": IMAGE_HOOKS,
        }  # fmt: skip
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def build_image(folder: Path, recipe: Recipe, say: Say) -> Image:
    """Build an operating system and add it to the catalogue. Raises Unavailable, InvalidInput."""
    require(NEEDS, "a build")
    with workshop(folder, say) as shop:
        root = shop.place / "root"
        packages = (*IMAGE_PACKAGES, KERNELS[recipe.kernel], *recipe.include)
        say(f"{recipe.name}: {len(packages)} packages of {recipe.suite} from {recipe.mirror}")
        _mmdebstrap(shop, root, recipe, "apt", packages, IMAGE_HOOKS)
        if not (kernels := kernels_of(root)):
            raise InvalidInput(f"{recipe.name}: the packages brought no kernel")
        return publish_root(
            shop, folder, root, recipe.name, kernels, recipe.suite, _source(recipe),
            recipe_key(recipe, "image"),
        )  # fmt: skip


def publish_root(
    shop: Workshop,
    folder: Path,
    root: Path,
    name: str,
    kernels: tuple[str, ...],
    release: str,
    source: str,
    recipe: str = "",
) -> Image:
    """Add the tree `root` to the catalogue as the image `name`."""
    installed, unpacked = packages_of(root), bytes_of(root)
    squashfs = shop.place / "image.squashfs"
    shop.say(f"{name}: {len(installed)} packages, {unpacked >> 20} MiB, to a squashfs")
    shop.squash(root, squashfs, ("-Xcompression-level", str(recipes.IMAGE_LEVEL)))

    def entry(files: Sequence[File]) -> Image:
        return Image(
            name=name,
            kind="squashfs",
            release=release,
            sha256=files[0].sha256,
            bytes=files[0].bytes,
            unpacked_bytes=unpacked,
            kernels=kernels,
            features=features_of(installed),
            built=now(),
            source=source,
            recipe=recipe,
            packages=installed,
        )

    return publish(folder, (squashfs,), entry)


def build_agent(folder: Path, recipe: Recipe, say: Say) -> Agent:
    """Build the agent's kernel and initrd and add them to the catalogue."""
    require(AGENT_NEEDS, "a build")
    with workshop(folder, say) as shop:
        root = shop.place / "root"
        packages = (*AGENT_PACKAGES, *recipe.include)
        say(f"{recipe.name}: {len(packages)} packages of {recipe.suite} from {recipe.mirror}")
        options = [f"--dpkgopt=path-exclude={path}" for path in recipes.AGENT_EXCLUDES]
        options.append(f"--dpkgopt=path-include={recipes.KEPT_DOCS}")
        hooks = (kernel_hook(KERNELS[recipe.kernel]),)
        _mmdebstrap(shop, root, recipe, "essential", packages, hooks, options)
        installed = packages_of(root)
        vmlinuz = _take_kernel(root, shop.place)
        version = vmlinuz.name.removeprefix("vmlinuz-")
        initrd.furnish(root)
        initrd.trim(root)
        shop.run("chroot", str(root), "depmod", version)
        early, squashfs = shop.place / "early", shop.place / "agent.squashfs"
        initrd.early_modules(root, early)
        initrd.way_in(early, root / "bin/busybox")
        shop.squash(root, squashfs, ("-Xcompression-level", str(recipes.AGENT_LEVEL)))
        archive = shop.place / "initrd"
        initrd.write_initrd(archive, squashfs, early)

        def entry(files: Sequence[File]) -> Agent:
            return Agent(
                name=recipe.name,
                kind="agent",
                version=version,
                kernel=files[0],
                initrd=files[1],
                built=now(),
                source=_source(recipe),
                recipe=recipe_key(recipe, "agent"),
                packages=installed,
            )

        return publish(folder, (vmlinuz, archive), entry)


def kernel_hook(metapackage: str) -> str:
    """Unpack the kernel without installing it: its dependencies would bring an initramfs.

    Through tar: dpkg-deb -x replaces the link /lib by a folder, and the root is dead.
    """
    return (
        'set -e; export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; mkdir -p "$1/tmp/kernel"; '
        f"name=$(apt-cache depends {metapackage} | sed -n 's/^ *Depends: //p' "
        "| grep '^linux-image' | head -n 1); "
        'cd "$1/tmp/kernel"; apt-get download "$name"; '
        'for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" '
        '| tar -x --keep-directory-symlink -C "$1"; done; rm -rf "$1/tmp/kernel"; '
        'for modules in "$1"/lib/modules/*; do chroot "$1" depmod "${modules##*/}"; done'
    )


def now() -> str:
    """Return the time as entries bear it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _source(recipe: Recipe) -> str:
    return f"mmdebstrap {recipe.suite} {recipe.mirror}"


def _mmdebstrap(
    shop: Workshop,
    root: Path,
    recipe: Recipe,
    variant: str,
    packages: Sequence[str],
    hooks: Sequence[str],
    options: Sequence[str] = (),
) -> None:
    shop.run(
        "mmdebstrap",
        f"--variant={variant}",
        "--include=" + ",".join(packages),
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Retries "3"',
        *options,
        *(f"--customize-hook={hook}" for hook in hooks),
        recipe.suite,
        str(root),
        recipe.mirror,
    )


def _take_kernel(root: Path, place: Path) -> Path:
    found = sorted((root / "boot").glob("vmlinuz-*"))
    if not found:
        raise InvalidInput("the kernel's package brought no vmlinuz")
    taken = place / found[-1].name
    shutil.move(found[-1], taken)
    discard(root / "boot")
    return taken
