"""What was read, carried, already there and not carried, with reasons: numbers, by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

# Of each reason so many are named.
NAMED = 3


@dataclass(slots=True)
class Kind:
    """One kind of record. What was `read` is carried, was there already, or is left out."""

    read: int = 0
    carried: int = 0
    there: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        return sum(self.reasons.values())


class Tally:
    """All kinds, in the order in which they were first met; `notes` are said at the end."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.notes: Counter[str] = Counter()

    def __getitem__(self, kind: str) -> Kind:
        return self.kinds.setdefault(kind, Kind())

    def leave_out(self, kind: str, reason: str, which: str = "", number: int = 1) -> None:
        """Count `number` of `kind` that were read and are not carried; `which` names one."""
        self[kind].reasons[reason] += number
        named = self[kind].examples.setdefault(reason, [])
        if which and len(named) < NAMED:
            named.append(which)

    def note(self, text: str, number: int = 1) -> None:
        self.notes[text] += number

    def table(self) -> Iterator[str]:
        """Yield the lines of a table of all kinds."""
        head = ("", "read", "carried", "there already", "not carried")
        yield "{:<18}{:>10}{:>10}{:>15}{:>13}".format(*head)
        for name, kind in self.kinds.items():
            numbers = (kind.read, kind.carried, kind.there, kind.left_out)
            yield "{:<18}{:>10}{:>10}{:>15}{:>13}".format(name, *numbers)

    def left_out(self) -> Iterator[str]:
        """Yield a line for each kind and reason: how many, why, and the first few of them."""
        for name, kind in self.kinds.items():
            for reason, number in kind.reasons.most_common():
                named = ", ".join(kind.examples.get(reason, ()))
                more = ", ..." if named and number > NAMED else ""
                yield f"{number} {name}: {reason}" + (f" ({named}{more})" if named else "")
