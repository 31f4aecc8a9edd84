"""Regions and racks are shared, so nobody changes one."""

import dataclasses

import pytest

from drydockd.site import Rack, Region


def test_nothing_of_a_region_or_a_rack_can_be_assigned():
    for thing in (Region("lab"), Rack("r1")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            thing.name = "another"
