"""`drydock image`: what machines are installed from, and the agent that installs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from drydockd import parts, preflight
from drydockd.cli.output import echo_data, echo_table, output_option, printable
from drydockd.cli.units import daemons_environment
from drydockd.config import ConfigError, load
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.errors import DrydockError, InvalidConfig
from drydockd.images import writing
from drydockd.images.build import build_agent, build_image
from drydockd.images.catalogue import SUFFIX, Agent, Alias, Entry, Image, ImageCatalogue, read_entry
from drydockd.images.fetching import Checksum
from drydockd.images.importing import import_image
from drydockd.images.recipes import KERNELS, MIRROR, SUITES, Recipe

COLUMNS = {
    "name": "Name",
    "kind": "Kind",
    "release": "Release",
    "size": "MiB",
    "unpacked": "Unpacked",
    "kernels": "Kernels",
    "built": "Built",
}
# What the agent is built of.
AGENT_SUITE = SUITES["debian-12"]


def _with_images(function: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--images",
        type=click.Path(file_okay=False, path_type=Path),
        callback=lambda context, option, given: given or _configured(),
        help="The catalogue's folder; else netboot_driver.images of the configuration.",
    )(function)


def _configured() -> Path:
    """Where a daemon on this host looks, by its configuration; or where it would by default."""
    default = NetbootOptions.model_fields["images"].default
    with daemons_environment(()) as environ:
        try:
            loaded = load(preflight.files_of(()), environ, parts.schema())
        except ConfigError as error:
            # Mistakes of other sections, as on a host without a daemon, do not matter here.
            mine = [m for m in error.mistakes if m.section in ("", "netboot_driver")]
            if mine or error.loaded is None:
                said = f"the configuration is wrong ({(mine or error.mistakes)[0]}); give --images"
                raise click.UsageError(said) from error
            loaded = error.loaded
    given = loaded.settings.drivers.get("netboot_driver", {}).get("images", default)
    return loaded.base / str(given)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the catalogue, the programs and the disk are sentences."""
    try:
        yield
    except (DrydockError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _say(line: str) -> None:
    click.echo(printable(line), err=True)


@click.group("image")
def command() -> None:
    """Build, import and keep what machines are installed from; needs no daemon.

    A running daemon sees changes at once.
    """


@command.command()
@click.argument("what", type=click.Choice(["agent", *SUITES]))
@click.option("--name", help="What the entry is called; default: WHAT.")
@click.option(
    "--kernel",
    type=click.Choice(list(KERNELS)),
    default="generic",
    show_default=True,
    help="cloud is smaller and knows the hardware of virtual machines only.",
)
@click.option("--include", "-i", multiple=True, metavar="PACKAGE", help="One more package.")
@click.option("--mirror", default=MIRROR, show_default=True, help="Debian's archive.")
@_with_images
def build(
    what: str, name: str | None, kernel: str, include: tuple[str, ...], mirror: str, images: Path
) -> None:
    """Build the agent that machines start, or a system to install, of Debian's packages.

    Takes a minute or two and needs root, mmdebstrap and squashfs-tools; for the agent also cpio
    and zstd. An entry of the same name is replaced; what it was stays until `drydock image prune`.
    """
    suite = AGENT_SUITE if what == "agent" else SUITES[what]
    recipe = Recipe(name or what, suite, kernel, include, mirror)
    with _told():
        make = build_agent if what == "agent" else build_image
        _echo_made(make(images, recipe, _say), images)


@command.command("import")
@click.argument("name")
@click.argument("source", metavar="FILE|URL")
@click.option("--sha256", metavar="DIGITS", help="The checksum that its publisher gives.")
@click.option("--sha512", metavar="DIGITS", help="The same, where that is the one given.")
@click.option("--release", default="", help="Default: what its os-release says.")
@_with_images
def import_(
    name: str, source: str, sha256: str | None, sha512: str | None, release: str, images: Path
) -> None:
    """Import a system as the image NAME: a squashfs, a tar (gz, xz, zst), a qcow2 or raw disk.

    Without a checksum nothing is imported. A system that lacks what an installation needs is
    refused, with all it lacks. Needs root and squashfs-tools; for disks also qemu-utils and fdisk.
    """
    given = [(kind, digits) for kind, digits in (("sha256", sha256), ("sha512", sha512)) if digits]
    if len(given) != 1:
        raise click.UsageError("give one checksum of its publisher: --sha256 or --sha512")
    with _told():
        _echo_made(import_image(images, name, source, Checksum(*given[0]), _say, release), images)


@command.command("list")
@output_option("table", "json", "yaml")
@_with_images
def list_(output: str, images: Path) -> None:
    """List images, agents and aliases. json and yaml have all there is to know, packages too."""
    with _told():
        entries = ImageCatalogue(images).entries()
    if output == "table":
        echo_table(COLUMNS, [_row(entry) for entry in entries])
    else:
        echo_data([entry.model_dump(mode="json") for entry in entries], output)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_with_images
def verify(names: tuple[str, ...], images: Path) -> None:
    """Hash the content of each NAME again, or of all; exits with 1 if any is damaged."""
    with _told():
        problems = []
        paths = [writing.path_of(images, name) for name in names]
        for path in paths or sorted(images.glob(f"*{SUFFIX}")):
            try:
                found = writing.verify(images, read_entry(path))
            except InvalidConfig as error:
                found = [str(error)]
            problems += found
            if not found:
                click.echo(f"{path.name.removesuffix(SUFFIX)}: whole")
    for problem in problems:
        click.echo(f"PROBLEM {problem}", err=True)
    if problems:
        raise SystemExit(1)


@command.command("rm")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_with_images
def remove(names: tuple[str, ...], images: Path) -> None:
    """Remove each NAME and its content. Refused while an alias leads to it.

    Whether a design names it nobody can tell: a deployment that does fails when its plans are
    checked.
    """
    for name in names:
        with _told():
            click.echo(f"removed {name} and {len(writing.remove(images, name))} files of its own")


@command.command()
@click.argument("new")
@click.argument("name")
@_with_images
def alias(new: str, name: str, images: Path) -> None:
    """Let designs call the image NAME also NEW, as in `drydock image alias xenial debian-12`."""
    with _told():
        writing.add_alias(images, new, name)
    click.echo(f"{new} is {name}")


@command.command()
@_with_images
def prune(images: Path) -> None:
    """Remove content that no entry names any more: what was replaced by newer builds.

    Not while machines are being installed: they would lose what they read.
    """
    with _told():
        gone = writing.sweep(images)
    click.echo(f"removed {len(gone)} files")


def _echo_made(entry: Image | Agent, images: Path) -> None:
    row = _row(entry)
    click.echo(f"{row['name']}: {row['size']} MiB, kernel {row['kernels']}, in {images}")


def _row(entry: Entry) -> dict[str, object]:
    if isinstance(entry, Alias):
        return {"name": entry.name, "kind": f"alias of {entry.image}"}
    row: dict[str, object] = {"name": entry.name, "kind": entry.kind, "built": entry.built}
    if isinstance(entry, Agent):
        size = entry.kernel.bytes + entry.initrd.bytes
        return row | {"size": size >> 20, "kernels": entry.version}
    return row | {
        "release": entry.release,
        "size": entry.bytes >> 20,
        "unpacked": entry.unpacked_bytes >> 20,
        "kernels": ", ".join(entry.kernels),
    }
