from drydockd.drivers import base
from drydockd.machines import Inventory, Log, NodeState, PowerState


def test_the_words_of_the_drivers_interface_are_these():
    assert (base.Inventory, base.Log) == (Inventory, Log)
    assert Inventory().devices is None
    assert (base.NodeState, base.PowerState) == (NodeState, PowerState)


def test_a_state_reads_as_the_word_it_is():
    assert f"{NodeState.FAILED_DEPLOY} {PowerState.ON}" == "failed_deploy on"
