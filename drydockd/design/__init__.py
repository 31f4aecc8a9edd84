"""From a design reference to an effective, validated Site."""

from drydockd.design.designs import Design, Designs
from drydockd.design.http_source import TokenSource

__all__ = ["Design", "Designs", "TokenSource"]
