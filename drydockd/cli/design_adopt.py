"""Inventories for `drydock design adopt`: of a folder, or as the daemon learnt them."""

from __future__ import annotations

from pathlib import Path

import click

from drydockd.cli.design_source import CannotLoad
from drydockd.cli.output import printable
from drydockd.cli.session import Access
from drydockd.design.adopt.machine import BMC_TYPES, Machine, clean, machine_of
from drydockd.errors import InvalidDesign

JSON_GENERATORS = ("hardware", "lldp", *BMC_TYPES)


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
