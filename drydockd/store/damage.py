"""Damage of a state file: where, what, and what to do about it."""

from __future__ import annotations

from pathlib import Path

from drydockd.errors import StoreRefused


class Damage(StoreRefused):
    """`path` is not what drydockd wrote, from byte `offset` on."""

    def __init__(self, path: Path, offset: int, what: str) -> None:
        self.path = path
        self.offset = offset
        self.what = what
        super().__init__(
            f"{path.name} is damaged at byte {offset}: {what}. Restore a backup, or run"
            f" `drydock store repair --state-dir {path.parent}`, which keeps what it can"
            " and says what it drops"
        )
