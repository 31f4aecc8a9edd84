"""Which nodes: the options that become a node filter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

UNMATCHED = 3
"""The exit code when a named node does not exist."""

# Option -> key of the filter.
LISTS = {"node_names": "node-names", "rack_names": "rack-names", "node_tags": "node-tags"}
LABELS = {"node_labels": "node-labels", "rack_labels": "rack-labels"}


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command gets their values, and `node_filter_from` reads them."""
    for option in reversed(
        [
            click.option("--node-names", "-n", help="Names of nodes, with commas."),
            click.option("--rack-names", "-r", help="Names of racks, with commas."),
            click.option("--node-tags", "-t", help="Tags of nodes, with commas."),
            click.option("--node-labels", help="Labels of nodes: key=value, with commas."),
            click.option("--rack-labels", help="Labels of racks: key=value, with commas."),
            click.option(
                "--filter-file",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="A whole node filter, YAML or JSON, instead of the options above.",
            ),
        ]
    ):
        command = option(command)
    return command


def node_filter_from(filter_file: Path | None, **given: str | None) -> dict[str, object] | None:
    """Return the filter, None when nothing was given: all nodes.

    Everything given is added up: a node is in when any of it applies. Raises a usage error.
    """
    used = {key: value for key, value in given.items() if value is not None}
    if filter_file is not None:
        if used:
            raise click.UsageError("--filter-file does not go with other filter options")
        return _from_file(filter_file)
    if not used:
        return None
    criteria: dict[str, object] = {
        key: _labels(key, value) if key in LABELS else _names(key, value)
        for key, value in used.items()
    }
    one = {"filter_type": "union", **criteria}
    return {"filter_set_type": "intersection", "filter_set": [one]}


def node_names_in(node_filter: Mapping[str, object] | None) -> list[str]:
    """The node names a filter asks for; none where it is no filter, which the server will say."""
    terms = (node_filter or {}).get("filter_set")
    found: dict[str, None] = {}
    for term in terms if isinstance(terms, list) else ():
        names = term.get("node_names") if isinstance(term, dict) else None
        found |= dict.fromkeys(n for n in names or () if isinstance(n, str))
    return list(found)


def refuse_unmatched(unmatched: Mapping[str, str | None]) -> None:
    """Name each node that does not exist, on standard error, and leave with UNMATCHED."""
    if not unmatched:
        return
    from drydockd.design.nodefilter import unmatched_text

    for name, meant in unmatched.items():
        click.echo(f"Error: {unmatched_text(name, meant)}", err=True)
    sys.exit(UNMATCHED)


def _names(key: str, text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        # An empty list, perhaps an unset variable of a script, must not become "all nodes".
        raise click.UsageError(f"--{LISTS.get(key) or LABELS[key]} is empty; leave it out for all")
    return names


def _labels(key: str, text: str) -> dict[str, str]:
    labels = {}
    for pair in _names(key, text):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"--{LABELS[key]}: {pair!r} is not key=value")
        labels[name.strip()] = value.strip()
    return labels


def _from_file(path: Path) -> dict[str, object]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.UsageError(f"{path}: {' '.join(str(error).split())}") from None
    if isinstance(found, dict) and set(found) == {"node_filter"}:
        # As it stands in a request.
        found = found["node_filter"]
    if not isinstance(found, dict):
        raise click.UsageError(
            f"{path}: a node filter is a mapping with filter_set_type and filter_set"
        )
    return found
