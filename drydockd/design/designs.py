"""Designs: references become compiled, cached, shared designs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from drydockd.site import Finding, Site


class TokenSource(Protocol):
    """The daemon's own identity at Keystone, for ``deckhand+`` and ``promenade+``."""

    async def token(self) -> str:
        """Return a valid token. Raises Unavailable; safe to call often, tokens are kept."""

    def forget(self) -> None:
        """Drop the token kept, because a service refused it."""


@dataclass(frozen=True, slots=True)
class Design:
    """One compiled design. `digest` is the sha256 of `content`, hex. Shared, never changed.

    `findings` are those of reading and compiling; with an error among them the site is empty
    or lacks the nodes that could not be compiled, and nothing may be done with it.
    """

    ref: str
    digest: str
    content: bytes = field(repr=False)
    site: Site = field(repr=False)
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        return not any(finding.error for finding in self.findings)
