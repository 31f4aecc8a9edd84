"""The drivers of this version and their options, as the tables of docs/drivers.md."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Iterator, Sequence

from pydantic.fields import FieldInfo

from drydockd.config.sample import inline
from drydockd.drivers import KINDS, Shipped
from drydockd.drivers.options import AnyOffer

SIGNS = {"Ge": ("ge", "≥"), "Gt": ("gt", ">"), "Le": ("le", "≤"), "Lt": ("lt", "<")}


def markdown(drivers: Sequence[Shipped]) -> str:
    """Return one table of the drivers, and one of the options of each section."""
    by_kind = sorted(drivers, key=lambda driver: (KINDS.index(driver.kind), driver.name))
    lines = ["| Kind | Name | What it drives | Section | Needs |", "|---|---|---|---|---|"]
    for driver in by_kind:
        offer = driver.offer
        needs = ", ".join(str(need) for need in offer.needs)
        lines.append(
            f"| {driver.kind} | `{driver.name}` | {offer.about} | `{offer.section}` | {needs} |"
        )
    sections = {driver.offer.section: driver.offer for driver in by_kind}
    for offer in sections.values():
        lines += ["", f"`{offer.section}`:", "", *_options(offer)]
    return "\n".join(lines) + "\n"


def _options(offer: AnyOffer) -> Iterator[str]:
    yield "| Option | Default | Values | Meaning |"
    yield "|---|---|---|---|"
    for name, info in offer.options.model_fields.items():
        is_required = info.is_required()
        default = "must be given" if is_required else f"`{inline(info.get_default())}`"
        meaning = info.description or ""
        if "SecretStr" in str(info.annotation):
            meaning += " (a secret)"
        cells = (f"`{name}`", default, _values(info), meaning)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _values(info: FieldInfo) -> str:
    """The bounds of a number, the words of a choice; empty where the meaning says it all."""
    words = [word for kind in _parts(info.annotation) for word in _words(kind)]
    bounds = [
        f"{sign} {getattr(rule, attribute)}"
        for rule in info.metadata
        for attribute, sign in [SIGNS.get(type(rule).__name__, ("", ""))]
        if attribute
    ]
    return ", ".join([*(f"`{word}`" for word in words), *bounds])


def _parts(annotation: object) -> tuple[object, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _words(kind: object) -> list[str]:
    if kind is bool:
        return ["true", "false"]
    if typing.get_origin(kind) is typing.Literal:
        return [str(word) for word in typing.get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [str(member.value) for member in kind]
    return []
