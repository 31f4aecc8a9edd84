"""Files the page is made of: styles, scripts, pictures; in memory, under names that say what is in
them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from drydockd import errors
from drydockd.handlers.barrier import Reads
from drydockd.handlers.base import OPEN, BaseHandler
from drydockd.handlers.routing import Route
from drydockd.handlers.services import Services

if TYPE_CHECKING:
    from drydockd.web.dashboard import Dashboard

FOLDER = Path(__file__).parent / "static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
DIGEST_CHARS = 12
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    packed: bytes
    kind: str


class Assets:
    """The files of a folder; read once. What has no kind in `KINDS` is not served."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._names: dict[str, str] = {}
        self._found: dict[str, Asset] = {}
        for path in sorted(p for p in folder.rglob("*") if p.suffix in KINDS):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:DIGEST_CHARS]
            hashed = f"{path.stem}.{digest}{path.suffix}"
            self._names[path.relative_to(folder).as_posix()] = hashed
            packed = gzip.compress(content, mtime=0)
            self._found[hashed] = Asset(content, packed, KINDS[path.suffix])

    def named(self, name: str) -> str:
        """Return the name under which a file is served. Raises KeyError for one that is not."""
        return self._names[name]

    def find(self, hashed: str) -> Asset:
        """Return the file served under a name. Raises NotFound."""
        try:
            return self._found[hashed]
        except KeyError:
            raise errors.NotFound(f"No file {hashed}: the page is of another version") from None


class AssetHandler(BaseHandler):
    """One file, for anybody; it may be kept for good, as another content has another name."""

    reads: ClassVar = Reads.ITSELF
    policy: ClassVar = {"GET": OPEN}
    about: ClassVar = {"GET": "a style or script of the page"}
    answers: ClassVar = {("GET", 200): None}

    def initialize(self, services: Services, route: Route, dashboard: Dashboard) -> None:  # type: ignore[override]
        super().initialize(services, route)
        self.dashboard = dashboard

    def get(self, name: str) -> None:
        asset = self.dashboard.assets.find(name)
        self.set_header("Content-Type", asset.kind)
        self.set_header("Cache-Control", FOREVER)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Vary", "Accept-Encoding")
        is_packed = "gzip" in self.request.headers.get("Accept-Encoding", "")
        if is_packed:
            self.set_header("Content-Encoding", "gzip")
        self.reply_bytes(asset.packed if is_packed else asset.content)
