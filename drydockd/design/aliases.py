"""Device aliases of a hardware profile, as the names an operating system gave the devices.

Source: contract, effective-design, section 3.2.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from drydockd.errors import InvalidInput
from drydockd.machines import Device
from drydockd.patterns import matcher
from drydockd.site import PATTERN, DeviceAlias, HardwareProfile

log = logging.getLogger(__name__)


def logical_names(profile: HardwareProfile, devices: Sequence[Device]) -> dict[str, str]:
    """Return alias -> OS device name (``sda``, ``eno1``) for every alias of `profile`.

    `devices` are those of the node's newest inventory; without any the map is empty. An alias that
    is not found maps to itself; a name that is no key is a device name already. Fails for nothing.
    """
    placed: dict[str, str] = {}
    nics: list[tuple[str, str]] = []
    for device in devices:
        if device.businfo:
            placed.setdefault(device.businfo, device.names[0])
            bus, _, address = device.businfo.partition("@")
            if device.kind == "network" and bus == "pci":
                nics.append((address, device.names[0]))
    return {
        alias.alias: _matching(alias, nics)
        if alias.address.startswith(PATTERN)
        else placed.get(f"{alias.bus_type}@{alias.address}", alias.alias)
        for alias in profile.devices
        if devices
    }


def _matching(alias: DeviceAlias, nics: Sequence[tuple[str, str]]) -> str:
    try:
        matches = matcher(alias.address[len(PATTERN) :])
    except InvalidInput as error:
        # Refused when the design is read; one pinned by an earlier release may hold it.
        log.warning("device alias %s: not a regular expression: %s", alias.alias, error)
        return alias.alias
    return next((name for address, name in nics if matches(address)), alias.alias)
