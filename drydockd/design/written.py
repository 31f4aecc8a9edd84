"""The documents of a design as their authors wrote them, with their lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drydockd.design.yamlstream import Document, YamlProblem, documents
from drydockd.site import Node

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WrittenDocument:
    """One ``drydock`` document; `body_key` is ``data`` or, in the old format, ``spec``."""

    kind: str
    name: str
    body_key: str
    document: Document

    @property
    def line(self) -> int:
        return self.document.line

    def body(self) -> Mapping[str, object]:
        body = self.document.build().get(self.body_key)
        return body if isinstance(body, dict) else {}


def written_documents(content: bytes) -> dict[tuple[str, str], WrittenDocument]:
    """Return the documents by kind and name, as far as the stream can be read."""
    found: dict[tuple[str, str], WrittenDocument] = {}
    try:
        for document in documents(content):
            written = _written(document)
            if written is not None:
                found.setdefault((written.kind, written.name), written)
    except YamlProblem:
        pass  # the design's own findings say what and where
    return found


def _written(document: Document) -> WrittenDocument | None:
    if not document.is_mapping:
        return None
    name = str(document.head("metadata", "name"))
    schema = document.head("schema")
    if isinstance(schema, str):
        parts = schema.split("/")
        if len(parts) != 3:
            return None
        return WrittenDocument(parts[1], name, "data", document)
    return WrittenDocument(str(document.head("kind")), name, "spec", document)


def chain(content: bytes, node: Node) -> list[WrittenDocument]:
    """Return the node's document, its profile's, that one's parent's, and so on."""
    found = written_documents(content)
    document = found.get(("BaremetalNode", node.name))
    links: list[WrittenDocument] = []
    while document is not None and document not in links:
        links.append(document)
        parent = document.body().get("host_profile")
        document = found.get(("HostProfile", str(parent))) if parent is not None else None
    return links


# Lists of maps whose entries are told apart by this key.
KEYED_LISTS = {"partitions": "name", "logical_volumes": "name", "addressing": "network"}


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield (path, value) of everything that is neither a map nor a list.

    A keyed list's entries are addressed by their name, a plain list's by their own text.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    elif isinstance(value, list):
        key_of = KEYED_LISTS.get(path[-1] if path else "")
        for entry in value:
            if isinstance(entry, dict):
                name = str(entry.get(key_of)) if key_of else "?"
                yield from leaves(entry, (*path, name))
            else:
                yield (*path, str(entry)), entry
    else:
        yield path, value
