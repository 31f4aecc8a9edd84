"""A daemon with its page, and a browser without scripts: cookies, links and forms."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.handlers.helpers import Daemon, daemon

XSRF = re.compile(r'name="_xsrf" value="([^"]+)"')


@dataclass
class Browser:
    drydock: Daemon
    http: httpx.AsyncClient
    base: str = "/ui"
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str = "/", **more: Any) -> httpx.Response:
        """Get a page by its path below the base."""
        return await self.http.get(self.base + path, **self._with(more))

    async def post(self, path: str, fields: Any = None, *, xsrf: str | None = None, **more: Any):
        """Send a form, with the token of a page unless another is given (empty: none)."""
        fields = list((fields or {}).items()) if isinstance(fields or {}, dict) else list(fields)
        token = await self.xsrf() if xsrf is None else xsrf
        form = [(name, value) for name, value in fields]
        if token:
            form.append(("_xsrf", token))
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        content = str(httpx.QueryParams(form))
        more["headers"] = kind | more.get("headers", {})
        return await self.http.post(self.base + path, content=content, **self._with(more))

    async def xsrf(self) -> str:
        """Return the token of the form to log in, or of the page that one who is in is shown."""
        return await self.xsrf_of("/login")

    async def xsrf_of(self, path: str) -> str:
        shown = await self.http.get(f"{self.base}{path}", **self._with({"follow_redirects": True}))
        return html.unescape(XSRF.search(shown.text).group(1))

    async def log_in(self, *roles: str, user: str = "joe", ttl: int = 600) -> httpx.Response:
        token = self.drydock.token(*roles, user=user, ttl=ttl)
        answer = await self.post("/login", {"token": token})
        assert answer.status_code == 303, answer.text
        return answer

    def _with(self, more: dict[str, Any]) -> dict[str, Any]:
        return more | {"headers": self.headers | more.get("headers", {})}


@asynccontextmanager
async def page(state: Path, **sections: dict[str, Any]) -> AsyncIterator[Browser]:
    """Run a daemon as for the API's tests; its page has a client without their recorder."""
    async with (
        daemon(state, **sections) as drydock,
        httpx.AsyncClient(base_url=drydock.app.url, timeout=20) as http,
    ):
        yield Browser(drydock, http, drydock.app.settings.web.base_path)


def text_of(page: str) -> str:
    """What a person reads of a page: without tags, blanks made one."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
