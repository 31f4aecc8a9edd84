"""GET openapi.json: the API, described by itself."""

from __future__ import annotations

import asyncio
import hashlib
from functools import cache
from typing import Any, ClassVar

import orjson

from drydockd.handlers.barrier import Reads
from drydockd.handlers.base import OPEN, BaseHandler, Media
from drydockd.handlers.document import document

MAX_AGE = "public, max-age=300"


class OpenApiHandler(BaseHandler):
    """The same for everybody, for as long as the daemon runs."""

    reads: ClassVar = Reads.OTHERS
    policy: ClassVar = {"GET": OPEN}
    names: ClassVar = {"GET": "get_openapi"}
    about: ClassVar = {"GET": "this API as an OpenAPI 3.1 document"}
    answers: ClassVar = {
        ("GET", 200): Media(
            "application/json",
            headers={"ETag": "changes with the document", "Cache-Control": f"`{MAX_AGE}`"},
        ),
        ("GET", 304): None,
    }

    async def get(self) -> None:
        encoded, tag = await asyncio.to_thread(published)
        self.set_header("Cache-Control", MAX_AGE)
        self.set_header("ETag", tag)
        if is_known(tag, self.request.headers.get("If-None-Match", "")):
            self.set_status(304)
            self.clear_header("Content-Type")
            await self.finish()
            return
        self.reply_bytes(encoded)


def is_known(tag: str, header: str) -> bool:
    """Whether ``If-None-Match`` names the tag; RFC 9110, section 13.1.2: compared weakly."""
    named = {word.strip().removeprefix("W/") for word in header.split(",")}
    return tag in named or "*" in named


def described() -> dict[str, Any]:
    """Return the document of the whole API."""
    from drydockd.handlers import all_routes  # which has this file's handler in it

    return document(all_routes(0, 0).all)


@cache
def published() -> tuple[bytes, str]:
    """Return the document as it is sent, and its tag. Made once: it takes tens of milliseconds."""
    encoded = orjson.dumps(described())
    return encoded, f'"{hashlib.sha256(encoded).hexdigest()[:32]}"'
