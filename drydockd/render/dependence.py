"""What of a node decides whether an asset can be rendered for it: nodes alike need one trial.

A template is a function of the values it looks up. Whether a value that is only written out is
there decides; what it is does not. Of all other values - conditions, loops, what is handed to a
filter that may fail - it is the value that decides. Where that cannot be proved, everything does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinja2 import TemplateError, nodes

from drydockd.errors import RenderError
from drydockd.render import pipeline, sandbox
from drydockd.render.plain import is_plain
from drydockd.site import Asset, Node

MISSING = object()
# These take any text, list or map: that it is one decides.
HARMLESS_FILTERS = {
    *("lower", "upper", "trim", "urlencode", "string", "tojson", "length", "count"),
    *("default", "d", "join", "list"),
}


@dataclass(frozen=True, slots=True)
class Lookup:
    """One look-up of the context, from its root; `by_value`: not only its presence decides."""

    path: tuple[object, ...]
    by_value: bool

    def of(self, context: Mapping[str, object]) -> object:
        """What decides, for comparing nodes."""
        value: object = context
        for step in self.path:
            if not isinstance(value, Mapping) or hasattr(value, str(step)):
                return repr(value)  # a method, or a part of a text or list: made of the value
            value = value.get(step, MISSING)
            if value is MISSING:
                return MISSING
        return repr(value) if self.by_value else type(value)


EVERYTHING = (Lookup(("node",), by_value=True),)


def lookups(asset: Asset) -> tuple[Lookup, ...]:
    """Return what of the context decides whether `asset` can be rendered."""
    found: dict[Lookup, None] = {}
    try:
        for source in _templates(asset):
            found |= dict.fromkeys(_lookups(source))
    except (RenderError, TemplateError, RecursionError, ValueError):
        return ()  # fails whatever the node is
    except _Unproved:
        return EVERYTHING
    return tuple(found)


def is_coarse(lookup: Lookup) -> bool:
    """Whether `coarse` tells apart all nodes that the look-up does."""
    part = lookup.path[1] if len(lookup.path) > 1 else None
    if part in ("labels", "tags", "interfaces"):
        return True
    return part in ("hostname", "domain", "network") and not lookup.by_value


def coarse(node: Node) -> tuple[object, ...]:
    """What tells apart most nodes that differ, without their context: ten times as fast.

    Interfaces by identity: good only while the site lives.
    """
    return (
        tuple(node.owner_data.items()),
        node.tags,
        id(node.interfaces),
        node.primary_network,
        tuple([entry.network for entry in node.addressing if entry.type == "static"]),
    )


class _Unproved(Exception):
    """What a template depends on cannot be told."""


def _templates(asset: Asset) -> Iterator[str]:
    if asset.location is not None and "template" in asset.location_pipeline:
        yield asset.location
    if asset.location is not None or "template" not in asset.data_pipeline:
        return  # what is fetched is made up, and has no template in it
    before = asset.data_pipeline.index("template")
    if any(s in ("template", "base64_decode") for s in asset.data_pipeline[before + 1 :]):
        raise _Unproved
    data: str | bytes = pipeline.utf8_encode(asset.data or "")
    for segment in asset.data_pipeline[:before]:
        data = pipeline.SEGMENTS[segment](data)
    if isinstance(data, str):
        yield data


def _lookups(source: str) -> Iterator[Lookup]:
    if not sandbox.has_tags(source):
        return
    tree = sandbox.parse_small(source)
    if tree is None:
        raise _Unproved
    # Elsewhere a text that was written out may come back as a value: macros, blocks, set.
    is_cheap = all(is_plain(child) for child in tree.body)
    yield from _walk(tree, is_cheap, written_out=False)


def _walk(node: nodes.Node, is_cheap: bool, written_out: bool) -> Iterator[Lookup]:
    path = _path(node)
    if path is not None:
        if path[0] == "node":
            yield Lookup(path, not (is_cheap and written_out))
        return
    if isinstance(node, nodes.Filter):
        written_out = written_out and node.name in HARMLESS_FILTERS
    else:
        written_out = isinstance(node, nodes.Output)
    for child in node.iter_child_nodes():
        yield from _walk(child, is_cheap, written_out)


def _path(node: nodes.Node) -> tuple[object, ...] | None:
    """The steps from the context to a value, None if `node` is no such look-up."""
    steps: list[object] = []
    while True:
        if isinstance(node, nodes.Getattr):
            steps.append(node.attr)
            node = node.node
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            steps.append(node.arg.value)
            node = node.node
        elif isinstance(node, nodes.Name):
            return (node.name, *reversed(steps))
        else:
            return None
