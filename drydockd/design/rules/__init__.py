"""The validation rules: one module each, found by folder, run in the order they state.

A rule is a module here with ``ORDER`` (its place in the contract's table), ``CODE``, ``NAME``
(both exact: clients tell rules apart by them) and ``check(site)`` or
``check(site, circumstances)``, which yields what it finds with `error` and `warning`. It keeps
nothing between runs.
Source: contract, validation, section 5.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from drydockd.site import Circumstances, DocumentRef, Level, NoteKind, Site


class Verdict(NamedTuple):
    """One thing a rule has to say; `hint` tells what would be right, `line` as in Finding."""

    level: Level
    text: str
    hint: str
    documents: tuple[DocumentRef, ...]
    line: int = 0


def error(text: str, hint: str, *documents: DocumentRef) -> Verdict:
    """Something that must be repaired before the design can be used."""
    return Verdict(Level.ERROR, text, hint, documents)


def warning(text: str, hint: str, *documents: DocumentRef) -> Verdict:
    """Something that is probably not meant; it fails nothing."""
    return Verdict(Level.WARNING, text, hint, documents)


def noted(site: Site, kind: NoteKind) -> Iterator[Verdict]:
    """Yield a warning for everything of `kind` that reading the design noticed."""
    for note in site.notes:
        if note.kind is kind:
            yield Verdict(Level.WARNING, note.text, note.hint, note.documents, note.line)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, whether or not its module asks for what is known besides the design."""

    order: int
    code: str
    name: str
    check: Callable[[Site, Circumstances], Iterable[Verdict]]
    needs_circumstances: bool = False


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of this folder in its order. Raises ValueError if two claim one place."""
    found = [_rule(module.name) for module in pkgutil.iter_modules(__path__, f"{__name__}.")]
    found.sort(key=lambda rule: rule.order)
    for one, next_one in pairwise(found):
        if one.order == next_one.order:
            raise ValueError(f"rules {one.name} and {next_one.name} both have ORDER {one.order}")
    return tuple(found)


def _rule(module_name: str) -> Rule:
    module = importlib.import_module(module_name)
    check = module.check
    if len(inspect.signature(check).parameters) == 1:
        return Rule(module.ORDER, module.CODE, module.NAME, lambda site, _: check(site))
    return Rule(module.ORDER, module.CODE, module.NAME, check, needs_circumstances=True)
