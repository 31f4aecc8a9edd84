"""What reading a document notices and its model no longer shows; rules of validation say it.

Nothing here fails a document: words that YAML 1.1 did not take for text, keys that stand twice,
keys that nobody reads, and documents that only nearly are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drydockd.design.documents import (
    baremetal_node,
    hardware_profile,
    host,
    rack,
    region,
)
from drydockd.design.documents.violations import meant, path_text
from drydockd.design.runs import OURS, resembles_ours
from drydockd.design.words import words
from drydockd.design.yamlstream import Document
from drydockd.site import DocumentRef, Note, NoteKind

Path = tuple[str | int, ...]
Unknown = tuple[Path, Mapping[Any, Any], type]
"""Where a mapping stands, the mapping, and the body whose keys are read."""

QUOTE = "Quote it if it is text."
# What opens a BMC stands there: its texts are not shown.
BMC = "oob"


def misspelt(document: Document) -> Note | None:
    """The note about a document whose namespace is nearly ours and which therefore is skipped."""
    if not document.is_mapping:
        return None
    schema = document.head("schema")
    written = schema if isinstance(schema, str) else document.head("apiVersion")
    if not isinstance(written, str) or not resembles_ours(written.partition("/")[0]):
        return None
    name = document.head("metadata", "name")
    right = "/".join([OURS, *written.split("/")[1:]])
    return Note(
        NoteKind.MISSPELT_SCHEMA,
        f"document {name} at line {document.line} has schema {written:.60} and is skipped; "
        f"did you mean {right:.60}?",
        f"Write {OURS} in lower case, or remove the document.",
        (DocumentRef(written, str(name)),),
        document.line,
    )


def of(document: Document, ref: DocumentRef, kind: str, body: str, raw: Any) -> Iterator[Note]:
    """Yield what is notable about a checked document; `raw` is its body as YAML has it."""
    for repeated in document.builder.repeated:
        yield Note(
            NoteKind.DUPLICATE_KEY,
            f"{kind} {ref.name}: the key {repeated.key!r:.60} stands twice in one mapping, at line "
            f"{repeated.first_line} and at line {repeated.line}; the last one counts.",
            "Remove one of them.",
            (ref,),
            repeated.line,
        )
    for path, mapping, known in _open_maps(kind, raw):
        unknown = [str(key) for key in mapping if key not in known.__annotations__]
        if unknown:
            yield _unknown(
                document, ref, kind, (body, *path), unknown, tuple(known.__annotations__)
            )
    for path in _texts(kind, raw):
        yield from _misread(document, ref, kind, path if path[0] == "metadata" else (body, *path))


def kernel_params(document: Document, body: str, raw: Any) -> Any:
    """Return the body with the values of its kernel parameters as the document has them.

    ``mitigations: off`` is no boolean to a kernel. ``true`` and ``false`` stay flags, null
    removes what was inherited.
    """
    given = raw.get("platform") if isinstance(raw, dict) else None
    if not isinstance(given, dict):
        return raw
    params = given.get("kernel_params")
    if not isinstance(params, dict) or all(isinstance(v, str) for v in params.values()):
        return raw
    texts = {
        key: text
        for key, text, value, _ in words(document, body, "platform", "kernel_params")
        if not (value is None or isinstance(value, str) or _is_flag(text, value))
    }
    kept = {key: texts.get(key, value) for key, value in params.items()}
    return {**raw, "platform": {**given, "kernel_params": kept}}


def _is_flag(text: str, value: object) -> bool:
    return isinstance(value, bool) and text.lower() in ("true", "false")


def _misread(document: Document, ref: DocumentRef, kind: str, path: Path) -> Iterator[Note]:
    for key, text, value, line in words(document, *path):
        if value is None or isinstance(value, str) or _is_flag(text, value) or str(value) == text:
            continue
        where = path_text(path[1:] if path[0] != "metadata" else path)
        at = f"{where}[{key}]" if isinstance(key, int) else f"{where}.{key}" if key else where
        word = "a word" if BMC in path else f"the word {text:.60}"
        seen = "a boolean" if isinstance(value, bool) else f"a {type(value).__name__}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            seen = "a number" if BMC in path else f"the number {value}"
        yield Note(
            NoteKind.MISREAD_WORD,
            f"{kind} {ref.name}: {at} at line {line}: YAML 1.1 reads {word} as {seen}.",
            QUOTE,
            (ref,),
            line,
        )


def _texts(kind: str, raw: Any) -> Iterator[Path]:
    """Where a document has names, labels, tags and kernel parameters that need not be strings."""
    yield "metadata", "name"
    if kind in ("Network", "NetworkLink", "Rack"):
        if raw.get("labels"):
            yield ("labels",)
    elif kind == "BootAction":
        for i, _ in enumerate((raw.get("node_filter") or {}).get("filter_set", ())):
            for labels in ("node_labels", "rack_labels"):
                yield "node_filter", "filter_set", i, labels
    elif kind in ("HostProfile", "BaremetalNode"):
        if "platform" in raw:
            yield "platform", "kernel_params"
        if BMC in raw:
            yield (BMC,)
        for name, interface in raw.get("interfaces", {}).items():
            if interface and "labels" in interface:
                yield "interfaces", name, "labels"


def _open_maps(kind: str, raw: Any) -> Iterator[Unknown]:
    if kind == "Region":
        for name, entry in raw.get("repositories", {}).items():
            if isinstance(entry, dict):
                yield ("repositories", name), entry, region.RepositoryBody
    elif kind == "Rack":
        for name, entry in raw.get("tor_switches", {}).items():
            yield ("tor_switches", name), entry, rack.SwitchBody
    elif kind == "HardwareProfile":
        for name, entry in raw.get("device_aliases", {}).items():
            yield ("device_aliases", name), entry, hardware_profile.AliasBody
        for name, entry in raw.get("hugepages", {}).items():
            yield ("hugepages", name), entry, hardware_profile.HugepagesBody
    elif kind in ("HostProfile", "BaremetalNode"):
        for i, entry in enumerate(raw.get("addressing", ())):
            yield ("addressing", i), entry, baremetal_node.AddressingBody
        for name, entry in raw.get("interfaces", {}).items():
            yield ("interfaces", name), entry or {}, host.InterfaceBody
            if entry and "sriov" in entry:
                yield ("interfaces", name, "sriov"), entry["sriov"], host.SriovBody
        if "storage" in raw:
            yield from _open_storage(raw["storage"])


def _open_storage(storage: Any) -> Iterator[Unknown]:
    yield ("storage",), storage, host.StorageBody
    for name, entry in storage.get("physical_devices", {}).items():
        yield ("storage", "physical_devices", name), entry or {}, host.DeviceBody
    for name, entry in storage.get("volume_groups", {}).items():
        path: Path = ("storage", "volume_groups", name)
        yield path, entry or {}, host.GroupBody
        for i, volume in enumerate((entry or {}).get("logical_volumes", ())):
            yield (*path, "logical_volumes", i), volume, host.VolumeBody
            if "filesystem" in volume:
                inside = (*path, "logical_volumes", i, "filesystem")
                yield inside, volume["filesystem"], host.VolumeFilesystem


def _unknown(
    document: Document,
    ref: DocumentRef,
    kind: str,
    path: Path,
    unknown: list[str],
    known: tuple[str, ...],
) -> Note:
    line = document.line_of((*path, unknown[0]))
    keys = ", ".join(f"{key}{meant(key, known)}" for key in unknown)
    return Note(
        NoteKind.UNKNOWN_KEY,
        f"{kind} {ref.name}: {path_text(path[1:])} at line {line}: "
        f"unknown {'key is' if len(unknown) == 1 else 'keys are'} ignored: {keys[:200]}.",
        f"Known are {', '.join(known)}.",
        (ref,),
        line,
    )
