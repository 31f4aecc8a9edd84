"""`drydock design`: work with designs before any daemon sees them."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from drydockd.cli import (
    design_adopt,
    design_assets,
    design_diff,
    design_inventory,
    design_report,
    design_source,
    filters,
)
from drydockd.cli.output import echo_json, output_option
from drydockd.cli.session import Access
from drydockd.design import nodefilter, shown
from drydockd.design.validate import status_document, validate
from drydockd.errors import DrydockError, InvalidFilter
from drydockd.machines import Inventory
from drydockd.render import ActionGrant, Fetch, Templates, tar_gz, unrenderable
from drydockd.site import Catalogue, Finding, Site, Unrenderable

INVALID = 1


@click.group()
@click.pass_context
def command(context: click.Context, /) -> None:
    """Check designs, and see what they would make of each node. Needs no daemon.

    A design is a file, - for standard input, or a reference such as
    deckhand+http://host/api/v1.0/revisions/1/rendered-documents.
    """
    context.with_resource(_only_broken_rules_logged())


@contextmanager
def _only_broken_rules_logged() -> Iterator[None]:
    """What the rules find is printed; only one that breaks has more to tell the log."""

    def is_broken(record: logging.LogRecord) -> bool:
        return bool(record.exc_info)

    logger = logging.getLogger("drydockd.design.validate")
    logger.addFilter(is_broken)
    try:
        yield
    finally:
        logger.removeFilter(is_broken)


@command.command("validate")
@click.argument("designs", nargs=-1, metavar="DESIGN...")
@click.option(
    "--design-href",
    "hrefs",
    multiple=True,
    metavar="REFERENCE",
    help="A reference, judged by the daemon at --url; without --url here, like an argument.",
)
@output_option(
    "table",
    "json",
    "sarif",
    about="json: the Status document of the API; with several designs a map of them.",
)
@click.option(
    "--catalogue",
    "catalogue_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Images the provisioner offers: a YAML or JSON map of image to list of kernels.",
)
@click.pass_obj
def validate_command(
    access: Access,
    designs: tuple[str, ...],
    hrefs: tuple[str, ...],
    output: str,
    catalogue_file: Path | None,
) -> None:
    """Judge designs by every rule.

    Exit code 0: all valid, 1: errors were found, 2: a design could not be loaded.
    """
    if not (designs or hrefs):
        raise click.UsageError("Name a design: a file, - or a reference.")
    catalogue = design_source.read_catalogue(catalogue_file) if catalogue_file else None
    here = designs if access.url else (*designs, *hrefs)
    reports = [_report(source, catalogue) for source in here]
    if access.url:
        reports += [_remote_report(access, href) for href in hrefs]
    if output == "sarif":
        _print_json(design_report.sarif(reports))
    elif output == "json":
        statuses = {report.source: status_document(report.findings) for report in reports}
        _print_json(statuses if len(reports) > 1 else statuses[reports[0].source])
    else:
        # Folding to 80 columns helps nobody who reads a log.
        console = Console() if sys.stdout.isatty() else Console(width=160)
        for report in reports:
            design_report.print_table(report, console)
    if any(report.has_errors for report in reports):
        sys.exit(INVALID)


def _report(source: str, catalogue: Catalogue | None) -> design_report.Report:
    design = design_source.load(source)
    findings: list[Finding] = list(design.findings)
    if design.ok:
        findings += validate(
            design.site, catalogue, unrenderable=asyncio.run(_unrenderable(design.site))
        )
    return design_report.Report(design, findings)


async def _unrenderable(site: Site) -> list[Unrenderable]:
    templates = Templates()
    try:
        return await unrenderable(site, templates)
    finally:
        await templates.close()


def _remote_report(access: Access, href: str) -> design_report.Report:
    design = design_source.nothing_of(href)
    return design_report.Report(design, design_source.judged_by_daemon(access, href))


@command.command()
@click.argument("design")
@click.option("--node", "node_name", required=True, help="Which node.")
@output_option("yaml", "json")
def show(design: str, node_name: str, output: str) -> None:
    """Print one effective node, and which document gave each value.

    What opens a BMC is masked.
    """
    loaded = design_source.load_usable(design)
    node = design_source.the_node(loaded, node_name)
    if output == "json":
        _print_json(shown.as_json(loaded, node))
    else:
        click.echo(shown.as_yaml(loaded, node), nl=False)


@command.command("filter")
@click.argument("design")
@filters.filter_options
@output_option("text")
def filter_command(design: str, output: str, filter_file: Path | None, **given: str | None) -> None:
    """Print the names of the nodes a filter selects, one a line, in the design's order.

    Several options add up, as in `drydock task create`. Without any, every node is printed.
    Exit code 3: a node that was named does not exist.
    """
    raw = filters.node_filter_from(filter_file, **given)
    site = design_source.load_usable(design).site
    try:
        wanted = nodefilter.parse(raw)
    except InvalidFilter as error:
        raise click.ClickException(str(error)) from error
    names = nodefilter.select(site, wanted)
    if output == "json":
        echo_json(names)
    else:
        _print_lines(names)
    filters.refuse_unmatched(nodefilter.unmatched(site, wanted))


@command.command()
@click.argument("design")
@click.option("--node", "node_name", required=True, help="Which node.")
@click.option("--type", "kind", type=click.Choice(["unit", "file"]), help="Default: both.")
@click.option("--action-id", default=design_assets.EXAMPLE.action_id, help="ULID of the actions.")
@click.option("--action-key", default=design_assets.EXAMPLE.action_key, help="Their key, hex.")
@click.option("--report-url", default=design_assets.REPORT_URL, show_default=True)
@click.option("--design-ref", help="Default: the design as named here.")
@click.option(
    "--stub-locations",
    is_flag=True,
    help='Fetch nothing: a remote source is "stub content of <url>" and a line break.',
)
@click.option("--list", "listing", is_flag=True, help="Print what the node gets. The default.")
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files below this folder, with their modes.",
)
@output_option(None, "tar", "json", about="tar: the archive, gzipped.")
def render(  # one option, one parameter
    design: str,
    node_name: str,
    kind: str | None,
    action_id: str,
    action_key: str,
    report_url: str,
    design_ref: str | None,
    stub_locations: bool,
    listing: bool,
    folder: Path | None,
    output: str | None,
) -> None:
    """Render what a node would get: its boot actions' files, units and packages."""
    if sum((listing, folder is not None, output is not None)) > 1:
        raise click.UsageError("Give one of --list, --out and -o.")
    loaded = design_source.load_usable(design)
    node = design_source.the_node(loaded, node_name)
    deployment = design_assets.Deployment(
        ActionGrant(action_id, action_key), report_url, design_ref or design
    )
    fetch: Fetch = design_assets.stub
    if not stub_locations:
        fetch = design_source.fetcher(loaded)
    try:
        data = asyncio.run(design_assets.boot_data(loaded.site, node, kind, deployment, fetch))
        _deliver(data, folder, output)
    except (DrydockError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _deliver(data: design_assets.BootData, folder: Path | None, output: str | None) -> None:
    if folder is not None:
        design_assets.write_files(data.assets, folder)
        click.echo(f"{len(data.assets)} files below {folder}")
    elif output == "tar":
        if sys.stdout.isatty():
            raise click.ClickException("the archive is binary; redirect it into a file")
        sys.stdout.buffer.write(tar_gz(data.assets))
    elif output == "json":
        _print_json(design_assets.as_json(data))
    else:
        _print_listing(data)


def _print_listing(data: design_assets.BootData) -> None:
    for row in design_assets.as_rows(data):
        origin = f"  <- {row['location']}" if row["location"] else ""
        click.echo(
            f"{row['type']:<4} {row['mode']} {row['size']:>8} {row['sha256'][:16]} "
            f"{row['path']}  ({row['bootaction']}){origin}"
        )
    for name, version in data.packages.items():
        click.echo(f"package {name} {version or '(any version)'}")
    for location in data.package_sources:
        click.echo(f"packages of {location}")


@command.command()
@click.argument("old")
@click.argument("new")
@output_option("text", "json")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything would change.")
@click.option(
    "--inventory",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of <node>.xml, the output of lshw -xml: the very devices are compared.",
)
@click.pass_obj
def diff(
    access: Access, old: str, new: str, output: str, exit_code: bool, folder: Path | None
) -> None:
    """Print what would change on each node if NEW were deployed instead of OLD.

    With --url (DD_URL) before the command, and no --inventory, the daemon is asked what its nodes
    are made of, and the very devices are compared. Else nothing is fetched: files with a remote
    source are compared by their location.
    """
    before, after = design_source.load_usable(old), design_source.load_usable(new)
    both = [name for name in after.site.nodes if name in before.site.nodes]
    inventories: dict[str, Inventory] = {}
    if folder:
        inventories = design_inventory.of_folder(folder, both)
    elif access.url:
        inventories = design_inventory.of_daemon(access, both)
    found = asyncio.run(design_diff.difference(before.site, after.site, inventories))
    if output == "json":
        _print_json(design_diff.as_json(found))
    else:
        _print_lines(design_diff.as_lines(found))
    if exit_code and found:
        sys.exit(1)


command.add_command(design_adopt.adopt)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _print_json(value: object) -> None:
    echo_json(value, indent=2)
