"""What is said about work under way while it runs."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """`waiting_for` completes "waits for ..."; `last_seen` is empty before anything was seen."""

    waiting_for: str
    last_seen: str
