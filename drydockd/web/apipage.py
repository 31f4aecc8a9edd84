"""The API document as a page for people: every operation and schema with an anchor, no script."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from drydockd.handlers.base import OPEN
from drydockd.handlers.openapi import described
from drydockd.web.outline import Word, outline
from drydockd.web.page import PageHandler

FOLDER = Path(__file__).parent / "templates"
CODE = re.compile(r"`([^`]+)`")


class ApiHandler(PageHandler):
    policy: ClassVar = {"GET": OPEN}
    about: ClassVar = {"GET": "the API, operation by operation"}

    async def get(self) -> None:
        await self.identify()
        self.render_page("apipage.html", title="API", content=await asyncio.to_thread(fragment))


@cache
def fragment() -> Markup:
    """Return the page of this API, for the middle of a page's frame. Made once."""
    return rendered(described())


def rendered(document: Mapping[str, Any]) -> Markup:
    """Return an OpenAPI document as HTML, to stand inside a page; everything in it is escaped."""
    looks = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    looks.filters |= {"prose": prose, "inline": inline, "kind": kind}
    return Markup(looks.get_template("api.html").render(api=outline(document)))  # noqa: S704


def inline(text: str) -> Markup:
    """Return a line of the document; what is between backquotes is code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


def prose(text: str) -> Markup:
    """Return paragraphs, which blank lines part."""
    parts = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    return Markup("\n").join(Markup("<p>{}</p>").format(inline(part.strip())) for part in parts)


def kind(words: tuple[Word, ...]) -> Markup:
    """Return the words of a type; a schema's name leads to it."""
    found = Markup()
    for word in words:
        if word.schema:
            found += Markup('<a href="#schema-{0}">{0}</a>').format(word.schema)
        elif word.is_code:
            found += Markup("<code>{}</code>").format(word.text)
        else:
            found += escape(word.text)
    return found
