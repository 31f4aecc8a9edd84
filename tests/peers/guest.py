"""A real host for tests: an empty Debian with its own systemd, which installs and runs drydockd.

The Debian and the packages it will ask for are fetched once, to `.cache/guest`; each guest is a
layer over it that is gone afterwards, without a network of its own. Needs root.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.peers.needs import LEFT_OUT
from tests.peers.table import LOCKS, PEERS, ROOT

PAGE = ROOT / "docs" / "install.md"
CONFIGURATION = "/etc/drydockd/drydockd.yaml"
CACHE = ROOT / ".cache" / "guest"
SUITE = "bookworm"
# What docs/install.md has apt-get install, builds the package and serves Ansible: fetched
# beforehand, as a guest has no network.
DEBS = ("python3-venv", "openssl", "curl", "ca-certificates", "python3-apt")
# What docs/netboot.md has it install, for the DHCP server of its boot networks.
NETBOOT_DEBS = ("dnsmasq-base", "iproute2")
SYSTEM = "systemd,systemd-sysv,dbus"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_SECONDS = 120


class NoGuest(Exception):
    """There can be no guest here; the message says why."""


class Guest:
    """A booted host; `folder` is its root as seen from here, `leader` its process 1."""

    def __init__(self, folder: Path, leader: int) -> None:
        self.folder = folder
        self.typed = self.plain = ""
        self.leader = leader

    def run(self, script: str, *, code: int | None = 0, seconds: float = 120) -> str:
        """Run a bash script there as root; return what it wrote, both streams as they came.

        `code` is how it must end, None for anyhow.
        """
        done = subprocess.run(
            [*self._inside(), "/bin/bash", "-c", f"exec 2>&1; cd /root\n{script}"],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=seconds,
        )
        assert code is None or done.returncode == code, f"{script}\n{done.stdout}"
        return done.stdout

    def fails(self, script: str) -> str:
        """Run what must not succeed; return what it wrote."""
        return self.run(f"if ( {script} ); then echo it succeeded; exit 1; fi")

    def read(self, path: str) -> str:
        return (self.folder / path.lstrip("/")).read_text()

    def write(self, path: str, text: str) -> None:
        (self.folder / path.lstrip("/")).write_text(text)

    def _inside(self) -> list[str]:
        enter = ["nsenter", "--target", str(self.leader), "--all", "--root", "--wd"]
        return [*enter, "env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8"]


def quiet(*command: str, **options) -> None:
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NoGuest(f"{' '.join(command)}: {said[-1] if said else done.returncode}")


def sources() -> str:
    """Return where this machine has its Debian packages from."""
    command = ["apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"]
    found = subprocess.run(
        [*command, "Created-By: Packages", "Origin: Debian"], capture_output=True, text=True
    )
    lines = sorted({line for line in found.stdout.splitlines() if f" {SUITE}" in line})
    return "\n".join(lines) or f"deb http://deb.debian.org/debian {SUITE} main"


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file: of the test processes that come here at once, one goes on at a time."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetched() -> Path:
    """Return the folder with `root`, an empty Debian that knows its packages, and `wheels`.

    Fetched when it is not there, or the lock has changed. Raises NoGuest.
    """
    lock = LOCKS / "run.txt"
    receipt, mark = CACHE / "receipt", f"{SUITE} {SYSTEM} {DEBS} {NETBOOT_DEBS}\n{lock.read_text()}"
    with alone(CACHE.with_suffix(".lock")):
        if not receipt.exists() or receipt.read_text() != mark:
            _fetch(lock)
            receipt.write_text(mark)
    return CACHE


def _fetch(lock: Path) -> None:
    shutil.rmtree(CACHE, ignore_errors=True)
    CACHE.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "download"]
    quiet(*pip, "--require-hashes", "-d", str(CACHE / "wheels"), "-r", str(lock))
    root = CACHE / "root"
    # It binds this machine's /dev and /sys in there: with a namespace of its own they are gone
    # however it ends, and the next one to empty the folder empties nothing else.
    apart = ["unshare", "--mount", "--fork", "--kill-child", "--"]
    make = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={SYSTEM}", SUITE, str(root), "-"]
    quiet(*apart, *make, input=sources())
    apt = ["chroot", str(root), "apt-get", "-qq"]
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    quiet(*apt, "update")
    quiet(*apt, "install", "--download-only", "-y", "--no-install-recommends", *DEBS, *NETBOOT_DEBS)
    # No package index is in reach: pip takes what was fetched.
    (root / "etc/pip.conf").write_text("[global]\nno-index = true\nfind-links = /srv/wheels\n")
    (root / "srv/wheels").mkdir()


def may_boot() -> str | None:
    """Return why this user on this machine cannot boot a systemd; None if he can."""
    if os.geteuid() != 0:
        return "a systemd of the test's own needs root"
    if not os.access("/sys/fs/cgroup", os.W_OK):
        return "a systemd of the test's own needs /sys/fs/cgroup"
    return None


@contextmanager
def booted(work: Path) -> Iterator[Guest]:
    """Boot an empty Debian in `work`; it is gone afterwards. Raises NoGuest."""
    if (reason := may_boot()) is not None:
        raise NoGuest(reason)
    cache = fetched()
    with ExitStack() as ending:
        quiet("mount", "-t", "tmpfs", "tmpfs", str(work))
        ending.callback(subprocess.run, ["umount", "--lazy", str(work)])
        root, upper, scratch = (work / name for name in ("root", "upper", "scratch"))
        for folder in (root, upper, scratch):
            folder.mkdir()
        layers = f"lowerdir={cache / 'root'},upperdir={upper},workdir={scratch}"
        quiet("mount", "-t", "overlay", "overlay", "-o", layers, str(root))
        ending.callback(subprocess.run, ["umount", "--lazy", str(root)])
        # What every installer leaves.
        (root / "etc/hostname").write_text("drydock\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 drydock\n")
        leader = _boot(root, cache / "wheels", work / "console", ending)
        yield Guest(root, leader)


def _boot(root: Path, wheels: Path, console: Path, ending: ExitStack) -> int:
    """Start systemd; return its process as seen from here, once it has started everything."""
    with console.open("wb") as output:
        nspawn = subprocess.Popen(
            [
                *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit"),
                *("--private-network", f"--bind-ro={wheels}:/srv/wheels"),
                *("--resolv-conf=off", "--timezone=off"),
                *("--notify-ready=yes", "--directory", str(root), "--boot"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    ending.callback(_end, nspawn)
    leader = _leader(nspawn)
    enter = ["nsenter", "--target", str(leader), "--all", "--root", "--wd"]
    wait = [*enter, "systemctl", "is-system-running", "--wait"]
    said = subprocess.run(wait, capture_output=True, text=True, timeout=BOOT_SECONDS).stdout
    if said.strip() not in ("running", "degraded"):
        raise NoGuest(f"systemd is {said.strip()}: {console.read_text(errors='replace')[-500:]}")
    return leader


def _leader(nspawn: subprocess.Popen) -> int:
    """Return the process that is 1 in there, once its manager answers."""
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    while nspawn.poll() is None:
        for pid in children.read_text().split():
            if Path(f"/proc/{pid}/root/run/systemd/private").exists():
                return int(pid)
        try:
            nspawn.wait(0.05)  # there is no event for a socket of another mount namespace
        except subprocess.TimeoutExpired:
            continue
    raise NoGuest(f"systemd-nspawn ends with {nspawn.returncode}")


def _end(nspawn: subprocess.Popen) -> None:
    nspawn.terminate()  # asks its systemd to power off
    try:
        nspawn.wait(20)
    except subprocess.TimeoutExpired:
        nspawn.kill()
        nspawn.wait()


def blocks(page: Path) -> str:
    """Return the commands of a page, all blocks marked ``sh`` in their order, as one script."""
    found = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return "\n".join(found)


@pytest.fixture(scope="session")
def guest(tmp_path_factory):
    """An empty Debian, booted; one for the whole run."""
    with ExitStack() as ending:
        try:
            machine = ending.enter_context(booted(tmp_path_factory.mktemp("guest")))
        except NoGuest as error:
            if os.environ.get("CI") == "true" and may_boot() is None:
                pytest.fail(f"no guest: {error}", pytrace=False)
            pytest.skip(f"{LEFT_OUT} guest: {error}; run: {PEERS['guest'].command()}")
        yield machine
