"""A stream of YAML documents, read in bounded time and memory.

libyaml parses and composes; the values are made here, because PyYAML's own constructor
takes longer than the parser. What it would accept and what a design may hold are the same,
except: tags other than the plain types, and more of anything than the limits below. Of a key
that stands twice in a mapping the last counts, and that is remembered. Documents of other
namespaces are parsed, for their syntax, but not built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.nodes import MappingNode, Node, ScalarNode

from drydockd.design.runs import FOREIGN_RUN, runs, without_marks
from drydockd.design.scalars import MERGE_KEY, ScalarProblem, Scalars, shown_tag
from drydockd.errors import InvalidDesign

DEPTH_LIMIT = 64
NODE_LIMIT = 200_000  # values of one document
EXPANSION_LIMIT = 200_000  # values that the aliases of one stream stand for, all together
DOCUMENT_LIMIT = 100_000


class Repeated(NamedTuple):
    """A key that stands twice in one mapping: the lines of both, 1-based in the stream."""

    key: object
    first_line: int
    line: int


class YamlProblem(InvalidDesign):
    """The stream or a document in it cannot be used; `line` is 1-based in the stream."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class Document:
    """One composed document: its root as libyaml has it, and `line`, where it starts."""

    root: Node
    offset: int  # lines of the stream before the run it was parsed in
    builder: Builder

    @property
    def line(self) -> int:
        return self.offset + int(self.root.start_mark.line) + 1

    @property
    def is_mapping(self) -> bool:
        return self.root.__class__ is MappingNode

    @property
    def is_empty(self) -> bool:
        return self.root.__class__ is ScalarNode and self.builder.scalar(self.root) is None

    def has(self, key: str) -> bool:
        return any(key_node.value == key for key_node, _ in self.root.value)

    def merges(self, key: str) -> bool:
        """Whether the mapping at a top-level `key` takes keys from elsewhere by ``<<``."""
        return any(
            is_merge(inner)
            for key_node, value_node in self.root.value
            if key_node.value == key and value_node.__class__ is MappingNode
            for inner, _ in value_node.value
        )

    def head(self, *path: str) -> object:
        """The plain value at `path`, without building the document; None if there is none."""
        node = self.root
        for key in path:
            if node.__class__ is not MappingNode:
                return None
            found = self.under(node, key)
            if found is None:
                return None
            node = found
        return self.builder.scalar(node) if node.__class__ is ScalarNode else None

    @staticmethod
    def under(node: MappingNode, key: str) -> Node | None:
        """The value at `key`: of several the last, which is the one that counts."""
        found = None
        for key_node, value_node in node.value:
            if key_node.value == key:
                found = value_node
        return found

    def build(self) -> Any:
        """Return the document as dicts, lists and plain values. Raises YamlProblem."""
        return self.builder.build(self.root, self.offset)

    def line_of(self, path: tuple[object, ...]) -> int:
        """The line of the value at `path`, or of the nearest thing around it that exists."""
        node = self.root
        mark = node.start_mark
        for step in path:
            found = None
            if isinstance(node, MappingNode):
                for key_node, value_node in node.value:
                    if key_node.value == str(step):
                        found, mark = value_node, key_node.start_mark
            elif isinstance(step, int) and step < len(node.value):
                found = node.value[step]
                mark = found.start_mark
            if found is None:
                break
            node = found
        return self.offset + int(mark.line) + 1


def documents(content: bytes, expansion: int = EXPANSION_LIMIT) -> Iterator[Document]:
    """Yield every document but those of other namespaces, in stream order.

    `expansion` values may come of aliases, in all documents together; see `Builder`.
    Raises YamlProblem for what spoils the whole stream: bytes that are no UTF-8, a syntax
    error (with its line and column), nesting or size beyond the limits.
    """
    _check_encoding(content)
    content = without_marks(content)
    count = 0
    builder = Builder(expansion)
    for start, end, offset, foreign in runs(content):
        run = content if end - start == len(content) else content[start:end]
        try:
            if foreign and len(run) <= 4 * FOREIGN_RUN:
                CParser(run).raw_parse()
                continue
            parser = _Composer(run, builder, offset)
            while parser.check_node():
                count += 1
                if count > DOCUMENT_LIMIT:
                    raise YamlProblem(f"more than {DOCUMENT_LIMIT} documents in one stream")
                parser.start_document()
                root = parser.get_node()
                if root is not None:
                    yield Document(root, offset, builder)
        except yaml.MarkedYAMLError as error:
            raise _syntax_problem(error, offset) from error
        except yaml.reader.ReaderError as error:
            raise YamlProblem(f"YAML: {error.reason} at byte {start + error.position}") from error


def _check_encoding(content: bytes) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise YamlProblem(
            f"not UTF-8: byte {error.start} (line {line}) cannot be decoded; "
            "save the documents as UTF-8",
            line,
        ) from error


def _syntax_problem(error: yaml.MarkedYAMLError, offset: int) -> YamlProblem:
    mark = error.problem_mark or error.context_mark
    what = ", ".join(part for part in (error.context, error.problem) if part)
    if "nesting depth" in what:
        # PyYAML's own limit (1000, since 6.0.4) is its scanner's, which reads ahead of what is
        # composed and so may be met before ours. Other words of another version are shown as is.
        what = f"nested more than {DEPTH_LIMIT} levels deep"
    if mark is None:
        return YamlProblem(f"YAML: {what}")
    line = offset + mark.line + 1
    return YamlProblem(f"YAML: {what} at line {line}, column {mark.column + 1}", line)


class Builder:
    """Makes values of composed nodes.

    The values that aliases stand for, nested and merged ones too, are counted over the whole
    stream: one document below a limit may be followed by a thousand.
    """

    def __init__(self, expansion: int = EXPANSION_LIMIT) -> None:
        self.scalars = Scalars()
        self._seen: dict[int, tuple[object, int]] = {}
        self._size = 0
        self._most_expanded = expansion
        self._expanded = 0
        self._offset = 0
        self.repeated: list[Repeated] = []  # in the document built last

    def scalar(self, node: ScalarNode) -> object:
        """The value of a scalar on its own, None if it has none."""
        tag: Any = node.tag
        if tag.__class__ is tuple:
            return tag[0]
        try:
            return self.scalars.tagged(tag, node.value)
        except ScalarProblem:
            return None

    def build(self, root: Node, offset: int) -> object:
        self._seen = {}
        self._size = 0
        self._offset = offset
        self.repeated = []
        try:
            return self._value(root)
        finally:
            self._seen = {}

    def _value(self, node: Node) -> object:
        if node.__class__ is ScalarNode:
            tag: Any = node.tag
            if tag.__class__ is tuple:
                return "<<" if tag[0] is MERGE_KEY else tag[0]
            return self._tagged(node)
        seen = self._seen.get(id(node))
        if seen is not None:
            return self._again(node, seen)
        self._seen[id(node)] = (None, -1)
        before = self._size
        self._size += len(node.value) + 1
        value = self._map(node) if isinstance(node, MappingNode) else self._list(node)
        self._seen[id(node)] = (value, self._size - before)
        return value

    def _again(self, node: Node, seen: tuple[object, int]) -> object:
        """An alias: the value is shared, but counted as if it were written out."""
        value, size = seen
        if size < 0:
            raise self._problem("an alias to the value it stands in", node)
        self._size += size
        self._expanded += size
        if self._expanded > self._most_expanded:
            raise self._problem(
                f"the aliases of the stream expand to more than {self._most_expanded} values "
                "(limits.design_expansion)",
                node,
            )
        return value

    def _tagged(self, node: ScalarNode) -> object:
        try:
            return self.scalars.tagged(node.tag, node.value)
        except ScalarProblem as error:
            raise self._problem(str(error), node) from error

    def _list(self, node: Node) -> list[object]:
        if node.tag is not None and node.tag != "tag:yaml.org,2002:seq":
            raise self._problem(f"the tag {shown_tag(node.tag)} is not allowed in a design", node)
        children: list[Any] = node.value
        return [
            child.tag[0]
            if child.tag.__class__ is tuple and child.tag[0] is not MERGE_KEY
            else self._value(child)
            for child in children
        ]

    def _map(self, node: MappingNode) -> dict[object, object]:
        if node.tag is not None and node.tag != "tag:yaml.org,2002:map":
            raise self._problem(f"the tag {shown_tag(node.tag)} is not allowed in a design", node)
        value: dict[object, object] = {}
        for key_node, value_node in node.value:
            key: Any = key_node.tag
            if key.__class__ is not tuple or key[0] is MERGE_KEY:
                return self._map_with_care(node)
            tag: Any = value_node.tag
            if tag.__class__ is tuple and tag[0] is not MERGE_KEY:
                value[key[0]] = tag[0]
            else:
                value[key[0]] = self._value(value_node)
        if len(value) != len(node.value):
            return self._map_with_care(node)
        return value

    def _map_with_care(self, node: MappingNode) -> dict[object, object]:
        """A mapping with merge keys, tagged or composed keys, or duplicates (the last counts)."""
        value: dict[object, object] = {}
        lines: dict[object, int] = {}
        merged: dict[object, object] = {}
        for key_node, value_node in node.value:
            if is_merge(key_node):
                merged |= self._merged(value_node)
                continue
            key = self._value(key_node)
            if isinstance(key, dict | list):
                raise self._problem("a key must be a plain value", key_node)
            line = self._offset + key_node.start_mark.line + 1
            if key in value:
                self.repeated.append(Repeated(key, lines[key], line))
            lines[key] = line
            value[key] = self._value(value_node)
        return merged | value

    def _merged(self, node: Node) -> dict[object, object]:
        found = self._value(node)
        sources = found[::-1] if isinstance(found, list) else [found]
        merged: dict[object, object] = {}
        for source in sources:
            if not isinstance(source, dict):
                raise self._problem("<< takes a mapping or a list of mappings", node)
            merged |= source
        return merged

    def _problem(self, message: str, node: Node) -> YamlProblem:
        line = self._offset + node.start_mark.line + 1
        return YamlProblem(f"YAML: {message}, line {line}", line)


def is_merge(node: Node) -> bool:
    tag: Any = node.tag
    return tag.__class__ is tuple and tag[0] is MERGE_KEY


class _Composer(CParser):
    """libyaml's composer, whose hooks resolve scalars to values and hold the limits.

    A scalar node's tag is its value, boxed; a collection's is None, unless written.
    """

    def __init__(self, content: bytes, builder: Builder, offset: int) -> None:
        super().__init__(content)
        depth = count = 0
        plain, quoted = builder.scalars.plain, builder.scalars.quoted
        known_plain, known_quoted = builder.scalars.memos()

        def resolve(kind: type, value: str, implicit: tuple[bool, bool]) -> object:
            if kind is not ScalarNode:
                return None
            if implicit[0]:
                return known_plain.get(value) or plain(value)
            return known_quoted.get(value) or quoted(value)

        def descend(parent: Node, index: object) -> None:
            nonlocal depth, count
            depth += 1
            count += 1
            if depth > DEPTH_LIMIT:
                raise too_much(f"nested more than {DEPTH_LIMIT} levels deep", parent)
            if count > NODE_LIMIT:
                raise too_much(f"more than {NODE_LIMIT} values in one document", parent)

        def too_much(what: str, parent: Node) -> YamlProblem:
            line = offset + parent.start_mark.line + 1
            return YamlProblem(f"YAML: {what}, line {line}", line)

        def ascend() -> None:
            nonlocal depth
            depth -= 1

        def start_document() -> None:
            nonlocal depth, count
            depth = count = 0

        self.resolve = resolve
        self.descend_resolver = descend
        self.ascend_resolver = ascend
        self.start_document = start_document
