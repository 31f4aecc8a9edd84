"""What is written from the API document: `docs/openapi.json` itself, and `docs/api.md` from it.

`python -m tests.docs` writes both anew; change the handlers and `drydockd/api` instead.
"""

import json

from drydockd.handlers import all_routes
from drydockd.handlers.document import document
from drydockd.handlers.openapi import described
from drydockd.web.outline import Word, outline
from tests.docs.pages import ROOT, slug

DOCUMENT = ROOT / "docs" / "openapi.json"
PAGE = ROOT / "docs" / "api.md"

HEAD = """\
# The API

Every operation and every body, from the [API document](openapi.json) (OpenAPI 3.1), which is also
what `GET /api/v1.0/openapi.json` answers and `drydock api-schema` prints. Who may call what, at a
glance: [routes](routes.md).

"""
HEADERS = "\nEvery operation that asks for a token also takes these headers:\n\n"


def text() -> str:
    """The text of `docs/openapi.json`."""
    return json.dumps(described(), indent=1, ensure_ascii=False) + "\n"


def page() -> str:
    """The text of `docs/api.md`; links in the words of handlers lead to pages beside it."""
    api = outline(document(all_routes(1, 1).all, str))
    parts = [
        HEAD,
        api.about,
        "\nEvery operation that asks for a token also takes these headers:\n\n",
    ]
    parts.append(_table("Header", api.headers))
    for group in api.groups:
        parts.append(f"\n## {group.name.capitalize()}\n\n{group.about}\n")
        parts += [_operation(one) for one in group.operations]
    parts.append("\n## Schemas\n")
    parts += [_schema(one) for one in api.schemas]
    return "".join(parts)


def _operation(one) -> str:
    note = " Deprecated." if one.is_deprecated else ""
    rule = f", rule `{one.rule}`" if one.rule else ""
    lines = [
        f"\n### `{one.method} {one.path}`\n\n",
        f"`{one.name}`: {one.summary}. Asks for {one.who}{rule}.{note}\n\n",
    ]
    if one.parameters:
        lines.append(_table("Parameter", one.parameters) + "\n")
    if one.body:
        lines.append(f"Body: {_kind(one.body)}.\n\n")
    if one.answers:
        lines.append(_table("Status", one.answers) + "\n")
    refused = ", ".join(row.name for row in one.refusals)
    return (
        "".join(lines) + f"Refusals: {refused}, each with an {_kind((Word('Error', 'Error'),))}.\n"
    )


def _schema(one) -> str:
    about = f"{one.about}\n\n" if one.about else ""
    said = _table("Key", one.keys) if one.keys else f"{_kind(one.kind).capitalize()}.\n"
    return f"\n### `{one.name}`\n\n{about}{said}"


def _table(first: str, rows) -> str:
    lines = [f"| {first} | Meaning | Type |\n|---|---|---|\n"]
    for row in rows:
        place = f", {row.place}" if row.place in ("path", "query", "header") else ""
        place += ", required" if row.is_required else ""
        about = row.about.replace("|", "\\|")
        lines.append(f"| `{row.name}`{place} | {about} | {_kind(row.kind)} |\n")
    return "".join(lines)


def _kind(words) -> str:
    return "".join(_word(word) for word in words).replace("|", "\\|")


def _word(word: Word) -> str:
    if word.schema:
        return f"[`{word.schema}`](#{slug(word.schema)})"
    return f"`{word.text}`" if word.is_code else word.text
