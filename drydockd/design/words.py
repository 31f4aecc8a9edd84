"""Words as they stand in a document, whatever YAML made of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from drydockd.design.yamlstream import DEPTH_LIMIT, Document, is_merge


def words(document: Document, *path: str | int) -> Iterator[tuple[Any, str, object, int]]:
    """Yield (key, text, value, line) of the scalars of the mapping or list at `path`.

    For a mapping the keys it takes by ``<<`` come first, as they count less; for a list the
    key is the place. The text is what stands in the document, whatever YAML made of it; the
    value itself at `path` if it is a scalar comes with the key None.
    """
    node: Node = document.root
    for step in path:
        if isinstance(step, int):
            items = node.value if node.__class__ is SequenceNode else ()
            found = items[step] if step < len(items) else None
        else:
            found = _reached(node, step)
        if found is None:
            return
        node = found
    yield from _words(document, node, DEPTH_LIMIT)


def _reached(node: Node, key: str, depth: int = 8) -> Node | None:
    if node.__class__ is not MappingNode:
        return None
    found = Document.under(node, key)
    if found is None and depth:
        for key_node, value_node in node.value:
            if is_merge(key_node):
                for source in _sources(value_node):
                    found = found or _reached(source, key, depth - 1)
    return found


def _words(document: Document, node: Node, depth: int) -> Iterator[tuple[Any, str, object, int]]:
    if node.__class__ is ScalarNode:
        yield None, node.value, document.builder.scalar(node), _line(document, node)
    elif node.__class__ is SequenceNode:
        for i, child in enumerate(node.value):
            if child.__class__ is ScalarNode:
                yield i, child.value, document.builder.scalar(child), _line(document, child)
    elif node.__class__ is MappingNode and depth:
        for key_node, value_node in node.value:
            if is_merge(key_node):
                for source in reversed(_sources(value_node)):
                    yield from _words(document, source, depth - 1)
        for key_node, value_node in node.value:
            if key_node.__class__ is ScalarNode and value_node.__class__ is ScalarNode:
                key, value = map(document.builder.scalar, (key_node, value_node))
                yield key, value_node.value, value, _line(document, value_node)


def _line(document: Document, node: Node) -> int:
    return document.offset + int(node.start_mark.line) + 1


def _sources(node: Node) -> list[Node]:
    """The mappings that a ``<<`` takes keys from."""
    found: list[Node] = node.value if node.__class__ is SequenceNode else [node]
    return found
