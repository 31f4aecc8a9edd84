"""What differs between the design that nodes were deployed from and the one in use now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.design import shown
from drydockd.design.written import leaves
from drydockd.site import Node, Site


@dataclass(frozen=True, slots=True)
class Change:
    """A value of nodes that was deployed as `before` and is `after` now; empty: not there."""

    what: str
    before: str
    after: str
    nodes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Differences:
    """`added` nodes were not deployed, `removed` ones were and are not designed any more."""

    added: list[str]
    removed: list[str]
    changes: list[Change]


def differences(deployed: Mapping[str, Node], site: Site) -> Differences:
    """Compare nodes as they were `deployed` with those of a site; like changes are one.

    Values are effective ones and without secrets; what an asset's template would render
    otherwise is not seen: `drydock design diff` sees that too.
    """
    found: dict[tuple[str, str, str], Change] = {}
    for name, then in deployed.items():
        if name not in site.nodes:
            continue
        before, after = _values(then), _values(site.nodes[name])
        for what in [*before, *(what for what in after if what not in before)]:
            change = Change(what, before.get(what, ""), after.get(what, ""))
            if change.before != change.after:
                key = (change.what, change.before, change.after)
                found.setdefault(key, change).nodes.append(name)
    return Differences(
        added=[name for name in site.nodes if name not in deployed],
        removed=[name for name in deployed if name not in site.nodes],
        changes=list(found.values()),
    )


def _values(node: Node) -> dict[str, str]:
    return {" › ".join(path): str(value) for path, value in leaves(shown.effective(node))}
