"""From the bytes of a design to its Site and findings.

Source: contract, effective-design, section 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from drydockd.design import findings, nodefilter, routes
from drydockd.design.hosts import Hosts
from drydockd.design.ingest import Ingested, WrittenNode, ingest
from drydockd.design.inheritance import Broken, Inheritance
from drydockd.design.yamlstream import EXPANSION_LIMIT
from drydockd.errors import InvalidDesign
from drydockd.site import BootActionSpec, Finding, HostProfile, Node, Site


def compile_site(
    content: bytes, expansion: int = EXPANSION_LIMIT
) -> tuple[Site, tuple[Finding, ...]]:
    """Return the effective site and all findings; the site is empty when reading found errors.

    When nodes could not be compiled the site lacks them. Computes for up to seconds: call it
    off the event loop. The same bytes give the same result.
    """
    ingested = ingest(content, expansion)
    if any(finding.error for finding in ingested.findings):
        return Site(), tuple(ingested.findings)
    compiled = _Compiler(ingested)
    try:
        return compiled.site(), (*ingested.findings, *compiled.findings)
    except InvalidDesign as error:
        return Site(), (*ingested.findings, findings.trouble(str(error)))


class _Compiler:
    def __init__(self, ingested: Ingested) -> None:
        self._ingested = ingested
        self._inheritance = Inheritance(ingested.host_profiles)
        self._hosts = Hosts()
        self.findings: list[Finding] = []

    def site(self) -> Site:
        ingested = self._ingested
        nodes = {node.name: node for node in self._nodes()}
        regions = list(ingested.regions.values())
        site = Site(
            region=regions[-1] if regions else None,
            racks=ingested.racks,
            network_links=ingested.network_links,
            networks=routes.with_route_domains(ingested.networks),
            hardware_profiles=ingested.hardware_profiles,
            host_profiles={profile.name: profile for profile in self._profiles()},
            nodes=nodes,
            notes=tuple(ingested.notes),
        )
        return replace(site, bootactions=_with_targets(site, ingested.bootactions))

    def _nodes(self) -> Iterator[Node]:
        for written in self._ingested.nodes.values():
            node = self._node(written)
            if node is not None:
                yield node

    def _node(self, written: WrittenNode) -> Node | None:
        name = written.ref.name
        layer = self._inheritance.complete(written)
        if isinstance(layer, Broken):
            self._fail(written, layer.problem, layer)
            return None
        wanted = layer.get("hardware_profile")
        if wanted is None:
            self._fail(written, "no hardware_profile, neither its own nor inherited")
            return None
        hardware = self._ingested.hardware_profiles.get(wanted)
        if hardware is None:
            self._fail(written, f"HardwareProfile {wanted} not defined")
            return None
        node, problems = self._hosts.node(
            name, written.parent, layer, hardware, written.addressing, written.boot_mac
        )
        for problem in problems:
            self._fail(written, problem)
        return None if problems else node

    def _fail(self, written: WrittenNode, problem: str, broken: Broken | None = None) -> None:
        documents = [written.ref]
        if broken is not None and broken.child not in documents:
            documents.append(broken.child)
            problem += f" (needed by HostProfile {broken.child.name})"
        self.findings.append(
            findings.trouble(f"node {written.ref.name}: {problem}", *documents, line=written.line)
        )

    def _profiles(self) -> Iterator[HostProfile]:
        """Every profile: complete where a node needed it, else as its document has it."""
        for name, written in self._ingested.host_profiles.items():
            layer = self._inheritance.used(name)
            if layer is not None:
                yield self._hosts.profile(name, written.parent, layer, "compiled")
            else:
                own = self._inheritance.own(written)
                yield self._hosts.profile(name, written.parent, own, "designed")


def _with_targets(
    site: Site, bootactions: Mapping[str, BootActionSpec]
) -> dict[str, BootActionSpec]:
    everyone = tuple(site.nodes)
    return {
        name: replace(
            spec,
            target_nodes=everyone
            if spec.node_filter is None
            else nodefilter.select(site, spec.node_filter),
        )
        for name, spec in bootactions.items()
    }
