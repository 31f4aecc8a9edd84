"""The version of the API that both sides speak."""

import pytest

from drydockd.drivers.node.ironic.versions import agreed
from drydockd.errors import DriverPersistent

URL = "http://ironic:6385"


@pytest.mark.parametrize(
    ("highest", "spoken"), [("1.115", "1.87"), ("1.87", "1.87"), ("1.82", "1.82"), ("1.81", "1.81")]
)
def test_ours_is_spoken_or_the_servers_newest(highest, spoken):
    assert agreed("1.1", highest, URL) == spoken


def test_of_one_that_is_too_old_is_said_what_it_lacks():
    with pytest.raises(DriverPersistent) as caught:
        agreed("1.1", "1.58", URL)
    assert str(caught.value) == (
        "Ironic at http://ironic:6385 offers API versions up to 1.58, 1.81 is needed; it lacks: "
        "lessees, the history of a node, inventories"
    )


def test_one_of_the_far_future_is_refused():
    with pytest.raises(DriverPersistent, match=r"from 1\.90 on"):
        agreed("1.90", "1.200", URL)


@pytest.mark.parametrize("highest", [None, "", "2.5", "one", "1.x"])
def test_what_names_no_versions_is_no_ironic(highest):
    with pytest.raises(DriverPersistent, match="is no bare metal API"):
        agreed("1.1", highest, URL)
