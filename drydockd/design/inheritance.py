"""Host profiles completed from their parents, each once per design.

Source: contract, effective-design, section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drydockd.design import merging
from drydockd.design.documents.host import Layer
from drydockd.errors import InvalidDesign
from drydockd.site import DocumentRef

NOTHING: Layer = {}
# A node that changes one of many inherited values has a copy of all of them: few documents
# could fill the memory. The largest sites known have some 100 values of their own per node.
LIMIT = 5_000_000


@dataclass(slots=True)
class Written:
    """A host profile or node as its document gives it."""

    ref: DocumentRef
    parent: str | None
    layer: Layer
    line: int


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a profile cannot be completed; `child` is the document that names the culprit."""

    problem: str
    child: DocumentRef


class Inheritance:
    """Completes profiles and nodes; whatever a child does not touch is the parent's very object."""

    def __init__(self, profiles: Mapping[str, Written]) -> None:
        self._profiles = profiles
        self._complete: dict[str, Layer | Broken] = {}
        self._spread = 0

    def complete(self, written: Written) -> Layer | Broken:
        """Return the effective fields of a node, or why there are none.

        Raises InvalidDesign when all nodes and profiles together would hold too much.
        """
        if written.parent is None:
            return self.own(written)
        parent = self.profile(written.parent, written.ref)
        if isinstance(parent, Broken):
            return parent
        return self._merged(written, parent)

    def profile(self, name: str, child: DocumentRef) -> Layer | Broken:
        """Return the completed profile `name` that `child` asks for. Raises InvalidDesign."""
        chain: dict[str, None] = {}  # in its order, and quick to look up
        # A loop, not recursion: nothing bounds how long a chain of documents is.
        while name not in self._complete:
            if name in chain:
                names = list(chain)
                cycle = " -> ".join([*names[names.index(name) :], name])
                return self._fail(chain, Broken(f"HostProfile {cycle} is its own parent", child))
            if name not in self._profiles:
                return self._fail(chain, Broken(f"HostProfile {name} not defined", child))
            chain[name] = None
            written = self._profiles[name]
            if written.parent is None:
                self._complete[name] = self.own(written)
                del chain[name]
                break
            name, child = written.parent, written.ref
        found = self._complete[name]
        if isinstance(found, Broken):
            return self._fail(chain, found)
        for below in reversed(chain):
            found = self._merged(self._profiles[below], found)
            self._complete[below] = found
        return found

    def _merged(self, written: Written, parent: Layer) -> Layer:
        merged = merging.fields(written.layer, parent, merging.HOST)
        self._spread += sum(_weight(merged[name]) for name in written.layer)
        if self._spread > LIMIT:
            raise InvalidDesign(
                f"inheritance spreads more than {LIMIT} values over nodes and profiles; "
                f"{written.ref.schema} {written.ref.name} (line {written.line}) is one too many"
            )
        return merged

    def own(self, written: Written) -> Layer:
        """The fields a document gives itself, without the markers meant for a parent's."""
        return merging.fields(written.layer, NOTHING, merging.HOST)

    def used(self, name: str) -> Layer | None:
        """The completed fields of a profile some node needed; None if none did."""
        found = self._complete.get(name)
        return None if isinstance(found, Broken) else found

    def _fail(self, chain: Iterable[str], broken: Broken) -> Broken:
        for name in chain:
            self._complete[name] = broken
        return broken


def _weight(value: object) -> int:
    """How many values a merged field holds."""
    if value.__class__ is dict:
        return len(value) + sum(map(_weight, value.values()))
    return len(value) if value.__class__ is tuple else 0
