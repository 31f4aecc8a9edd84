"""Every boot action must render for every node it targets, before a machine is wiped for it."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.site import Circumstances, Site

ORDER, CODE, NAME = 290, "DD2911", "Boot Action Rendering"

HINT = "Correct the template, or what it looks up; drydock design render shows what a node gets."


def check(site: Site, circumstances: Circumstances) -> Iterator[Verdict]:
    for found in circumstances.unrenderable:
        node, action = site.nodes.get(found.node), site.bootactions.get(found.bootaction)
        documents = [part.ref for part in (node, action) if part is not None]
        yield error(f"{found.text}.", HINT, *documents)
