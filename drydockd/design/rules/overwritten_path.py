"""Two assets with one path on one node: the later one overwrites the earlier."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from drydockd.design.rules import Verdict, error, warning
from drydockd.site import BootActionSpec, Site

ORDER, CODE, NAME = 300, "DD2912", "Boot Action Paths"

HINT = "Give every asset a path of its own, or let the node_filters keep the boot actions apart."


def check(site: Site) -> Iterator[Verdict]:
    # Nodes with the same boot actions are judged once.
    judged: dict[tuple[str, ...], list[tuple[str, BootActionSpec, BootActionSpec]]] = {}
    for node in site.nodes.values():
        specs = site.bootactions_of(node.name)
        key = tuple(spec.name for spec in specs)
        if key not in judged:
            judged[key] = list(_overwritten(specs))
        for path, first, second in judged[key]:
            whose = f"boot action {second.name} overwrites that of boot action {first.name}"
            if first is second:
                whose = f"boot action {first.name} has it twice"
            say = error if first.signaling and first is not second else warning
            more = ", which may then never report" if say is error else ""
            documents = (first.ref,) if first is second else (first.ref, second.ref)
            yield say(
                f"path {path} on node {node.name}: {whose}{more}.", HINT, node.ref, *documents
            )


def _overwritten(
    specs: tuple[BootActionSpec, ...],
) -> Iterator[tuple[str, BootActionSpec, BootActionSpec]]:
    """Yield path, the boot action overwritten and the one that overwrites it."""
    owner: dict[str, BootActionSpec] = {}
    for spec in specs:
        for asset in spec.assets:
            if asset.path is None or asset.type == "pkg_list":
                continue
            path = posixpath.normpath("/" + asset.path.lstrip("/"))
            if path in owner:
                yield path, owner[path], spec
            owner[path] = spec
