"""Which version of Ironic's API is spoken. Pure.

Source: Ironic, "REST API Version History"; contract, ironic, section 3.
"""

from __future__ import annotations

from drydockd.errors import DriverPersistent

WANTED = 87
NEEDED = 81
# What an older API lacks of what is used here, by the version that brought it.
FEATURES = {
    38: "rescue states",
    42: "the cause of a maintenance",
    47: "automated_clean of a node",
    49: "conductors",
    50: "owners",
    56: "configdrives from JSON",
    65: "lessees",
    78: "the history of a node",
    81: "inventories",
}


def agreed(lowest: str | None, highest: str | None, url: str) -> str:
    """Return the version to speak, ours or the server's newest; its range is ``1.1``, ``1.115``.

    Raises DriverPersistent: no Ironic there, or one too old, with what it lacks.
    """
    first, last = _minor(lowest), _minor(highest)
    if first is None or last is None:
        raise DriverPersistent(
            f"{url} is no bare metal API of Ironic: its answer names no range of versions; "
            "see ironic_driver.url"
        )
    if last < NEEDED:
        lacks = ", ".join(what for minor, what in FEATURES.items() if minor > last)
        raise DriverPersistent(
            f"Ironic at {url} offers API versions up to {highest}, 1.{NEEDED} is needed; "
            f"it lacks: {lacks}"
        )
    if first > WANTED:
        raise DriverPersistent(
            f"Ironic at {url} offers API versions from {lowest} on, drydockd speaks 1.{NEEDED} "
            f"to 1.{WANTED}"
        )
    return f"1.{min(last, WANTED)}"


def _minor(version: str | None) -> int | None:
    major, _, minor = (version or "").partition(".")
    return int(minor) if major == "1" and minor.isdecimal() and minor.isascii() else None
