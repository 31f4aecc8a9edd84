"""The manual as a site: ``python -m tests.docs.site FOLDER`` builds it there, strictly."""

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT
from tests.peers.table import PEERS

CONFIGURATION = ROOT / "mkdocs.yml"


class NoSite(Exception):
    """It could not be built; the message is what mkdocs says."""


def build(folder: Path, configuration: Path = CONFIGURATION) -> str:
    """Build into `folder`, which is emptied first; return what mkdocs says. Raises NoSite."""
    mkdocs = PEERS["docs"].environment / "bin" / "mkdocs"
    done = subprocess.run(
        [
            *(str(mkdocs), "build", "--strict", "--config-file", str(configuration)),
            *("--site-dir", str(folder.resolve())),
        ],
        # The theme's makers advertise their next one.
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise NoSite(done.stdout)
    return done.stdout


def main(folder: str) -> int:
    if not PEERS["docs"].is_there():
        print("mkdocs is missing, and could not be installed", file=sys.stderr)
        return 1
    try:
        print(build(Path(folder)), end="")
    except NoSite as error:
        print(error, file=sys.stderr)
        return 1
    print(f"open {Path(folder).resolve() / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
