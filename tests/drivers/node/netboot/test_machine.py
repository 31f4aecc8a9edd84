"""Ways from one state of a machine to the next."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.machine import MOST_INSTALLS, Machine, Phase
from drydockd.errors import DriverConflict
from drydockd.machines import NodeState

MAC = "52:54:00:00:00:01"
READY = Machine(MAC, NodeState.READY, name="n1")
DEPLOYING = ways.begun(READY, Phase.INSTALL, deployment_id="d1", plan="p1")


def test_an_installation_goes_from_ready_to_deployed():
    greeted = ways.greeted(DEPLOYING, "0" * 32, 10.0)
    installed = ways.ended(greeted, 20.0)
    assert installed.state is NodeState.DEPLOYING
    assert not ways.gives_agent(installed)
    deployed = ways.deployed(installed, 30.0)
    assert deployed.state is NodeState.DEPLOYED
    assert deployed.deployment_id == "d1"
    assert not ways.gives_agent(deployed)


def test_each_start_has_its_own_number_so_that_older_tokens_are_void():
    again = ways.begun(ways.failed(DEPLOYING, "disk too small"), Phase.INSTALL, deployment_id="d2")
    assert again.boot_serial > DEPLOYING.boot_serial
    assert again.reason == ""


def test_the_same_agent_may_say_hello_again_and_no_other():
    greeted = ways.greeted(DEPLOYING, "0" * 32, 10.0)
    assert ways.greeted(greeted, "0" * 32, 11.0).nonce == "0" * 32
    with pytest.raises(DriverConflict, match=r"two machines claim to be n1 \(52:54"):
        ways.greeted(greeted, "1" * 32, 12.0)


def test_an_agent_that_restarts_begins_again_a_bounded_number_of_times():
    machine = DEPLOYING
    for _ in range(MOST_INSTALLS - 1):
        machine = ways.restarted(ways.greeted(machine, "0" * 32, 1.0))
        assert machine.nonce is None
    with pytest.raises(DriverConflict, match="started 3 times for one install"):
        ways.restarted(machine)


def test_nobody_is_deployed_who_did_not_start_from_disk():
    with pytest.raises(DriverConflict, match="no first boot is awaited"):
        ways.deployed(DEPLOYING, 1.0)


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (NodeState.DEPLOYED, Phase.INSTALL),
        (NodeState.DEPLOYED, Phase.INSPECT),
        (NodeState.DEPLOYING, Phase.INSTALL),
        (NodeState.NEW, Phase.INSTALL),
        (NodeState.RELEASING, Phase.WIPE),
    ],
)
def test_a_state_that_does_not_allow_it_is_named(state, phase):
    with pytest.raises(DriverConflict, match=f"cannot begin to {phase}, it is {state}"):
        ways.begun(replace(READY, state=state), phase)


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        (Phase.INSPECT, NodeState.FAILED_COMMISSION),
        (Phase.INSTALL, NodeState.FAILED_DEPLOY),
        (Phase.WIPE, NodeState.FAILED_RELEASE),
    ],
)
def test_what_failed_says_why_and_is_not_started_by_itself_again(phase, state):
    machine = ways.failed(ways.begun(READY, phase), "no disk")
    assert (machine.state, machine.reason) == (state, "no disk")
    assert not ways.gives_agent(machine)


def test_an_inventory_makes_a_commissioned_machine_ready():
    machine = ways.inspected(ways.begun(READY, Phase.INSPECT), {"lshw": "d" * 64}, 5.0)
    assert machine.state is NodeState.READY
    assert machine.documents == {"lshw": "d" * 64}
    assert not ways.gives_agent(machine)


def test_the_power_of_an_agent_at_work_is_not_touched():
    machine = ways.greeted(DEPLOYING, "0" * 32, 100.0)
    assert ways.is_fresh(machine, 150.0)
    assert not ways.is_fresh(machine, 161.0)
    assert not ways.is_fresh(DEPLOYING, 0.0)
