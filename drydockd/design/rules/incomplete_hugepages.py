"""The kernel parameters `hugepages` and `hugepagesz` make sense only together."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.site import Site

ORDER, CODE, NAME = 30, "DD1008", "Hugepages"


def check(site: Site) -> Iterator[Verdict]:
    for node in site.nodes.values():
        count, size = "hugepages" in node.kernel_params, "hugepagesz" in node.kernel_params
        if count != size:
            present, missing = ("hugepages", "hugepagesz") if count else ("hugepagesz", "hugepages")
            yield error(
                f"kernel parameters of node {node.name} have {present} but no {missing}.",
                f"Add {missing} to platform.kernel_params of the node or a profile it uses, "
                f"or remove {present}.",
                node.ref,
            )
