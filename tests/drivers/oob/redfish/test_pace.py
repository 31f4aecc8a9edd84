"""The pauses."""

from drydockd.drivers.oob.redfish.pace import Pace


def test_pauses_grow_up_to_their_limit():
    pace = Pace()
    assert [pace.growing(made) for made in range(6)] == [1, 2, 4, 8, 10, 10]
    assert pace.growing(10_000) == 10
    assert pace.growing(5, longest=3) == 3
