"""`drydock design adopt`: inventories of a folder, or as the daemon learnt them, as a design."""

from __future__ import annotations

from pathlib import Path

import click

from drydockd.cli.design_source import CannotLoad, load_usable, read_catalogue
from drydockd.cli.output import printable
from drydockd.cli.session import Access
from drydockd.design.adopt.draft import drafts
from drydockd.design.adopt.machine import BMC_TYPES, Machine, clean, machine_of
from drydockd.design.adopt.written import written
from drydockd.errors import InvalidConfig, InvalidDesign
from drydockd.images.catalogue import ImageCatalogue
from drydockd.site import Catalogue

JSON_GENERATORS = ("hardware", "lldp", *BMC_TYPES)


@click.command()
@click.option(
    "--inventory",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of NAME.xml (lshw -xml), NAME.hardware.json, NAME.lldp.json; else --url is asked.",
)
@click.option("--onto", metavar="DESIGN", help="Print only what this design does not have yet.")
@click.option(
    "--catalogue",
    "catalogue_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Images the provisioner offers: a YAML or JSON map of image to list of kernels. One "
    "that is alone goes into the host profiles.",
)
@click.option(
    "--images",
    "images_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The same from the folder of netboot's images.",
)
@click.pass_obj
def adopt(
    access: Access,
    folder: Path | None,
    onto: str | None,
    catalogue_file: Path | None,
    images_folder: Path | None,
) -> None:
    """Write a design from what is racked, as YAML to review.

    The same machines give the same bytes; another machine renames nothing.
    """
    if folder is None and not access.url:
        raise click.UsageError("Give --inventory, or --url (DD_URL) before the command.")
    site = load_usable(onto).site if onto else None
    machines = of_folder(folder) if folder else of_daemon(access)
    offered = read_catalogue(catalogue_file) if catalogue_file else None
    if images_folder:
        offered = images_of(images_folder)
    click.echo(written(drafts(machines, site, offered)), nl=False)


def of_folder(folder: Path) -> list[Machine]:
    """Return the machines of ``NAME.xml`` (lshw) and ``NAME.<generator>.json``. Raises CannotLoad.

    One without an lshw that can be read is named on standard error and left out.
    """
    documents: dict[str, dict[str, str]] = {}
    try:
        for file in sorted(folder.iterdir()):
            name, generator = file.stem, "lshw"
            if file.suffix == ".json":
                name, _, generator = file.stem.rpartition(".")
            if file.suffix in (".xml", ".json") and generator in ("lshw", *JSON_GENERATORS):
                text = file.read_text(encoding="utf-8", errors="replace")
                documents.setdefault(name, {})[generator] = text
    except OSError as error:
        raise CannotLoad(f"{error.filename}: {error.strerror}") from error
    return _machines([(name, texts, None, None) for name, texts in documents.items()])


def of_daemon(access: Access) -> list[Machine]:
    """Return the machines that the daemon's provisioner knows. Raises CannotLoad."""
    from drydockd.client import ClientError

    found = []
    try:
        with access.client() as client:
            for row in client.get_nodes():
                try:
                    records = client.get_node_build_data(row.hostname, latest=True)
                except ClientError as error:
                    if error.status_code != 404:
                        raise
                    records = []
                texts = {record.generator: record.data_element for record in records}
                found.append((row.hostname, texts, row.boot_mac, row.power_address))
    except ClientError as error:
        raise CannotLoad(f"{access.url}: the inventories cannot be had: {error.reason}") from error
    return _machines(found)


def images_of(folder: Path) -> Catalogue:
    """Return the images of a folder of netboot's; of each the newest kernel is meant.

    Raises CannotLoad.
    """
    try:
        return Catalogue(dict.fromkeys(ImageCatalogue(folder).images(), ()))
    except InvalidConfig as error:
        raise CannotLoad(str(error)) from error


def _machines(
    told: list[tuple[str, dict[str, str], str | None, str | None]],
) -> list[Machine]:
    found = []
    for name, texts, boot_mac, bmc_address in told:
        try:
            found.append(machine_of(name, texts, boot_mac=boot_mac, bmc_address=bmc_address))
        except InvalidDesign as error:
            text = printable(f"{clean(name)}: left out: {error}")
            click.echo(f"Note: {text}", err=True)
    if not found:
        raise CannotLoad("no machine has an inventory")
    return found
