"""Hardware profiles are shared, so nobody changes one."""

import dataclasses

import pytest

from drydockd.site import HardwareProfile


def test_nothing_of_a_hardware_profile_can_be_assigned():
    with pytest.raises(dataclasses.FrozenInstanceError):
        HardwareProfile("plain").boot_mode = "uefi"
