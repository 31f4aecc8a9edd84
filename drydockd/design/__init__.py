"""From a design reference to an effective, validated Site."""

from drydockd.design.designs import Design, TokenSource

__all__ = ["Design", "TokenSource"]
