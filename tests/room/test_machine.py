"""One machine, with time that passes when the test says so."""

import pytest

from drydockd.errors import DriverConflict
from drydockd.machines import NodeState, PowerState
from drydockd.room.card import NodeCard
from drydockd.room.config import FaultKind, MachineConfig
from drydockd.room.machine import Machine
from tests.room.helpers import a_spec


class Timer:
    def __init__(self, then):
        self.then = then

    def cancel(self):
        self.then = lambda: None


class Bench:
    """Surroundings in which time passes with `tick`, and nothing boots or remembers."""

    def __init__(self):
        self.faults = set()
        self.timers = []
        self.booted = []

    def seconds(self, machine, latency):
        return 1

    def after(self, seconds, then):
        self.timers.append(Timer(then))
        return self.timers[-1]

    def tick(self):
        """Let everything end that is under way now, but nothing that begins by that."""
        timers, self.timers = self.timers, []
        for timer in timers:
            timer.then()

    def strikes(self, machine, fault):
        return fault in self.faults

    def touched(self, machine):
        pass

    def start_first_boot(self, machine):
        self.booted.append(machine)

    def forget_disk(self, machine):
        pass


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def machine(bench):
    made = Machine("m1", MachineConfig(name="n1"), bench, boot_mac="52:54:00:00:00:01")
    made.card = NodeCard("n1")
    return made


def at(machine, state):
    machine.state = state
    machine.stands_on()
    return machine


def test_a_network_boot_makes_it_known_and_a_disk_boot_does_not(machine, bench):
    machine.switch(PowerState.ON)
    bench.tick()
    bench.tick()
    assert machine.state is None
    machine.switch(PowerState.OFF)
    bench.tick()
    machine.set_next_boot("network")
    machine.switch(PowerState.ON)
    bench.tick()
    assert machine.state is None
    bench.tick()
    assert machine.state is NodeState.NEW


def test_a_cut_before_discovery_ends_leaves_it_unknown(machine, bench):
    machine.set_next_boot("network")
    machine.switch(PowerState.ON)
    bench.tick()
    [discovery] = bench.timers
    bench.timers.clear()
    machine.switch(PowerState.OFF)
    bench.tick()
    discovery.then()
    assert machine.state is None


def test_power_told_back_before_it_changed_is_no_cut(machine, bench):
    machine.switch(PowerState.ON)
    machine.switch(PowerState.OFF)
    bench.tick()
    assert machine.power is PowerState.OFF
    assert machine.counters["power_cuts"] == 0
    assert machine.counters["starts"] == 0


@pytest.mark.parametrize(
    ("state", "failed"),
    [
        (NodeState.NEW, NodeState.FAILED_COMMISSION),
        (NodeState.READY, NodeState.FAILED_DEPLOY),
        (NodeState.DEPLOYED, NodeState.FAILED_RELEASE),
    ],
)
def test_a_power_cut_fails_whatever_work_runs(machine, bench, state, failed):
    at(machine, state)
    if state is NodeState.NEW:
        machine.commission()
    elif state is NodeState.READY:
        machine.deploy(a_spec())
    else:
        machine.destroy()
    [work] = bench.timers
    bench.timers.clear()
    machine.switch(PowerState.OFF)
    bench.tick()
    work.then()
    assert machine.state is failed
    assert "power was cut" in machine.reason
    assert machine.counters["power_cuts_busy"] == 1


@pytest.mark.parametrize(
    "state", [s for s in NodeState if s not in (NodeState.NEW, NodeState.FAILED_COMMISSION)]
)
def test_only_a_new_machine_is_commissioned(machine, state):
    at(machine, state)
    refusing = (
        NodeState.RELEASING,
        NodeState.FAILED_RELEASE,
        NodeState.BROKEN,
        NodeState.FOREIGN,
    )
    if state in refusing:
        with pytest.raises(DriverConflict, match=f"it is {state}"):
            machine.commission()
    else:
        machine.commission()
    assert machine.state is state
    assert machine.counters["commissions"] == 0


@pytest.mark.parametrize("state", list(NodeState))
def test_a_machine_is_deployed_from_ready_or_a_failure_only(machine, state):
    at(machine, state)
    starts = state in (NodeState.READY, NodeState.FAILED_DEPLOY)
    if starts or state in (NodeState.DEPLOYING, NodeState.DEPLOYED):
        machine.deploy(a_spec())
    else:
        with pytest.raises(DriverConflict):
            machine.deploy(a_spec())
    assert machine.counters["deployments"] == (1 if starts else 0)
    assert machine.counters["releases"] == (1 if state is NodeState.FAILED_DEPLOY else 0)


@pytest.mark.parametrize("state", list(NodeState))
def test_a_machine_is_wiped_once_however_often_it_is_asked(machine, state):
    at(machine, state)
    if state is NodeState.FOREIGN:
        with pytest.raises(DriverConflict):
            machine.destroy()
        return
    machine.destroy()
    machine.destroy()
    assert machine.counters["wipes"] == (0 if state is NodeState.RELEASING else 1)


def test_a_deployed_machine_boots_and_boots_again_until_it_is_done(machine, bench):
    at(machine, NodeState.READY)
    machine.deploy(a_spec())
    bench.tick()
    assert bench.booted == [machine]
    machine.switch(PowerState.OFF)
    bench.tick()
    machine.switch(PowerState.ON)
    bench.tick()
    assert bench.booted == [machine, machine]
    assert machine.counters["power_cuts_deployed"] == 1


def test_a_wiped_machine_is_off_and_forgotten(machine, bench):
    at(machine, NodeState.DEPLOYED)
    machine.destroy()
    bench.tick()
    assert (machine.state, machine.power) == (None, PowerState.OFF)
    assert machine.view().deployment_id is None
    assert machine.counters["power_cuts"] == 0


def test_a_fault_says_its_name(machine, bench):
    bench.faults.add(FaultKind.DEPLOY_FAILS)
    at(machine, NodeState.READY).deploy(a_spec())
    bench.tick()
    assert (machine.state, machine.reason) == (NodeState.FAILED_DEPLOY, "fault deploy_fails")
    assert "fault deploy_fails" in machine.logs[-1].text
