"""Device aliases of a hardware profile, as the names an operating system gave the devices.

Source: contract, effective-design, section 3.2.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from drydockd.machines import Device
from drydockd.site import DeviceAlias, HardwareProfile

log = logging.getLogger(__name__)

PATTERN = "regexp:"


def logical_names(profile: HardwareProfile, devices: Sequence[Device]) -> dict[str, str]:
    """Return alias -> OS device name (``sda``, ``eno1``) for every alias of `profile`.

    `devices` are those of the node's newest inventory; without any the map is empty. An alias that
    is not found maps to itself; a name that is no key is a device name already. Fails for nothing.
    """
    placed = [device for device in devices if device.businfo]
    return {alias.alias: _name_of(alias, placed) for alias in profile.devices if devices}


def _name_of(alias: DeviceAlias, devices: Sequence[Device]) -> str:
    if alias.address.startswith(PATTERN):
        return _matching(alias, devices)
    wanted = f"{alias.bus_type}@{alias.address}"
    return next((d.names[0] for d in devices if d.businfo == wanted), alias.alias)


def _matching(alias: DeviceAlias, devices: Sequence[Device]) -> str:
    try:
        pattern = re.compile(alias.address[len(PATTERN) :])
    except re.error as error:
        log.warning("device alias %s: not a regular expression: %s", alias.alias, error)
        return alias.alias
    for device in devices:
        bus, _, address = (device.businfo or "").partition("@")
        if device.kind == "network" and bus == "pci" and pattern.match(address):
            return device.names[0]
    return alias.alias
