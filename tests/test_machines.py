import pytest

from drydockd.drivers import base
from drydockd.machines import Inventory, Log, NodeState, PowerState, canonical_mac


def test_the_words_of_the_drivers_interface_are_these():
    assert (base.Inventory, base.Log) == (Inventory, Log)
    assert Inventory().devices is None
    assert (base.NodeState, base.PowerState) == (NodeState, PowerState)


def test_a_state_reads_as_the_word_it_is():
    assert f"{NodeState.FAILED_DEPLOY} {PowerState.ON}" == "failed_deploy on"


@pytest.mark.parametrize(
    "text",
    [
        *("52:54:00:aa:bb:01", "52-54-00-AA-BB-01", "5254.00aa.bb01", "525400AABB01"),
        *("52:54:0:aa:bb:1", " 52:54:00:aa:bb:01 ", "525400-aabb01", "525400:AABB01"),
    ],
)
def test_a_mac_address_is_read_in_every_common_notation(text):
    assert canonical_mac(text) == "52:54:00:aa:bb:01"


@pytest.mark.parametrize(
    "text",
    [
        *("", "52:54:00:aa:bb", "52:54-00:aa-bb:01", "52:54:00:aa:bb:0g", "525400AABB0"),
        *("52:54:00:aa:bb:01:02", "52:54:00:aa:bb:011", "52.54.00.aa.bb.01", "none"),
    ],
)
def test_what_is_no_mac_address_is_none(text):
    assert canonical_mac(text) is None
