"""``python -m tests.peers [install [NAME...]]``: list the real parts; bring the missing ones.

Installing never fails the call: what could not be had is named, and pytest leaves its tests
out (or fails them, with CI=true). What Debian's packages would start by themselves, such as an SSH
server and a database, is neither started nor left to start with the machine: tests start their own.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.peers.table import PEERS, Peer

# Without a network it is soon clear that there is none.
QUIETLY = ("--disable-pip-version-check", "--no-input", "--retries", "1")
UNITS = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
# systemctl then changes files and starts nothing. Source: systemd, ENVIRONMENT.md.
AT_REST = ("env", "SYSTEMD_OFFLINE=1")


def run(command: Sequence[str]) -> str | None:
    """Run `command`; return what it said if it failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    if done.returncode == 0:
        return None
    lines = (done.stderr or done.stdout).strip().splitlines()
    return f"{' '.join(command)}: {lines[-1] if lines else f'exit code {done.returncode}'}"


def as_root() -> tuple[str, ...] | None:
    """What to put before a command that needs root; None where that cannot be."""
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") and run(["sudo", "-n", "true"]) is None:
        return ("sudo", "-n")
    return None


def install_packages(peer: Peer) -> str | None:
    before = as_root()
    if before is None or shutil.which("apt-get") is None:
        return f"needs {' '.join(peer.packages)}, and this user may not install it"
    # Others may be installing, as a new machine does by itself.
    patient = ["-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=600"]
    apt = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", *patient]
    quiet = [*before, *AT_REST, *apt]
    install = [*quiet, "install", "-y", "--no-install-recommends", *peer.packages]
    known = services()
    failed = run(install)
    if failed is not None:
        # A new machine knows of no packages yet.
        failed = run([*quiet, "update"]) or run(install)
    if (new := sorted(services() - known)) and shutil.which("systemctl") is not None:
        failed = failed or run([*before, *AT_REST, "systemctl", "disable", "-q", *new])
    return failed


def services() -> set[str]:
    """The units of this machine that may be set to start with it."""
    kinds = (".service", ".socket", ".timer", ".path")
    units = (unit.name for folder in UNITS if folder.is_dir() for unit in folder.iterdir())
    return {name for name in units if name.endswith(kinds)}


def install_environment(peer: Peer) -> str | None:
    pip = [str(peer.environment / "bin" / "python"), "-m", "pip"]
    # Made anew: a half-filled one, or one of an older lock, teaches nothing.
    shutil.rmtree(peer.environment, ignore_errors=True)
    failed = run([sys.executable, "-m", "venv", str(peer.environment)]) or run(
        [*pip, "install", "-q", *QUIETLY, "--require-hashes", "-r", str(peer.lock)]
    )
    if failed is None:
        peer.receipt.write_text(peer.mark())
    return failed


def install(peer: Peer) -> str | None:
    """Bring what is missing of `peer`; return why that was not possible."""
    failed = None
    if peer.lacks_packages():
        failed = install_packages(peer)
    if failed is None and peer.lacks_environment():
        failed = install_environment(peer)
    return failed


def install_all(missing: Sequence[Peer]) -> None:
    """Bring them; Debian's packages lock one another out, the rest comes beside them."""
    debian = [peer for peer in missing if peer.lacks_packages()]
    others = [peer for peer in missing if peer not in debian]
    with ThreadPoolExecutor(2) as both:
        list(both.map(install_in_turn, (debian, others)))


def install_in_turn(peers: Sequence[Peer]) -> None:
    for peer in peers:
        print(f"installing {peer.name}, for the tests that need it", flush=True)
        if failed := install(peer):
            print(f"  {peer.name}: {failed}", flush=True)


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] not in ([], ["install"]):
        print(__doc__, file=sys.stderr)
        return 2
    if unknown := [name for name in arguments[1:] if name not in PEERS]:
        print(f"no real part {', '.join(unknown)}; there are {', '.join(PEERS)}", file=sys.stderr)
        return 2
    peers = [PEERS[name] for name in arguments[1:]] or list(PEERS.values())
    if not arguments:
        for peer in peers:
            state = "there" if peer.is_there() else f"missing: {peer.command()}"
            print(f"{peer.name:10} {state:50} {peer.starts}")
    else:
        install_all([peer for peer in peers if not peer.is_there()])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
