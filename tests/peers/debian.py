"""The Debian package, built in an empty Debian without a network (a layer over the guests')."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

import drydockd
from tests.packages import build
from tests.peers.guest import CONFIGURATION, PAGE, PATH, NoGuest, blocks, fetched, may_boot

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
mkdir -p "$root/srv/tree" "$root/srv/dist"
mount --bind "$WHEELS" "$root/srv/wheels"
mount --bind "$TREE" "$root/srv/tree"
mount --bind "$DIST" "$root/srv/dist"
exec chroot "$root" env -i PATH="$BIN" LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH="$EPOCH" bash -euc "$SCRIPT"
"""
FIRST = "apt-get -qq install -y --no-install-recommends python3-venv >/dev/null 2>&1\ncd /srv\n"


def debs(folder: Path, *outs: tuple[str, str]) -> list[Path]:
    """Build the package below `folder`; return one path for each of `outs`.

    Each is the folder inside `folder/dist` and the version. Raises NoGuest where that cannot be.
    """
    if (reason := may_boot()) is not None:
        raise NoGuest(reason)
    cache = fetched()
    (wheel,) = build(folder, "--wheel").glob("*.whl")
    made = "".join(
        f"/usr/bin/python3 tree/packaging/debian/build.py dist/{wheel.name} dist/{out} "
        f"--version {version} --find-links wheels\n"
        for out, version in outs
    )
    work = folder / "layer"
    work.mkdir()
    words = {"WORK": work, "BASE": cache / "root", "WHEELS": cache / "wheels", "EPOCH": EPOCH}
    words |= {"TREE": folder / "tree", "DIST": folder / "dist", "BIN": PATH, "SCRIPT": FIRST + made}
    said = _apart(["bash", "-euc", LAYER], words)
    paths = [Path(line) for line in said.splitlines() if line.endswith(".deb")]
    return [folder / path for path in paths]


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
    (package,) = debs(tmp_path_factory.mktemp("deb"), ("page", drydockd.__version__))
    shutil.copy(package, guest.folder / "root")
    guest.typed = guest.run(f"set -eux\n{blocks(PAGE)}", code=None, seconds=1200)
    guest.plain = guest.read(CONFIGURATION) if (guest.folder / CONFIGURATION[1:]).exists() else ""
    return guest
