"""The bounds fit together."""

import dataclasses

import pytest

from drydockd.render import Limits


def test_an_asset_of_the_largest_size_fits_into_the_whole():
    limits = Limits()
    assert limits.package_list_bytes <= limits.asset_bytes <= limits.total_bytes


def test_a_template_may_hold_its_largest_output_in_memory():
    limits = Limits()
    assert limits.template_memory_bytes >= 4 * limits.asset_bytes


def test_limits_are_shared_and_so_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().asset_bytes = 1
