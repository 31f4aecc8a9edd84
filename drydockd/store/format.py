"""The version of the files at rest, and what is said to a file of a newer one."""

from __future__ import annotations

from pathlib import Path

from drydockd.errors import StoreRefused

# 0: a plain TinyDB file, messages inside their tasks, no journal (see migrate).
# 1: checksummed file and journal, messages as records of their own.
FORMAT = 1


def newer(path: Path, found: object) -> StoreRefused:
    return StoreRefused(
        f"{path} has format {found}; this drydockd knows formats up to {FORMAT}."
        " Install the drydockd that wrote it, or a newer one"
    )
