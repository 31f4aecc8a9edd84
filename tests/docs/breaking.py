"""What a change of the API takes away from those who use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Break:
    """`what` is the name that a line of the changelog has to have, between backquotes."""

    where: str
    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.where}: `{self.what}` {self.how}"


def breaks(old: Json, new: Json) -> Iterator[Break]:
    """Yield what `new` no longer has of `old`, and what it asks for besides."""
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            where = f"{method.upper()} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                yield Break(where, where, "is gone")
                continue
            yield from _of_parameters(where, before, after)
            asked, asks = fields(old, _body(before)), fields(new, _body(after))
            for name in asked.keys() - asks.keys():
                yield Break(where, name, "is no longer taken")
            for name, is_required in asks.items():
                # One that is new below a key that need not be sent breaks nobody.
                parent = name.rpartition(".")[0]
                if is_required and not asked.get(name) and (not parent or parent in asked):
                    yield Break(where, name, "is required")
            yield from _of_answers(where, (old, before), (new, after))


def _of_parameters(where: str, before: Json, after: Json) -> Iterator[Break]:
    named = {p["name"]: p for p in after.get("parameters", ()) if "name" in p}
    known = {p["name"] for p in before.get("parameters", ()) if "name" in p}
    for name in sorted(known - named.keys()):
        yield Break(where, name, "is no longer taken")
    for name, parameter in named.items():
        if parameter.get("required") and name not in known:
            yield Break(where, name, "is required")


def _of_answers(where: str, old: tuple[Json, Json], new: tuple[Json, Json]) -> Iterator[Break]:
    for status, answer in old[1]["responses"].items():
        if "$ref" in answer:
            continue
        now = new[1]["responses"].get(status)
        if now is None:
            yield Break(where, status, "is no longer answered")
            continue
        gone = fields(old[0], _schema(answer)).keys() - fields(new[0], _schema(now)).keys()
        for name in sorted(gone):
            yield Break(f"{where} {status}", name, "is no longer there")


def _body(operation: Json) -> Json:
    return _schema(operation.get("requestBody", {}))


def _schema(said: Json) -> Json:
    return said.get("content", {}).get("application/json", {}).get("schema", {})


def fields(document: Json, schema: Json, above: str = "") -> dict[str, bool]:
    """Return ``result.details.errorCount`` and its like -> whether it must be there."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: dict[str, bool] = {}
    for choice in schema.get("anyOf", ()):
        found |= fields(document, choice, above)
    found |= fields(document, schema["items"], above) if "items" in schema else {}
    if isinstance(more := schema.get("additionalProperties"), Mapping):
        found |= fields(document, more, f"{above}*.")
    for name, inner in schema.get("properties", {}).items():
        found[above + name] = name in schema.get("required", ())
        found |= fields(document, inner, f"{above}{name}.")
    return found


def unsaid(found: Iterator[Break], changelog: str) -> list[str]:
    """Return those of the breaks that no line of the changelog's newest part names."""
    newest = changelog.partition("\n## ")[2].partition("\n## ")[0]
    return [str(one) for one in found if f"`{one.what}`" not in newest]
