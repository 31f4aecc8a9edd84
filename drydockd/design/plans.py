"""The plans a node provisioner is given: one place to import them from.

`Hardware` is made from the node's newest inventory by `inventory.hardware_of`. Every plan
function raises InvalidDesign, naming field and value, before anything was done to the node.
"""

from __future__ import annotations

from drydockd.design.inventory import Hardware
from drydockd.design.kernel_params import render
from drydockd.design.network_plan import network_plan
from drydockd.design.storage_plan import storage_plan
from drydockd.errors import InvalidDesign
from drydockd.plans import PlatformPlan
from drydockd.site import Node, Site

__all__ = ["Hardware", "network_plan", "platform_plan", "storage_plan"]


def platform_plan(site: Site, node: Node) -> PlatformPlan:
    """Return image, kernel, kernel arguments and tags of one node.

    Raises InvalidDesign for kernel parameters that cannot be rendered.
    """
    try:
        line = render(node.kernel_params)
    except InvalidDesign as error:
        raise InvalidDesign(f"node {node.name}: platform.kernel_params: {error}") from error
    return PlatformPlan(
        image=node.image,
        kernel=node.kernel,
        kernel_params=line,
        tag=f"{node.name}_kp",
        static_tags=node.tags,
    )
