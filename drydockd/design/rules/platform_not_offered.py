"""Every node's image and kernel must be offered by the node provisioner."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error, warning
from drydockd.site import Catalogue, Circumstances, Node, Site

ORDER, CODE, NAME = 80, "DD3001", "Platform Selection"


def check(site: Site, circumstances: Circumstances) -> Iterator[Verdict]:
    catalogue = circumstances.catalogue
    if catalogue is None:
        yield warning(
            "no node provisioner is enabled; images and kernels are not checked.",
            "Enable a node driver to have image and kernel of every node checked.",
        )
        return
    if catalogue.failure:
        yield warning(
            "the node provisioner could not list its images and kernels; they are not checked.",
            f"Validate again when the node provisioner answers. It failed so: {catalogue.failure}",
        )
        return
    good: set[tuple[str | None, str | None]] = set()
    for node in site.nodes.values():
        platform = (node.image, node.kernel)
        if platform in good:
            continue
        verdict = _judge(node, catalogue)
        if verdict is None:
            good.add(platform)
        else:
            yield verdict


def _judge(node: Node, catalogue: Catalogue) -> Verdict | None:
    if node.image is None or node.image not in catalogue.images:
        return error(
            f"image {node.image} of node {node.name} is not offered by the node provisioner.",
            f"Set platform.image to one of: {', '.join(catalogue.images) or 'none is offered'}.",
            node.ref,
        )
    kernels = catalogue.images[node.image]
    if node.kernel is None or not catalogue.has_kernel(node.image, node.kernel):
        return error(
            f"kernel {node.kernel} of node {node.name} is not offered for image {node.image}.",
            f"Set platform.kernel to one of: {', '.join(kernels) or 'none is offered'}.",
            node.ref,
        )
    return None
