"""Node filters: check what a caller sent, and select nodes of a site by it.

One place for task requests, the nodefilter API and boot actions.
Source: contract, tasks, section 8; effective-design, section 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from drydockd.errors import InvalidFilter
from drydockd.site import Node, NodeFilter, NodeFilterTerm, Site

TYPES = ("intersection", "union")
LISTS = ("node_names", "node_tags", "rack_names")
LABELS = ("node_labels", "rack_labels")
SET_KEYS = ("filter_set_type", "filter_set")
TERM_KEYS = ("filter_type", *LISTS, *LABELS)

SUGGESTIONS = 5  # with 10,000 nodes each takes 30 ms
LONGEST_NAME = 253


def parse(raw: object, *, where: str = "node_filter") -> NodeFilter | None:
    """Return the checked filter, None when `raw` is null (which means every node).

    `where` begins each message, so that the caller finds the key. Raises InvalidFilter for
    anything the contract answers with 400; unknown keys are refused, never ignored, because
    a misspelt criterion would widen what a destroy reaches.
    """
    if raw is None:
        return None
    body = _mapping(raw, where)
    _no_other_keys(body, SET_KEYS, where)
    set_type = _type_of(body, "filter_set_type", where)
    terms = body.get("filter_set")
    if terms is None:
        terms = []
    if not isinstance(terms, list):
        raise InvalidFilter(
            f"{where}.filter_set: a list of filters is required, not {_kind(terms)}"
        )
    return NodeFilter(
        set_type, tuple(_term(term, f"{where}.filter_set[{i}]") for i, term in enumerate(terms))
    )


def select(site: Site, node_filter: NodeFilter | None) -> tuple[str, ...]:
    """Return the names of the nodes `node_filter` selects: each once, in design order.

    Tags, labels and racks are the effective ones. Names the site lacks match nothing.
    """
    if node_filter is None:
        return tuple(site.nodes)
    found: set[str] | None = None
    for term in node_filter.filter_set:
        matched = _matched(site, term)
        if matched is None:
            continue
        if found is None:
            found = matched
        elif node_filter.filter_set_type == "union":
            found |= matched
        else:
            found &= matched
    return tuple(name for name in site.nodes if name in found) if found else ()


def unmatched(site: Site, node_filter: NodeFilter | None) -> dict[str, str | None]:
    """Return the names in `node_filter` that no node has, each with the nearest that one has.

    They select nothing, which may be meant (a node that is gone) or a slip of the pen.
    """
    terms = node_filter.filter_set if node_filter else ()
    names = dict.fromkeys(name for term in terms for name in term.node_names or ())
    return nearest([name for name in names if name not in site.nodes], site.nodes)


def nearest(names: Sequence[str], known: Iterable[str]) -> dict[str, str | None]:
    """Return for each name the nearest known one, if any: of the first ones, as it takes time."""
    spelt = list(known)
    found: dict[str, str | None] = dict.fromkeys(names)
    for name in names[:SUGGESTIONS]:
        close = get_close_matches(name[:LONGEST_NAME], spelt, 1)
        found[name] = close[0] if close else None
    return found


def unmatched_text(name: str, meant: str | None) -> str:
    """Say that no node is called `name`."""
    hint = f"; did you mean {meant}?" if meant else "."
    return f"node_filter: no node of the design is called {name[:LONGEST_NAME]}{hint}"


def by_names(names: Iterable[str]) -> dict[str, object]:
    """Return the filter, as JSON, that selects exactly `names`: the shape of subtasks."""
    term = {"filter_type": "union", "node_names": list(names)}
    return {"filter_set_type": "intersection", "filter_set": [term]}


def label_text(value: str | int | float | bool) -> str:
    """Return a label's value as the text it is compared by: ``5`` is "5", ``true`` "true"."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _term(raw: object, where: str) -> NodeFilterTerm:
    body = _mapping(raw, where)
    _no_other_keys(body, TERM_KEYS, where)
    kind = _type_of(body, "filter_type", where)
    lists = {key: _strings(body.get(key), f"{where}.{key}") for key in LISTS}
    labels = {key: _labels(body.get(key), f"{where}.{key}") for key in LABELS}
    return NodeFilterTerm(kind, **lists, **labels)  # type: ignore[arg-type]


def _mapping(raw: object, where: str) -> Mapping[object, object]:
    if not isinstance(raw, Mapping):
        raise InvalidFilter(f"{where}: an object is required, not {_kind(raw)}")
    return raw


def _no_other_keys(body: Mapping[object, object], known: tuple[str, ...], where: str) -> None:
    for key in body:
        if key not in known:
            close = get_close_matches(str(key)[:60].lower(), known, 1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise InvalidFilter(f"{where}: unknown key {key!r}; {hint}")


def _type_of(body: Mapping[object, object], key: str, where: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or value not in TYPES:
        seen = "missing" if value is None else f"not {_kind(value)}"
        raise InvalidFilter(f"{where}.{key}: intersection or union is required, {seen}")
    return value


def _strings(value: object, where: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise InvalidFilter(f"{where}: a list of strings is required, not {_kind(value)}")
    for i, entry in enumerate(value):
        if not isinstance(entry, str):
            raise InvalidFilter(f"{where}[{i}]: a string is required, not {_kind(entry)}")
    return tuple(value)


def _labels(value: object, where: str) -> dict[str, str] | None:
    if value is None:
        return None
    labels = {}
    for key, entry in _mapping(value, where).items():
        if not isinstance(key, str):
            raise InvalidFilter(f"{where}: the key {key!r} is not a string")
        if not isinstance(entry, str | int | float):
            raise InvalidFilter(f"{where}.{key}: a plain value is required, not {_kind(entry)}")
        labels[key] = label_text(entry)
    return labels


def _kind(value: object) -> str:
    """Name what was seen; texts are shown, cut short."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "...")
    if isinstance(value, bool | int | float):
        return label_text(value)
    return "an object" if isinstance(value, Mapping) else "a list"


def _matched(site: Site, term: NodeFilterTerm) -> set[str] | None:
    """The names one filter selects; None = neutral, left out of the combination."""
    union = term.filter_type == "union"
    found: set[str] | None = None
    for names in _by_criterion(site, term, union):
        if found is None:
            found = names
        elif union:
            found |= names
        else:
            found &= names
    return set() if found is None and union else found


def _by_criterion(site: Site, term: NodeFilterTerm, union: bool) -> Iterable[set[str]]:
    nodes = site.nodes.values()
    if term.node_names:
        yield {name for name in term.node_names if name in site.nodes}
    if term.node_tags:
        # A node with any of the tags matches, whatever the filter's type (contract).
        tags = frozenset(term.node_tags)
        yield {node.name for node in nodes if not tags.isdisjoint(node.tags)}
    if term.rack_names:
        wanted_racks = frozenset(term.rack_names)
        yield {node.name for node in nodes if node.rack in wanted_racks}
    if term.node_labels:
        wanted = term.node_labels
        yield {node.name for node in nodes if _labelled(node.owner_data, wanted, union)}
    if term.rack_labels:
        wanted = term.rack_labels
        racks = {r.name for r in site.racks.values() if _labelled(r.labels, wanted, union)}
        yield {node.name for node in nodes if _stands_in(node, racks)}


def _stands_in(node: Node, racks: set[str]) -> bool:
    return node.rack is not None and node.rack in racks


def _labelled(labels: Mapping[str, str], wanted: Mapping[str, str], union: bool) -> bool:
    # Walks the labels of the design: a caller may send any number of wanted ones.
    if union:
        return any(wanted.get(key) == value for key, value in labels.items())
    if len(wanted) > len(labels):
        return False
    return all(labels.get(key) == value for key, value in wanted.items())
