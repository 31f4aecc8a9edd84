"""The images that MAAS has imported: for the design's rules, and for the check.

Every change of a machine is refused while the images of its architecture are missing.
Source: contract, maas, section 10, and maas-facts, row 18 and section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.paths import at

OS = "ubuntu/"


async def resources(client: MaasClient) -> Sequence[Mapping[str, Any]]:
    answer = await client.get(at("boot-resources"))
    return [entry for entry in answer or () if isinstance(entry, Mapping)]


def architectures(entries: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """``amd64``, ``arm64`` ... of all images."""
    found = (str(entry.get("architecture") or "").split("/")[0] for entry in entries)
    return frozenset(name for name in found if name)


def offered(entries: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return kernels by image: ``jammy``, and its other spellings ``ubuntu/jammy``, ``22.04``.

    Images of other systems, and entries without a name, are left out.
    """
    kernels: dict[str, dict[str, None]] = {}
    for entry in entries:
        name = str(entry.get("name") or "")
        kernel = str(entry.get("architecture") or "").partition("/")[2]
        if name.startswith(OS) and kernel:
            kernels.setdefault(name.removeprefix(OS), {})[kernel] = None
    found: dict[str, tuple[str, ...]] = {}
    for release, names in sorted(kernels.items()):
        spellings = [release, f"{OS}{release}", *_versions(names)]
        found.update(dict.fromkeys(spellings, tuple(sorted(names))))
    return found


def _versions(kernels: Mapping[str, None]) -> list[str]:
    """``22.04`` of ``ga-22.04``: the kernel that a release came with."""
    found = {kernel.removeprefix("ga-") for kernel in kernels if kernel.startswith("ga-")}
    return sorted(version for version in found if version.replace(".", "").isdigit())
