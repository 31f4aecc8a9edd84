"""Which blobs a row names, and which of them somebody holds for it."""

from __future__ import annotations

from drydockd.model import BootContext, DriverRecord, Task
from drydockd.store.codec import BuildRow, Row

# The tables whose rows may name a blob.
NAMING = frozenset({"tasks", "boot_contexts", "build_data", "driver_records"})


def blobs_named(row: Row | None) -> tuple[str, ...]:
    """Return the digests of the blobs `row` names, each as often as it does."""
    if isinstance(row, Task):  # nearly all are, and each is asked several times
        return (row.design,) if row.design else ()
    if isinstance(row, BootContext):
        parts = [part for pin in row.pins for part in pin.parts]
        return (row.design, *parts) if row.design else tuple(parts)
    if isinstance(row, (BuildRow, DriverRecord)):
        return (row.blob,) if row.blob else ()
    return ()


def newly_named(old: Row | None, new: Row | None) -> set[str]:
    """Return the digests `new` is the first to name in its place, or names for a new deployment.

    Somebody put or kept each of them for it.
    """
    named = set(blobs_named(new))
    if not isinstance(new, BootContext) or not isinstance(old, BootContext):
        return named.difference(blobs_named(old))
    if new.context_id == old.context_id:
        return named.difference(blobs_named(old))
    return named - {old.design}
