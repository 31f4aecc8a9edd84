"""`drydock lab console`: what a machine of a QEMU lab says on its serial port."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from drydockd.room.qemu.room import MACHINES

# The lab's own folders, as `lab_run` names them.
LABS = "drydock-lab-*"
LOOK_SECONDS = 0.5
TAIL_BYTES = 16 * 1024


@click.command("console")
@click.argument("node")
@click.option(
    "--state-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of the lab; default: that of the newest one that has such a machine.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what it says, until interrupted.")
@click.option("--all", "is_whole", is_flag=True, help="From the first start on, not the end only.")
def command(node: str, state_dir: Path | None, follow: bool, is_whole: bool) -> None:
    """Print the serial console of NODE, a machine of `drydock lab --machines qemu`.

    Everything it said since the lab began is in a file, over all of its starts.
    """
    path = _console(node, state_dir)
    with path.open("rb") as file:
        if not is_whole:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        for part in _said(file, follows=follow):
            sys.stdout.buffer.write(part)
            sys.stdout.buffer.flush()


def _console(node: str, state_dir: Path | None) -> Path:
    """Raises ClickException naming the machines there are."""
    labs = [state_dir] if state_dir else sorted(_labs(), key=lambda lab: -lab.stat().st_mtime)
    for lab in labs:
        path = lab / MACHINES / node / "console.log"
        if not os.access(lab, os.X_OK):
            raise click.ClickException(f"{lab} is another user's, as a lab under sudo: use sudo")
        if "/" not in node and path.is_file():
            return path
    there = sorted({entry.name for lab in labs for entry in (lab / MACHINES).glob("q*")})
    raise click.ClickException(
        f"no lab has a machine {node}; there are {', '.join(there) or 'none'}. "
        "A lab elsewhere is named with --state-dir"
    )


def _labs() -> list[Path]:
    found = Path(tempfile.gettempdir()).glob(LABS)
    return [lab for lab in found if not os.access(lab, os.X_OK) or (lab / MACHINES).is_dir()]


def _said(file: BinaryIO, *, follows: bool) -> Iterator[bytes]:
    while True:
        part = file.read(65536)
        if part:
            yield part
        elif follows:
            # A file tells nobody that it grows.
            time.sleep(LOOK_SECONDS)
        else:
            return
