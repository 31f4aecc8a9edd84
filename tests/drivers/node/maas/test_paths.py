"""The one table of paths."""

import pytest

from drydockd.drivers.node.maas.paths import PATHS, at
from tests.peers.maas.core import ROUTES


def test_every_path_ends_in_a_slash_but_that_of_a_partition():
    assert [name for name, path in PATHS.items() if not path.endswith("/")] == ["partition"]


def test_parts_are_quoted():
    assert at("machine", sid="a/b?c") == "machines/a%2Fb%3Fc/"
    assert at("partition", sid="x", device=1, id=2) == "nodes/x/blockdevices/1/partition/2"


@pytest.mark.parametrize("part", ["", ".", ".."])
def test_a_part_that_leads_elsewhere_is_refused(part):
    with pytest.raises(ValueError, match="machine"):
        at("machine", sid=part)


@pytest.mark.parametrize("name", PATHS)
def test_the_simulator_knows_every_path(name):
    path = at(name, **dict.fromkeys(("sid", "id", "name", "fabric", "vid", "device"), "1"))
    assert any(route.pattern.fullmatch(path) for route in ROUTES)
    other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
    assert not any(route.pattern.fullmatch(other) for route in ROUTES)
