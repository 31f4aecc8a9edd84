from drydockd.store.base import Epoch
from drydockd.store.lease import Beat, Report


def test_a_daemon_has_nothing_to_report_until_it_says_so():
    assert Report() == Report(applied=0, settings={})


def test_a_beat_says_whose_the_lease_is():
    beat = Beat(Epoch(3), "east", offset_seconds=-0.2, live=3)

    assert (beat.epoch.number, beat.runner, beat.live) == (3, "east", 3)
