"""HostProfile: what nodes inherit. Source: contract, design, section 3.6."""

from __future__ import annotations

from pydantic import with_config

from drydockd.design.documents.fields import CLOSED
from drydockd.design.documents.host import HostBody


@with_config(CLOSED)
class Body(HostBody, total=False):
    """Nothing but the common fields."""
