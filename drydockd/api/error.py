"""The one error body. Source: contract, api, section 1.1."""

from __future__ import annotations

from typing import Literal

from drydockd.api.base import Answer


class Error(Answer):
    """What was wrong; `retry`: the same request may succeed later.

    `title` and `description` are there on the routes whose original had them; a 401 always
    has a `description`, which says why there is no identity.
    """

    type: Literal["error"]
    message: str
    retry: bool
    title: str | None = None
    description: str | None = None
