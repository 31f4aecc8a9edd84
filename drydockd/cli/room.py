"""`drydock lab room`: a virtual machine room in a process of its own."""

from __future__ import annotations

from pathlib import Path

import click

from drydockd.room.server import run


@click.command("room")
@click.option("--port", type=click.IntRange(0, 65535), default=9100, show_default=True)
@click.option(
    "--room",
    "room_file",
    type=click.Path(exists=True, dir_okay=False),
    help="The room file: machines, latencies, faults. See docs/room.md.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the boot data that nodes unpack here; default: a folder that goes with the room.",
)
def command(port: int, room_file: str | None, state_dir: Path | None) -> None:
    """Serve virtual machines on loopback until interrupted; port 0 takes any free one.

    Point the `fake` drivers at the URL it prints (option `url`). The machines live on while
    drydockd is down.
    """
    raise SystemExit(run(port, room_file, state_dir))
