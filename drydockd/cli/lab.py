"""`drydock lab`: a drydockd of one's own, deploying a site in the virtual machine room."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from importlib import metadata
from pathlib import Path

import click

from drydockd.cli.lab_console import command as console
from drydockd.cli.lab_run import Lab, LabOptions
from drydockd.cli.lab_stage import LabTrouble
from drydockd.cli.room import command as room
from drydockd.room.qemu.machine import Firmware
from drydockd.room.qemu.room import BMCS

IN_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "conf" / "example-site" / "site.yaml"
INSTALLED = "share/drydockd/example-site/site.yaml"
MOST_MACHINES = 32
MOST_DAEMONS = 9


def _machines(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    """``room``: None, ``qemu`` or ``qemu:N``: how many."""
    kind, _, number = value.partition(":")
    if kind == "room" and not number:
        return None
    number = number or "2"
    if kind == "qemu" and number.isdecimal() and 1 <= int(number) <= MOST_MACHINES:
        return int(number)
    raise click.BadParameter(
        f"{value!r}: say room, qemu or qemu:N, with N from 1 to {MOST_MACHINES}"
    )


def example_site() -> Path:
    """The example design: in the checkout, or where the installer says it put it."""
    if IN_THE_CHECKOUT.is_file():
        return IN_THE_CHECKOUT
    # Not sys.prefix: `pip install --user` and distributions have data elsewhere.
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("drydockd") or ():
            path = Path(str(file.locate())).resolve()
            if path.as_posix().endswith(INSTALLED) and path.is_file():
                return path
    raise click.ClickException(f"no {INSTALLED} was installed with drydockd; give --site FILE")


@click.group(invoke_without_command=True)
@click.option(
    "--site",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The design to deploy; default: the example site of three racks.",
)
@click.option(
    "--machines",
    metavar="room|qemu[:N]",
    callback=_machines,
    default="room",
    help="What is deployed: pretend machines of the room, or N virtual machines of QEMU (default "
    "2, BIOS and UEFI by turns) with BMCs, networks and a site made for them; as root.",
)
@click.option(
    "--bmc",
    type=click.Choice(BMCS),
    default="ipmi",
    show_default=True,
    help="What the BMCs of machines of QEMU speak.",
)
@click.option(
    "--firmware",
    type=click.Choice([one.value for one in Firmware]),
    help="What machines of QEMU start by; default: BIOS and UEFI by turns.",
)
@click.option("--once", is_flag=True, help="Stop when done; exit 0 if every node is deployed.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Where to listen on 127.0.0.1; default: 9000 if free, else any.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep state, log and the nodes' files here; default: a folder that goes with the lab.",
)
@click.option(
    "--room",
    "room_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The room file: machines, latencies, faults. See docs/room.md.",
)
@click.option(
    "--images",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep what machines of QEMU install from here; default: drydockd/images in the user's "
    "cache folder.",
)
@click.option(
    "--daemons",
    type=click.IntRange(1, MOST_DAEMONS),
    default=1,
    show_default=True,
    help="So many daemons, on a PostgreSQL of the lab's own and behind a balancer.",
)
@click.option(
    "--chaos", is_flag=True, help="Kill one of several daemons now and then, and start it again."
)
@click.option(
    "--plain", is_flag=True, help="Plain lines instead of a live table, as without a terminal."
)
@click.pass_context
def command(
    ctx: click.Context,
    site: Path | None,
    machines: int | None,
    bmc: str,
    firmware: str | None,
    once: bool,
    port: int | None,
    state_dir: Path | None,
    room_file: Path | None,
    images: Path | None,
    daemons: int,
    chaos: bool,
    plain: bool,
) -> None:
    """Start a drydockd on loopback and deploy a site, in a room of pretend machines or for real.

    Submits validate_design, prepare_site, prepare_nodes and deploy_nodes through the public
    API, shows each node's progress, ends with a table of nodes and boot action results, and
    keeps serving until Ctrl-C. Exit codes with --once: 0 every node deployed, 1 not all,
    2 the lab itself could not start.
    """
    if ctx.invoked_subcommand is not None:
        return
    if machines is not None and (site or room_file):
        raise click.UsageError("--machines qemu has a site of its own, without --site and --room")
    if daemons > 1 and machines is not None:
        raise click.UsageError("--daemons is for machines of the room: netboot is one daemon's")
    if chaos and daemons == 1:
        raise click.UsageError("--chaos needs --daemons 2 or more: one alone has no other")
    options = LabOptions(
        site=(site or example_site()).resolve(),
        is_once=once,
        port=port,
        folder=state_dir.resolve() if state_dir else None,
        room=room_file,
        is_plain=plain or not sys.stdout.isatty(),
        qemu=machines,
        bmc=bmc,
        firmware=Firmware(firmware) if firmware else None,
        images=images.resolve() if images else None,
        daemons=daemons,
        has_chaos=chaos,
    )
    try:
        is_good = asyncio.run(Lab(options).run())
    except LabTrouble as error:
        raise click.UsageError(str(error)) from error
    except KeyboardInterrupt:
        is_good = True
    sys.exit(0 if is_good else 1)


command.add_command(room)
command.add_command(console)
