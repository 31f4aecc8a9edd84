"""The version of the files at rest, and what is said to a file of a newer one."""

from __future__ import annotations

from pathlib import Path

from drydockd.errors import StoreRefused

# 1: checksummed file and journal, messages as records of their own.
# 2: an origin in both; top-level tasks in the file carry their arrival.
# 3: a journal has once what a write says of many tasks.
FORMAT = 3


def newer(path: Path, found: object) -> StoreRefused:
    return StoreRefused(
        f"{path} has format {found}; this drydockd knows formats up to {FORMAT}."
        " Install the drydockd that wrote it, or a newer one"
    )
