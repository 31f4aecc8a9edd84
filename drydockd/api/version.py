"""The versions of the API."""

from __future__ import annotations

from drydockd.api.base import Answer


class Version(Answer):
    """GET versions answers a map of name to this. Source: contract, api, section 3."""

    path: str
    status: str
