"""Documents of a stream, checked and turned into models; every problem becomes a finding.

Source: contract, design, sections 2.2 to 2.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydantic import TypeAdapter, ValidationError

from drydockd.design import findings, notes
from drydockd.design.documents import (
    baremetal_node,
    boot_action,
    hardware_profile,
    host,
    host_profile,
    network,
    network_link,
    rack,
    region,
)
from drydockd.design.documents.violations import closest, hint, path_text, violations
from drydockd.design.inheritance import Written
from drydockd.design.runs import OURS
from drydockd.design.yamlstream import EXPANSION_LIMIT, Document, YamlProblem, documents
from drydockd.errors import InvalidDesign
from drydockd.site import (
    Addressing,
    BootActionSpec,
    DocumentRef,
    Finding,
    HardwareProfile,
    Network,
    NetworkLink,
    Note,
    Rack,
    Region,
)

NAMESPACE = OURS
VERSION = "v1"
UNNAMED = "Unknown"
MOST_FINDINGS = 10_000
# Documents that are none of anybody: so many are told one by one, then how many more there are.
MOST_SKIPPED = 200


@dataclass(slots=True)
class WrittenNode(Written):
    addressing: tuple[Addressing, ...]
    boot_mac: str | None


@dataclass(slots=True)
class Ingested:
    """What the stream holds, by name and in its order, before inheritance."""

    regions: dict[str, Region] = field(default_factory=dict)
    racks: dict[str, Rack] = field(default_factory=dict)
    network_links: dict[str, NetworkLink] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    hardware_profiles: dict[str, HardwareProfile] = field(default_factory=dict)
    host_profiles: dict[str, Written] = field(default_factory=dict)
    nodes: dict[str, WrittenNode] = field(default_factory=dict)
    bootactions: dict[str, BootActionSpec] = field(default_factory=dict)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind is checked, what its fields ask of each other, and what it becomes."""

    body: TypeAdapter[Any]
    collection: str
    build: Callable[[DocumentRef, Any, int], object]
    violations: Callable[[Any], Iterable[host.Violation]] | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a document says it is; `body` is the name of the key that holds its fields."""

    ref: DocumentRef
    kind: str
    version: str
    body: str


def ingest(content: bytes, expansion: int = EXPANSION_LIMIT) -> Ingested:
    """Return everything the stream holds and everything wrong with it; raises nothing for it."""
    ingested = Ingested()
    found = False
    try:
        for document in documents(content, expansion):
            found |= _take(document, ingested)
            if len(ingested.findings) >= MOST_FINDINGS:
                ingested.findings.append(_too_many(document))
                break
    except YamlProblem as problem:
        return Ingested(findings=[findings.trouble(str(problem), line=problem.line)])
    if not found and not ingested.findings:
        ingested.findings.append(
            findings.trouble(
                "the stream holds no drydock document",
                right="Check that the reference names the rendered documents of the site.",
                warning=True,
            )
        )
    if ingested.skipped > MOST_SKIPPED:
        more = ingested.skipped - MOST_SKIPPED
        ingested.findings.append(
            findings.trouble(f"{more} more documents were skipped for such reasons", warning=True)
        )
    _warn_of_regions(ingested)
    return ingested


def _too_many(document: Document) -> Finding:
    return findings.trouble(
        f"more than {MOST_FINDINGS} problems; what follows was not read", line=document.line
    )


def _take(document: Document, ingested: Ingested) -> bool:
    """Take one document in; return whether it is one of ours."""
    identity = _identify(document)
    if identity is None:
        note = notes.misspelt(document)
        if note is not None and len(ingested.notes) < MOST_FINDINGS:
            ingested.notes.append(note)
        return False
    if isinstance(identity, Finding):
        ingested.skipped += not identity.error
        if identity.error or ingested.skipped <= MOST_SKIPPED:
            ingested.findings.append(identity)
        return False
    ingested.findings.extend(_read(document, identity, ingested))
    return True


def _identify(document: Document) -> Identity | Finding | None:
    """Return who the document is, a finding if that is unclear, None for other namespaces."""
    line = document.line
    if not document.is_mapping:
        if document.is_empty:
            return None
        return findings.trouble(
            "a document must be a mapping", line=line, right="Remove it, or give it keys."
        )
    name = _name_of(document)
    schema = document.head("schema")
    if isinstance(schema, str):
        parts = schema.split("/")
        if parts[0] != NAMESPACE:
            return None
        ref = DocumentRef(schema, name)
        if len(parts) != 3:
            return findings.trouble(
                f"{schema}: a schema has three parts, as {NAMESPACE}/BaremetalNode/{VERSION}",
                ref,
                line=line,
            )
        return Identity(ref, parts[1], parts[2], "data")
    version = document.head("apiVersion")
    if isinstance(version, str) and not document.has("schema"):
        namespace, _, version = version.partition("/")
        if namespace != NAMESPACE:
            return None
        kind = document.head("kind")
        kind = kind if isinstance(kind, str) else UNNAMED
        return Identity(DocumentRef(f"{NAMESPACE}/{kind}/{version}", name), kind, version, "spec")
    return findings.trouble(
        "a mapping with neither schema nor apiVersion was skipped",
        line=line,
        right="Give it a schema, or remove it.",
        warning=True,
    )


def _name_of(document: Document) -> str:
    name = document.head("metadata", "name")
    if name is None and document.merges("metadata"):
        with suppress(YamlProblem):  # told when the document is read
            name = document.build()["metadata"].get("name")
    return UNNAMED if name is None or name == "" else str(name)


def _read(document: Document, identity: Identity, ingested: Ingested) -> Iterator[Finding]:
    """Check one of our documents, keep its model, yield what is wrong with it."""
    ref, line = identity.ref, document.line
    kind = KINDS.get(identity.kind)
    if kind is None:
        yield findings.trouble(
            f"{ref.schema} {ref.name}: unknown kind {identity.kind}"
            f"{closest(identity.kind, tuple(KINDS))}",
            ref,
            line=line,
            right=f"The kinds are {', '.join(KINDS)}.",
        )
        return
    if identity.version != VERSION:
        yield findings.trouble(
            f"{ref.schema} {ref.name}: version {identity.version} is not supported",
            ref,
            line=line,
            right=f"Only {VERSION} is.",
        )
        return
    if ref.name == UNNAMED and document.head("metadata", "name") != UNNAMED:
        yield findings.trouble(
            f"{ref.schema}: metadata.name is missing", ref, line=line, right="Name the document."
        )
        return
    first = ingested.lines.setdefault((identity.kind, ref.name), line)
    if first != line:
        yield findings.trouble(
            f"two documents are {identity.kind} {ref.name}: at line {first} and at line {line}",
            ref,
            line=line,
            right="Rename or remove one of them.",
        )
        return
    yield from _check(document, identity, kind, ingested)


def _check(
    document: Document, identity: Identity, kind: Kind, ingested: Ingested
) -> Iterator[Finding]:
    ref = identity.ref
    try:
        whole = document.build()
    except YamlProblem as problem:
        yield findings.trouble(f"{identity.kind} {ref.name}: {problem}", ref, line=problem.line)
        return
    raw = whole.get(identity.body, {} if identity.body == "spec" else None)
    if identity.kind in ("HostProfile", "BaremetalNode"):
        raw = notes.kernel_params(document, identity.body, raw)
    try:
        body = kind.body.validate_python(raw)
    except ValidationError as error:
        for path, expectation, value in violations(error):
            yield _violation(document, identity, path, expectation, hint(value))
        return
    crossed = list(kind.violations(body)) if kind.violations else []
    for path, expectation in crossed:
        yield _violation(document, identity, path, expectation, "")
    if crossed:
        return
    try:
        model = kind.build(ref, body, document.line)
    except InvalidDesign as error:
        yield findings.trouble(f"{identity.kind} {ref.name}: {error}", ref, line=document.line)
        return
    getattr(ingested, kind.collection)[ref.name] = model
    room = max(0, MOST_FINDINGS - len(ingested.notes))
    ingested.notes += islice(notes.of(document, ref, identity.kind, identity.body, raw), room)


def _violation(
    document: Document,
    identity: Identity,
    path: tuple[str | int, ...],
    expectation: str,
    right: str,
) -> Finding:
    return findings.violation(
        f"{identity.kind}:{identity.version}",
        path_text(path),
        expectation,
        identity.ref,
        document.line_of((identity.body, *path)),
        right,
    )


def _warn_of_regions(ingested: Ingested) -> None:
    names = list(ingested.regions)
    if len(names) > 1:
        ingested.findings.append(
            findings.trouble(
                f"several Region documents: {', '.join(names)}; the last one, {names[-1]}, counts",
                *(DocumentRef(f"{NAMESPACE}/Region/{VERSION}", name) for name in names),
                right="Keep one Region.",
                warning=True,
            )
        )


def _named(build: Callable[[str, Any], object]) -> Callable[[DocumentRef, Any, int], object]:
    return lambda ref, body, line: build(ref.name, body)


def _profile(ref: DocumentRef, body: host_profile.Body, line: int) -> Written:
    return Written(ref, body.get("host_profile"), host.layer_of(body), line)


def _node(ref: DocumentRef, body: baremetal_node.Body, line: int) -> WrittenNode:
    addresses = baremetal_node.addressing(body)
    if not addresses:
        raise InvalidDesign("addressing has no entry; a node needs at least one")
    return WrittenNode(
        ref,
        body.get("host_profile"),
        host.layer_of(body),
        line,
        addresses,
        baremetal_node.boot_mac(body),
    )


KINDS = {
    "Region": Kind(TypeAdapter(region.Body), "regions", _named(region.build)),
    "Rack": Kind(TypeAdapter(rack.Body), "racks", _named(rack.build)),
    "NetworkLink": Kind(
        TypeAdapter(network_link.Body), "network_links", _named(network_link.build)
    ),
    "Network": Kind(
        TypeAdapter(network.Body), "networks", _named(network.build), network.violations
    ),
    "HardwareProfile": Kind(
        TypeAdapter(hardware_profile.Body),
        "hardware_profiles",
        _named(hardware_profile.build),
        hardware_profile.patterns,
    ),
    "HostProfile": Kind(TypeAdapter(host_profile.Body), "host_profiles", _profile, host.duplicates),
    "BaremetalNode": Kind(
        TypeAdapter(baremetal_node.Body), "nodes", _node, baremetal_node.violations
    ),
    "BootAction": Kind(
        TypeAdapter(boot_action.Body),
        "bootactions",
        _named(boot_action.build),
        boot_action.violations,
    ),
}
