"""The Debian package, built in an empty Debian without a network (a layer over the guests')."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

import drydockd
from tests.packages import build, run
from tests.peers.guest import CONFIGURATION, PAGE, PATH, NoGuest, alone, blocks, fetched, may_boot

# Any; what is built must not depend on when it is.
EPOCH = "1700000000"
SECONDS = 1500
# Everything it mounts is its own and ends with it, and so does whatever it starts.
LAYER = """
mount -t tmpfs tmpfs "$WORK"
mkdir "$WORK"/{root,upper,scratch}
root=$WORK/root
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$WORK/upper,workdir=$WORK/scratch" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root"/srv/{tree,dist,out}
mount --bind "$WHEELS" "$root/srv/wheels"
mount --bind "$TREE" "$root/srv/tree"
mount --bind "$DIST" "$root/srv/dist"
mount --bind "$OUT" "$root/srv/out"
exec chroot "$root" env -i PATH="$BIN" LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH="$EPOCH" bash -euc "$SCRIPT"
"""
FIRST = "apt-get -qq install -y --no-install-recommends python3-venv >/dev/null 2>&1\ncd /srv\n"


def shared_deb(factory: pytest.TempPathFactory) -> Path:
    """Return the package of this checkout, built once for all test processes of a run.

    Raises NoGuest where that cannot be.
    """
    base = factory.getbasetemp()
    # That of a process of xdist is inside the one of the run.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "deb"
    receipt = folder / "built"
    with alone(folder.with_suffix(".lock")):
        if not receipt.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            receipt.write_text(str(deb(folder)))
    return Path(receipt.read_text())


def deb(folder: Path, wheel: Path | None = None) -> Path:
    """Build the package in `folder`, of `wheel` or a new one. Raises NoGuest."""
    if (reason := may_boot()) is not None:
        raise NoGuest(reason)
    cache = fetched()
    if wheel is None:
        (wheel,) = build(folder, "--wheel").glob("*.whl")
    (folder / "layer").mkdir()
    make = (
        f"/usr/bin/python3 tree/packaging/debian/build.py dist/{wheel.name} out "
        f"--version {drydockd.__version__} --find-links wheels\n"
    )
    words = {"WORK": folder / "layer", "BASE": cache / "root", "WHEELS": cache / "wheels"}
    words |= {"TREE": wheel.parents[1] / "tree", "DIST": wheel.parent, "OUT": folder / "out"}
    (folder / "out").mkdir()
    said = _apart(
        ["bash", "-euc", LAYER], words | {"EPOCH": EPOCH, "BIN": PATH, "SCRIPT": FIRST + make}
    )
    return folder / said.splitlines()[-1]


def renewed(package: Path, folder: Path, version: str) -> Path:
    """Return the package as a newer version that ships another configuration file."""
    tree, made = folder / "tree", folder / "newer.deb"
    run("dpkg-deb", "--raw-extract", package, tree)
    control = tree / "DEBIAN" / "control"
    said = control.read_text().splitlines()
    said = [f"Version: {version}" if line.startswith("Version:") else line for line in said]
    control.write_text("\n".join([*said, ""]))
    with (tree / CONFIGURATION.lstrip("/")).open("a") as file:
        file.write("# as of the newer version\n")
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made)
    return made


def _apart(command: Sequence[str], words: dict[str, object]) -> str:
    """Run it in namespaces of its own, without a network; return what it wrote."""
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--", *command],
        env={"PATH": PATH, **{name: str(value) for name, value in words.items()}},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def host(guest, tmp_path_factory):
    """The guest after everything in docs/install.md was typed there; `typed` is what it said.

    Whoever changes its configuration puts it back; `plain` is the one the page ends with.
    """
    shutil.copy(shared_deb(tmp_path_factory), guest.folder / "root")
    told = "trap 'journalctl --no-pager --unit drydockd.service --lines 40' ERR"
    guest.typed = guest.run(f"set -eux\n{told}\n{blocks(PAGE)}", code=None, seconds=1200)
    guest.plain = guest.read(CONFIGURATION) if (guest.folder / CONFIGURATION[1:]).exists() else ""
    return guest
